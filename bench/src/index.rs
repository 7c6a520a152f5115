//! Part `index`: our index beside ready structures, each built and asked in a process of its own.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::bench_dir::BenchDir;
use crate::contest::Spread;
use crate::people::mix;
use crate::report::{Bar, bars, crates, mib, of_bar, ratio, seconds, table};
use crate::structures::{Abide, Fuse, HashMap, Key, Lmdb, Redb, Structure};

/// How many keys are looked up, or places read, in one measurement.
const PROBES: u64 = 500_000;
/// As a scrub asks: a block of rows at a time.
const BATCH: usize = 4096;
const MEASUREMENTS: u64 = 7;
/// So many that every block and nearly every page was read once, of 100 million keys too.
const WARM_UPS: u64 = 2_000_000;
const OPENINGS: usize = 9;

const BYTES_A_KEY: f64 = 16.0;
const OPEN_S: f64 = 0.050;
const MISS_TO_READ: f64 = 1.6;
const BATCH_TO_SINGLE: f64 = 2.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    Abide,
    Hashbrown,
    Xorf,
    Lmdb,
    Redb,
}

const ALL: [Name; 5] = [Name::Abide, Name::Hashbrown, Name::Xorf, Name::Lmdb, Name::Redb];

impl Name {
    fn title(self) -> &'static str {
        match self {
            Name::Abide => "abide-index",
            Name::Hashbrown => "`hashbrown` map",
            Name::Xorf => "`xorf` filter, sorted table",
            Name::Lmdb => "LMDB (`heed`)",
            Name::Redb => "`redb`",
        }
    }
}

/// What a process found out about one structure. Times of look-ups are nanoseconds a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    build_s: f64,
    bytes: u64,
    /// `None`: it lives in memory and is built again by every process.
    open_s: Option<Spread>,
    /// A read whose place the last one told, over as many bytes as look-ups touch, and as misses touch.
    read: Spread,
    read_misses: Spread,
    misses: LookUps,
    hits: LookUps,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct LookUps {
    /// One, begun when the last has ended: what somebody waits who asks about one person.
    alone: Spread,
    /// One after another in a loop; the processor overlaps what it can.
    single: Spread,
    /// Many at once, by the structure's own way if it has one.
    batch: Spread,
}

pub(crate) fn part(bench: &BenchDir, keys: u64) -> Result<String> {
    let mut found = Vec::new();
    for name in ALL {
        let directory = bench.empty("structure")?;
        println!("bench: {} of {keys} keys", name.title());
        let child = Command::new(std::env::current_exe()?)
            .args(["structure", "--name"])
            .arg(format!("{name:?}").to_lowercase())
            .args(["--keys", &keys.to_string(), "--directory"])
            .arg(&directory)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(child.status.success(), "{}: {}", name.title(), child.status);
        let figures: Figures = serde_json::from_slice(&child.stdout).context("a structure's figures")?;
        found.push((name, figures));
    }
    bench.empty("structure")?;
    Ok([bars(&judge(keys, &found[0].1)), sizes(keys, &found), look_ups(&found)].join("\n"))
}

/// The ready structures and their versions.
pub(crate) fn peers() -> String {
    crates(&["hashbrown", "xorf", "heed", "redb"])
}

fn judge(keys: u64, ours: &Figures) -> Vec<Bar> {
    let to_read = ours.misses.alone.median / ours.read_misses.median;
    let to_wide_read = ours.misses.alone.median / ours.read.median;
    let misses = ours.misses.single.median / ours.misses.batch.median;
    let hits = ours.hits.single.median / ours.hits.batch.median;
    let a_key = ours.bytes as f64 / keys as f64;
    let open_s = ours.open_s.map_or(f64::INFINITY, |open| open.median);
    let bar = |what: &str, asked: String, figure: String, ratio: String, met: bool| Bar {
        what: what.to_owned(),
        asked,
        figure,
        ratio,
        met,
    };
    let figure = |ours: Spread, theirs: Spread| format!("{:.0} ns, {:.0} ns", ours.median, theirs.median);
    vec![
        bar(
            "one look-up that misses, to a dependent read of the bytes that misses touch",
            format!("≤ {}", ratio(MISS_TO_READ)),
            figure(ours.misses.alone, ours.read_misses),
            ratio(to_read),
            to_read <= MISS_TO_READ,
        ),
        bar(
            "the same, to a dependent read of all of the hot part",
            format!("≤ {}", ratio(MISS_TO_READ)),
            figure(ours.misses.alone, ours.read),
            ratio(to_wide_read),
            to_wide_read <= MISS_TO_READ,
        ),
        bar(
            "misses in a batch, rate to one by one",
            format!("≥ {}", ratio(BATCH_TO_SINGLE)),
            figure(ours.misses.batch, ours.misses.single),
            ratio(misses),
            misses >= BATCH_TO_SINGLE,
        ),
        bar(
            "hits in a batch, rate to one by one",
            format!("≥ {}", ratio(BATCH_TO_SINGLE)),
            figure(ours.hits.batch, ours.hits.single),
            ratio(hits),
            hits >= BATCH_TO_SINGLE,
        ),
        bar(
            "hot part",
            format!("≤ {BYTES_A_KEY} bytes a key"),
            format!("{a_key:.2} bytes a key"),
            of_bar(a_key / BYTES_A_KEY),
            a_key <= BYTES_A_KEY,
        ),
        bar("opening", "< 50 ms".to_owned(), seconds(open_s), of_bar(open_s / OPEN_S), open_s < OPEN_S),
    ]
}

fn sizes(keys: u64, found: &[(Name, Figures)]) -> String {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(name, figures)| {
            vec![
                name.title().to_owned(),
                format!("{:.1} s", figures.build_s),
                mib(figures.bytes),
                format!("{:.1}", figures.bytes as f64 / keys as f64),
                figures.open_s.map_or("built again".to_owned(), |open| seconds(open.median)),
                format!("{:.0} ns", figures.read.median),
            ]
        })
        .collect();
    let head = format!("{keys} keys");
    table(&[&head, "build", "size", "bytes a key", "open", "dependent read of as much"], &rows)
}

fn look_ups(found: &[(Name, Figures)]) -> String {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(name, figures)| {
            let (misses, hits) = (figures.misses, figures.hits);
            let times = [misses.alone, misses.single, misses.batch, hits.alone, hits.single, hits.batch];
            let mut row = vec![name.title().to_owned()];
            row.extend(
                times.iter().map(|one| format!("{:.0} ({:.0} – {:.0})", one.median, one.least, one.most)),
            );
            row
        })
        .collect();
    table(
        &[
            "ns a key (least – most)",
            "miss, alone",
            "miss, loop",
            "miss, batch",
            "hit, alone",
            "hit, loop",
            "hit, batch",
        ],
        &rows,
    )
}

/// What the process of one structure does; its figures go to standard output.
pub(crate) fn structure(name: Name, keys: u64, directory: &Path) -> Result<()> {
    let figures = match name {
        Name::Abide => figures::<Abide>(keys, directory),
        Name::Hashbrown => figures::<HashMap>(keys, directory),
        Name::Xorf => figures::<Fuse>(keys, directory),
        Name::Lmdb => figures::<Lmdb>(keys, directory),
        Name::Redb => figures::<Redb>(keys, directory),
    }?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn figures<S: Structure>(count: u64, directory: &Path) -> Result<Figures> {
    let mut keys: Vec<Key> = (0..count).map(key).collect();
    keys.sort_unstable();
    let start = Instant::now();
    let in_memory = S::build(&keys, directory)?;
    let build_s = start.elapsed().as_secs_f64();
    drop(keys);

    let (structure, open_s) = if let Some(structure) = in_memory {
        (structure, None)
    } else {
        let times: Result<Vec<f64>> = (0..OPENINGS).map(|_| opening::<S>(directory)).collect();
        (S::open(directory)?, Some(Spread::of(times?)))
    };
    let footprint = structure.footprint()?;
    let region: Vec<u64> = (0..footprint.all / 8).map(mix).collect();
    let part = &region[..(footprint.misses / 8) as usize];
    warm_up(&structure, count);

    let measure = |what: &dyn Fn(u64) -> f64| Spread::of((1..=MEASUREMENTS).map(what));
    let look_ups = |probe: &dyn Fn(u64) -> Key, listed: bool| LookUps {
        alone: measure(&|round| alone(&structure, &probes(round, probe), listed)),
        single: measure(&|round| single(&structure, &probes(MEASUREMENTS + round, probe), listed)),
        batch: measure(&|round| batch(&structure, &probes(2 * MEASUREMENTS + round, probe), listed)),
    };
    Ok(Figures {
        build_s,
        bytes: footprint.all,
        open_s,
        read: measure(&|round| dependent_reads(&region, round)),
        read_misses: measure(&|round| dependent_reads(part, round)),
        misses: look_ups(&|number| key(count + number), false),
        hits: look_ups(&|number| key(mix(number) % count), true),
    })
}

fn opening<S: Structure>(directory: &Path) -> Result<f64> {
    let start = Instant::now();
    let opened = S::open(directory)?;
    let time = start.elapsed().as_secs_f64();
    drop(opened);
    Ok(time)
}

/// Key of a number: those below the count are listed, those above are not.
fn key(number: u64) -> Key {
    let halves = [mix(2 * number), mix(2 * number + 1)];
    let mut key = [0; 16];
    key[..8].copy_from_slice(&halves[0].to_le_bytes());
    key[8..].copy_from_slice(&halves[1].to_le_bytes());
    key
}

/// Keys that were not asked for before, so that nothing of them is in a near cache.
fn probes(round: u64, probe: &dyn Fn(u64) -> Key) -> Vec<Key> {
    (round * PROBES..(round + 1) * PROBES).map(probe).collect()
}

/// What is checked or read at the first touch is not measured.
fn warm_up<S: Structure>(structure: &S, count: u64) {
    for number in 0..WARM_UPS {
        black_box(structure.find(&key(mix(number) % count)));
        black_box(structure.find(&key(count + number)));
    }
}

fn alone<S: Structure>(structure: &S, keys: &[Key], listed: bool) -> f64 {
    nanoseconds_each(keys.len(), || {
        for key in keys {
            let answer = structure.find(key);
            assert_eq!(answer.is_some(), listed, "the structure is wrong");
            wait_for_all_before();
        }
    })
}

fn single<S: Structure>(structure: &S, keys: &[Key], listed: bool) -> f64 {
    nanoseconds_each(keys.len(), || {
        for key in keys {
            assert_eq!(structure.find(key).is_some(), listed, "the structure is wrong");
        }
    })
}

fn batch<S: Structure>(structure: &S, keys: &[Key], listed: bool) -> f64 {
    let mut answers = Vec::with_capacity(BATCH);
    nanoseconds_each(keys.len(), || {
        for keys in keys.chunks(BATCH) {
            structure.find_many(keys, &mut answers);
            assert!(answers.iter().all(|answer| answer.is_some() == listed), "the structure is wrong");
        }
    })
}

/// Each read tells where the next one is, so none can begin before the last has come from memory.
fn dependent_reads(region: &[u64], round: u64) -> f64 {
    let mut last = mix(round);
    let time = nanoseconds_each(PROBES as usize, || {
        for step in 0..PROBES {
            // The step keeps the path from running in a circle.
            let place = (u128::from(last.wrapping_add(step << 40)) * region.len() as u128) >> 64;
            last = region[place as usize];
        }
    });
    black_box(last);
    time
}

fn nanoseconds_each(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}

/// Keeps the processor from beginning the next look-up before it knows the answer of this one, as it does
/// across a branch that it has predicted.
fn wait_for_all_before() {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the standard library has no safe word for it")]
    // SAFETY: every x86-64 processor has this instruction.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}
