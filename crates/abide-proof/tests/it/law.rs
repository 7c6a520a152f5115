//! The laws of strictness, proven of the rulesets that we ship and broken by others.

use abide_proof::laws;

use crate::ruleset::{all, compiled, default_with};

#[tokio::test]
async fn what_we_ship_keeps_them() {
    for (name, sources) in all() {
        let proof = laws(&compiled(&sources)).await.unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(proof.findings, [], "{name}");
        assert!(proof.questions > 0, "{name}: the solver was asked nothing");
    }
}

/// Each faulty ruleset is one text exchanged in the default one; the law that it breaks, and words of the example.
#[tokio::test]
async fn what_breaks_them_is_found() {
    let phone = "action == Action::\"contact.phone\",\n    resource\n)\nwhen { context.purpose == Purpose::\"marketing\" }";
    for (old, new, law, words) in [
        (
            phone,
            format!(
                "{phone}\nunless {{ context has brand && context.brand == \"zeta\" && principal in Segment::\"do_not_track\" }}"
            ),
            "more-opt-outs-never-allow-more",
            ["`contact.phone` with brand=zeta", "besides lets it through"],
        ),
        (
            phone,
            format!(
                "{phone}\nunless {{ [Segment::\"do_not_track\", Segment::\"held\"].contains(Segment::\"held\") && principal in Segment::\"do_not_share\" }}"
            ),
            "more-opt-outs-never-allow-more",
            ["`contact.phone`", "`law.drop` besides lets it through"],
        ),
        (
            "default = \"third_party\"",
            "default = \"first_party\"".to_owned(),
            "unsaid-is-strictest",
            ["with data=third_party", "`data` is left unsaid"],
        ),
    ] {
        let proof = laws(&default_with(old, &new)).await.unwrap();
        let found = proof.findings.iter().find(|finding| finding.law == law);
        let example = found.map(|finding| finding.example.as_str()).unwrap_or_default();
        assert!(words.iter().all(|word| example.contains(word)), "{new}: {:?}", proof.findings);
    }
}
