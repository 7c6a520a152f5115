//! Identifiers, raw and hashed, and the vendors' own functions.

use abide_model::{
    Form, Identifier, IdentifierKind, Normaliser, Profile,
    identifier::{looks_hashed, profile_text},
};

use crate::{choose, chosen};

const REGIONS: [&str; 3] = ["US", "DE", "GB"];

pub(crate) fn identifiers(data: &[u8]) {
    let Some(([kind, region], text)) = choose(data) else { return };
    let text = String::from_utf8_lossy(text);
    let kind = IdentifierKind::ALL[kind % IdentifierKind::ALL.len()];
    let region = REGIONS[region % REGIONS.len()].parse().unwrap();
    let normaliser = Normaliser::new(region);
    match normaliser.raw(kind, &text) {
        Ok(identifier) => normalised_once(normaliser, &identifier),
        Err(error) => says_nothing_of(&text, &format!("{error} {error:?}")),
    }
    for profile in Profile::ALL {
        let _ = profile_text(profile, kind, &text, region);
    }
    let _ = looks_hashed(&text);
    for form in Form::ALL.map(Some).into_iter().chain([None]) {
        if let Ok(hashed) = Normaliser::hashed(kind, form, &text) {
            assert!(hashed.is_hashed() && hashed.expose_texts().next().is_none());
            assert!(form.is_none_or(|form| hashed.primary().form == form));
        }
    }
}

/// Normalising twice is normalising once, and what is derived can always be derived.
fn normalised_once(normaliser: Normaliser, identifier: &Identifier) {
    let canonical = identifier.expose_texts().next().expect("a raw one has a text");
    let again = normaliser.raw(identifier.kind(), canonical).expect("what was normalised is an identifier");
    assert_eq!(again.expose_texts().next(), Some(canonical));
    assert_eq!(&again, identifier);
    for form in Form::ALL {
        let texts = if form == Form::Last10Sha256 { 1 } else { identifier.expose_texts().count() };
        assert!(identifier.digests(form).count() <= texts);
    }
    if let Some(domain) = identifier.email_domain() {
        assert_eq!(identifier.email_domain_digest(), Some(domain.primary()));
    }
    says_nothing_of(canonical, &format!("{identifier:?}"));
}

/// Neither an error nor a `Debug` repeats what somebody wrote. Short texts are in any sentence.
fn says_nothing_of(text: &str, said: &str) {
    assert!(text.trim().len() < 16 || !said.contains(text.trim()), "{said:?} names somebody");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let vectors = [
        include_str!("../../crates/abide-model/tests/vectors/pinned_v1.tsv"),
        include_str!("../../crates/abide-model/tests/vectors/phone_region_examples.csv"),
    ];
    let lines = vectors.into_iter().flat_map(|text| text.lines().step_by(7).take(60));
    let cells = lines.flat_map(|line| line.split(['\t', ',']).map(str::to_owned).collect::<Vec<_>>());
    let mut seeds: Vec<_> =
        cells.zip((0..8).cycle()).map(|(cell, kind)| chosen(&[kind, kind], cell)).collect();
    for (kind, text) in [
        (0, "Jane.Q+news@GoogleMail.com"),
        (0, "\"jane doe\"@bücher.example"),
        (1, "+1 (415) 555-0100 ext 7"),
        (1, "030 5550100"),
        (3, "{6D92078A-8246-4BA4-AE5B-76104861E7DC}"),
        (6, "::ffff:192.0.2.1"),
        (7, "*@bücher.example."),
        (0, "988b074286b20c503e3015c2076533f3bf4ce5ca6f8a507ab52c2e0f98d620b7"),
        (0, "mIsHQoayDFA+MBXCB2Uz879M5cpvileqtSwuD5jWILc="),
    ] {
        seeds.push(chosen(&[kind, 1], text));
    }
    seeds
}
