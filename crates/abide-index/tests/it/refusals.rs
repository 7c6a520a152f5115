//! What a builder refuses, and that it then leaves nothing behind.

use std::path::Path;

use abide_index::{BuildConfig, BuildError, Index, IndexBuilder};

use crate::lists::{Owned, build_bytes, build_file, uniform_list};

fn lone(first: u8, aliases: &[u8]) -> Owned {
    let aliases = aliases.iter().map(|&alias| [alias; 16]).collect();
    Owned { primary: [first; 16], aliases, set: vec![first], state: vec![] }
}

#[test]
fn lists_that_make_no_map_are_refused() {
    let cases: [(&[Owned], &str); 5] = [
        (&[lone(2, &[]), lone(1, &[])], "OutOfOrder { ordinal: 1 }"),
        (&[lone(1, &[]), lone(1, &[])], "OutOfOrder { ordinal: 1 }"),
        (&[lone(1, &[9]), lone(2, &[]), lone(3, &[9])], "KeyTwice { first: 0, second: 2 }"),
        (&[lone(1, &[2]), lone(2, &[])], "KeyTwice { first: 0, second: 1 }"),
        (&[lone(1, &[]), lone(2, &[5, 5])], "KeyTwice { first: 1, second: 1 }"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refused.index");
    for (list, expected) in cases {
        assert_eq!(format!("{:?}", build_bytes(list).unwrap_err()), expected);
        assert_eq!(format!("{:?}", build_file(list, &path, 0).unwrap_err()), expected);
        assert_eq!(files_in(dir.path()), 0, "a refused build leaves nothing");
    }
}

/// The identity is left out; what follows is built as if it had not been there.
#[test]
fn a_refused_identity_leaves_no_trace() {
    let mut builder = IndexBuilder::in_memory(b"");
    builder.push(lone(1, &[7]).view()).unwrap();
    builder.push(lone(1, &[8]).view()).unwrap_err();
    builder.push(lone(2, &[8]).view()).unwrap();
    let index = builder.finish().unwrap();
    assert_eq!((index.len_identities(), index.len_keys(), index.set_count()), (2, 4, 3));
}

#[test]
fn sets_beyond_the_bound_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = BuildConfig::new(dir.path());
    config.set_bytes_max = 200;
    let mut builder = IndexBuilder::create(&dir.path().join("list.index"), config).unwrap();
    builder.push(lone(1, &[]).view()).unwrap();
    let large = Owned { set: vec![0; 200], ..lone(2, &[]) };
    let error = builder.push(large.view()).unwrap_err();
    assert!(matches!(error, BuildError::TooManySets { bytes_max: 200 }));
}

/// An index is replaced whole or not at all, and one that is open goes on answering.
#[test]
fn a_file_is_replaced_when_the_next_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("list.index");
    build_file(&uniform_list(10), &path, 0).unwrap();
    let before = Index::open(&path).unwrap();

    let mut dropped = IndexBuilder::create(&path, BuildConfig::new(dir.path())).unwrap();
    dropped.push(lone(1, &[2]).view()).unwrap();
    assert_eq!(files_in(dir.path()), 2);
    drop(dropped);
    assert_eq!(files_in(dir.path()), 1);
    assert_eq!(Index::open(&path).unwrap().len_identities(), 10);

    build_file(&uniform_list(20), &path, 0).unwrap();
    assert_eq!(Index::open(&path).unwrap().len_identities(), 20);
    assert_eq!(before.identities().count(), 10);
    before.verify().unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let created = IndexBuilder::create(&nowhere.join("list.index"), BuildConfig::new(dir.path()));
    assert!(matches!(created, Err(BuildError::Io { .. })));

    // No scratch: the first push that must spill fails, and so does all that comes after.
    let mut config = BuildConfig::new(&nowhere);
    config.memory_max_bytes = 0;
    let path = dir.path().join("list.index");
    let mut builder = IndexBuilder::create(&path, config).unwrap();
    let first_error = (1..100).find_map(|first| builder.push(lone(first, &[first + 100]).view()).err());
    assert!(matches!(first_error, Some(BuildError::Io { .. })));
    assert!(matches!(builder.push(lone(100, &[]).view()), Err(BuildError::Abandoned)));
    assert!(matches!(builder.finish(), Err(BuildError::Abandoned)));
    assert_eq!(files_in(dir.path()), 0);
}

fn files_in(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}
