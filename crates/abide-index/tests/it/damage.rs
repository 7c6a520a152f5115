//! A file that is not what was written gives an error, or the answer it would have given; never
//! another one.

use abide_index::{FORMAT_VERSION, Index, IndexError, Section, SetId};

use crate::lists::{Owned, build_bytes, uniform_key, uniform_list};

/// All that can be asked of a small index, in one comparable value.
fn ask_all(index: &Index, list: &[Owned]) -> Result<String, IndexError> {
    let mut keys: Vec<_> = list.iter().flat_map(Owned::keys).collect();
    keys.extend((90_000..90_050).map(uniform_key));
    let mut answers = Vec::new();
    index.find_many(&keys, &mut answers)?;
    let mut found = format!("{:?} {} {answers:?}", index.metadata(), index.len_keys());
    for (key, answer) in keys.iter().zip(answers) {
        assert_eq!(index.find(key)?, answer);
        let set = answer.map(|id| index.set(id)).transpose()?;
        found += &format!("{set:?} {:?} {:?}", index.ordinal(key)?, index.state(key)?);
    }
    for identity in index.identities() {
        found += &format!("{:?}", identity?);
    }
    Ok(found)
}

#[test]
fn a_flipped_bit_never_changes_an_answer() {
    let list = uniform_list(40);
    let mut bytes = build_bytes(&list).unwrap();
    let whole = ask_all(&Index::from_bytes(&bytes).unwrap(), &list).unwrap();
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        match Index::from_bytes(&bytes) {
            Err(_) => {}
            Ok(index) => {
                let error = index.verify().expect_err("verify looks at every byte");
                assert!(matches!(error, IndexError::Damaged { .. }), "byte {at}: {error}");
                // Bytes between sections are nobody's, so the answers may well be all right.
                if let Ok(found) = ask_all(&index, &list) {
                    assert_eq!(found, whole, "byte {at}");
                    assert!(matches!(error, IndexError::Damaged { section: Section::Gaps, .. }), "byte {at}");
                }
            }
        }
        bytes[at] ^= bit;
    }
}

#[test]
fn a_cut_file_is_refused_at_opening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.index");
    let bytes = build_bytes(&uniform_list(40)).unwrap();
    for length in 0..bytes.len() {
        let found = Index::from_bytes(&bytes[..length]).map(drop);
        let expected = length as u64;
        assert!(
            matches!(found, Err(IndexError::Truncated { found, .. }) if found == expected),
            "{length}: {found:?}"
        );
    }
    for length in [0, 7, 255, 256, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(Index::open(&path), Err(IndexError::Truncated { .. })), "{length}");
    }
}

/// Each kind of wrong file has its own error.
#[test]
fn other_files_are_refused_at_opening() {
    let bytes = build_bytes(&uniform_list(3)).unwrap();
    let with = |at: usize, patch: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        bytes
    };
    let newer = FORMAT_VERSION + 1;
    let cases: [(Vec<u8>, &str); 8] = [
        (b"key,name\n1,Ann".to_vec(), "NotAnIndex"),
        (b"PAR1".to_vec(), "NotAnIndex"),
        (with(0, b"A"), "NotAnIndex"),
        (with(8, &newer.to_le_bytes()), "NewerFormat { found: 3, supported: 2 }"),
        // A newer head may be shorter, longer, sealed otherwise.
        (with(8, &newer.to_le_bytes())[..12].to_vec(), "NewerFormat { found: 3, supported: 2 }"),
        (with(8, &[1]), "OlderFormat { found: 1 }"),
        (with(8, &[0]), "Damaged { section: Head, block: 0 }"),
        ([&bytes[..], b"\n"].concat(), "Damaged { section: Head, block: 0 }"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(format!("{:?}", Index::from_bytes(&bytes).unwrap_err()), expected);
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Index::open(&dir.path().join("none.index")), Err(IndexError::Io { .. })));
    assert!(matches!(Index::open(dir.path()), Err(IndexError::Io { .. })));
    let list = uniform_list(40);
    let small = Index::from_bytes(&build_bytes(&list[..1]).unwrap()).unwrap();
    let large = Index::from_bytes(&build_bytes(&list).unwrap()).unwrap();
    let ids: Vec<SetId> = list.iter().filter_map(|identity| large.find(&identity.primary).unwrap()).collect();
    let foreign = ids.into_iter().max().unwrap();
    assert!(matches!(small.set(foreign), Err(IndexError::UnknownSet { .. })));
}
