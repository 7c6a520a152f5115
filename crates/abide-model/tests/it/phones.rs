//! Phone numbers: libphonenumber's own cases, and the fast path against it.

use abide_model::{Form, IdentifierKind, Profile, identifier::profile_text};
use proptest::prelude::*;
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

use crate::{canonical, json, raw_in, read, texts};

/// Where a case names no region: one whose international prefix is `00`, like that of most.
const ANY_REGION: &str = "NZ";

/// Rows that we refuse although libphonenumber parses them, with the reason.
const REFUSED: [(&str, &str); 6] = [
    ("tel-018", "seven digits in the US: which area is meant is lost"),
    ("tel-053", "four digits: no number of Belarus is so short"),
    ("tel-054", "five digits in Belarus: which area is meant is lost"),
    ("tel-062", "eleven digits after +1: no number of the US is so long"),
    ("tel-063", "eleven digits after +1: no number of the US is so long"),
    ("tel-064", "eleven digits after +1: no number of the US is so long"),
];

/// Rows that expect an error for want of a region, which a normaliser always has.
const NEEDS_NO_REGION: [&str; 1] = ["telx-012"];

#[test]
fn cases_of_libphonenumber() {
    let cases = json("phones.json");
    let mut failed = Vec::new();
    let (mut run, mut refused) = (0, 0);
    for section in ["vectors", "invalid", "rust_phonenumber_regressions"] {
        for row in cases[section].as_array().unwrap() {
            let input = row["input"].as_str().unwrap();
            let id = row["id"].as_str().unwrap_or(input);
            if NEEDS_NO_REGION.contains(&id) {
                continue;
            }
            let expected = row["real_metadata_result_computed"].as_str().or(row["e164"].as_str());
            let ours =
                raw_in(row["default_region"].as_str().unwrap_or(ANY_REGION), IdentifierKind::Phone, input);
            let ours = ours.as_ref().map(canonical);
            run += 1;
            if REFUSED.iter().any(|(listed, _)| *listed == id) {
                refused += 1;
                if ours.is_ok() {
                    failed.push(format!("{id}: {ours:?}, which is listed as refused"));
                }
            } else if row["expect"] != "no panic" && ours.ok() != expected {
                failed.push(format!("{id}: {ours:?} instead of {expected:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!((run, refused), (69, REFUSED.len()));
}

/// One mobile and one fixed number per region: read in its region, and as E.164 in any other.
#[test]
fn region_examples() {
    let mut run = 0;
    for line in read("phone_region_examples.csv").lines().skip(1) {
        let [region, _, national, e164, ..] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        for spelling in spellings(national) {
            let ours = raw_in(region, IdentifierKind::Phone, &spelling);
            assert_eq!(ours.as_ref().map(texts), Ok(vec![e164, &e164[1..]]), "{region} {spelling}");
        }
        for elsewhere in [region, "US", "DE", "AR", "IT"] {
            for spelling in spellings(e164) {
                let ours = raw_in(elsewhere, IdentifierKind::Phone, &spelling);
                assert_eq!(ours.as_ref().map(canonical), Ok(e164), "{spelling} in {elsewhere}");
            }
        }
        run += 1;
    }
    assert_eq!(run, 310);
}

/// Ways to write the same number.
fn spellings(number: &str) -> [String; 4] {
    let spaced: Vec<String> = number.chars().map(String::from).collect();
    let full_width = number.chars().map(|c| match c {
        '0'..='9' => char::from_u32(c as u32 - 0x30 + 0xFF10).unwrap(),
        '+' => '＋',
        other => other,
    });
    [number.to_owned(), format!(" \u{202A}{number}\u{202C} "), spaced.join(" "), full_width.collect()]
}

#[test]
fn what_is_taken_and_how() {
    let us = |text: &str| raw_in("US", IdentifierKind::Phone, text).map(|it| canonical(&it).to_owned());
    let same = Ok("+12015550123".to_owned());
    for spelling in [
        "+12015550123",
        "(201) 555-0123",
        "1-201-555-0123",
        "201.555.0123",
        "tel:+1-201-555-0123",
        "+1 201 555 0123 ext. 7",
        "011 1 201 555 0123",
    ] {
        assert_eq!(us(spelling), same, "{spelling}");
    }
    assert_eq!(us("1-800-FLOWERS"), Ok("+18003569377".to_owned()));
    // The docs of UID2 show this one as the sender's work.
    assert_eq!(us("1 (234) 567-8901"), Ok("+12345678901".to_owned()));
    for refused in ["555-0123", "12345678", "1-800-555-01234", "jane@example.com", "2015550123 / 2015550124"]
    {
        assert!(us(refused).is_err(), "{refused}");
    }
}

/// A national number's digits may be another country's number: keys are made of E.164 only.
#[test]
fn national_spellings_make_no_texts() {
    let ours = raw_in("US", IdentifierKind::Phone, "2015550123").unwrap();
    assert_eq!(texts(&ours), ["+12015550123", "12015550123"]);
    let googles = profile_text(Profile::Google, IdentifierKind::Phone, "2015550123", "US".parse().unwrap());
    assert_eq!(googles.as_deref(), Ok("+2015550123"), "what the vendor's function makes");

    let last_10 = ours.digests(Form::Last10Sha256).collect::<Vec<_>>();
    let elsewhere = raw_in("US", IdentifierKind::Phone, "+882015550123");
    assert_eq!(last_10.len(), 1);
    assert!(elsewhere.is_err() || elsewhere.unwrap().primary() != ours.primary());
}

/// libphonenumber's answer with the rules of phone.rs: what the fast path must agree with.
fn oracle(text: &str, region: Region) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(text, Some(region)).ok()?;
    let possible = number.is_possible_with_reason() == Ok(NumberLengthType::IsPossible);
    possible.then(|| number.format_as(PhoneNumberFormat::E164).into_owned())
}

proptest! {
    #[test]
    fn fast_path_agrees_with_libphonenumber(
        text in r"\+?(1|33|34|44|61|91)?[ (.-]{0,2}[0-9]{3}[). -]{0,2}[0-9]{3,4}[ .-]?[0-9]{2,4}",
        region in prop::sample::select(vec![Region::US, Region::CA, Region::GB, Region::FR, Region::BS]),
    ) {
        let ours = raw_in(&region.to_string(), IdentifierKind::Phone, &text);
        let expected = oracle(&text, region).and_then(|e164| {
            // A number that would be read differently the second time is settled or refused.
            if oracle(&e164, Region::US).as_deref() == Some(&e164) { Some(e164) } else { None }
        });
        if let Some(expected) = expected {
            prop_assert_eq!(ours.as_ref().map(canonical), Ok(expected.as_str()));
        } else if let Ok(ours) = &ours {
            let e164 = canonical(ours);
            let settled = oracle(e164, Region::US);
            prop_assert_eq!(settled.as_deref(), Some(e164));
        }
    }

    /// The digits of an E.164 number, which are `meta`'s text, lead back to it.
    #[test]
    fn texts_lead_back(text in r"\+[1-9][0-9]{6,14}") {
        if let Ok(ours) = raw_in("DE", IdentifierKind::Phone, &text) {
            for other in ours.expose_texts() {
                let back = raw_in("US", IdentifierKind::Phone, &format!("+{}", other.trim_start_matches('+')));
                prop_assert_eq!(back.as_ref(), Ok(&ours));
            }
        }
    }
}
