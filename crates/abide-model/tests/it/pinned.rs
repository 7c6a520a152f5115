//! What the normaliser of this version puts out, to the byte. If this fails, keys of stores that
//! exist would no longer match: take the change back, or raise `NORMALISER_VERSION`, keep the old
//! rules for old keys and add a table of the new version beside this one.

use abide_model::{Form, identifier::NORMALISER_VERSION};

use crate::{hex, raw, read, texts};

#[test]
fn outputs_of_this_version_are_as_they_were() {
    let table = read(&format!("pinned_v{NORMALISER_VERSION}.tsv"));
    let mut rows = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [kind, input, expected, digest] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let ours = raw(kind.parse().unwrap(), input).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(texts(&ours).join(" | "), expected, "{input}");
        let digest_of_first = hex(&ours.primary().bytes);
        assert_eq!((ours.primary().form, digest_of_first.as_str()), (Form::Sha256, digest), "{input}");
        rows += 1;
    }
    assert_eq!(rows, 45);
}
