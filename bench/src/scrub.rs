//! Part `scrub`: customers without those on the list, by us, by DuckDB and by Polars.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bench_dir::{BenchDir, abide, output};
use crate::contest::{Measured, Run, run};
use crate::report::{Bar, bars, mib, ratio, table};
use crate::store::Store;

/// Blocked somebody, which is what a scrub is for.
const BLOCKED: i32 = 1;

const OURS: &str = "abide, store";
const OURS_ALL: &str = "abide, store, every column";
const OURS_REPORT: &str = "abide, store, with a report";
const AGAINST: &str = "abide --against";
const DUCKDB: &str = "DuckDB";

/// One way of doing it.
struct Contestant {
    name: &'static str,
    fine: i32,
    output: PathBuf,
    scrub: Box<Scrub>,
}

/// Makes the command that reads customers and writes those who may stay to a path.
type Scrub = dyn Fn(&Path) -> Result<Command>;

/// Who takes part, reading and writing one format.
struct Contest {
    bench: BenchDir,
    store: Store,
    people: PathBuf,
    extension: &'static str,
    contestants: Vec<Contestant>,
}

pub(crate) fn part(bench: &BenchDir, rows: u64, rounds: usize) -> Result<String> {
    bench.install_peers()?;
    let people = bench.people(rows)?;
    let store = Store::prepared(bench, &people.join("list.csv"))?;

    let mut csv = Contest::new(bench, &store, &people, "csv");
    csv.add_ours();
    csv.add_against();
    csv.add_duckdb("DuckDB, in order", "list.csv", "ordered");
    csv.add_duckdb("DuckDB, in any order", "list.csv", "unordered");
    csv.add_duckdb("DuckDB, list as a table", "list.duckdb", "unordered");
    csv.add_polars("Polars, streaming", "list.csv", "streaming");
    csv.add_polars("Polars, in memory", "list.csv", "in-memory");
    let csv = csv.hold(rows, rounds)?;

    let mut parquet = Contest::new(bench, &store, &people, "parquet");
    parquet.add_ours();
    parquet.add_duckdb("DuckDB, in order", "list.parquet", "ordered");
    parquet.add_duckdb("DuckDB, in any order", "list.parquet", "unordered");
    parquet.add_duckdb("DuckDB, list as a table", "list.duckdb", "unordered");
    parquet.add_polars("Polars, streaming", "list.parquet", "streaming");
    parquet.add_polars("Polars, in memory", "list.parquet", "in-memory");
    let parquet = parquet.hold(rows, rounds)?;

    Ok([bars(&judge(&csv, &parquet)), heading("CSV → CSV", &csv), heading("Parquet → Parquet", &parquet)]
        .join("\n"))
}

fn judge(csv: &[Measured], parquet: &[Measured]) -> Vec<Bar> {
    let ours = named(csv, OURS);
    let duckdb = fastest(csv, |name| name.starts_with(DUCKDB));
    let any = fastest(csv, is_peer);
    let against = named(csv, AGAINST);
    let ours_parquet = named(parquet, OURS);
    let any_parquet = fastest(parquet, is_peer);
    vec![
        faster("scrub CSV → CSV, prepared store, time", ours, duckdb, 4.0),
        leaner("scrub CSV → CSV, prepared store, peak memory", ours, duckdb, 0.25),
        faster("the same against whichever peer is faster, time", ours, any, 4.0),
        faster("scrub Parquet → Parquet, time", ours_parquet, any_parquet, 2.5),
        faster("scrub --against, list read on the spot, time", against, duckdb, 1.0),
        faster("the same against whichever peer is faster, time", against, any, 1.0),
    ]
}

fn faster(what: &str, ours: &Measured, peer: &Measured, bar: f64) -> Bar {
    let times = peer.wall_s.median / ours.wall_s.median;
    Bar {
        what: what.to_owned(),
        asked: format!("≥ {} of {}", ratio(bar), peer.name),
        figure: format!("{:.2} s, theirs {:.2} s", ours.wall_s.median, peer.wall_s.median),
        ratio: format!("{} as fast", ratio(times)),
        met: times >= bar,
    }
}

fn leaner(what: &str, ours: &Measured, peer: &Measured, bar: f64) -> Bar {
    let share = ours.peak_bytes as f64 / peer.peak_bytes as f64;
    Bar {
        what: what.to_owned(),
        asked: format!("≤ {bar:.2} of {}", peer.name),
        figure: format!("{}, theirs {}", mib(ours.peak_bytes), mib(peer.peak_bytes)),
        ratio: format!("{share:.2} of theirs"),
        met: share <= bar,
    }
}

fn named<'m>(measured: &'m [Measured], name: &str) -> &'m Measured {
    measured.iter().find(|one| one.name == name).expect("it took part")
}

fn is_peer(name: &str) -> bool {
    !name.starts_with("abide")
}

fn fastest(measured: &[Measured], among: impl Fn(&str) -> bool) -> &Measured {
    let peers = measured.iter().filter(|one| among(one.name));
    peers.min_by(|a, b| a.wall_s.median.total_cmp(&b.wall_s.median)).expect("peers took part")
}

fn heading(title: &str, measured: &[Measured]) -> String {
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|one| {
            let wall = one.wall_s;
            vec![
                one.name.to_owned(),
                format!("{:.2}", wall.median),
                format!("{:.2} – {:.2}", wall.least, wall.most),
                format!("{:.2}", one.cpu_s.median),
                mib(one.peak_bytes),
            ]
        })
        .collect();
    table(&[title, "seconds", "least – most", "CPU seconds", "peak memory"], &rows)
}

impl Contest {
    fn new(bench: &BenchDir, store: &Store, people: &Path, extension: &'static str) -> Contest {
        let (bench, store, people) = (bench.clone(), store.clone(), people.to_owned());
        Contest { bench, store, people, extension, contestants: Vec::new() }
    }

    fn customers(&self) -> PathBuf {
        self.people.join("customers").with_extension(self.extension)
    }

    fn add(&mut self, name: &'static str, fine: i32, scrub: impl Fn(&Path) -> Result<Command> + 'static) {
        let output = self.people.join("kept").with_extension(self.extension);
        self.contestants.push(Contestant { name, fine, output, scrub: Box::new(scrub) });
    }

    /// Told which column holds addresses, as the peers are, without a report and with one, which says the digests of
    /// what went in and came out; and left to judge every column that it recognises, which is the default and takes the
    /// customers' numbers for user ids.
    fn add_ours(&mut self) {
        for name in [OURS, OURS_REPORT, OURS_ALL] {
            let (store, customers) = (self.store.clone(), self.customers());
            self.add(name, BLOCKED, move |to| {
                let mut command = store.scrub(&customers, to)?;
                if name != OURS_ALL {
                    command.args(["--id", "email=email"]);
                }
                if name == OURS_REPORT {
                    command.arg("--report").arg(to.with_extension("json"));
                }
                Ok(command)
            });
        }
    }

    fn add_against(&mut self) {
        let (list, customers) = (self.people.join("list.csv"), self.customers());
        self.add(AGAINST, BLOCKED, move |to| {
            let mut command = Command::new(abide()?);
            command.arg("scrub").arg(&customers).arg("--against").arg(&list);
            command.args(["--id", "email=email", "--action", "contact.email", "--output"]).arg(to);
            Ok(command)
        });
    }

    fn add_duckdb(&mut self, name: &'static str, list: &'static str, order: &'static str) {
        self.add_peer(name, "scrub_duckdb.py", list, order);
    }

    fn add_polars(&mut self, name: &'static str, list: &'static str, engine: &'static str) {
        self.add_peer(name, "scrub_polars.py", list, engine);
    }

    fn add_peer(&mut self, name: &'static str, script: &'static str, list: &str, how: &'static str) {
        let (bench, list, customers) = (self.bench.clone(), self.people.join(list), self.customers());
        self.add(name, 0, move |to| {
            let mut command = bench.script(script);
            command.arg(&customers).arg(&list).arg(to).arg(how);
            Ok(command)
        });
    }

    /// One round unmeasured, which warms the file cache and in which the outputs are compared; then each
    /// contestant once a round.
    fn hold(&self, rows: u64, rounds: usize) -> Result<Vec<Measured>> {
        let mut kept = None;
        for contestant in &self.contestants {
            self.run(contestant)?;
            let digest = output(self.bench.script("digest.py").arg(&contestant.output))?;
            println!("bench: {}: {digest} rows and digest, {}", self.extension, contestant.name);
            let expected = kept.get_or_insert_with(|| digest.clone());
            ensure!(*expected == digest, "{} kept other rows than {OURS}", contestant.name);
            ensure!(
                digest.starts_with(&format!("{} ", rows - rows / 10)),
                "one customer in ten is on the list"
            );
        }
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); self.contestants.len()];
        for _ in 0..rounds {
            for (contestant, runs) in self.contestants.iter().zip(&mut runs) {
                runs.push(self.run(contestant)?);
            }
        }
        fs::remove_file(&self.contestants[0].output)?;
        Ok(self.contestants.iter().zip(&runs).map(|(one, runs)| Measured::of(one.name, runs)).collect())
    }

    /// Every run writes a new file: what was written before is gone, also from the cache.
    fn run(&self, contestant: &Contestant) -> Result<Run> {
        let output = &contestant.output;
        if output.exists() {
            fs::remove_file(output).with_context(|| format!("could not remove {}", output.display()))?;
        }
        run((contestant.scrub)(output)?, &[contestant.fine], &self.bench.said())
    }
}
