//! The list to judge by: a store's, or a file that is one.

use std::{path::Path, sync::Arc};

use abide_enforce::Snapshot;
use abide_formats::Limits;
use abide_import::{Hints, ListReader, ReaderConfig};
use abide_model::{Keyring, Normaliser, PhoneRegion, Secret, Time};
use abide_replica::rulesets;
use abide_rules::Ruleset;
use abide_signals::{FlagArg, IdArg};

use super::{flags::FileFlags, forms, guarded::Guarded, inputs::Inputs};
use crate::{
    clock,
    exit::chain,
    import::{Bar, list_files, threads},
    store_flags::{Opened, StoreFlags},
};

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The list")]
pub(crate) struct ListFlags {
    /// Judge by this file rather than by a store: whoever it says is out is blocked for the action.
    /// Of exports of known systems only the rows that say out count, each for what its flag means.
    #[arg(long, value_name = "FILE")]
    against: Vec<String>,

    /// A column of identifiers of the --against file, e.g. 'mail=email'.
    #[arg(long, value_name = "COLUMN=KIND[:PROFILE|FORM]", requires = "against")]
    against_id: Vec<IdArg>,

    /// Take only rows of the --against file where this column says out.
    #[arg(long, value_name = "COLUMN=MECHANISM[@SCOPE]", requires = "against")]
    against_flag: Vec<FlagArg>,

    /// Take every row of the --against file although columns look like flags.
    #[arg(long, requires = "against")]
    against_all_rows: bool,

    /// With --against: the country in which phone numbers without a country code were written.
    #[arg(long, default_value = "US", value_name = "COUNTRY")]
    phone_region: PhoneRegion,

    #[command(flatten)]
    store: StoreFlags,
}

/// The list, and what turns identifiers into its keys.
#[derive(Debug)]
pub(crate) struct TheList {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The same under the ruleset that is only watched, if one is.
    pub(crate) shadow: Option<Snapshot>,
    /// The guard of the ruleset in force, if it was activated with one.
    pub(crate) guarded: Option<Guarded>,
    pub(crate) keyring: Keyring,
    pub(crate) normaliser: Normaliser,
    /// The id of the store, or the names of the files.
    pub(crate) name: String,
}

/// What the index of an --against list may take while it is built, beyond which it goes to disk.
const MEMORY_MAX_BYTES: usize = 256 * 1024 * 1024;

impl ListFlags {
    /// The list that `inputs` are judged by.
    pub(crate) async fn open(
        &self,
        inputs: &Inputs,
        files: &FileFlags,
        now: Time,
    ) -> anyhow::Result<TheList> {
        if self.against.is_empty() {
            return self.open_store(now).await;
        }
        // The keys live as long as this process, and so does their secret.
        let forms = forms::needed(inputs, files, self.phone_region);
        let keyring = Keyring::new(&Secret::from_bytes(clock::random()?), forms);
        let hints = Hints {
            ids: self.against_id.clone(),
            flags: self.against_flag.clone(),
            all_rows: self.against_all_rows,
            ..Hints::default()
        };
        let scratch = std::env::temp_dir();
        let config = ReaderConfig {
            region: self.phone_region,
            keyring: Arc::new(keyring.clone()),
            threads: threads(),
            limits: Limits::default(),
            now,
        };
        let reader = ListReader::open(list_files(&self.against, &scratch)?, &hints.against(), config)?;
        for sentence in reader.sentences() {
            eprintln!("the list: {sentence}");
        }
        let rules = Arc::new(Ruleset::built_in()?);
        let mut bar = Bar::default();
        let list = abide_import::against(reader, rules, Path::new(&scratch), MEMORY_MAX_BYTES, &mut |at| {
            bar.show(at);
        })
        .await;
        bar.end();
        let list = list?;
        eprintln!("the list: {} rows read, {} taken", list.tally.rows, list.tally.taken);
        Ok(TheList {
            snapshot: Arc::new(list.snapshot),
            shadow: None,
            guarded: None,
            keyring,
            normaliser: Normaliser::new(self.phone_region),
            name: self.against.join(" "),
        })
    }

    pub(crate) fn store(&self) -> &StoreFlags {
        &self.store
    }

    async fn open_store(&self, now: Time) -> anyhow::Result<TheList> {
        let opened = self.store.open().await?;
        let replica = opened.replica(now).await?;
        let snapshot = replica.snapshot();
        let shadow = match replica.activations().shadow() {
            Some((record, _)) => watched(&opened, &record.ruleset, &snapshot).await,
            None => None,
        };
        let guarded = match replica.activations().in_force() {
            Some((record, origin)) if record.guard.is_some() => {
                Guarded::of(&opened, record, record.place(origin), &snapshot).await
            }
            _ => None,
        };
        let name = opened.store.id().to_string();
        let Opened { keyring, normaliser, .. } = opened;
        Ok(TheList { snapshot, shadow, guarded, keyring, normaliser, name })
    }
}

/// Nobody is answered by a ruleset that is only watched, so that one which cannot be read stops nothing.
pub(crate) async fn watched(opened: &Opened, digest: &[u8; 32], snapshot: &Snapshot) -> Option<Snapshot> {
    match rulesets::compiled(&opened.store, digest).await {
        Ok(rules) => Some(Snapshot { rules, ..snapshot.clone() }),
        Err(error) => {
            eprintln!("abide: the ruleset that should judge along does not: {}", chain(&error.into()));
            None
        }
    }
}
