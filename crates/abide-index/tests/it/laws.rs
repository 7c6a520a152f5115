//! What holds for every list.

use std::collections::BTreeMap;

use abide_index::{Index, SetId, StateView};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::lists::{
    METADATA, Owned, any_list, build, build_bytes, build_file, key, twin, uniform_key, uniform_list,
};

/// The index answers like a map, for the keys of the list and for others, one by one and many at once.
fn check(list: &[Owned], index: &Index, others: &[[u8; 16]]) {
    let expected: BTreeMap<[u8; 16], (usize, &Owned)> =
        list.iter().enumerate().flat_map(|(i, id)| id.keys().map(move |key| (key, (i, id)))).collect();

    index.verify().unwrap();
    assert_eq!(index.metadata(), METADATA);
    assert_eq!(index.len_keys(), expected.len() as u64);
    assert_eq!(index.len_identities(), list.len() as u64);

    let asked: Vec<_> = expected.keys().chain(others).copied().collect();
    let mut answers = vec![Some(SetId::EMPTY); 3];
    index.find_many(&asked, &mut answers).unwrap();
    assert_eq!(answers.len(), asked.len());
    for (key, answer) in asked.iter().zip(answers) {
        assert_eq!(index.find(key).unwrap(), answer);
        let Some(&(ordinal, identity)) = expected.get(key) else {
            assert_eq!((answer, index.ordinal(key).unwrap(), index.state(key).unwrap()), (None, None, None));
            continue;
        };
        assert_eq!(index.ordinal(key).unwrap(), Some(ordinal as u32));
        check_state(index, ordinal, identity, index.state(key).unwrap().unwrap());
        let set = answer.unwrap();
        assert_eq!(index.set(set).unwrap(), identity.set);
        assert_eq!(set == SetId::EMPTY, identity.set.is_empty());
    }

    let mut identities = index.identities();
    for (ordinal, identity) in list.iter().enumerate() {
        check_state(index, ordinal, identity, identities.next().unwrap().unwrap());
    }
    assert!(identities.next().is_none());
}

fn check_state(index: &Index, ordinal: usize, identity: &Owned, found: StateView<'_>) {
    let set = index.find(&identity.primary).unwrap().unwrap();
    let Owned { primary, aliases, state, .. } = identity;
    assert_eq!(found, StateView { ordinal: ordinal as u32, primary: *primary, aliases, set, state });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_index_is_a_map(list in any_list(), others in vec(any::<[u8; 16]>(), 0..50)) {
        let mut others = others;
        // Keys that differ from one of the list in one bit, wherever it is.
        for (i, identity) in list.iter().enumerate() {
            let mut near = identity.primary;
            near[i % 16] ^= 1 << (i % 8);
            if !list.iter().any(|identity| identity.keys().any(|key| key == near)) {
                others.push(near);
            }
        }
        check(&list, &build(&list), &others);
    }

    /// On disk or in memory, with room or with none: the same bytes.
    #[test]
    fn how_it_is_built_does_not_show(list in any_list(), memory in 0usize..40_000) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.index");
        let summary = build_file(&list, &path, memory).unwrap();
        let bytes = build_bytes(&list).unwrap();
        prop_assert_eq!(summary.file_bytes, bytes.len() as u64);
        prop_assert!(std::fs::read(&path).unwrap() == bytes);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

/// Many blocks, lines that overflow by chance, sorted runs on disk, a file that is mapped.
#[test]
fn a_long_list_is_a_map() {
    let list = uniform_list(60_000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("list.index");
    let summary = build_file(&list, &path, 1 << 20).unwrap();
    assert_eq!((summary.keys, summary.identities, summary.sets), (120_000, 60_000, 15));
    assert!(summary.hot_bytes <= 16 * summary.keys, "{} bytes a key", summary.hot_bytes / summary.keys);
    let others: Vec<_> = (200_000..300_000).map(uniform_key).collect();
    check(&list, &Index::open(&path).unwrap(), &others);
}

/// A line holds any number of keys, and tells apart those that agree in all that it compares.
#[test]
fn a_crowded_line_is_a_map() {
    let lone =
        |key: [u8; 16]| Owned { primary: key, aliases: vec![], set: key[14..].to_vec(), state: vec![] };
    // The overflow of one line spans blocks.
    let mut list: Vec<_> = (0..70_000).map(|lo| lone(key(0, lo))).collect();
    check(&list, &build(&list), &[key(0, 70_000), key(1, 0), key(0, !0), key(!0, !0)]);

    list = (0..100).map(|number| lone(twin(number, 7))).collect();
    check(&list, &build(&list), &[twin(3, 8), twin(0, 6), key(3 << 16, 7)]);
}

#[test]
fn an_empty_index_holds_nothing() {
    check(&[], &build(&[]), &[[0; 16], [255; 16], [7; 16]]);
}
