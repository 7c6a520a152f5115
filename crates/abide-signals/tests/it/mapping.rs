//! Mapping files: the examples with their events, and what is refused, with its line.

use abide_signals::mapping::{Mapped, Mapping, MappingFault};

/// `mechanism scope direction of kind text says claimant at time (id)`
fn shown(mapped: &Result<Mapped, MappingFault>) -> String {
    match mapped {
        Ok(Mapped { identifier, statement, event_id, .. }) => format!(
            "{} {} {} of {}:{} says {} at {} ({})",
            statement.mechanism,
            statement.scope,
            statement.direction.as_str(),
            identifier.kind,
            identifier.expose_text(),
            statement.claimant,
            statement.stated_at.map_or("-".to_owned(), |at| at.to_string()),
            event_id.as_deref().unwrap_or("-"),
        ),
        Err(fault) => fault.to_string(),
    }
}

#[track_caller]
fn check(map: &str, event: &str, expected: &[&str]) {
    let read = Mapping::parse(map).unwrap().read(event.as_bytes());
    let said: Vec<String> = read.unwrap_or_else(|fault| vec![Err(fault)]).iter().map(shown).collect();
    assert_eq!(said, expected);
}

#[test]
fn the_examples_say_what_they_should() {
    const EXAMPLES: [(&str, &str, &[&str]); 3] = [
        (
            include_str!("../../../../examples/signals/shop.toml"),
            include_str!("../../../../examples/signals/shop.json"),
            &[
                "email.list list:weekly out of email:jane@example.com says shop at 2026-11-20T08:00:00.000Z (e-1)",
                "privacy.objection * out of phone:+1 415 555 0100 says shop at 2025-11-20T08:00:00.000Z (e-2)",
                "privacy.objection * out of user_id:c-2 says shop at 2025-11-20T08:00:00.000Z (e-2)",
                "email.list list:weekly in of email:joe@example.com says person at 2025-11-20T08:00:00.000Z (e-3)",
            ],
        ),
        (
            include_str!("../../../../examples/signals/mparticle.toml"),
            include_str!("../../../../examples/signals/mparticle.json"),
            &[
                "privacy.no_sale * out of email:jane@example.com says mparticle at 2025-11-20T08:00:00.000Z (6f0c9a1e-0000-4000-8000-000000000001)",
                "privacy.no_sale * out of user_id:c-1 says mparticle at 2025-11-20T08:00:00.000Z (6f0c9a1e-0000-4000-8000-000000000001)",
                "privacy.no_targeting * out of email:jane@example.com says mparticle at 2025-11-20T08:00:00.000Z (6f0c9a1e-0000-4000-8000-000000000001)",
                "privacy.no_targeting * out of user_id:c-1 says mparticle at 2025-11-20T08:00:00.000Z (6f0c9a1e-0000-4000-8000-000000000001)",
            ],
        ),
        (
            include_str!("../../../../examples/signals/resend.toml"),
            include_str!("../../../../examples/signals/resend.json"),
            &[
                "email.bounce.hard * out of email:jane@example.com says resend at 2026-11-20T08:00:00.000Z (56761188-7520-42d8-8898-ff6fc54ce618)",
            ],
        ),
    ];
    for (map, event, expected) in EXAMPLES {
        check(map, event, expected);
    }
}

#[test]
fn a_bad_file_is_refused_with_its_line() {
    #[rustfmt::skip]
    let cases = [
        ("claimant = \"A B\"\nsignal = []", "line 1: a source's name has lower-case letters, digits, `.`, `_` and `-`, 1 to 128 of them"),
        ("claimant = \"a\"\n\n[[signal]]\nemail = \".e\"\nmechanism = \"email.unsubscrib\"", "line 5: no such mechanism; the nearest is `email.unsubscribe` (`abide mechanisms` lists them all)"),
        ("claimant = \"a\"\n\n[[signal]]\nemail = \".e | (\"\nmechanism = \"email.list\"", "line 4: `email`: jq expects "),
        ("claimant = \"a\"\n\n[[signal]]\nwhen = \"nope\"\nemail = \".e\"\nmechanism = \"email.list\"", "line 4: `when`: jq has no filter `nope`"),
        ("claimant = \"a\"\n\n[[signal]]\nmechanism = \"email.list\"", "line 3: a signal needs an identifier, such as `email`"),
        ("claimant = \"a\"\n\n[[signal]]\nmechanism = \"email.list\"\nemial = \".e\"", "line 5: unknown field `emial`, expected one of "),
        ("claimant = \"a\"\n\n[[signal]]\nmechanism = \"email.list\"\nemail = \"def f: f; f\"", "line 5: `email`: `def` is not offered here, so that every expression ends"),
        ("claimant = \"a\"\nselect = \"[range(1; infinite)]\"\nsignal = []", "line 2: `select`: `range` is not offered here, so that every expression ends"),
        ("claimant = \"a\"\nsignal = []\nselect = \"\\\"\\\\(until(false; .))\\\"\"", "line 3: `select`: `until` is not offered here, so that every expression ends"),
        ("claimant = \"a\"\n\n[[signal]]\nmechanism = \"email.list\"\nemail = \".e\"\nproof = \"word\"", "line 6: `proof` is one of `double_opt_in`, `handset`, `login`, `signed`"),
    ];
    for (map, expected) in cases {
        let error = Mapping::parse(map).expect_err(map).to_string();
        assert!(error.starts_with(expected), "{error}\nnot\n{expected}");
    }
}

/// Faults name the line of the file and nothing of the event, and leave the rest standing.
#[test]
fn an_event_that_does_not_fit_is_a_fault_of_its_own() {
    let map = "claimant = \"a\"\nselect = \".[]\"\n\n[[signal]]\nwhen = \".out\"\nemail = \".email\"\nmechanism = \"email.list\"\nscope = { jq = \".scope\" }\nat = \".at\"\n";
    let event = r#"[
        {"out": true, "email": "a@example.com", "scope": "list:x"},
        {"out": false, "email": "b@example.com"},
        {"out": true, "email": "c@example.com"},
        {"out": true, "email": ["d@example.com"], "scope": "*"},
        {"out": true, "email": "e@example.com", "scope": "*", "at": "yesterday"},
        {"out": true, "scope": "*"},
        "f@example.com"
    ]"#;
    check(
        map,
        event,
        &[
            "email.list list:x out of email:a@example.com says a at - (-)",
            "line 8: it gives nothing",
            "line 6: it gives no text",
            // It counts from now on.
            "line 9: it gives no time",
            "email.list * out of email:e@example.com says a at - (-)",
            "line 4: it says out, and has none of the identifiers",
            "line 5: the expression fails on this event",
        ],
    );
    check(map, "no JSON", &["line 0: the body is not JSON"]);
    check(map, &"[".repeat(100_000), &["line 0: the body is not JSON"]);
    check(map, &format!("[{}1]", "1,".repeat(10_000)), &["line 2: it gives too many values"]);
    // An opt-in is the person's only with a proof, whatever an event says.
    let unproven = "claimant = { jq = \".who\" }\n\n[[signal]]\nemail = \".email\"\nmechanism = \"email.list\"\ndirection = \"in\"";
    let by = |who: &str| format!(r#"{{"who": "{who}", "email": "a@example.com"}}"#);
    check(unproven, &by("crm"), &["email.list * in of email:a@example.com says crm at - (-)"]);
    check(unproven, &by("person"), &["line 3: an opt-in of the person needs `proof` and `recorded_by`"]);
}

/// The service shares one mapping between its threads.
#[test]
fn a_mapping_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Mapping>();
}
