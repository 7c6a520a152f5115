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
    // Alone it cannot say who else asks for the same.
    let alone = world.must(3, &["drop", "import", "20260426_4821_Removed.csv"]);
    assert!(alone.stderr.contains("say --complete"), "{alone:?}");
    let unseen = world.must(2, &["drop", "import", "--complete", "20260426_4821_Removed.csv"]);
    assert!(unseen.stdout.contains("give those lists too"), "{unseen:?}");
    sells(1);
    let both = ["drop", "import", "--complete", "20260426_4821_Removed.csv", "20260312_4821_Email.csv"];
    let removed = world.must(0, &both);
    assert!(removed.stdout.contains("1  withdrawn requests: their opt-outs ended"), "{removed:?}");
    sells(0);
    let again = world.must(0, &both);
    assert!(again.stdout.contains("1  withdrawn requests that were known"), "{again:?}");
    world.must(0, &["import", "20260312_4821_Email.csv"]);
    sells(0);

    let nameless = world.must(3, &["drop", "import", "list.csv"]);
    assert!(nameless.stderr.contains("its name does not say"), "{nameless:?}");
    write("20990101_4821_Removed.csv", "ID,Hash,ListType\n".to_owned());
    let ahead = world.must(3, &["drop", "import", "--complete", "20990101_4821_Removed.csv"]);
    assert!(ahead.stderr.contains("yet to come"), "{ahead:?}");
    world.must(0, &["verify"]);
}

/// A withdrawn request leaves alone what somebody else asks, and what the same person asked later.
#[test]
fn a_withdrawal_ends_one_request() {
    let world = World::new();
    let write = |name: &str, text: String| fs::write(world.path(name), text).unwrap();
    let sells =
        |exit: i32| world.must(exit, &["check", "--action", "sell", "--email", "Loud.Heron@example.com"]);
    write("20260312_4821_Email.csv", format!("ID,Hash\nAAAAAAAAAAA1,{HERON}\nAAAAAAAAAAA2,{HERON}\n"));
    write("20260426_4821_Removed.csv", format!("ID,Hash,ListType\nAAAAAAAAAAA1,{HERON},Email\n"));
    write("20260610_4821_Removed.csv", format!("ID,Hash,ListType\nAAAAAAAAAAA2,{HERON},Email\n"));
    write("20260725_4821_Email.csv", format!("ID,Hash\nAAAAAAAAAAA3,{HERON}\n"));

    let shared = world
        .must(0, &["drop", "import", "--complete", "20260312_4821_Email.csv", "20260426_4821_Removed.csv"]);
    assert!(shared.stdout.contains("1  withdrawn requests about what somebody else asks for"), "{shared:?}");
    sells(1);
    let first = ["20260312_4821_Email.csv", "20260426_4821_Removed.csv", "20260610_4821_Removed.csv"];
    world.must(0, &[&["drop", "import", "--complete"][..], &first].concat());
    sells(0);
    // Asked again; the older files, given once more in any order, change nothing.
    world.must(0, &["drop", "import", "20260725_4821_Email.csv"]);
    sells(1);
    world.must(0, &[&["drop", "import", "--complete"][..], &first].concat());
    sells(1);
    // The first two are said once more to be withdrawn; what was asked since is in a list that is not at hand.
    let both = format!("ID,Hash,ListType\nAAAAAAAAAAA1,{HERON},Email\nAAAAAAAAAAA2,{HERON},Email\n");
    write("20260908_4821_Removed.csv", both);
    let elsewhere = world
        .must(2, &["drop", "import", "--complete", "20260312_4821_Email.csv", "20260908_4821_Removed.csv"]);
    assert!(elsewhere.stdout.contains("2  withdrawn requests whose lists are not all here"), "{elsewhere:?}");
    sells(1);
    // A list that was missed, of a request that stands: beside it the withdrawal of its day ends nothing.
    write("20260401_4821_Email.csv", format!("ID,Hash\nAAAAAAAAAAA9,{NOBODY}\n"));
    write("20260313_4821_Email.csv", format!("ID,Hash\nAAAAAAAAAAA8,{NOBODY}\n"));
    write("20260427_4821_Removed.csv", format!("ID,Hash,ListType\nAAAAAAAAAAA8,{NOBODY},Email\n"));
    let nobody = ["check", "--action", "sell", "--email", "nobody@example.com"];
    let first = ["drop", "import", "--complete", "20260313_4821_Email.csv", "20260427_4821_Removed.csv"];
    world.must(0, &first);
    world.must(0, &nobody);
    let missed = world.must(0, &[&first[..], &["20260401_4821_Email.csv"]].concat());
    assert!(missed.stdout.contains("1  opt-outs that stand again"), "{missed:?}");
    world.must(1, &nobody);
}

/// Base64 of the SHA-256 of `2125550142`, of `7a3cbea083e44f8b9f7d2d1f0a5c9e11`, and of `desk@example.com`.
const PHONE: &str = "7Xf/uXz2RaRZ/+uBCYVJ36ZE5+i8GM0XLeSqsXS09xk=";
const MAID: &str = "ZRUiuHojOJ5jl+UW+Ud2Y6yaazImeVwTwgbsgLvuygM=";
const DESK: &str = "8aakt+GVydCnUZv2ZPyZup7ia4I5NAolmdT6KVSjxTs=";

/// Each list against the company's own data: not found, one record, several people.
#[test]
fn each_list_is_answered_by_its_codes() {
    let world = World::new();
    let write = |name: &str, text: String| fs::write(world.path(name), text).unwrap();
    write(
        "data.csv",
        "email,phone,idfa\nloud.heron@example.com,+1 212 555 0142,7A3CBEA0-83E4-4F8B-9F7D-2D1F0A5C9E11\n\
         desk@example.com,,\nDesk@example.com,,\n"
            .to_owned(),
    );
    write(
        "20260312_4821_Email.csv",
        format!("ID,Hash\nAAAAAAAAAAA1,{HERON}\nAAAAAAAAAAA2,{DESK}\nAAAAAAAAAAA3,{NOBODY}\n"),
    );
    write("20260312_4821_Phone.csv", format!("ID,Hash\nAAAAAAAAAAA4,{PHONE}\n"));
    write("20260312_4821_MAID.csv", format!("ID,Hash\nAAAAAAAAAAA5,{MAID}\n"));
    let lists = ["20260312_4821_Email.csv", "20260312_4821_Phone.csv", "20260312_4821_MAID.csv"];
    for (flags, codes) in [(&[][..], [3, 4, 5, 3, 3]), (&["--exempt"], [2, 2, 5, 2, 2])] {
        let line =
            [&["drop", "report"], &lists[..], &["--data", "data.csv", "--out", "upload.csv"], flags].concat();
        world.must(0, &line);
        let answer = fs::read_to_string(world.path("upload.csv")).unwrap();
        let found: Vec<&str> = answer.lines().skip(1).map(|line| &line[13..]).collect();
        assert_eq!(found, codes.map(|code| code.to_string()), "{flags:?}");
    }
    // They are taken in, and withdrawn, the same way.
    let sells =
        |exit: i32, kind: &str, who: &str| world.must(exit, &["check", "--action", "sell", kind, who]);
    world.must(0, &[&["drop", "import"], &lists[..]].concat());
    sells(1, "--email", "desk@example.com");
    let removed = format!("ID,Hash,ListType\nAAAAAAAAAAA4,{PHONE},Phone\nAAAAAAAAAAA5,{MAID},MAID\n");
    write("20260426_4821_Removed.csv", removed);
    let all = [&["drop", "import", "--complete", "20260426_4821_Removed.csv"], &lists[..]].concat();
    let ended = world.must(0, &all);
    assert!(ended.stdout.contains("2  withdrawn requests: their opt-outs ended"), "{ended:?}");
    sells(1, "--email", "desk@example.com");
}
