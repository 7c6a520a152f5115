//! Finding and opening the store: `--store`, its secret, this machine's copy of the list.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use abide_journal::{Head, Store, StoreId, Writer, WriterConfig, local_directory};
use abide_model::{Keyring, Normaliser, Origin, Secret, Time};
use abide_replica::{Activations, Memory, Replica, ReplicaConfig};
use abide_rules::Ruleset;
use anyhow::{Context as _, bail, ensure};
use object_store::{ObjectStore, path::Path as ObjectPath};

use crate::clock;

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreFlags {
    /// A directory, or a bucket as s3://…, gs://… or az://… (credentials from the environment).
    #[arg(long, env = "ABIDE_STORE", default_value = "./abide-store", value_name = "STORE", global = false)]
    pub(crate) store: String,

    /// The file with the store's secret [default: where `abide init` put it]. The variable
    /// ABIDE_SECRET may hold the secret itself instead.
    #[arg(long, env = "ABIDE_SECRET_FILE", value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    /// Where this machine keeps its copy of the list [default: ~/.cache/abide].
    #[arg(long, env = "ABIDE_CACHE", value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,

    /// Under which name this machine or region writes.
    #[arg(long, env = "ABIDE_ORIGIN", default_value = "main", value_name = "NAME")]
    pub(crate) origin: Origin,
}

/// The same for a command that has a file of settings too; what nobody says is the default.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreOptions {
    /// A directory, or a bucket as s3://…, gs://… or az://… (credentials from the environment)
    /// [default: ./abide-store].
    #[arg(long, env = "ABIDE_STORE", value_name = "STORE")]
    store: Option<String>,

    /// The file with the store's secret [default: where `abide init` put it]. The variable
    /// ABIDE_SECRET may hold the secret itself instead.
    #[arg(long, env = "ABIDE_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Where this machine keeps its copy of the list [default: ~/.cache/abide].
    #[arg(long, env = "ABIDE_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Under which name this node writes; no other node may have it [default: main].
    #[arg(long, env = "ABIDE_ORIGIN", value_name = "NAME")]
    origin: Option<Origin>,
}

/// What `[store]` of a file of settings may say.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreTable {
    at: Option<String>,
    secret_file: Option<PathBuf>,
    cache: Option<PathBuf>,
    origin: Option<String>,
}

impl StoreOptions {
    /// The file's word counts where neither the environment nor a flag has one.
    pub(crate) fn above(&self, file: StoreTable) -> anyhow::Result<StoreFlags> {
        let origin = match (&self.origin, file.origin) {
            (Some(origin), _) => origin.clone(),
            (None, Some(origin)) => origin.parse().context("[store], origin")?,
            (None, None) => "main".parse().expect("lower-case letters"),
        };
        Ok(StoreFlags {
            store: self.store.clone().or(file.at).unwrap_or_else(|| "./abide-store".to_owned()),
            secret_file: self.secret_file.clone().or(file.secret_file),
            cache: self.cache.clone().or(file.cache),
            origin,
        })
    }
}

/// An opened store with everything that a subcommand needs of it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) secret: Secret,
    pub(crate) keyring: Keyring,
    pub(crate) normaliser: Normaliser,
    /// In force unless the store has activated another.
    pub(crate) built_in: Arc<Ruleset>,
    flags: StoreFlags,
}

impl StoreFlags {
    /// Where the store is, if it is no bucket.
    pub(crate) fn directory(&self) -> Option<&Path> {
        (!self.store.contains("://")).then(|| Path::new(&self.store))
    }

    pub(crate) fn location(&self) -> anyhow::Result<(Arc<dyn ObjectStore>, ObjectPath)> {
        match self.directory() {
            Some(directory) => Ok((local_directory(directory, false)?, ObjectPath::default())),
            None => bucket(&self.store),
        }
    }

    pub(crate) async fn open(&self) -> anyhow::Result<Opened> {
        let (objects, prefix) = self.location()?;
        let id = Store::id_of(objects.clone(), &prefix).await?;
        let secret = self.secret(id)?;
        let store = Store::open(objects, &prefix, &secret).await?;
        self.opened(store, &secret)
    }

    pub(crate) fn opened(&self, store: Store, secret: &Secret) -> anyhow::Result<Opened> {
        Ok(Opened {
            keyring: Keyring::new(secret, store.config().forms),
            normaliser: Normaliser::new(store.config().phone_region),
            built_in: Arc::new(Ruleset::built_in()?),
            secret: secret.clone(),
            store,
            flags: self.clone(),
        })
    }

    fn secret(&self, id: StoreId) -> anyhow::Result<Secret> {
        if self.secret_file.is_none()
            && let Ok(text) = std::env::var("ABIDE_SECRET")
        {
            return text.parse().context("could not read the secret in ABIDE_SECRET");
        }
        read_secret(&self.secret_path(id)?)
    }

    /// The secret's file, unless ABIDE_SECRET holds it.
    pub(crate) fn secret_path(&self, id: StoreId) -> anyhow::Result<PathBuf> {
        self.secret_file.clone().map_or_else(|| default_secret_file(id), Ok)
    }

    pub(crate) fn cache_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.cache {
            return Ok(dir.clone());
        }
        Ok(home("XDG_CACHE_HOME", ".cache")?.join("abide"))
    }

    fn cache_of(&self, store: &Store) -> anyhow::Result<PathBuf> {
        Ok(self.cache_dir()?.join(store.id().to_string()))
    }
}

impl Opened {
    /// Where the store is, as the user named it.
    pub(crate) fn place(&self) -> &str {
        &self.flags.store
    }

    /// The list, read up to its end.
    pub(crate) async fn replica(&self, now: Time) -> anyhow::Result<Replica> {
        let config = ReplicaConfig::new(&self.cache_dir()?);
        Ok(Replica::open(&self.store, self.built_in.clone(), config, now).await?)
    }

    /// What was ever activated, for whoever can do without the ruleset in force.
    pub(crate) async fn activations(&self, now: Time) -> anyhow::Result<Activations> {
        let config = ReplicaConfig::new(&self.cache_dir()?);
        Ok(Replica::read_activations(&self.store, self.built_in.clone(), config, now).await?)
    }

    /// Where this machine keeps its copy of this store's list.
    pub(crate) fn cache_dir(&self) -> anyhow::Result<PathBuf> {
        self.flags.cache_of(&self.store)
    }

    pub(crate) async fn writer(&self) -> anyhow::Result<Writer> {
        let config = WriterConfig::new(clock::random_number()?);
        let writer = Writer::open(&self.store, self.flags.origin.clone(), config).await?;
        writer.expect(self.memory()?.heads()).await?;
        Ok(writer)
    }

    /// What this machine has seen of the journals.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Ok(Memory::open(&self.cache_dir()?, &self.store))
    }
}

/// Remembers, here and in the store, where the journals lead to which a command has written. What was
/// written is durable already, so an error is none of its own.
pub(crate) async fn remember(flags: &StoreFlags, store: &Store, heads: &[Head], now: Time) {
    let Ok(dir) = flags.cache_of(store) else { return };
    let mut memory = Memory::open(&dir, store);
    memory.see(heads, now);
    let _ = memory.heartbeat(flags.origin.clone(), now).send(store).await;
}

/// A bucket and the path in it, from its URL; credentials and endpoint from the environment.
pub(crate) fn bucket(url: &str) -> anyhow::Result<(Arc<dyn ObjectStore>, ObjectPath)> {
    let url = url::Url::parse(url)
        .with_context(|| format!("`{url}` is neither a directory nor a bucket's address"))?;
    if !matches!(url.scheme(), "s3" | "gs" | "az") {
        bail!("`{url}` is neither a directory nor s3://…, gs://… or az://…");
    }
    let options = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let (objects, prefix) = object_store::parse_url_opts(&url, options).with_context(|| {
        format!("could not use the bucket `{url}`; check the credentials in the environment")
    })?;
    Ok((Arc::from(objects), prefix))
}

pub(crate) fn default_secret_file(id: StoreId) -> anyhow::Result<PathBuf> {
    Ok(home("XDG_CONFIG_HOME", ".config")?.join("abide").join(format!("{id}.secret")))
}

pub(crate) fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = fs::read_to_string(path).with_context(|| {
        format!("could not read the store's secret from `{}`; restore it from its backup and name it with --secret-file", path.display())
    })?;
    let mode = fs::metadata(path)?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "the secret `{}` can be read by others; run `chmod 600` on it",
        path.display()
    );
    text.parse().with_context(|| format!("could not read the secret in `{}`", path.display()))
}

/// Creates the file for its owner alone; one that exists is left alone.
pub(crate) fn write_secret(path: &Path, secret: &Secret) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(secret.expose_hex().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    written().with_context(|| format!("could not write the secret to `{}`", path.display()))
}

/// What this machine keeps between two runs and must not lose: signals that wait for the store.
pub(crate) fn state_dir(id: StoreId, origin: &Origin) -> anyhow::Result<PathBuf> {
    let below = home("XDG_STATE_HOME", ".local/state")?.join("abide");
    Ok(below.join(id.to_string()).join(origin.as_str()))
}

fn home(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(variable).or_else(|| set("HOME").map(|home| home.join(below_home))).with_context(|| {
        format!("neither {variable} nor HOME is set; name the place with a flag (see --help)")
    })
}
