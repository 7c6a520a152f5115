//! No text of a person leaves by accident.

use std::{collections::HashSet, error::Error};

use abide_model::{Identifier, IdentifierKind, Normaliser};

use crate::raw;

const SHA256_OF_JANE_AT_GMAIL: &str = "988b074286b20c503e3015c2076533f3bf4ce5ca6f8a507ab52c2e0f98d620b7";

/// `Debug` of an identifier and every error: what a log may hold.
#[test]
fn debug_and_errors_hold_no_text() {
    let secret = "jane.q.secret";
    let taken = raw(IdentifierKind::Email, &format!("{secret}@example.com")).unwrap();
    assert_eq!(format!("{taken:?}"), "Identifier(email raw)");
    assert!(!format!("{:?}", taken.primary()).contains(secret));
    for kind in IdentifierKind::ALL {
        for text in [format!("{secret}@@"), format!("{secret}\u{1}"), format!("{secret}@{secret}")] {
            let results = [raw(kind, &text), Normaliser::hashed(kind, None, &text)];
            for error in results.into_iter().filter_map(Result::err) {
                assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
                assert!(error.source().is_none());
            }
        }
    }
}

/// A buffer that holds nobody matches nobody, and a failed read leaves nobody in it.
#[test]
fn a_failed_read_leaves_nobody() {
    let normaliser = Normaliser::new("US".parse().unwrap());
    let mut buffer = raw(IdentifierKind::Email, "jane@example.com").unwrap();
    for kind in IdentifierKind::ALL {
        assert!(normaliser.raw_into(kind, " \t", &mut buffer).is_err());
        assert_eq!(buffer, Identifier::blank());
        assert_eq!(buffer.expose_texts().count(), 0);
        normaliser.raw_into(IdentifierKind::Email, "Jane@Example.com", &mut buffer).unwrap();
        assert_eq!(buffer, raw(IdentifierKind::Email, "jane@example.com").unwrap());
    }
    assert!(Normaliser::hashed(IdentifierKind::UserId, None, &"0".repeat(64)).is_err());
}

/// Equal means equal, raw or hashed, in `==` and in a set.
#[test]
fn equal_by_meaning() {
    let spelled = raw(IdentifierKind::Email, "J.Ane+news@GoogleMail.com").unwrap();
    let plain = raw(IdentifierKind::Email, "jane@gmail.com").unwrap();
    let sha256 = "f25f7e1d0f9a3b0f5b3d3c0d8a2e6d41e3d6a3ac2b3be7b4b9c5ff1c8d0e2a11";
    let hashed = Normaliser::hashed(IdentifierKind::Email, None, SHA256_OF_JANE_AT_GMAIL).unwrap();
    let other_kind = Normaliser::hashed(IdentifierKind::UserId, None, SHA256_OF_JANE_AT_GMAIL).unwrap();
    let other = Normaliser::hashed(IdentifierKind::Email, None, sha256).unwrap();
    assert_eq!(spelled, plain);
    assert_eq!(spelled, hashed);
    let people: HashSet<Identifier> = [spelled, plain, hashed, other, other_kind].into();
    assert_eq!(people.len(), 3);
}
