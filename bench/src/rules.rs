//! Part `rules`: what a change of rules costs, and what many rules cost, on a store that holds a list.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize as _;

use crate::bench_dir::{BenchDir, output};
use crate::contest::{Measured, Run, run};
use crate::people::CITIES;
use crate::report::{Bar, bars, mib, of_bar, ratio, seconds, table};
use crate::store::Store;

const POLICIES: usize = 200;
const IN_FORCE_S: f64 = 0.100;
const SCRUB_RATIO: f64 = 1.10;
/// A scrub that blocked somebody.
const BLOCKED: i32 = 1;
const NOT_LISTED: &str = "nobody@example.org";

/// A column of the customers whose texts say the brand: policies by brand have to be asked about each.
const BRAND: &str = "brand=city";

/// What was measured under one ruleset.
struct Under {
    name: &'static str,
    bring_in: Vec<Run>,
    first_check: Vec<Run>,
    scrub: Vec<Run>,
    decisions: Decisions,
}

/// How often Cedar was called in one scrub of all customers, as its report says, and how many different questions that
/// were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct Decisions {
    calls: u64,
    questions: u64,
}

pub(crate) fn part(bench: &BenchDir, rows: u64, rounds: usize) -> Result<String> {
    bench.install_peers()?;
    let people = bench.people(rows)?;
    let customers = people.join("customers.csv");
    let kept = people.join("kept.csv");
    let store = Store::prepared(bench, &people.join("list.csv"))?;
    let folder = many_policies(bench, &store)?;
    output(store.rules()?.arg("push").arg(&folder).args([
        "-m",
        "many",
        "--by",
        "bench",
        "--min-coverage",
        "0",
    ]))?;

    let mut default = Under::new("the default ruleset");
    let mut many = Under::new("with 200 policies");
    let said = bench.said();
    // Unmeasured, and warms the file cache; the version before is kept as v2 by it.
    output(store.rules()?.args(["activate", "v1", "--by", "bench"]))?;
    scrub(&store, &customers, &kept, &said)?;
    for round in 0..rounds {
        let is_last = round + 1 == rounds;
        for (under, version) in [(&mut default, "v2"), (&mut many, "v1")] {
            let mut command = store.rules()?;
            match version {
                "v2" => command.args(["rollback", "v2", "--if-active", "v1", "--by", "bench"]),
                _ => command.args(["activate", version, "--by", "bench"]),
            };
            under.bring_in.push(run(command, &[0], &said)?);
            under.first_check.push(run(store.check("main", NOT_LISTED)?, &[0], &said)?);
            let active = output(store.rules()?.args(["active", "--json"]))?;
            let active: serde_json::Value = serde_json::from_str(&active)?;
            ensure!(
                active["version"].to_string() == version[1..],
                "round {round}: {version} should be in force: {active}"
            );
            under.scrub.push(scrub(&store, &customers, &kept, &said)?);
            if is_last {
                under.decisions = decisions(&store, &customers, &kept)?;
            }
        }
    }
    fs::remove_file(&kept)?;
    Ok(report(rows, &default, &many))
}

/// The default ruleset, and so many policies beside it that blocks by brand whom it blocks anyway.
fn many_policies(bench: &BenchDir, store: &Store) -> Result<std::path::PathBuf> {
    let folder = bench.empty("rules")?.join("many");
    output(store.rules()?.arg("init").arg(&folder))?;
    let own = fs::read_dir(folder.join("policies"))?
        .map(|file| Ok(fs::read_to_string(file?.path())?.matches("@id(").count()))
        .sum::<Result<usize>>()?;
    // The cities are among the brands, so that texts which rows say are told apart.
    let cities = CITIES.iter().map(|city| city.trim_matches('"').to_owned());
    let brands = cities.chain((1..).map(|number| format!("b{number}")));
    let more: String = (own..POLICIES).zip(brands).map(|(number, brand)| policy(number, &brand)).collect();
    let path = folder.join("policies/brands.cedar");
    fs::write(&path, more).with_context(|| format!("could not write {}", path.display()))?;
    Ok(folder)
}

fn policy(number: usize, brand: &str) -> String {
    format!(
        "@id(\"brand-{number}\")\n@reason(\"the person wants no marketing of {brand}\")\n\
         forbid (principal in Segment::\"do_not_contact.email\", action == Action::\"contact.email\", resource)\n\
         when {{ context.purpose == Purpose::\"marketing\" && context has brand && context.brand == \"{brand}\" }}\n\
         unless {{ context.message == Message::\"confirm_opt_in\" }};\n\n"
    )
}

fn scrub(store: &Store, customers: &Path, kept: &Path, said: &Path) -> Result<Run> {
    if kept.exists() {
        fs::remove_file(kept)?;
    }
    let mut command: Command = store.scrub(customers, kept)?;
    command.args(["--id", "email=email"]);
    run(command, &[BLOCKED], said)
}

/// Not measured in time: every row says a brand, so that there is more to ask about than who is listed.
fn decisions(store: &Store, customers: &Path, kept: &Path) -> Result<Decisions> {
    fs::remove_file(kept)?;
    let mut command = store.scrub(customers, kept)?;
    let command = command.args(["--id", "email=email", "--context", BRAND, "--json"]);
    let ran = command.output().with_context(|| format!("could not start {command:?}"))?;
    ensure!(
        ran.status.code() == Some(BLOCKED),
        "{command:?}: {}\n{}",
        ran.status,
        String::from_utf8_lossy(&ran.stderr)
    );
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    let decisions = Decisions::deserialize(&report["decisions"]).context("a report without `decisions`")?;
    ensure!(decisions.calls > 0, "nothing was asked: {report}");
    Ok(decisions)
}

fn report(rows: u64, default: &Under, many: &Under) -> String {
    let first = Measured::of("first", &[&default.first_check[..], &many.first_check[..]].concat());
    let (few, more) = (Measured::of("default", &default.scrub), Measured::of("many", &many.scrub));
    let times = more.cpu_s.median / few.cpu_s.median;
    let bar = [
        Bar {
            what: format!("first `abide check` after a change of rules, store of {rows}, whole process"),
            asked: "< 100 ms".to_owned(),
            figure: format!(
                "{:.1} ms, at worst {:.1} ms",
                first.wall_s.median * 1e3,
                first.wall_s.most * 1e3
            ),
            ratio: of_bar(first.wall_s.most / IN_FORCE_S),
            met: first.wall_s.most < IN_FORCE_S,
        },
        Bar {
            what: format!("scrub with {POLICIES} policies, CPU time"),
            asked: format!("≤ {} of the default", ratio(SCRUB_RATIO)),
            figure: format!("{:.2} s, default {:.2} s", more.cpu_s.median, few.cpu_s.median),
            ratio: ratio(times),
            met: times <= SCRUB_RATIO,
        },
        asked_once(rows, default),
        asked_once(rows, many),
    ];
    let rows: Vec<Vec<String>> = [default, many].iter().flat_map(|under| under.rows()).collect();
    [bars(&bar), table(&["Rules", "time", "least – most", "CPU time", "peak memory"], &rows)].join("\n")
}

fn asked_once(rows: u64, under: &Under) -> Bar {
    let Decisions { calls, questions } = under.decisions;
    Bar {
        what: format!("scrub of {rows} rows that each say a brand, {}: calls to Cedar", under.name),
        asked: "one for each different question".to_owned(),
        figure: format!("{calls} for {questions}"),
        ratio: ratio(calls as f64 / questions as f64),
        met: calls == questions,
    }
}

impl Under {
    fn new(name: &'static str) -> Under {
        Under {
            name,
            bring_in: Vec::new(),
            first_check: Vec::new(),
            scrub: Vec::new(),
            decisions: Decisions::default(),
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let parts = [
            ("activating it or going back to it, proof included", &self.bring_in),
            ("the first check after that", &self.first_check),
            ("scrub CSV → CSV", &self.scrub),
        ];
        let row = |(what, runs): (&str, &Vec<Run>)| {
            let one = Measured::of(self.name, runs);
            vec![
                format!("{}: {what}", self.name),
                seconds(one.wall_s.median),
                format!("{} – {}", seconds(one.wall_s.least), seconds(one.wall_s.most)),
                seconds(one.cpu_s.median),
                mib(one.peak_bytes),
            ]
        };
        parts.map(row).into()
    }
}
