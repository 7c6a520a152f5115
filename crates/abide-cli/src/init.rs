//! `abide init`: make a store.

use std::path::Path;

use abide_journal::{Store, StoreConfig, StoreId, local_directory};
use abide_model::{Forms, PhoneRegion, Secret};
use object_store::path::Path as ObjectPath;

use crate::{
    clock,
    exit::Exit,
    store_flags::{StoreFlags, bucket, default_secret_file, write_secret},
};

/// Make a store: a directory or a place in a bucket.
///
/// The store holds keys, never addresses. What turns an address into its key is the store's secret:
/// it is written to a file outside the store, for its owner alone, and HAS TO BE BACKED UP, since
/// without it the list can be matched with nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide init
  abide init --store s3://acme-abide --phone-region GB --forms md5")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreFlags,

    /// The country in which phone numbers without a country code were written, e.g. US. Settled for
    /// good.
    #[arg(long, default_value = "US", value_name = "COUNTRY")]
    phone_region: PhoneRegion,

    /// Further digests to keep of each raw identifier, so that data hashed that way can be matched:
    /// md5, sha1. Settled for good; each costs about 15 bytes a person.
    #[arg(long, value_delimiter = ',', value_name = "FORM", value_parser = ["md5", "sha1"])]
    forms: Vec<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let id = StoreId(clock::random()?);
    let secret = Secret::from_bytes(clock::random()?);
    let place = &args.store.store;
    let (objects, prefix) = if place.contains("://") {
        bucket(place)?
    } else {
        (local_directory(Path::new(place), true)?, ObjectPath::default())
    };
    anyhow::ensure!(
        Store::id_of(objects.clone(), &prefix).await.is_err(),
        "`{place}` is a store already; nothing was changed"
    );
    // The secret first: a store whose secret was never written could be read by nobody.
    let path = args.store.secret_file.clone().map_or_else(|| default_secret_file(id), Ok)?;
    write_secret(&path, &secret)?;
    let has = |form: &str| args.forms.iter().any(|wanted| wanted == form);
    let config = StoreConfig {
        id,
        phone_region: args.phone_region,
        forms: Forms { md5: has("md5"), sha1: has("sha1") },
    };
    if let Err(error) = Store::init(objects, &prefix, config, &secret, now).await {
        // Nothing was made that this secret could open.
        let _ = std::fs::remove_file(&path);
        return Err(error.into());
    }
    println!("Made the store `{place}` ({id}).");
    println!("Its secret is in {}", path.display());
    println!(
        "Back that file up now, apart from the store: nobody can make another, and without it the list matches nothing."
    );
    Ok(Exit::Clean)
}
