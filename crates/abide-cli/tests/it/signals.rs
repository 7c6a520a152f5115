//! `abide signals try`: what would come of an event, with nobody in it.

use std::path::Path;

use crate::program::{Ran, abide};

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/signals").join(name);
    path.to_str().expect("a path of this repository").to_owned()
}

#[test]
fn try_shows_statements_and_masks_people() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Ran::of(abide(directory.path()).args([
        "signals",
        "try",
        "--map",
        &example("shop.toml"),
        &example("shop.json"),
    ]));
    assert_eq!(shop.exit, Some(0), "{shop:?}");
    let lines: Vec<&str> = shop.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "email …@e…m: out email.list for list:weekly, shop says, at 2026-11-20T08:00:00.000Z, event e-1 (line 6)",
            "phone +…0: out privacy.objection for *, shop says, at 2025-11-20T08:00:00.000Z, event e-2 (line 14)",
            "user_id …: out privacy.objection for *, shop says, at 2025-11-20T08:00:00.000Z, event e-2 (line 14)",
            "email …@e…m: in email.list for list:weekly, the person says, by double_opt_in, at 2025-11-20T08:00:00.000Z, event e-3 (line 24)",
        ]
    );

    let odd = Ran::given(
        abide(directory.path()).args(["signals", "try", "--map", &example("resend.toml"), "-"]),
        r#"{"type": "email.complained", "data": {"to": ["nobody at all"]}, "created_at": 1763625600}"#,
    );
    assert_eq!(odd.exit, Some(2), "{odd:?}");
    assert!(odd.stdout.contains("the identifier cannot be read"), "{odd:?}");
    assert!(!odd.stdout.contains("nobody"), "{odd:?}");

    let map = directory.path().join("map.toml");
    std::fs::write(&map, "claimant = \"a\"\n\n[[signal]]\nemail = \".e | (\"\nmechanism = \"email.list\"\n")
        .unwrap();
    let bad =
        Ran::of(abide(directory.path()).args(["signals", "try", "--map", "map.toml", &example("shop.json")]));
    assert_eq!(bad.exit, Some(3), "{bad:?}");
    assert!(bad.stderr.contains("line 4: `email`: jq expects"), "{bad:?}");
}
