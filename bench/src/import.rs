//! Part `import`: a list into a new store, until another machine answers by it.

use anyhow::{Result, ensure};

use crate::bench_dir::BenchDir;
use crate::contest::{Measured, Run, run};
use crate::report::{Bar, bars, mib, of_bar, seconds, table};
use crate::store::Store;

const ROWS_A_SECOND: f64 = 1e6;
const CHECK_S: f64 = 0.030;
const CHECKS: usize = 41;
/// Smaller imports are held beside the index, in memory.
const PUBLISHED_FROM: u64 = 100_000;
const NOT_LISTED: &str = "nobody@example.org";

pub(crate) fn part(bench: &BenchDir, people: u64, rounds: usize) -> Result<String> {
    let list = bench.list(people)?;
    let mut imports = Vec::new();
    let mut follows = Vec::new();
    let mut sums = Vec::new();
    let mut store = Store::init(bench)?;
    for round in 0..rounds {
        if round > 0 {
            store = Store::init(bench)?;
        }
        let import = run(store.import(&list)?, &[0], &bench.said())?;
        // The first question on a machine without a copy: it fetches the list, opens it and answers by it.
        let follow = run(store.check("follower", NOT_LISTED)?, &[0], &bench.said())?;
        imports.push(import);
        follows.push(follow);
        sums.push(Run {
            wall_s: import.wall_s + follow.wall_s,
            cpu_s: import.cpu_s + follow.cpu_s,
            peak_bytes: import.peak_bytes.max(follow.peak_bytes),
        });
    }
    let status = store.status()?;
    ensure!(status["identities"] == people, "the store should hold {people} people: {status}");
    let beside = &status["identities_beside_the_index"];
    ensure!(people < PUBLISHED_FROM || *beside == 0, "the import swells every node's memory: {status}");

    let checks: Result<Vec<Run>> =
        (0..CHECKS).map(|_| run(store.check("follower", NOT_LISTED)?, &[0], &bench.said())).collect();
    let (import, follow) = (Measured::of("import", &imports), Measured::of("follow", &follows));
    let (sum, check) = (Measured::of("sum", &sums), Measured::of("check", &checks?));
    let rate = people as f64 / sum.wall_s.median;
    let bar = [
        Bar {
            what: format!("import of {people} rows until in force on a follower"),
            asked: "≥ 1,000,000 rows a second".to_owned(),
            figure: format!("{rate:.0} rows a second"),
            ratio: of_bar(rate / ROWS_A_SECOND),
            met: rate >= ROWS_A_SECOND,
        },
        Bar {
            what: format!("`abide check` on a store of {people}, whole process"),
            asked: "< 30 ms".to_owned(),
            figure: format!("{:.1} ms", check.wall_s.median * 1e3),
            ratio: of_bar(check.wall_s.median / CHECK_S),
            met: check.wall_s.median < CHECK_S,
        },
    ];
    let rows = [
        ("`abide import`, which publishes a snapshot", &import),
        ("first `abide check` of a machine without a copy", &follow),
        ("both", &sum),
        ("every further `abide check`", &check),
    ];
    let rows: Vec<Vec<String>> = rows.iter().map(|(what, measured)| row(what, measured)).collect();
    let detail = table(&["Import", "time", "least – most", "CPU time", "peak memory"], &rows);
    Ok([bars(&bar), detail, sizes(&status, people)].join("\n"))
}

fn sizes(status: &serde_json::Value, people: u64) -> String {
    let a_person = |part: &serde_json::Value| part.as_f64().unwrap_or(f64::NAN) / people as f64;
    let (journal, snapshot) = (&status["journal"], &status["snapshot"]);
    format!(
        "Bytes a person with the default forms, so one key each: {:.1} in the journal, {:.1} in the snapshot's \
         states, {:.1} in its index, hot and cold part. People held in memory beside the index: {}.\n",
        a_person(&journal["bytes"]),
        a_person(&snapshot["states_bytes"]),
        a_person(&snapshot["index_bytes"]),
        status["identities_beside_the_index"],
    )
}

fn row(what: &str, one: &Measured) -> Vec<String> {
    vec![
        what.to_owned(),
        seconds(one.wall_s.median),
        format!("{} – {}", seconds(one.wall_s.least), seconds(one.wall_s.most)),
        seconds(one.cpu_s.median),
        mib(one.peak_bytes),
    ]
}
