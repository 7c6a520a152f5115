//! `abide unsubscribe-link`: its keys, its links, and the service that answers them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    program::Ran,
    serve::{Serving, ask},
    world::{PRIVATE, World},
};

#[test]
fn a_link_from_its_keys_to_its_use() {
    let world = World::new();
    for count in 1..=2 {
        let made = world.must(0, &["unsubscribe-link", "new-key", "--keys", "links.keys"]);
        assert!(made.stdout.contains(&format!("there are {count}")), "{made:?}");
    }
    let mode = fs::metadata(world.path("links.keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(world.path("other"), "something else\n").unwrap();
    world.must(3, &["unsubscribe-link", "new-key", "--keys", "other"]);

    let settings =
        "[serve.unsubscribe]\nkeys_file = \"links.keys\"\npublic = \"https://opt-out.example.com\"\n";
    fs::write(world.path("abide.toml"), settings).unwrap();
    let mint = ["unsubscribe-link", "--scope", "list:weekly", "--email"];
    let headers = world.must(0, &[&mint[..], &["quiet.otter@example.com"]].concat()).stdout;
    let lines: Vec<&str> = headers.lines().collect();
    assert_eq!(lines[1], "List-Unsubscribe-Post: List-Unsubscribe=One-Click");
    assert!(lines[0].starts_with("List-Unsubscribe: <https://opt-out.example.com/u/"), "{headers}");
    assert!(!headers.contains(PRIVATE) && lines[0].len() < 240, "{headers}");

    // As many addresses of pages as there are people, in their order.
    let mut each = world.command();
    each.args(["unsubscribe-link", "--scope", "list:weekly", "--each", "email"]);
    let url = Ran::given(&mut each, "another@example.com").stdout;
    let mut each = world.command();
    each.args(["unsubscribe-link", "--each", "email"]);
    let refused = Ran::given(&mut each, "nobody");
    assert!(refused.exit == Some(3) && refused.stderr.contains("line 1 of standard input"), "{refused:?}");
    for wrong in [
        &["--email-domain", "example.com"][..],
        &[],
        &["--email", "a@example.com", "--mechanism", "sms.stop"],
    ] {
        world.must(3, &[&["unsubscribe-link"], wrong].concat());
    }

    let serving = Serving::start_by(world.command());
    let path = url.trim().strip_prefix("https://opt-out.example.com").unwrap();
    assert_eq!(ask(&serving.address, "GET", path, "").unwrap().0, 200);
    let check =
        ["check", "--action", "contact.email", "--context", "list=weekly", "--email", "another@example.com"];
    world.must(0, &check);
    assert_eq!(ask(&serving.address, "POST", path, "").unwrap().0, 200);
    world.must(1, &check);
}
