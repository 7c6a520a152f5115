//! A case told to a real store in a directory.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use abide_journal::{
    BatchRecord, ClockCheck, Record, RetractionRecord, Store, StoreConfig, StoreId, Writer, WriterConfig,
    local_directory,
};
use abide_model::{
    Claimant, IdentifierKind, Keyring, Mechanism, Normaliser, Retraction, Secret, Signal, Time,
};
use abide_replica::{Compacted, Replica, ReplicaConfig};
use abide_rules::{
    Case, Ruleset,
    case::{CaseRetraction, CaseSignal},
};
use object_store::path::Path as ObjectPath;
use tempfile::TempDir;

const DAY_MICROS: i64 = 86_400_000_000;

/// A store that holds what a case states, in a temporary directory beside which nothing else stands.
#[derive(Debug)]
pub struct ToldCase {
    directory: TempDir,
    store: Store,
    secret: Secret,
    pub keyring: Keyring,
    pub normaliser: Normaliser,
    now: Time,
}

impl ToldCase {
    /// Makes the store and appends every signal, the ends of their batches and the retractions. Sources count as
    /// heard at `now`, which must be later than all that the case states.
    ///
    /// # Panics
    ///
    /// When the case states something of nobody, or the directory cannot be written.
    pub async fn tell(case: &Case, now: Time) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a store");
        let secret = Secret::from_bytes([7; 32]);
        let config = StoreConfig {
            id: StoreId([7; 16]),
            phone_region: case.store.phone_region,
            forms: case.store.forms,
        };
        let objects = local_directory(&directory.path().join("store"), true).expect("it can be made");
        let store = Store::init(objects, &ObjectPath::default(), config, &secret, now).await;
        let told = Self {
            store: store.expect("a new directory takes a store"),
            keyring: Keyring::new(&secret, case.store.forms),
            normaliser: Normaliser::new(case.store.phone_region),
            directory,
            secret,
            now,
        };
        let records = told.records(case);
        if !records.is_empty() {
            // The case has its own times, which the real clock has nothing to do with.
            let config = WriterConfig { clock_check: ClockCheck::Records, ..WriterConfig::new(7) };
            let origin = "main".parse().expect("it is an origin");
            let mut writer = Writer::open(&told.store, origin, config).await.expect("nobody else writes");
            writer.append(&records, now).await.expect("the directory takes the case");
        }
        told
    }

    pub fn store_dir(&self) -> std::path::PathBuf {
        self.directory.path().join("store")
    }

    /// Room for what else a run needs.
    pub fn scratch_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Writes the secret as the command wants it: for its owner alone.
    ///
    /// # Panics
    ///
    /// When the directory cannot be written.
    pub fn write_secret(&self) -> std::path::PathBuf {
        let path = self.directory.path().join("secret");
        fs::write(&path, self.secret.expose_hex().as_bytes()).expect("there is room");
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, owner_only).expect("it is ours");
        path
    }

    /// A replica that has read all of it.
    ///
    /// # Panics
    ///
    /// When the store cannot be read.
    pub async fn replica(&self, rules: Arc<Ruleset>) -> Replica {
        let config = ReplicaConfig::new(&self.directory.path().join("replica"));
        Replica::open(&self.store, rules, config, self.now).await.expect("the store was just written")
    }

    /// Writes the store's first snapshot, unless the case states nothing.
    ///
    /// # Panics
    ///
    /// When the store cannot be read or written.
    pub async fn compact(&self, rules: Arc<Ruleset>) {
        let compacted = self.replica(rules).await.compact(self.now, 7, &mut |_| ()).await;
        let compacted = compacted.expect("nobody else writes");
        assert!(!matches!(compacted, Compacted::Overtaken), "nobody else writes");
    }

    fn records(&self, case: &Case) -> Vec<Record> {
        let signals = case.signals.iter().map(|signal| Record::Signal(self.signal(signal)));
        let retractions = case.retractions.iter().map(|what| Record::Retraction(self.retraction(what)));
        signals.chain(self.batches(case)).chain(self.deliveries(case)).chain(retractions).collect()
    }

    fn signal(&self, told: &CaseSignal) -> Signal {
        let identifier = told.identifier.read(&self.normaliser).expect("a case states something of somebody");
        let keys = self.keyring.signal_keys(&identifier);
        Signal::new(keys, told.statement.clone(), told.batch.clone(), told.at, told.at)
            .expect("a case states what can be stated")
    }

    /// The ends of all batches: without them nothing of a batch counts.
    fn batches(&self, case: &Case) -> Vec<Record> {
        let mut batches: BTreeMap<&str, Vec<&CaseSignal>> = BTreeMap::new();
        for signal in &case.signals {
            batches.entry(signal.batch.as_str()).or_default().push(signal);
        }
        batches.into_values().map(|signals| Record::Batch(self.batch(&signals))).collect()
    }

    /// Lists that came some time ago, and had nobody on them.
    fn deliveries<'c>(&'c self, case: &'c Case) -> impl Iterator<Item = Record> + 'c {
        case.sources.iter().enumerate().map(move |(nth, source)| {
            let heard = self.now.plus_micros(-i64::from(source.age_days) * DAY_MICROS);
            Record::Batch(BatchRecord {
                id: format!("delivery-{nth}").parse().expect("it is a name"),
                claimant: source.claimant.clone(),
                mechanisms: vec![source.mechanism.clone()],
                opened_at: heard,
                committed_at: heard,
                ..self.batch_of(0)
            })
        })
    }

    fn batch(&self, signals: &[&CaseSignal]) -> BatchRecord {
        let mut mechanisms: Vec<Mechanism> =
            signals.iter().map(|signal| signal.statement.mechanism.clone()).collect();
        mechanisms.sort();
        mechanisms.dedup();
        BatchRecord {
            id: signals[0].batch.clone(),
            claimant: signals[0].statement.claimant.clone(),
            mechanisms,
            ..self.batch_of(signals.len() as u64)
        }
    }

    /// A batch of nobody's, of so many rows, committed now.
    fn batch_of(&self, count: u64) -> BatchRecord {
        BatchRecord {
            id: "case".parse().expect("it is a name"),
            claimant: Claimant::Person,
            mechanisms: Vec::new(),
            opened_at: self.now,
            committed_at: self.now,
            file: None,
            file_sha256: None,
            rows_read: count,
            rows_taken: count,
            rows_repeated: 0,
            rows_unreadable: BTreeMap::new(),
            signals: count,
            snapshot: false,
            withdrawn: 0,
            recorded_by: None,
            note: None,
        }
    }

    fn retraction(&self, told: &CaseRetraction) -> RetractionRecord {
        let what = match told.clone() {
            CaseRetraction::Batch(batch) => Retraction::Batch(batch),
            CaseRetraction::Window { source, mechanism, from, until, domain } => {
                let key = |domain: String| {
                    let domain = self.normaliser.raw(IdentifierKind::EmailDomain, &domain);
                    self.keyring.signal_keys(&domain.expect("a case names a domain")).primary.key
                };
                Retraction::Window { source, mechanism, from, until, domain: domain.map(key) }
            }
        };
        RetractionRecord { what, reason: "the case says so".into(), recorded_by: "case".into(), at: self.now }
    }
}
