//! Every published vector that concerns identifiers, against the profile that it is of. What we do
//! differently is listed by id with the reason, and must go on being different.

use abide_model::{
    Form, IdentifierKind, Normaliser, Profile,
    identifier::{looks_hashed, profile_text},
};
use serde_json::Value;
use sha2::Digest as _;

use crate::{canonical, json, raw, texts};

struct Source {
    file: &'static str,
    profile: Profile,
    rows_run: usize,
    /// Rows that we do not agree with: id and reason.
    differs: &'static [(&'static str, &'static str)],
    /// Types of rows that are no identifiers of ours, with how many there are and the reason.
    not_ours: &'static [(&'static str, usize, &'static str)],
    /// Rows whose address the profile takes and we do not: id and reason.
    refused_by_canonical: &'static [(&'static str, &'static str)],
}

const SOURCES: [Source; 4] = [
    Source {
        file: "uid2_identifiers.json",
        profile: Profile::Uid2,
        rows_run: 59,
        differs: &[
            ("uid2-041", "Base64 without padding is common in hashed lists, so we read it"),
            ("uid2-087", "shows what the sender does before, not the function; see phones.rs"),
        ],
        not_ours: &[],
        refused_by_canonical: &[],
    },
    Source {
        file: "google_customer_match.json",
        profile: Profile::Google,
        rows_run: 19,
        differs: &[],
        not_ours: &[
            ("region_code", 2, "part of a postal address, no kind of identifier yet"),
            ("postal_code", 2, "part of a postal address, no kind of identifier yet"),
        ],
        refused_by_canonical: &[],
    },
    Source {
        file: "meta_capi.json",
        profile: Profile::Meta,
        rows_run: 81,
        differs: &[(
            "meta-111",
            "the vendor makes an empty text; hashed it would be everybody, so we refuse",
        )],
        not_ours: &[("zip", 22, "part of a postal address, no kind of identifier yet")],
        refused_by_canonical: &[
            ("meta-011", "a digest: hashed() reads it"),
            ("meta-161", "white space in a quoted name"),
        ],
    },
    Source {
        file: "drop_identifiers.json",
        profile: Profile::Drop,
        rows_run: 4,
        differs: &[],
        not_ours: &[
            ("name", 18, "matched only as part of NDZ and NameVIN, which are no kinds yet"),
            ("zip", 13, "matched only as part of NDZ, which is no kind yet"),
            ("dob", 5, "matched only as part of NDZ, which is no kind yet"),
            ("vin", 4, "matched only as part of NameVIN, which is no kind yet"),
            ("ctvid", 1, "connected television, no kind yet"),
            ("composite_NDZ", 2, "a hash of hashes over several fields, no kind yet"),
            ("composite_NameVIN", 3, "a hash of hashes over several fields, no kind yet"),
        ],
        refused_by_canonical: &[],
    },
];

#[test]
fn published_vectors_agree_or_are_named() {
    for source in &SOURCES {
        let vectors = json(source.file);
        let rows = vectors["vectors"].as_array().unwrap();
        let mut run = 0;
        let mut set_aside = vec![0; source.not_ours.len()];
        for row in rows {
            let id = row["id"].as_str().unwrap();
            let differs = source.differs.iter().any(|(listed, _)| *listed == id);
            let results = match row["type"].as_str().unwrap() {
                "email" => vec![check_text(source, row, IdentifierKind::Email)],
                "phone" => vec![check_text(source, row, IdentifierKind::Phone)],
                "maid" => vec![check_text(source, row, IdentifierKind::Maid)],
                "any" => {
                    vec![
                        check_text(source, row, IdentifierKind::Email),
                        check_text(source, row, IdentifierKind::Phone),
                    ]
                }
                "email_hash" => vec![check_hash(row)],
                other => {
                    let at = source.not_ours.iter().position(|(listed, ..)| *listed == other);
                    set_aside[at.unwrap_or_else(|| panic!("{id}: nobody runs rows of type {other}"))] += 1;
                    continue;
                }
            };
            for result in results {
                assert_eq!(result.is_err(), differs, "{id}: {result:?}");
            }
            run += usize::from(!differs);
        }
        assert_eq!(run, source.rows_run, "{}", source.file);
        let expected: Vec<usize> = source.not_ours.iter().map(|(_, count, _)| *count).collect();
        assert_eq!(set_aside, expected, "{}", source.file);
        assert_eq!(
            run + source.differs.len() + expected.iter().sum::<usize>(),
            rows.len(),
            "{}",
            source.file
        );
    }
}

/// The text and its hash, refusal where the source refuses, and that a list hashed by this source
/// is found from the raw text.
fn check_text(source: &Source, row: &Value, kind: IdentifierKind) -> Result<(), String> {
    let input = row["input"].as_str().unwrap();
    let ours = profile_text(source.profile, kind, input, "US".parse().unwrap());
    let Some(expected) = row["normalized"].as_str() else {
        return match ours {
            Ok(text) => Err(format!("took {text:?}, which the source refuses")),
            Err(_) => Ok(()),
        };
    };
    let ours = ours.map_err(|error| format!("refused: {error}"))?;
    if ours != expected {
        return Err(format!("{ours:?} instead of {expected:?}"));
    }
    let hashes = ["sha256_hex", "sha256_hex_computed", "sha256_base64", "sha256_base64_computed"];
    for hash in hashes.iter().filter_map(|name| row[name].as_str()) {
        let listed = Normaliser::hashed(kind, None, hash).map_err(|error| error.to_string())?.primary();
        if listed.bytes != sha2::Sha256::digest(&ours)[..16] {
            return Err(format!("hash of {ours:?}"));
        }
        is_found(source, row, kind, listed)?;
    }
    Ok(())
}

fn is_found(
    source: &Source,
    row: &Value,
    kind: IdentifierKind,
    listed: abide_model::Digest,
) -> Result<(), String> {
    let refused = source.refused_by_canonical.iter().any(|(id, _)| *id == row["id"]);
    let form = match (source.profile, kind) {
        (Profile::Drop, IdentifierKind::Phone) => Form::Last10Sha256,
        // Google and Meta make of a national number what is no E.164; phones.rs has their texts.
        (_, IdentifierKind::Phone) => return Ok(()),
        _ => Form::Sha256,
    };
    match raw(kind, row["input"].as_str().unwrap()) {
        Err(_) if refused => Ok(()),
        Err(error) => Err(format!("the profile takes it, we refuse it: {error}")),
        Ok(_) if refused => Err("we take it by now".to_owned()),
        Ok(identifier) if identifier.digests(form).any(|digest| digest.bytes == listed.bytes) => Ok(()),
        Ok(_) => Err("a list with this hash would not be found".to_owned()),
    }
}

fn check_hash(row: &Value) -> Result<(), String> {
    let input = row["input"].as_str().unwrap();
    match (Normaliser::hashed(IdentifierKind::Email, None, input), row["normalized"].as_str()) {
        (Err(_), None) => Ok(()),
        (Ok(_), None) => Err("took it".to_owned()),
        (Err(error), Some(_)) => Err(error.to_string()),
        (Ok(ours), Some(expected)) => {
            assert_eq!(looks_hashed(input), Some(Form::Sha256));
            let expected = Normaliser::hashed(IdentifierKind::Email, Some(Form::Sha256), expected);
            if Ok(ours) == expected { Ok(()) } else { Err("another digest".to_owned()) }
        }
    }
}

/// Advertising ids as platforms write them.
#[test]
fn device_vectors() {
    let vectors = json("device_and_misc_identifiers.json");
    let mut run = 0;
    for row in vectors["vectors"].as_array().unwrap() {
        let normalized = row["normalized"].as_str().unwrap();
        let ours = raw(IdentifierKind::Maid, row["input"].as_str().unwrap_or(normalized));
        match (row["type"].as_str().unwrap(), row["platform"].as_str().unwrap()) {
            // A name at a social network: no kind of identifier yet.
            ("username", _) => continue,
            ("idfa", _) => {
                let upper = raw(IdentifierKind::Maid, &normalized.to_uppercase()).unwrap();
                assert_eq!(canonical(&upper), normalized);
                assert_eq!(ours.as_ref(), Ok(&upper));
            }
            ("gaid", _) => assert!(ours.is_err(), "the last group has 11 digits"),
            ("maid", "california_drop") => {
                let ours = ours.unwrap();
                assert_eq!(texts(&ours)[1], normalized);
                let listed = row["sha256_base64"].as_str().unwrap();
                let listed = Normaliser::hashed(IdentifierKind::Maid, None, listed).unwrap();
                assert!(ours.digests(Form::Sha256).any(|digest| digest == listed.primary()));
            }
            ("maid", _) => assert!(ours.unwrap_err().is_absent(), "all zeros is no identifier"),
            other => panic!("nobody runs {other:?}"),
        }
        run += 1;
    }
    assert_eq!(run, 5);
}
