//! What the tests share: a store in a directory, files, and asking what is in force.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use abide_formats::Limits;
use abide_import::{
    Hints, ImportConfig, ImportError, ListFile, ListReader, Outcome, ReaderConfig, WholeList, batch_id,
    import,
};
use abide_journal::{
    ClockCheck, Reader, Record, Retry, Store, StoreConfig, StoreId, Writer, WriterConfig, local_directory,
};
use abide_model::{Forms, IdentifierKind, Keyring, Normaliser, Positions, Secret, Time};
use abide_replica::{Replica, ReplicaConfig};
use abide_rules::Ruleset;
use tempfile::TempDir;

const HOUR_US: i64 = 3_600_000_000;

pub(crate) struct World {
    dir: TempDir,
    store: Store,
    keyring: Arc<Keyring>,
    rules: Arc<Ruleset>,
    now: Cell<Time>,
    batches: Cell<u32>,
    pub(crate) limits: Limits,
    pub(crate) threads: usize,
    pub(crate) publish_from: u64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let now = Time::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
        let secret = Secret::from_bytes([7; 32]);
        let forms = Forms { md5: true, sha1: false };
        let config = StoreConfig { id: StoreId([3; 16]), phone_region: "US".parse().unwrap(), forms };
        let objects = local_directory(&dir.path().join("store"), true).unwrap();
        let store =
            Store::init(objects, &object_store::path::Path::default(), config, &secret, now).await.unwrap();
        Self {
            store,
            keyring: Arc::new(Keyring::new(&secret, forms)),
            rules: Arc::new(Ruleset::built_in().unwrap()),
            now: Cell::new(now),
            batches: Cell::new(0),
            limits: Limits::default(),
            threads: 2,
            publish_from: 100_000,
            dir,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A later moment with every call.
    pub(crate) fn now(&self) -> Time {
        self.now.set(self.now.get().plus_micros(HOUR_US));
        self.now.get()
    }

    pub(crate) fn normaliser() -> Normaliser {
        Normaliser::new("US".parse().unwrap())
    }

    pub(crate) fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    pub(crate) fn rules(&self) -> Arc<Ruleset> {
        self.rules.clone()
    }

    pub(crate) fn reader(&self, paths: &[&Path], hints: &Hints) -> Result<ListReader, ImportError> {
        let files = paths.iter().map(|path| ListFile::at(path)).collect::<Result<Vec<_>, _>>()?;
        ListReader::open(files, hints, self.reader_config())
    }

    pub(crate) fn reader_config(&self) -> ReaderConfig {
        ReaderConfig {
            region: "US".parse().unwrap(),
            keyring: self.keyring.clone(),
            threads: self.threads,
            limits: self.limits,
            now: self.now(),
        }
    }

    pub(crate) async fn replica(&self) -> Replica {
        let config = ReplicaConfig::new(&self.path("cache"));
        Box::pin(Replica::open(&self.store, self.rules.clone(), config, self.now())).await.unwrap()
    }

    async fn writer(&self) -> Writer {
        let config = WriterConfig {
            instance: 1,
            retry: Retry { attempts: 3, first_pause_ms: 0 },
            clock_check: ClockCheck::Records,
        };
        Writer::open(&self.store, "main".parse().unwrap(), config).await.unwrap()
    }

    fn config(&self, whole_list: Option<f64>) -> ImportConfig {
        self.batches.set(self.batches.get() + 1);
        ImportConfig {
            batch: batch_id(self.now.get(), self.batches.get()),
            whole_list: whole_list.map(|vanish_percent_max| WholeList { vanish_percent_max }),
            recorded_by: None,
            note: None,
            publish_from: self.publish_from,
            unique: u64::from(self.batches.get()),
        }
    }

    pub(crate) async fn import_as(
        &self,
        paths: &[&Path],
        hints: &Hints,
        whole_list: Option<f64>,
    ) -> Result<Outcome, ImportError> {
        let reader = self.reader(paths, hints)?;
        self.import_with(reader, whole_list).await
    }

    pub(crate) async fn import_read(&self, reader: ListReader) -> Result<Outcome, ImportError> {
        self.import_with(reader, None).await
    }

    async fn import_with(&self, reader: ListReader, whole_list: Option<f64>) -> Result<Outcome, ImportError> {
        let (mut replica, mut writer) = (self.replica().await, self.writer().await);
        let clock = || self.now.get();
        let config = self.config(whole_list);
        import(reader, &mut replica, Some(&mut writer), config, &clock, &mut |_| ()).await
    }

    pub(crate) async fn import(&self, path: &Path, hints: &Hints) -> Result<Outcome, ImportError> {
        self.import_as(&[path], hints, None).await
    }

    pub(crate) async fn dry_run(&self, path: &Path, hints: &Hints) -> Result<Outcome, ImportError> {
        let reader = self.reader(&[path], hints)?;
        let mut replica = self.replica().await;
        let clock = || self.now.get();
        import(reader, &mut replica, None, self.config(None), &clock, &mut |_| ()).await
    }

    /// Says something live, as `opt-in` and `opt-out` do.
    pub(crate) async fn say(&self, record: Record) {
        let now = self.now();
        self.writer().await.append(&[record], now).await.unwrap();
    }

    /// What is in force for a raw identifier: `out mechanism scope claimant`, one each.
    pub(crate) async fn facts(&self, kind: IdentifierKind, text: &str) -> Vec<String> {
        let identifier = Self::normaliser().raw(kind, text).unwrap();
        let snapshot = self.replica().await.snapshot();
        let mut keys = Vec::new();
        self.keyring.lookup_keys(&identifier, &snapshot.held().forms(), &mut keys);
        let mut facts: Vec<String> = keys
            .iter()
            .filter_map(|key| snapshot.find(key).unwrap())
            .flat_map(|facts| facts.iter())
            .map(|fact| {
                format!("{} {} {} {}", fact.direction.as_str(), fact.mechanism, fact.scope, fact.claimant)
            })
            .collect();
        facts.sort();
        facts.dedup();
        facts
    }

    /// Every record of the journal, in order.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut follower = Reader::new(&self.store).follow(&Positions::default()).await.unwrap();
        let mut records = Vec::new();
        while let Some(followed) = follower.next().await.unwrap() {
            records.extend(followed.records().map(|record| record.unwrap().1));
        }
        records
    }
}

/// Hints as a command line has them: `id Contact=email`, `mechanism phone.dnc.us`, …
pub(crate) fn hints(said: &[&str]) -> Hints {
    let mut hints = Hints::default();
    for said in said {
        let (what, value) = said.split_once(' ').unwrap_or((said, ""));
        match what {
            "id" => hints.ids.push(value.parse().unwrap()),
            "flag" => hints.flags.push(value.parse().unwrap()),
            "at" => hints.at = Some(value.parse().unwrap()),
            "dates" => hints.dates = Some(value.parse().unwrap()),
            "mechanism" => hints.mechanism = Some(value.parse().unwrap()),
            "scope" => hints.scope = Some(value.parse().unwrap()),
            "source" => hints.source = Some(value.parse().unwrap()),
            "all-rows" => hints.all_rows = true,
            "no-header" => hints.has_header = Some(false),
            _ => panic!("no hint is called {what}"),
        }
    }
    hints
}

/// Every cause on the way down, as the command prints it.
pub(crate) fn chain(error: &ImportError) -> String {
    let mut text = error.to_string();
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        text.push_str(": ");
        text.push_str(&source.to_string());
        at = source;
    }
    text
}
