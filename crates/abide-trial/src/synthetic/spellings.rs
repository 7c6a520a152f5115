//! Every spelling of an identifier comes to the same verdict.

use std::collections::BTreeSet;

use abide_model::{
    Action, Context, Form, Forms, IdentifierKind, Mechanism, PhoneRegion,
    identifier::{Profile, profile_text},
};
use abide_rules::{Ruleset, case::CaseIdentifier};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{
    Finding,
    facts::{blocks, mechanisms},
    people::{EMAIL, PHONE, answer, case, raw},
    seed::Seed,
};
use crate::cases::EnforcementPoint;

/// Ways of writing [`EMAIL`]; digests of each profile come besides.
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

/// A device's advertising identifier, as the platforms print it, and otherwise.
const DEVICES: [&str; 2] = ["4b61639e-47cc-4056-a16a-c8217e029462", "4B61639E-47CC-4056-A16A-C8217E029462"];

pub(super) fn spellings(rules: &Ruleset, point: &impl EnforcementPoint, seed: &mut Seed) -> Vec<Finding> {
    let context = Context::default();
    for mechanism in mechanisms(&[rules]) {
        for spec in rules.actions().filter(|spec| blocks(rules, &mechanism, &spec.name, &context)) {
            let family = family(spec.destination.kind, seed);
            if let Some(finding) = disagreement(point, &mechanism, &spec.name, &family) {
                return vec![finding];
            }
        }
    }
    Vec::new()
}

/// The first spelling under which something else comes out than under the first: by asking for it, or by having been
/// told of it.
fn disagreement(
    point: &impl EnforcementPoint,
    mechanism: &Mechanism,
    action: &Action,
    family: &[CaseIdentifier],
) -> Option<Finding> {
    let (first, others) = family.split_first()?;
    let context = Context::default();
    let ask = |stated: &CaseIdentifier, asked: &CaseIdentifier| {
        let asked = [(vec![asked.clone()], action, &context)];
        let mut case = case(mechanism, "*", stated.clone(), &asked);
        // As a store that is told to match what others have hashed so.
        case.store.forms = Forms { md5: true, sha1: true };
        answer(point, &case)
    };
    let wanted = ask(first, first);
    // DROP's digest of a phone comes from its lists alone, so nobody is asked about by it.
    let is_asked = |other: &&CaseIdentifier| other.form != Some(Form::Last10Sha256);
    let by_asking = others.iter().filter(is_asked).map(|other| (other, ask(first, other), "asked about"));
    let by_telling = others.iter().map(|other| (other, ask(other, first), "told of"));
    let (other, got, how) = by_asking.chain(by_telling).find(|(_, got, _)| *got != wanted)?;
    let form = other.form.map_or("another spelling", Form::as_str);
    let example = format!(
        "`{mechanism}` said of a {}: `{action}` comes to {wanted:?} by one spelling, and to {got:?} where it is {how} by {form} `{}`",
        first.kind, other.text,
    );
    Some(Finding { law: "spellings-agree", example })
}

/// Several ways of writing one invented identifier of a kind.
fn family(kind: Option<IdentifierKind>, seed: &mut Seed) -> Vec<CaseIdentifier> {
    match kind {
        Some(IdentifierKind::Phone) => return with_digests(IdentifierKind::Phone, PHONE, &PHONES),
        Some(IdentifierKind::Maid) => return with_digests(IdentifierKind::Maid, DEVICES[0], &DEVICES[1..]),
        _ => {}
    }
    match seed.below(3) {
        0 => with_digests(IdentifierKind::Email, EMAIL, &EMAILS),
        1 => with_digests(IdentifierKind::Email, "quiet.otter@gmail.com", &DOTTED),
        _ => with_digests(IdentifierKind::Email, UNICODE[0], &UNICODE[1..]),
    }
}

/// The raw spellings, and the digests of what each profile makes of the first.
fn with_digests(kind: IdentifierKind, first: &str, others: &[&str]) -> Vec<CaseIdentifier> {
    let region: PhoneRegion = "US".parse().expect("it is a region");
    let mut digests = BTreeSet::new();
    for profile in Profile::ALL {
        let Ok(text) = profile_text(profile, kind, first, region) else { continue };
        let is_short = kind == IdentifierKind::Phone && profile == Profile::Drop;
        if is_short {
            digests.insert((Form::Last10Sha256, hex::<Sha256>(&text)));
            continue;
        }
        digests.insert((Form::Sha256, hex::<Sha256>(&text)));
        digests.insert((Form::Md5, hex::<Md5>(&text)));
        digests.insert((Form::Sha1, hex::<Sha1>(&text)));
    }
    let digests = digests.into_iter().map(|(form, text)| CaseIdentifier { kind, form: Some(form), text });
    let spelled = std::iter::once(first).chain(others.iter().copied()).map(|text| raw((kind, text)));
    spelled.chain(digests).collect()
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::InMemory;

    /// No ruleset can break the law, since none knows identifiers: what can is the engine, told apart here by somebody
    /// else among the spellings.
    #[test]
    fn somebody_else_among_the_spellings_is_found() {
        let rules = Ruleset::built_in().expect("it is right").into();
        let point = InMemory { rules };
        let find = |kind, first: &str, others: &[&str], mechanism: &str, action: &str| {
            let family = with_digests(kind, first, others);
            let mechanism = mechanism.parse().expect("it is in the catalogue");
            disagreement(&point, &mechanism, &action.parse().expect("it is an action"), &family)
        };
        let mail = |others: &[&str]| {
            find(IdentifierKind::Email, EMAIL, others, "email.unsubscribe", "contact.email")
        };
        let call =
            |others: &[&str]| find(IdentifierKind::Phone, PHONE, others, "phone.stop", "contact.phone");
        assert_eq!((mail(&EMAILS), call(&PHONES)), (None, None));
        let wrong = mail(&["quiet.heron@example.com"]).expect("it is another address");
        assert!(wrong.example.contains("quiet.heron"), "{}", wrong.example);
        assert!(call(&["+1 202 555 0124"]).is_some());
        // DROP's digest is among the spellings of a phone, and every other form among those of both.
        let forms = |kind, first| {
            with_digests(kind, first, &[]).iter().filter_map(|one| one.form).map(Form::as_str).collect()
        };
        let (mail, phone): (BTreeSet<&str>, BTreeSet<&str>) =
            (forms(IdentifierKind::Email, EMAIL), forms(IdentifierKind::Phone, PHONE));
        assert_eq!(mail, ["md5", "sha1", "sha256"].into());
        assert_eq!(phone, Form::ALL.map(Form::as_str).into());
    }
}
