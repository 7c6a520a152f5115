//! `abide rekey`: the store again, under a new secret, at another place.

use std::path::{Path, PathBuf};

use abide_journal::{Reader, Rekey, RekeyConfig, Retry, Store, StoreId, local_directory};
use abide_model::{Secret, Time};
use abide_replica::{Replica, ReplicaConfig};
use anyhow::{Context as _, bail, ensure};
use object_store::{ObjectStore, path::Path as ObjectPath};
use serde_json::json;
use std::sync::Arc;

use crate::{
    clock,
    confirm::{Confirmed, confirm},
    exit::Exit,
    progress::{self, Unit},
    store_flags::{StoreFlags, bucket, default_secret_file, read_secret, write_secret},
};

/// Give the store a new secret, without anybody's raw data.
///
/// The store is written again at an empty place, every key encrypted anew. When all of it is there,
/// the old store takes and answers nothing any more, and the new one does. It may be cut off at any
/// moment: run it again. Until the end the new place is no store; what came in is in one or the other.
///
/// The old store is left as it is. Whoever has it and the old secret can still test guesses, so delete
/// both once the new one is backed up and in use.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rekey --to ./abide-store-2
  abide rekey --store s3://acme-abide/list --to s3://acme-abide/list-2 --yes")]
pub(crate) struct Args {
    /// An empty place for the store: a directory or a bucket, like --store.
    #[arg(long, value_name = "STORE")]
    to: String,

    /// Where the new secret is written [default: where `abide init` puts it]. One that is there is used.
    #[arg(long, value_name = "FILE")]
    new_secret_file: Option<PathBuf>,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let (objects, prefix) = args.place()?;
    if let Some(moved) = opened.store.moved().await?
        && Store::id_of(objects.clone(), &prefix).await.is_ok_and(|id| id == moved.store)
    {
        bail!("`{}` was rekeyed at {} already and is now at `{}`", args.store.store, moved.at, moved.place);
    }
    if !args.json {
        println!("`{}` becomes `{}`, under a new secret.", args.store.store, args.to);
        println!(
            "From the end of it on the old one takes and answers nothing: point every program at the new."
        );
    }
    if confirm("Rekey it?", args.yes, args.json)? == Confirmed::No {
        return Ok(Exit::Failed);
    }
    let begun = Rekey::begun(objects.clone(), &prefix).await?;
    let id = begun.map_or_else(|| clock::random().map(StoreId), Ok)?;
    let (path, new_secret) = args.new_secret(id, begun.is_some(), &opened.secret)?;
    let config = RekeyConfig {
        id,
        old_secret: &opened.secret,
        new_secret: &new_secret,
        retry: Retry::default(),
        instance: clock::random_number()?,
    };
    let rekey = Rekey::begin(&opened.store, objects, &prefix, config, now).await?;
    let bar = progress::bar("copying", Unit::Bytes, Some(bytes_of(&opened.store).await?));
    let records = rekey.copy(&mut |bytes| bar.inc(bytes)).await?;
    bar.finish_and_clear();
    // While the old one is still in use, since it may take long.
    args.publish(&rekey, &opened.built_in, now).await?;
    let store = rekey.fence(&args.shown_place()?, now).await?.complete().await?;
    if args.json {
        let secret_file = path.display().to_string();
        println!(
            "{}",
            json!({ "store": args.to, "id": store.id().to_string(), "secret_file": secret_file, "records": records })
        );
    } else {
        println!("Done: `{}` is the store now ({}), {records} records were copied.", args.to, store.id());
        println!("Its secret is in {}. Back that file up now, apart from the store.", path.display());
        println!(
            "`{}` was left as it is; delete it and its secret once the new one is in use.",
            args.store.store
        );
    }
    Ok(Exit::Clean)
}

impl Args {
    fn place(&self) -> anyhow::Result<(Arc<dyn ObjectStore>, ObjectPath)> {
        if self.to.contains("://") {
            ensure!(
                self.to.trim_end_matches('/') != self.store.store.trim_end_matches('/'),
                "--to is the store itself"
            );
            return bucket(&self.to);
        }
        let (old, new) = (Path::new(&self.store.store), Path::new(&self.to));
        let objects = local_directory(new, true)?;
        if let (Ok(old), Ok(new)) = (old.canonicalize(), new.canonicalize()) {
            ensure!(
                !new.starts_with(&old) && !old.starts_with(&new),
                "--to is the store itself, or within it"
            );
        }
        Ok((objects, ObjectPath::default()))
    }

    /// The new place as others find it, whatever folder they are in.
    fn shown_place(&self) -> anyhow::Result<String> {
        if self.to.contains("://") {
            return Ok(self.to.clone());
        }
        let place = Path::new(&self.to).canonicalize().context("could not find --to any more")?;
        Ok(place.display().to_string())
    }

    /// Made once, before anything is encrypted with it.
    fn new_secret(&self, id: StoreId, is_begun: bool, old: &Secret) -> anyhow::Result<(PathBuf, Secret)> {
        let path = self.new_secret_file.clone().map_or_else(|| default_secret_file(id), Ok)?;
        let secret = if path.exists() {
            read_secret(&path)?
        } else {
            ensure!(
                !is_begun,
                "the rekey that was begun at `{}` used a secret that is not in `{}`; name it with --new-secret-file, or name an empty place",
                self.to,
                path.display()
            );
            let secret = Secret::from_bytes(clock::random()?);
            write_secret(&path, &secret)?;
            secret
        };
        ensure!(
            secret.check_value() != old.check_value(),
            "`{}` holds the old secret; name another file with --new-secret-file",
            path.display()
        );
        Ok((path, secret))
    }

    /// A first snapshot, so that the new store is as quick to open as the old one was.
    async fn publish(
        &self,
        rekey: &Rekey,
        rules: &Arc<abide_rules::Ruleset>,
        now: Time,
    ) -> anyhow::Result<()> {
        let store = rekey.new_store();
        let config = ReplicaConfig::new(&self.store.cache_dir()?.join(store.id().to_string()));
        let mut replica = Box::pin(Replica::open(store, rules.clone(), config, now)).await?;
        let bar = progress::bar("publishing", Unit::Count, Some(replica.snapshot().len_identities()));
        replica.compact(now, clock::random_number()?, &mut |done| bar.set_position(done)).await?;
        bar.finish_and_clear();
        Ok(())
    }
}

async fn bytes_of(store: &Store) -> anyhow::Result<u64> {
    let reader = Reader::new(store);
    let mut bytes = 0;
    for origin in reader.origins().await? {
        bytes += reader.objects(&origin).await?.iter().map(|object| object.bytes).sum::<u64>();
    }
    Ok(bytes)
}
