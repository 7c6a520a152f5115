//! A list gives back what it was given.

use std::collections::BTreeMap;

use abide_model::{
    Claim, Claimant, Direction, Fact, FactSet, Form, IdentifierKind, IdentityState, Key, Moments, Retraction,
    Retractions, Scope, Signal, SignalKeys, Time, TypedKey,
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

/// One opt-out of one e-mail address, in few words.
fn any_plain_state() -> impl Strategy<Value = IdentityState> {
    let mechanism = select(vec!["email.unsubscribe", "email.list"]);
    let domain = option::weighted(0.2, Just(Key([3; 16])));
    (any::<[u8; 16]>(), mechanism, select(vec!["a", "b"]), 0..9_i64, domain).prop_map(
        |(key, mechanism, batch, out, domain)| {
            let primary = TypedKey { key: Key(key), form: Form::Sha256, version: 1 };
            let claim = Claim {
                mechanism: mechanism.parse().unwrap(),
                scope: Scope::Everyone,
                claimant: Claimant::Person,
                batch: batch.parse().unwrap(),
            };
            let moments = Moments { out: Some(Time::from_micros(out)), opt_in: None };
            let mut state = IdentityState::new(IdentifierKind::Email, primary);
            state.domain = domain;
            state.claims.insert(claim, moments);
            state
        },
    )
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let keys = (any_typed(), vec(any_typed(), 0..3), option::of(any::<[u8; 16]>().prop_map(Key)));
    let said = (any_fact(), select(vec!["live-20260101", "a"]), any::<i64>().prop_map(Time::from_micros));
    (select(&IdentifierKind::ALL[..]), keys, said).prop_map(
        |(kind, (primary, mut aliases, domain), (fact, batch, at))| {
            if at.as_micros() % 2 == 0 {
                aliases.push(primary);
            }
            let Fact { direction, mechanism, scope, claimant } = fact;
            Signal {
                keys: SignalKeys { kind, primary, aliases, domain },
                mechanism,
                scope,
                claimant,
                direction,
                stated_at: None,
                received_at: at,
                at,
                batch: batch.parse().unwrap(),
                proof: None,
                recorded_by: None,
                evidence: None,
            }
        },
    )
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
        let mut encoder = Encoder::default();
        let encoded: Vec<Vec<u8>> = states
            .iter()
            .map(|state| {
                let mut bytes = Vec::new();
                encoder.state(state, &mut bytes);
                bytes
            })
            .collect();
        // Words travel as JSON.
        let words = encoder.into_words();
        let words: Words = serde_json::from_slice(&serde_json::to_vec(&words).unwrap()).unwrap();
        for (state, bytes) in states.iter().zip(&encoded) {
            prop_assert_eq!(&Record::parse(bytes).unwrap().decode(&words).unwrap(), state);
        }
    }

    /// The short way from a signal to its record is the long way by its state.
    #[test]
    fn a_signal_is_encoded_as_its_state(signals in vec(any_signal(), 1..5)) {
        let (mut short, mut long) = (Encoder::default(), Encoder::default());
        for signal in signals {
            let (mut by_signal, mut by_state) = (Vec::new(), Vec::new());
            short.signal(&signal, &mut by_signal);
            long.state(&IdentityState::of(&signal), &mut by_state);
            prop_assert_eq!(by_signal, by_state);
        }
    }

    /// What a record says by number is what its state says by name.
    #[test]
    fn a_record_says_what_its_state_says(state in any_state()) {
        let (mut encoder, mut bytes, mut claims) = (Encoder::default(), Vec::new(), BTreeMap::new());
        encoder.state(&state, &mut bytes);
        let words = encoder.words();
        let head = Record::parse(&bytes).unwrap().each_claim(|claim| {
            let name = Claim {
                mechanism: words.mechanisms()[claim.mechanism].clone(),
                scope: words.scopes()[claim.scope].clone(),
                claimant: words.claimants()[claim.claimant].clone(),
                batch: words.batches()[claim.batch].clone(),
            };
            claims.insert(name, claim.moments);
        }).unwrap();
        prop_assert_eq!(claims, state.claims);
        let expected = RecordHead { kind: state.kind, form: state.primary.form, aliases: state.aliases.len() };
        prop_assert_eq!(head, expected);
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
        if let Ok(record) = Record::parse(&bytes) {
            let _ = record.each_claim(|_| ());
            let _ = record.alike();
            if let Ok(state) = record.decode(&words) {
                Encoder::new(words.clone()).state(&state, &mut sink);
            }
        }
        let _ = codec::read_facts(&bytes, &words);
    }

    /// Records of one opt-out are known by the first that is like them, but where a retraction names a time.
    #[test]
    fn what_is_alike_stands_under_the_same_facts(states in vec(any_plain_state(), 1..20), window in any::<bool>()) {
        let mut states = states;
        states.sort_by_key(|state| state.primary.key);
        states.dedup_by_key(|state| state.primary.key);
        let dir = tempfile::tempdir().unwrap();
        let mut retractions = Retractions::default();
        retractions.add(Retraction::Batch("a".parse().unwrap()));
        if window {
            let (from, until) = (Time::from_micros(0), Time::from_micros(5));
            let (source, mechanism) = (Claimant::Person, "email.list".parse().unwrap());
            retractions.add(Retraction::Window { source, mechanism, from, until, domain: None });
        }
        let mut encoder = Encoder::default();
        let records: Vec<Vec<u8>> = states.iter().map(|state| {
            let mut bytes = Vec::new();
            encoder.state(state, &mut bytes);
            bytes
        }).collect();
        let (path, config) = (dir.path().join("list.index"), BuildConfig::new(dir.path()));
        let words = encoder.into_words();
        let mut builder = ListBuilder::create_after(None, words, &path, config, retractions.clone()).unwrap();
        for record in &records {
            builder.push_record(&Record::parse(record).unwrap()).unwrap();
        }
        let (_, counts) = builder.finish(None).unwrap();
        assert_holds(&List::open(&path).unwrap(), &states, &retractions, &counts);
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

    /// Copied, as records or encoded anew, and whatever new words come between: the next list holds the same.
    #[test]
    fn what_is_taken_over_is_the_same(states in any_states(), new in any_state(), ways in vec(0..3, 12)) {
        let dir = tempfile::tempdir().unwrap();
        let none = Retractions::default();
        let (below, _) = build(dir.path(), &states, &none);
        let path = dir.path().join("next.index");
        let config = BuildConfig::new(dir.path());
        let words = below.words().clone();
        let mut builder = ListBuilder::create_after(Some(&below), words, &path, config, none.clone()).unwrap();
        let mut expected: BTreeMap<Key, IdentityState> =
            states.iter().map(|state| (state.primary.key, state.clone())).collect();
        if !new.keys().any(|typed| below.find(&typed.key).unwrap().is_some()) {
            expected.insert(new.primary.key, new.clone());
        }
        let mut stored = below.stored().map(Result::unwrap).peekable();
        for ((key, state), way) in expected.iter().zip(ways.iter().cycle()) {
            match (stored.next_if(|stored| stored.primary() == *key), way) {
                (Some(stored), 0) => builder.push_stored(&stored).unwrap(),
                (Some(stored), 1) => builder.push_record(&stored.record()).unwrap(),
                _ => builder.push(state).unwrap(),
            }
        }
        let (_, counts) = builder.finish(Some(&below)).unwrap();
        let list = List::open(&path).unwrap();
        assert_holds(&list, &expected.into_values().collect::<Vec<_>>(), &none, &counts);
    }
}
