//! Every spelling of an identifier comes to the same verdict.

use std::sync::Arc;

use abide_model::{
    Context, Form, IdentifierKind, PhoneRegion,
    identifier::{Profile, profile_text},
};
use abide_rules::{Ruleset, case::CaseIdentifier};
use sha2::{Digest as _, Sha256};

use super::{
    Finding,
    facts::{blocks, mechanisms},
    people::{EMAIL, PHONE, answer, case, raw},
    seed::Seed,
};

/// Ways of writing [`EMAIL`]; a digest of each profile comes besides.
const EMAILS: [&str; 5] = [
    "Quiet.Otter@Example.COM",
    "  quiet.otter@example.com\t",
    "QUIET.OTTER@EXAMPLE.COM",
    "quiet.otter@example.com\u{a0}",
    "<quiet.otter@example.com>",
];

/// A provider that ignores dots and what follows a plus, written so.
const DOTTED: [&str; 4] = [
    "q.u.i.e.t.otter@gmail.com",
    "quietotter+news@gmail.com",
    "Quiet.Otter@googlemail.com",
    "quietotter@gmail.com",
];

/// A domain outside ASCII, and its name in ASCII.
const UNICODE: [&str; 2] = ["otter@b\u{fc}cher.example", "otter@xn--bcher-kva.example"];

/// Ways of writing [`PHONE`].
const PHONES: [&str; 5] =
    ["+12025550123", "(202) 555-0123", "202.555.0123", "1-202-555-0123", "tel:+1-202-555-0123"];

pub(super) fn spellings(rules: &Arc<Ruleset>, seed: &mut Seed) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mechanism in mechanisms(&[rules]) {
        let context = Context::default();
        for spec in rules.actions().filter(|spec| blocks(rules, &mechanism, &spec.name, &context)) {
            let family = family(spec.destination.kind, seed);
            let (first, others) = family.split_first().expect("a family has members");
            let whole = case(&mechanism, "*", first.clone(), &[(vec![first.clone()], &spec.name, &context)]);
            let wanted = answer(rules, &whole);
            for other in others {
                let asked =
                    case(&mechanism, "*", first.clone(), &[(vec![other.clone()], &spec.name, &context)]);
                let got = answer(rules, &asked);
                if got != wanted {
                    let form = other.form.map_or("another spelling", Form::as_str);
                    let example = format!(
                        "`{mechanism}` said of a {}: `{}` comes to {wanted:?} by the same spelling and to {got:?} by {form} `{}`",
                        first.kind, spec.name, other.text,
                    );
                    findings.push(Finding { law: "spellings-agree", example });
                }
            }
        }
    }
    findings.truncate(1);
    findings
}

/// Several ways of writing one invented identifier of a kind.
fn family(kind: Option<IdentifierKind>, seed: &mut Seed) -> Vec<CaseIdentifier> {
    if kind == Some(IdentifierKind::Phone) {
        return with_digests(IdentifierKind::Phone, PHONE, &PHONES);
    }
    match seed.below(3) {
        0 => with_digests(IdentifierKind::Email, EMAIL, &EMAILS),
        1 => with_digests(IdentifierKind::Email, "quiet.otter@gmail.com", &DOTTED),
        _ => with_digests(IdentifierKind::Email, UNICODE[0], &UNICODE[1..]),
    }
}

/// The raw spellings, and the digest that each profile makes of the first.
fn with_digests(kind: IdentifierKind, first: &str, others: &[&str]) -> Vec<CaseIdentifier> {
    let region: PhoneRegion = "US".parse().expect("it is a region");
    // DROP hashes the last ten digits of a phone, which come from its lists alone and never from data.
    let hashes_whole = |profile: &&Profile| !(kind == IdentifierKind::Phone && **profile == Profile::Drop);
    let texts = Profile::ALL
        .iter()
        .filter(hashes_whole)
        .filter_map(|profile| profile_text(*profile, kind, first, region).ok());
    let digest = |text: String| CaseIdentifier {
        kind,
        form: Some(Form::Sha256),
        text: Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let spelled = std::iter::once(first).chain(others.iter().copied()).map(|text| raw((kind, text)));
    spelled.chain(texts.map(digest)).collect()
}
