//! A list gives back what it was given.

use std::collections::BTreeMap;

use abide_model::{
    Claim, Claimant, Direction, Fact, FactSet, Form, IdentifierKind, IdentityState, Key, Moments, Retraction,
    Retractions, Scope, Time, TypedKey,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

fn any_typed() -> impl Strategy<Value = TypedKey> {
    (any::<[u8; 16]>(), select(&Form::ALL[..]), any::<u16>()).prop_map(|(key, form, version)| TypedKey {
        key: Key(key),
        form,
        version,
    })
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let mechanism =
        select(vec!["email.unsubscribe", "email.list", "phone.dnc.us", "phone.dnc.uk", "law.erasure"]);
    let scope = prop_oneof![
        Just(Scope::Everyone),
        "[a-z]{1,9}".prop_map(|name| Scope::Brand(name.into())),
        "\\+[0-9]{1,15}".prop_map(|name| Scope::Sender(name.into())),
    ];
    let claimant =
        prop_oneof![Just(Claimant::Person), "[a-z][a-z0-9._-]{0,9}".prop_map(|name| name.parse().unwrap())];
    let direction = select(vec![Direction::Out, Direction::In]);
    (direction, mechanism, scope, claimant).prop_map(|(direction, mechanism, scope, claimant)| Fact {
        direction,
        mechanism: mechanism.parse().unwrap(),
        scope,
        claimant,
    })
}

fn any_moments() -> impl Strategy<Value = Moments> {
    // The extremes too: steps between times wrap.
    let time =
        || prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..9_i64].prop_map(Time::from_micros);
    (option::of(time()), option::of(time())).prop_map(|(out, opt_in)| Moments { out, opt_in })
}

fn any_state() -> impl Strategy<Value = IdentityState> {
    let claims = vec((any_fact(), select(vec!["live-20260101", "a", "b"]), any_moments()), 0..6);
    let keys = (any_typed(), vec(any_typed(), 0..4), option::of(any::<[u8; 16]>().prop_map(Key)));
    (select(&IdentifierKind::ALL[..]), keys, claims).prop_map(|(kind, (primary, aliases, domain), claims)| {
        let mut state = IdentityState::new(kind, primary);
        state.aliases.extend(aliases);
        state.domain = domain;
        for (fact, batch, moments) in claims {
            let Fact { mechanism, scope, claimant, .. } = fact;
            let claim = Claim { mechanism, scope, claimant, batch: batch.parse().unwrap() };
            state.claims.insert(claim, moments);
        }
        state
    })
}

/// Several people, no key twice, in the order of their primaries.
fn any_states() -> impl Strategy<Value = Vec<IdentityState>> {
    vec(any_state(), 0..12).prop_map(|states| {
        let mut seen = std::collections::BTreeSet::new();
        let mut states: Vec<_> =
            states.into_iter().filter(|state| state.keys().all(|typed| seen.insert(typed.key))).collect();
        states.sort_by_key(|state| state.primary.key);
        states
    })
}

fn build(dir: &Path, states: &[IdentityState], retractions: &Retractions) -> (List, SetCounts) {
    let path = dir.join("list.index");
    let mut builder = ListBuilder::create(&path, BuildConfig::new(dir), retractions.clone()).unwrap();
    states.iter().for_each(|state| builder.push(state).unwrap());
    let (_, counts) = builder.finish(None).unwrap();
    (List::open(&path).unwrap(), counts)
}

/// The list holds these states, their facts and their counts, and nothing else.
fn assert_holds(list: &List, states: &[IdentityState], retractions: &Retractions, counts: &SetCounts) {
    let mut expected = SetCounts::new();
    let mut held = Held::default();
    for (at, state) in (0_u32..).zip(states) {
        let facts = FactSet::in_force(state, retractions);
        for typed in state.keys() {
            assert_eq!(list.state(&typed.key).unwrap().as_ref(), Some(state));
            assert_eq!(**list.find(&typed.key).unwrap().unwrap(), facts);
            assert_eq!(list.primary_of(&typed.key).unwrap(), Some(state.primary.key));
            assert_eq!(list.ordinal(&typed.key).unwrap(), Some(at));
        }
        *expected.entry(facts).or_default() += 1;
        held.count_primary(state.kind, state.primary);
        held.count_aliases(state.kind, &state.aliases);
    }
    assert_eq!(list.states().collect::<Result<Vec<_>, _>>().unwrap(), states);
    assert_eq!(*counts, expected);
    assert_eq!(*list.held(), held);
}

proptest! {
    #[test]
    fn a_state_survives_the_way_there_and_back(states in vec(any_state(), 1..5)) {
        let mut words = Words::default();
        let encoded: Vec<Vec<u8>> = states
            .iter()
            .map(|state| {
                let mut bytes = Vec::new();
                encode_state(state, &mut words, &mut bytes);
                bytes
            })
            .collect();
        // Words travel as JSON.
        let words: Words = serde_json::from_slice(&serde_json::to_vec(&words).unwrap()).unwrap();
        for (state, bytes) in states.iter().zip(&encoded) {
            prop_assert_eq!(&decode_state(bytes, &words).unwrap(), state);
        }
    }

    #[test]
    fn facts_survive_the_way_there_and_back(facts in vec(any_fact(), 0..9)) {
        let facts = FactSet::from_ordered(facts);
        let (mut words, mut bytes) = (Words::default(), Vec::new());
        codec::write_facts(&facts, &mut words, &mut bytes);
        prop_assert_eq!(codec::read_facts(&bytes, &words).unwrap(), facts);
    }

    /// Bytes that no builder wrote are an error or some state, never a panic.
    #[test]
    fn foreign_bytes_are_no_panic(bytes in vec(any::<u8>(), 0..60)) {
        let (mut words, mut sink) = (Words::default(), Vec::new());
        let fact = "email.list".parse().unwrap();
        words.mechanisms.number(&fact);
        words.scopes.number(&Scope::Everyone);
        words.claimants.number(&Claimant::Person);
        words.batches.number(&"a".parse().unwrap());
        if let Ok(state) = decode_state(&bytes, &words) {
            encode_state(&state, &mut words, &mut sink);
        }
        let _ = codec::read_facts(&bytes, &words);
    }

    #[test]
    fn a_list_gives_back_what_it_was_given(states in any_states(), retracted in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut retractions = Retractions::default();
        if retracted {
            retractions.add(Retraction::Batch("a".parse().unwrap()));
        }
        let (list, counts) = build(dir.path(), &states, &retractions);
        assert_holds(&list, &states, &retractions, &counts);
    }

    /// Copied or encoded anew, and whatever new words come between: the next list holds the same.
    #[test]
    fn what_is_taken_over_is_the_same(states in any_states(), new in any_state(), copied in vec(any::<bool>(), 12)) {
        let dir = tempfile::tempdir().unwrap();
        let none = Retractions::default();
        let (below, _) = build(dir.path(), &states, &none);
        let path = dir.path().join("next.index");
        let mut builder =
            ListBuilder::create_after(Some(&below), &path, BuildConfig::new(dir.path()), none.clone()).unwrap();
        let mut expected: BTreeMap<Key, IdentityState> =
            states.iter().map(|state| (state.primary.key, state.clone())).collect();
        if !new.keys().any(|typed| below.find(&typed.key).unwrap().is_some()) {
            expected.insert(new.primary.key, new.clone());
        }
        let mut stored = below.stored().map(Result::unwrap).peekable();
        for ((key, state), copied) in expected.iter().zip(copied.iter().cycle()) {
            match stored.next_if(|stored| stored.primary() == *key) {
                Some(stored) if *copied => builder.push_stored(&stored).unwrap(),
                _ => builder.push(state).unwrap(),
            }
        }
        let (_, counts) = builder.finish(Some(&below)).unwrap();
        let list = List::open(&path).unwrap();
        assert_holds(&list, &expected.into_values().collect::<Vec<_>>(), &none, &counts);
    }
}
