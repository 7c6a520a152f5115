//! Policies are asked once about what they cannot tell apart, by however many threads, snapshots and judges.

use std::{
    collections::BTreeSet,
    sync::{Arc, Barrier},
    thread,
};

use abide_enforce::{Asked, Judge, Options, Overlay, Panel, Part, Snapshot, Sources};
use abide_model::{
    Action, BatchId, Claimant, Context, Forms, IdentifierKind, Keyring, Normaliser, Positions, Retractions,
    Secret, Signal, Time, signal::Statement,
};
use abide_rules::Ruleset;

const NOW: Time = Time::from_seconds(1_795_000_000);
const MECHANISMS: [&str; 4] = ["email.unsubscribe", "email.list", "email.complaint", "profile.all"];
const PURPOSES: [&str; 2] = ["marketing", "transactional"];
const ACTIONS: [&str; 3] = ["contact.email", "target.ad", "sell"];

/// Everybody of whom some of the mechanisms are in force: each set of them once for each of two claimants, so that equal
/// sets of mechanisms are found in different facts.
fn snapshot(rules: &Arc<Ruleset>) -> Snapshot {
    let (keyring, normaliser) = (keyring(), normaliser());
    let mut overlay = Overlay::default();
    for (person, email) in emails().enumerate() {
        let (set, claimant) = (person / 2, if person % 2 == 0 { "ftc" } else { "hubspot" });
        let identifier = normaliser.raw(IdentifierKind::Email, &email).unwrap();
        let said = MECHANISMS.iter().enumerate().filter(|(nth, _)| set & (1 << nth) != 0);
        for (_, mechanism) in said {
            let claimant = Claimant::Source(claimant.into());
            let statement = Statement::out(mechanism.parse().unwrap(), claimant);
            let keys = keyring.signal_keys(&identifier);
            let signal = Signal::new(keys, statement, BatchId::live(NOW), NOW, NOW).unwrap();
            overlay.apply(&signal, None, &Retractions::default()).unwrap();
        }
    }
    Snapshot {
        rules: rules.clone(),
        base: None,
        overlay,
        retractions: Arc::default(),
        positions: Positions::default(),
        sources: Sources::default(),
        as_of: NOW,
    }
}

fn emails() -> impl Iterator<Item = String> {
    (0..2 << MECHANISMS.len()).map(|person| format!("person-{person}@example.com"))
}

fn keyring() -> Keyring {
    Keyring::new(&Secret::from_bytes([7; 32]), Forms::default())
}

fn normaliser() -> Normaliser {
    Normaliser::new("US".parse().unwrap())
}

/// Asks about everybody, every action, and a context of everybody's own.
fn ask_about_all(snapshot: &Snapshot) {
    let panel = Panel(vec![Part { kind: IdentifierKind::Email, to: false }]);
    let mut asked = Asked::new(panel, snapshot.held(), keyring(), true);
    for email in emails() {
        asked.begin();
        asked.note(0, normaliser().raw(IdentifierKind::Email, &email).as_ref());
    }
    let mut judge = Judge::new(snapshot, Options { now: NOW, ..Options::default() });
    let known = judge.look_up(&asked).unwrap();
    for (person, email) in emails().enumerate() {
        for action in ACTIONS.map(|action| action.parse::<Action>().unwrap()) {
            for purpose in PURPOSES {
                let list = email.split('@').next().unwrap();
                let context: Context = [("purpose", purpose), ("list", list)].into_iter().collect();
                judge.verdict(&asked, &known, person, &action, &context);
            }
        }
    }
}

#[test]
fn threads_ask_once_together() {
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let snapshot = snapshot(&rules);
    let threads = 8;
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                ask_about_all(&snapshot);
            });
        }
    });
    let effort = rules.effort();
    assert!(effort.calls > 0);
    assert_eq!(effort.calls, effort.questions, "something was asked twice");
    // Sets of mechanisms, actions and purposes; lists, claimants and threads are no reason to ask again.
    let distinct: BTreeSet<_> = (0..1 << MECHANISMS.len())
        .flat_map(|set: u32| {
            ACTIONS.map(|action| PURPOSES.map(|purpose| (set, action, purpose))).into_iter().flatten()
        })
        .collect();
    assert!(effort.calls <= distinct.len() as u64, "{} calls for {} cases", effort.calls, distinct.len());

    // Nor is another snapshot with the same rules.
    ask_about_all(&Snapshot { as_of: NOW, ..snapshot.clone() });
    assert_eq!(rules.effort(), effort);
}
