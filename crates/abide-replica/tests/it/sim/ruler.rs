//! Who changes the rules: pushes versions, activates them, and goes back where a guard has tripped. Several do so at
//! once, from what each has read, which may be old by the time that they write.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use abide_journal::{ActivationRecord, ErrorKind, JournalError, Record, Retry, Store, StoreError, Writer};
use abide_replica::{Replica, ReplicaConfig, ReplicaError, RulesetsError, StoredRuleset};
use abide_rules::RulesetSources;
use abide_testkit::{FaultyStore, NodeClock};
use futures::future::{FutureExt, LocalBoxFuture};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    actors::Actor,
    auditor::{Auditor, Ledger},
    open_store,
};
use crate::world::{NOW, RULES, writer_config};

/// Small, since every follower compiles whatever comes into force.
pub(super) static VERSIONS: LazyLock<Vec<StoredRuleset>> = LazyLock::new(|| (1..=4).map(version).collect());

fn version(number: u64) -> StoredRuleset {
    let toml = format!(
        r#"
        name = "small"
        description = "Version {number}."

        [segments.out]
        description = "Has said no."
        mechanisms = ["web.*", "ads.*", "email.*", "sms.*", "phone.*", "push.*", "post.*", "profile.*", "privacy.*",
            "law.*", "hold.*", "list.*"]
        blocks = ["contact.email"]

        [actions."contact.email"]
        description = "Writing to somebody."
        to = "email"
        channels = ["email"]
        basis = "opt_out"
        law = "CAN-SPAM"
        "#
    );
    StoredRuleset {
        number,
        author: "ann".to_owned(),
        at: NOW,
        message: "small".to_owned(),
        parent: None,
        test: serde_json::Value::Null,
        sources: RulesetSources { toml, policies: Vec::new() },
        cases: Vec::new(),
    }
}

pub(super) struct Ruler {
    number: u64,
    origin: &'static str,
    store: Store,
    config: ReplicaConfig,
    clock: NodeClock,
    ledger: Ledger,
    replica: Option<Replica>,
    starts: u64,
}

impl Ruler {
    pub(super) async fn new(
        number: u64,
        origin: &'static str,
        line: &FaultyStore,
        dir: &Path,
        clock: NodeClock,
        ledger: Ledger,
    ) -> Self {
        let store = open_store(line).await;
        let config = ReplicaConfig::new(dir);
        Self { number, origin, store, config, clock, ledger, replica: None, starts: 0 }
    }

    async fn rule(&mut self, mut rng: ChaCha8Rng) {
        let ruled = self.try_to_rule(&mut rng).await;
        match ruled {
            Ok(()) => {}
            Err(
                ReplicaError::Store(StoreError::Moved { .. })
                | ReplicaError::Ruleset(RulesetsError::Store(StoreError::Moved { .. }))
                | ReplicaError::Journal(JournalError::Store(StoreError::Moved { .. })),
            ) => {
                self.ledger.turn_away();
            }
            Err(error) => {
                let kind = error.kind();
                let passes = matches!(kind, ErrorKind::Unavailable | ErrorKind::Conflict)
                    || matches!(error, ReplicaError::Journal(JournalError::Overtaken { .. }));
                assert!(passes, "faults that pass are taken for {kind:?}: {error:?}");
                self.ledger.count(|events| &mut events.refused);
            }
        }
    }

    async fn try_to_rule(&mut self, rng: &mut ChaCha8Rng) -> Result<(), ReplicaError> {
        let now = self.clock.now();
        match &mut self.replica {
            Some(replica) => replica.refresh(now).await?,
            None => {
                let opened = Replica::open(&self.store, RULES.clone(), self.config.clone(), now).await?;
                self.replica = Some(opened);
            }
        }
        let Some(record) = self.decide(rng).await? else { return Ok(()) };
        if rng.random_bool(0.5) {
            // Versions are compared, somebody is asked, the line is slow.
            tokio::time::sleep(Duration::from_secs(rng.random_range(0..8 * 3_600))).await;
        }
        let now = self.clock.now();
        self.starts += 1;
        let config = writer_config(7_000_000 + self.number * 100_000 + self.starts);
        let mut writer = Writer::open(&self.store, self.origin.parse().unwrap(), config).await?;
        let records = vec![Record::Activation(record)];
        let appended = writer.append(&records, now).await?;
        self.ledger.acknowledge(&appended.token.origin, appended.first, records);
        Ok(())
    }

    /// What the replica's state leads to: a version comes into force, with or without a guard; one judges along, or no
    /// longer; and mostly, where a guard is set, it trips.
    async fn decide(&self, rng: &mut ChaCha8Rng) -> Result<Option<ActivationRecord>, ReplicaError> {
        let replica = self.replica.as_ref().expect("just opened");
        let now = self.clock.now();
        let is_guarded =
            replica.activations().in_force().is_some_and(|(activation, _)| activation.guard.is_some());
        if is_guarded && rng.random_bool(0.7) {
            return Ok(replica.activations().roll_back("guard", "tripped", "block_rate 0.1 % -> 40 %", now));
        }
        let version = VERSIONS[rng.random_range(0..VERSIONS.len())].clone();
        let ruleset = version.digest();
        version.push(&self.store, Retry::default()).await?;
        let (shadow, only_after) = (rng.random_bool(0.15), rng.random_bool(0.2));
        let in_force = replica.activations().in_force().filter(|_| only_after && !shadow);
        let only_after = in_force.map(|(activation, origin)| activation.place(origin));
        Ok(Some(ActivationRecord {
            number: only_after
                .as_ref()
                .map_or_else(|| replica.activations().next_number(), |place| place.number),
            ruleset,
            replaces: Some(replica.snapshot().rules.version().digest()),
            shadow,
            only_after,
            rollback: false,
            ends_shadow: shadow && rng.random_bool(0.3),
            guard: (!shadow && rng.random_bool(0.6)).then(|| Arc::from("block_rate change > 50% over 5m")),
            author: "ann".into(),
            message: "activated".into(),
            reason: None,
            at: now,
        }))
    }
}

impl Actor for Ruler {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.rule(rng).boxed_local()
    }

    fn killed(&mut self) {
        self.ledger.count(|events| &mut events.killed);
        self.replica = None;
    }

    fn show(&self, auditor: &mut Auditor) {
        if let Some(replica) = &self.replica {
            auditor.look_at(replica);
        }
    }
}
