//! `abide drop`: California's lists in, withdrawn requests honoured, the answer out.

use std::fs;

use crate::world::World;

/// Base64 of the SHA-256 of `loud.heron@example.com` and of `nobody@example.com`.
const HERON: &str = "uybTthI5jzNLA6S4pdDcYDf/HZg57zyXM+q7K1RR1lc=";
const NOBODY: &str = "54jqIBRpPc24Z2es6zhgpDL8Ymxkd6bFMBav9AcmhCs=";

#[test]
fn a_request_is_answered_honoured_and_withdrawn() {
    let world = World::new();
    let write = |name: &str, text: String| fs::write(world.path(name), text).unwrap();
    let sells =
        |exit: i32| world.must(exit, &["check", "--action", "sell", "--email", "Loud.Heron@example.com"]);
    write("20260312_4821_Email.csv", format!("ID,Hash\nAAAAAAAAAAA1,{HERON}\nAAAAAAAAAAA2,{NOBODY}\n"));
    write("20260312_4821_NDZ.csv", format!("ID,Hash\nAAAAAAAAAAA3,{NOBODY}\n"));
    write("20260426_4821_Removed.csv", format!("ID,Hash,ListType\nAAAAAAAAAAA1,{HERON},Email\n"));
    write("list.csv", format!("ID,Hash\nAAAAAAAAAAA1,{HERON}\n"));

    let report = ["drop", "report", "20260312_4821_Email.csv", "--data", "people.csv", "--out", "upload.csv"];
    world.must(0, &report);
    let answer = fs::read_to_string(world.path("upload.csv")).unwrap();
    assert_eq!(answer, "Id,Status\nAAAAAAAAAAA1,3\nAAAAAAAAAAA2,5\n");

    sells(0);
    let lists = ["drop", "import", "20260312_4821_Email.csv", "20260312_4821_NDZ.csv"];
    let ran = world.must(0, &lists);
    assert!(ran.stdout.contains("NDZ.csv: passed over"), "{ran:?}");
    sells(1);
    let removed = world.must(0, &["drop", "import", "20260426_4821_Removed.csv"]);
    assert!(removed.stdout.contains("1 requests withdrawn"), "{removed:?}");
    sells(0);

    let nameless = world.must(3, &["drop", "import", "list.csv"]);
    assert!(nameless.stderr.contains("its name does not say what it holds"), "{nameless:?}");
    world.must(0, &["verify"]);
}
