//! What is appended is read back, whatever it is and however it was cut into objects.

use abide_journal::{ActivationRecord, BatchRecord, Place, Record, RetractionRecord, verify};
use abide_model::{
    BatchId, Claimant, Direction, Form, IdentifierKind, Key, Mechanism, Proof, Retraction, Scope, Signal,
    SignalKeys, Time, TypedKey,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::world::{NOW, in_memory, records, writer};

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![any::<i64>(), 0..2_000_000_000_000_000_i64].prop_map(Time::from_micros)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", any::<String>(), Just("abide.seal\u{18}@0000".to_owned())]
}

fn mechanism() -> impl Strategy<Value = Mechanism> {
    select(vec!["email.unsubscribe", "phone.dnc.us", "law.drop", "email.bounce.hard", "web.tcf.p4"])
        .prop_map(|path| path.parse().unwrap())
}

fn claimant() -> impl Strategy<Value = Claimant> {
    select(vec!["person", "ftc", "hubspot"]).prop_map(|name| name.parse().unwrap())
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just("*".to_owned()),
        "brand:[a-z]{1,3}",
        "list:[a-z]{1,9}",
        Just("sender:+14155550100".to_owned())
    ]
    .prop_map(|scope| scope.parse().unwrap())
}

fn batch() -> impl Strategy<Value = BatchId> {
    select(vec!["live-20261122", "import-1", "import-2"]).prop_map(|id| id.parse().unwrap())
}

fn key() -> impl Strategy<Value = Key> {
    any::<[u8; 16]>().prop_map(Key)
}

fn typed_key() -> impl Strategy<Value = TypedKey> {
    (key(), select(Form::ALL.to_vec()), any::<u16>()).prop_map(|(key, form, version)| TypedKey {
        key,
        form,
        version,
    })
}

fn signal() -> impl Strategy<Value = Signal> {
    let keys = (select(IdentifierKind::ALL.to_vec()), typed_key(), vec(typed_key(), 0..4), option::of(key()))
        .prop_map(|(kind, primary, aliases, domain)| SignalKeys { kind, primary, aliases, domain });
    let what = (mechanism(), scope(), claimant(), select(vec![Direction::Out, Direction::In]));
    let times = (option::of(time()), time(), time());
    let rest =
        (batch(), option::of(select(Proof::ALL.to_vec())), option::of(text()), option::of(any::<[u8; 32]>()));
    (keys, what, times, rest).prop_map(|(keys, what, (stated_at, received_at, at), rest)| {
        let (mechanism, scope, claimant, direction) = what;
        let (batch, proof, recorded_by, evidence) = rest;
        let recorded_by = recorded_by.map(Into::into);
        Signal {
            keys,
            mechanism,
            scope,
            claimant,
            direction,
            stated_at,
            received_at,
            at,
            batch,
            proof,
            recorded_by,
            evidence,
        }
    })
}

fn batch_record() -> impl Strategy<Value = BatchRecord> {
    let what = (batch(), claimant(), vec(mechanism(), 0..3), time(), time());
    let file = (option::of(text()), option::of(any::<[u8; 32]>()), any::<bool>());
    let counts = (any::<[u64; 5]>(), proptest::collection::btree_map(text(), any::<u64>(), 0..3));
    let said = (option::of(text()), option::of(text()));
    (what, file, counts, said).prop_map(
        |(what, (file, file_sha256, snapshot), (counts, unreadable), (by, note))| {
            let (id, claimant, mechanisms, opened_at, committed_at) = what;
            BatchRecord {
                id,
                claimant,
                mechanisms,
                opened_at,
                committed_at,
                file: file.map(Into::into),
                file_sha256,
                rows_read: counts[0],
                rows_taken: counts[1],
                rows_repeated: counts[2],
                rows_unreadable: unreadable,
                signals: counts[3],
                snapshot,
                withdrawn: counts[4],
                recorded_by: by.map(Into::into),
                note: note.map(Into::into),
            }
        },
    )
}

fn retraction() -> impl Strategy<Value = RetractionRecord> {
    let window = (claimant(), mechanism(), time(), time(), option::of(key())).prop_map(
        |(source, mechanism, from, until, domain)| Retraction::Window {
            source,
            mechanism,
            from,
            until,
            domain,
        },
    );
    let what = prop_oneof![batch().prop_map(Retraction::Batch), window];
    (what, text(), text(), time()).prop_map(|(what, reason, by, at)| RetractionRecord {
        what,
        reason: reason.into(),
        recorded_by: by.into(),
        at,
    })
}

fn activation() -> impl Strategy<Value = ActivationRecord> {
    let rulesets = (any::<u64>(), any::<[u8; 32]>(), option::of(any::<[u8; 32]>()), any::<bool>());
    let origins = vec(select(vec!["eu-1", "us-1", "ap"]), 1..4);
    let after = option::of((any::<u64>(), origins)).prop_map(|place| {
        place.map(|(number, origins)| {
            let mut origins = origins.into_iter().map(|origin| origin.parse().unwrap());
            Place { number, origin: origins.next().unwrap(), then: origins.collect() }
        })
    });
    let later = (after, any::<bool>(), any::<bool>(), option::of(text()));
    (rulesets, text(), text(), option::of(text()), time(), later).prop_map(
        |(
            (number, ruleset, replaces, shadow),
            author,
            message,
            reason,
            at,
            (only_after, rollback, ends_shadow, guard),
        )| ActivationRecord {
            number,
            ruleset,
            replaces,
            shadow,
            only_after,
            rollback,
            ends_shadow,
            guard: guard.map(Into::into),
            author: author.into(),
            message: message.into(),
            reason: reason.map(Into::into),
            at,
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        4 => signal().prop_map(Record::Signal),
        1 => batch_record().prop_map(Record::Batch),
        1 => retraction().prop_map(Record::Retraction),
        1 => activation().prop_map(Record::Activation),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Reading gives what was appended, in order; and the links are the same however the records
    /// were cut into objects, so that a roll-up can keep them.
    #[test]
    fn what_is_appended_is_read_back(all in vec(record(), 1..40), chunk in 1..40_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (_, whole) = in_memory().await;
            let mut at_once = writer(&whole, "eu-1").await;
            // An opt-in is refused when the records' times say that the clock is behind; here it is ahead of them all.
            let now = Time::from_micros(i64::MAX);
            at_once.append(&all, now).await.unwrap();

            let (_, cut) = in_memory().await;
            let mut in_parts = writer(&cut, "eu-1").await;
            for part in all.chunks(chunk) {
                in_parts.append(part, now).await.unwrap();
            }

            assert_eq!(records(&whole).await, all);
            assert_eq!(records(&cut).await, all);
            assert_eq!(at_once.head(), in_parts.head());

            let report = verify(&cut, &[at_once.head().clone()]).await.unwrap();
            assert!(report.is_sound(), "{:?}", report.damages);
            let found = &report.origins[0];
            assert_eq!(found.signals + found.batches + found.retractions + found.activations, all.len() as u64);
            assert_eq!(&found.head, at_once.head());
        });
    }
}

/// A writer that comes back goes on where the journal ends, and dates what is new later than
/// everything before, even if its clock went back.
#[tokio::test]
async fn a_writer_resumes_at_the_head() {
    let (_, store) = in_memory().await;
    let mut first = writer(&store, "eu-1").await;
    let all = crate::world::signals(0..5);
    first.append(&all[..2], NOW).await.unwrap();
    let appended = first.append(&all[2..4], NOW).await.unwrap();
    assert_eq!((appended.first, appended.token.to_string().as_str()), (3, "eu-1:4"));

    let mut second = writer(&store, "eu-1").await;
    assert_eq!(second.head(), first.head());
    assert!(second.clock().next(Time::from_seconds(0)) > all[3].at());
    assert_eq!(second.append(&all[4..], NOW).await.unwrap().first, 5);
    assert_eq!(records(&store).await, all);
}
