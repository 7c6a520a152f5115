//! The laws of the merge: replicas converge in any order, any grouping, with any repetition.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    facts::FactSet,
    identifier::Form,
    signal::{Proof, SignalKeys, Statement},
};

fn key(number: u8, form: Form) -> TypedKey {
    TypedKey { key: Key([number; 16]), form, version: 1 }
}

/// One person: a raw primary with two aliases, each of which may also be spoken of by itself, as a
/// hash that somebody sent.
fn keys() -> impl Strategy<Value = SignalKeys> {
    let raw = SignalKeys {
        kind: IdentifierKind::Email,
        primary: key(1, Form::Sha256),
        aliases: vec![key(2, Form::Sha256), key(3, Form::Md5)],
        domain: Some(Key([9; 16])),
    };
    let hashed = |primary| SignalKeys { kind: IdentifierKind::Email, primary, aliases: vec![], domain: None };
    select(vec![raw, hashed(key(2, Form::Sha256)), hashed(key(3, Form::Md5)), hashed(key(1, Form::Sha256))])
}

pub(crate) fn statement() -> impl Strategy<Value = Statement> {
    let mechanism = select(vec![
        "email.unsubscribe",
        "email.list",
        "email.complaint",
        "email.bounce.hard",
        "profile.all",
    ]);
    let scope = select(vec!["*", "brand:acme", "list:weekly"]);
    let claimant = select(vec![Claimant::Person, Claimant::Source("hubspot".into())]);
    let direction = select(vec![Direction::Out, Direction::In]);
    (mechanism, scope, claimant, direction).prop_map(|(mechanism, scope, claimant, direction)| Statement {
        scope: scope.parse().unwrap(),
        direction,
        proof: Some(Proof::Login),
        recorded_by: Some("web-form".into()),
        ..Statement::out(mechanism.parse().unwrap(), claimant)
    })
}

fn signal() -> impl Strategy<Value = Signal> {
    (keys(), statement(), 1_i64..8, select(vec!["a", "b"])).prop_map(|(keys, statement, at, batch)| {
        Signal::new(keys, statement, batch.parse().unwrap(), Time::from_seconds(9), Time::from_seconds(at))
            .unwrap()
    })
}

/// All of one identity, whatever key each signal came under, once the raw one is among them.
fn merged(signals: &[Signal]) -> IdentityState {
    let mut states = signals.iter().map(IdentityState::of);
    let mut state = IdentityState::new(IdentifierKind::Email, key(1, Form::Sha256));
    state.aliases.extend([key(2, Form::Sha256), key(3, Form::Md5)]);
    states.by_ref().for_each(|other| state.merge(&other));
    state
}

fn known() -> IdentityState {
    merged(&[])
}

proptest! {
    #[test]
    fn merging_in_any_order_is_the_same(signals in vec(signal(), 0..12).prop_shuffle()) {
        let mut shuffled = signals.clone();
        shuffled.reverse();
        prop_assert_eq!(merged(&signals), merged(&shuffled));
    }

    #[test]
    fn merging_in_any_grouping_is_the_same(signals in vec(signal(), 0..12), cut in 0_usize..12) {
        let cut = cut.min(signals.len());
        let mut left = merged(&signals[..cut]);
        left.merge(&merged(&signals[cut..]));
        prop_assert_eq!(left, merged(&signals));
    }

    #[test]
    fn merging_again_changes_nothing(signals in vec(signal(), 0..12)) {
        let once = merged(&signals);
        let mut twice = once.clone();
        twice.merge(&once);
        signals.iter().for_each(|signal| twice.apply(signal));
        prop_assert_eq!(twice, once);
    }

    /// Whichever of two states is merged into the other, the raw identifier's key is the primary.
    #[test]
    fn the_primary_does_not_depend_on_who_came_first(hashed in signal()) {
        let mut late = IdentityState::of(&hashed);
        late.merge(&known());
        let mut early = known();
        early.merge(&IdentityState::of(&hashed));
        prop_assert_eq!(late, early);
    }

    /// More opt-outs never free anybody: what is in force stays, unless an `in` came too.
    #[test]
    fn an_opt_out_never_ends_an_opt_out(signals in vec(signal(), 0..12), more in signal()) {
        prop_assume!(more.direction == Direction::Out);
        let none = Retractions::default();
        let outs = |state: &IdentityState| -> BTreeSet<_> {
            FactSet::in_force(state, &none).iter().filter(|fact| fact.direction == Direction::Out).cloned().collect()
        };
        let before = merged(&signals);
        let mut after = before.clone();
        after.apply(&more);
        prop_assert!(outs(&after).is_superset(&outs(&before)));
    }

    /// Taking a batch back is the same as never having had it.
    #[test]
    fn a_retracted_batch_leaves_no_trace(signals in vec(signal(), 0..12)) {
        let mut retractions = Retractions::default();
        retractions.add(Retraction::Batch("b".parse().unwrap()));
        let without: Vec<_> = signals.iter().filter(|signal| signal.batch.as_str() != "b").cloned().collect();
        prop_assert_eq!(
            FactSet::in_force(&merged(&signals), &retractions),
            FactSet::in_force(&merged(&without), &Retractions::default())
        );
    }
}

/// Said at these times by a person about one address, with the events that they are of; which of two events is known then.
#[test]
fn events_are_known_by_their_batches() {
    use Direction::{In, Out};
    let event = |number: u8| BatchId::of_event([number; 16]);
    let say = |direction, batch: &BatchId, at| {
        let keys = SignalKeys {
            kind: IdentifierKind::Email,
            primary: key(1, Form::Sha256),
            aliases: vec![],
            domain: None,
        };
        let statement = Statement {
            direction,
            proof: Some(Proof::Handset),
            recorded_by: Some("twilio".into()),
            ..Statement::out("email.unsubscribe".parse().unwrap(), Claimant::Person)
        };
        Signal::new(keys, statement, batch.clone(), Time::from_seconds(99), Time::from_seconds(at)).unwrap()
    };
    let day: BatchId = "live-20261128".parse().unwrap();
    for (case, said, direction, known) in [
        ("an opt-out that stands", &[(Out, event(1), 1)][..], Out, true),
        ("of another event", &[(Out, event(2), 1)], Out, false),
        ("said again later", &[(Out, event(1), 1), (Out, day.clone(), 5)], Out, true),
        ("one that was ended may be another's", &[(Out, event(1), 1), (In, day.clone(), 5)], Out, false),
        ("an opt-in that stands", &[(In, event(1), 1)], In, true),
        ("an opt-in that was ended", &[(In, event(1), 1), (Out, day.clone(), 5)], In, true),
        ("an opt-in of an event that said out", &[(Out, event(1), 1)], In, false),
        ("a day is no event", &[(Out, day.clone(), 1)], Out, false),
    ] {
        let mut state = IdentityState::new(IdentifierKind::Email, key(1, Form::Sha256));
        said.iter().for_each(|(direction, batch, at)| state.apply(&say(*direction, batch, *at)));
        let asked = say(direction, &if case == "a day is no event" { day.clone() } else { event(1) }, 9);
        let mut taken_back = Retractions::default();
        taken_back.add(Retraction::Window {
            source: Claimant::Person,
            mechanism: "email.unsubscribe".parse().unwrap(),
            from: Time::from_seconds(1),
            until: Time::from_seconds(9),
            domain: None,
        });
        let counts = direction == In && known;
        assert_eq!(state.has_event(&Claim::of(&asked), direction, &taken_back), counts, "{case}, taken back");
        assert_eq!(state.has_event(&Claim::of(&asked), direction, &Retractions::default()), known, "{case}");
    }
}
