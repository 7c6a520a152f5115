//! What stands and what does not, as tables.

use super::*;
use crate::{
    Channels, Form, Key, Signal, Time, TypedKey,
    mechanism::CATALOGUE,
    signal::{Proof, SignalKeys, Statement},
};

/// Reads `person email.unsubscribe brand:acme out`; times are the order of the lines, `=` in front
/// meaning the same time as the line before.
fn state_of(lines: &[&str]) -> IdentityState {
    let keys = SignalKeys {
        kind: IdentifierKind::Email,
        primary: TypedKey { key: Key([1; 16]), form: Form::Sha256, version: 1 },
        aliases: vec![],
        domain: None,
    };
    let mut state = IdentityState::new(keys.kind, keys.primary);
    let mut at = 0;
    for line in lines {
        let line = line.strip_prefix("= ").unwrap_or_else(|| {
            at += 1;
            line
        });
        let words: Vec<&str> = line.split(' ').collect();
        let statement = Statement {
            scope: words[2].parse().unwrap(),
            direction: if words[3] == "in" { Direction::In } else { Direction::Out },
            proof: Some(Proof::Login),
            recorded_by: Some("web-form".into()),
            ..Statement::out(words[1].parse().unwrap(), words[0].parse().unwrap())
        };
        let received = Time::from_seconds(100);
        state.apply(
            &Signal::new(keys.clone(), statement, "a".parse().unwrap(), received, Time::from_seconds(at))
                .unwrap(),
        );
    }
    state
}

#[track_caller]
fn check(lines: &[&str], expected: &str) {
    let facts = FactSet::in_force(&state_of(lines), &Retractions::default());
    let found: Vec<String> = facts
        .iter()
        .map(|fact| {
            let sign = if fact.direction == Direction::Out { '-' } else { '+' };
            format!("{sign}{}@{}", fact.mechanism, fact.scope)
        })
        .collect();
    assert_eq!(found.join(" "), expected, "of {lines:#?}");
}

#[test]
fn what_ends_an_opt_out() {
    // A later proven opt-in of the same channel and scope, or a wider one.
    check(
        &["person email.unsubscribe brand:acme out", "person email.unsubscribe brand:acme in"],
        "+email.unsubscribe@brand:acme",
    );
    check(&["person email.list list:weekly out", "person email.unsubscribe * in"], "+email.unsubscribe@*");
    check(&["person email.list list:weekly out", "person profile.all * in"], "+profile.all@*");
    // Not an earlier one, not one at the same time, not of another channel, not a narrower one.
    check(
        &["person email.list list:weekly in", "person email.list list:weekly out"],
        "-email.list@list:weekly",
    );
    check(
        &["person email.list list:weekly in", "= person email.list list:weekly out"],
        "-email.list@list:weekly",
    );
    check(&["person email.list * out", "person sms.stop * in"], "-email.list@* +sms.stop@*");
    check(
        &["person email.unsubscribe * out", "person email.list list:weekly in"],
        "-email.unsubscribe@* +email.list@list:weekly",
    );
    // A source's word ends only its own claim, and is no consent.
    check(&["hubspot email.unsubscribe * out", "hubspot email.unsubscribe * in"], "");
    check(&["person email.unsubscribe * out", "hubspot email.unsubscribe * in"], "-email.unsubscribe@*");
    check(&["klaviyo email.unsubscribe * out", "hubspot email.unsubscribe * in"], "-email.unsubscribe@*");
    // The person can overrule what a source says they said.
    check(&["hubspot email.unsubscribe * out", "person email.unsubscribe * in"], "+email.unsubscribe@*");
}

#[test]
fn what_ends_which_mechanism() {
    // START ends the STOP to that sender only.
    check(
        &["person sms.stop sender:+12015550100 out", "person sms.stop sender:+12015550100 in"],
        "+sms.stop@sender:+12015550100",
    );
    check(
        &["person sms.stop sender:+12015550100 out", "person sms.stop * in"],
        "-sms.stop@sender:+12015550100 +sms.stop@*",
    );
    check(&["person sms.stop * out", "person profile.all * in"], "-sms.stop@* +profile.all@*");
    // Registries: only their own removal.
    check(&["ftc phone.dnc.us * out", "person phone.stop * in"], "-phone.dnc.us@* +phone.stop@*");
    check(&["ftc phone.dnc.us * out", "ftc phone.dnc.us * in"], "");
    check(&["ftc phone.dnc.us * out", "other phone.dnc.us * in"], "-phone.dnc.us@*");
    // Nothing at all.
    check(
        &["crm hold.deceased * out", "crm hold.deceased * in", "person profile.all * in"],
        "-hold.deceased@* +profile.all@*",
    );
    check(
        &["person email.complaint * out", "person email.complaint * in"],
        "-email.complaint@* +email.complaint@*",
    );
}

#[test]
fn what_ends_a_consent() {
    check(&["person email.unsubscribe * in", "person email.unsubscribe * out"], "-email.unsubscribe@*");
    check(&["person email.list list:weekly in", "person email.unsubscribe * out"], "-email.unsubscribe@*");
    // A registry's listing does not: consent given to a company stands beside it.
    check(&["person phone.stop * in", "ftc phone.dnc.us * out"], "+phone.stop@* -phone.dnc.us@*");
    // A reassigned number voids the former owner's consents and keeps the opt-outs.
    check(
        &["person phone.stop * out", "person phone.stop * in", "rnd phone.reassigned * out"],
        "-phone.reassigned@* -phone.stop@*",
    );
    check(&["rnd phone.reassigned * out", "person phone.stop * in"], "-phone.reassigned@* +phone.stop@*");
}

#[track_caller]
fn check_effective(lines: &[&str], context: &[(&str, &str)], expected: &str) {
    let facts = FactSet::in_force(&state_of(lines), &Retractions::default());
    let destination = Destination { kind: Some(IdentifierKind::Email), channels: Channels::EMAIL };
    let context = context.iter().copied().collect();
    let found = Found { kind: IdentifierKind::Email, is_destination: true, facts: &facts };
    let effective = Effective::of([found], destination, &context);
    let outs = effective.outs.iter().map(|fact| format!("-{}@{}", fact.mechanism, fact.scope));
    let consents = effective.consents.iter().map(|fact| format!("+{}@{}", fact.mechanism, fact.scope));
    assert_eq!(outs.chain(consents).collect::<Vec<_>>().join(" "), expected, "of {lines:#?} in {context:?}");
}

#[test]
fn a_scope_decides_in_its_context() {
    let unsubscribed = ["person email.unsubscribe brand:acme out"];
    check_effective(&unsubscribed, &[("brand", "acme")], "-email.unsubscribe@brand:acme");
    check_effective(&unsubscribed, &[("brand", "other")], "");
    // Unnamed is judged strictly.
    check_effective(&unsubscribed, &[], "-email.unsubscribe@brand:acme");

    // A newer, narrower opt-in is an exception to an older, wider opt-out, but only where it surely applies.
    let back = ["person email.unsubscribe * out", "person email.list list:weekly in"];
    check_effective(&back, &[("list", "weekly")], "+email.list@list:weekly");
    check_effective(&back, &[("list", "daily")], "-email.unsubscribe@*");
    check_effective(&back, &[], "-email.unsubscribe@*");

    // A brand is wider than its lists.
    let brand = ["person email.unsubscribe brand:acme out", "person email.list list:weekly in"];
    check_effective(&brand, &[("brand", "acme"), ("list", "weekly")], "+email.list@list:weekly");
    let gone = ["person email.list list:weekly in", "person email.unsubscribe brand:acme out"];
    check_effective(&gone, &[("brand", "acme"), ("list", "weekly")], "-email.unsubscribe@brand:acme");
    check_effective(&gone, &[("brand", "other"), ("list", "weekly")], "+email.list@list:weekly");

    // What nothing ends has no exception either.
    let complaint = ["person email.complaint * out", "person email.list list:weekly in"];
    check_effective(&complaint, &[("list", "weekly")], "-email.complaint@* +email.list@list:weekly");
}

/// Every row of the catalogue reads back as itself, so no row hides another.
#[test]
fn the_catalogue_is_sound() {
    for spec in CATALOGUE {
        let path = spec.path.replace('*', "x1");
        let mechanism: Mechanism = path.parse().unwrap();
        assert_eq!(mechanism.spec().path, spec.path);
        assert_eq!(mechanism.member(), spec.path.ends_with('*').then_some("x1"));
        assert!("phone.dnc.".parse::<Mechanism>().is_err());
    }
}
