//! Part `kafka`: records between topics, beside a loop that copies them without deciding, and beside a join with a table of
//! opt-outs in Kafka Streams.
//!
//! Whoever is measured has one core; the broker, and who writes and reads for the measuring, have the other.

mod broker;
mod contestant;
mod copy;
mod events;
mod group;
pub(crate) mod kills;
mod output;
mod paced;
mod report;
mod streams;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::bench_dir::{BenchDir, abide};
use crate::contest::Spread;
use crate::cores::{on_core, on_the_other_core};
use crate::store::Store;
use broker::Broker;
use contestant::Contestant;
use events::{Event, Expected};
use group::{Group, Pace};
use paced::{Course, Paced};
use streams::Streams;

pub(crate) use copy::{Topics as CopyTopics, run as copy};

const PATIENCE: Duration = Duration::from_secs(120);

const EVENTS: &str = "events";
/// To find the greatest rate by.
const MOST_EVENTS: u64 = 500_000;

/// Of that, what is tried when records come one by one.
const SHARES: [f64; 7] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) events: u64,
    pub(crate) rounds: usize,
    /// Of each measurement of latency.
    pub(crate) seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Abide,
    Copy,
    Streams,
}

const ALL: [Who; 3] = [Who::Abide, Who::Copy, Who::Streams];

impl Who {
    /// Which of the records that are written one by one come to its output: by their number and what they are.
    fn passes(self) -> fn(u64, &Event) -> bool {
        match self {
            Self::Copy => |number, _| copy::passes(1 + number / broker::PARTITIONS as u64),
            Self::Abide | Self::Streams => |_, event| !event.is_blocked,
        }
    }
}

/// What one of them came to.
struct Measured {
    who: Who,
    a_second: Spread,
    cpu_us_each: Spread,
    peak: u64,
    /// In the end, without mapped files.
    own: u64,
}

/// What one of them adds to the way of a record.
struct Delay {
    median_ms: Spread,
    p99_ms: Spread,
}

pub(crate) fn part(bench: &BenchDir, size: &Size) -> Result<String> {
    let list = bench.list(size.rows)?;
    let store = Store::prepared(bench, &list)?;
    let course = on_the_other_core(|| {
        let broker = Broker::start(bench)?;
        broker.create(&[EVENTS])?;
        let streams = Streams::prepare(bench, &broker, &list, EVENTS)?;
        println!("bench: writing {} events", size.events);
        let expected = events::preload(broker.servers(), EVENTS, size.events, size.rows)?;
        let stage = Stage { bench, broker, store, streams, size: *size, expected };
        let measured = stage.rounds()?;
        stage.broker.delete(&[EVENTS])?;
        let half = stage.sustained()? / 2.0;
        let delays = stage.delays(half)?;
        Ok((measured, delays, half))
    });
    let (measured, delays, half) = course?;
    Ok(report::part(size, &measured, &delays, half))
}

pub(crate) fn peers() -> String {
    format!("Kafka and Kafka Streams {}, {}", streams::version(), crate::report::crates(&["rdkafka"]))
}

/// All that a contest needs.
struct Stage<'b> {
    bench: &'b BenchDir,
    broker: Broker,
    store: Store,
    streams: Streams,
    size: Size,
    expected: Expected,
}

impl Stage<'_> {
    /// Each in each round, after one that warms caches and in which what they wrote is compared.
    fn rounds(&self) -> Result<Vec<Measured>> {
        let mut paces = ALL.map(|_| Vec::new());
        for round in 0..=self.size.rounds {
            for (who, paces) in ALL.into_iter().zip(&mut paces) {
                let pace = self.round(who, round).with_context(|| format!("{who:?}, round {round}"))?;
                println!(
                    "bench: {who:?}, round {round}: {:.0} a second, {:.2} µs each, {} MiB",
                    pace.a_second,
                    pace.cpu_us_each,
                    pace.peak >> 20
                );
                if round > 0 {
                    paces.push(pace);
                }
            }
        }
        let measured = ALL.into_iter().zip(paces).map(|(who, paces)| Measured {
            who,
            a_second: Spread::of(paces.iter().map(|pace| pace.a_second)),
            cpu_us_each: Spread::of(paces.iter().map(|pace| pace.cpu_us_each)),
            peak: paces.iter().map(|pace| pace.peak).max().unwrap_or(0),
            own: paces.iter().map(|pace| pace.own).max().unwrap_or(0),
        });
        Ok(measured.collect())
    }

    fn round(&self, who: Who, round: usize) -> Result<Pace> {
        let name = format!("{who:?}-{round}").to_lowercase();
        let names = Names::of(&name);
        self.create(&names)?;
        let group = Group::new(
            self.broker.servers(),
            if who == Who::Streams { streams::APPLICATION } else { &name },
            EVENTS,
        )?;
        if who == Who::Streams {
            group.rewind()?;
        }
        let mut contestant = self.start(who, &name, EVENTS, &names)?;
        let pace = group.pace(self.size.events, &mut contestant)?;
        Self::stop(who, contestant, self.size.events)?;
        if round == 0 {
            self.compare(who, &names)?;
        }
        self.broker.delete(&names.all())?;
        Ok(pace)
    }

    fn create(&self, names: &Names) -> Result<()> {
        self.broker.create(&[&names.output, &names.diverted])?;
        self.broker.create_with(&[&names.dead], 1)
    }

    fn start(&self, who: Who, group: &str, input: &str, names: &Names) -> Result<Contestant> {
        let servers = self.broker.servers();
        match who {
            Who::Abide => {
                let mut command = on_core(abide()?);
                self.store.stream(&mut command, "main", &self.config(group, input, names)?);
                Contestant::start(&self.bench.said(), command)
            }
            Who::Copy => {
                let mut command = on_core(std::env::current_exe()?);
                command.args(["copy", "--servers", servers, "--group", group, "--input", input, "--output"]);
                command.args([&names.output, "--diverted", &names.diverted]);
                Contestant::start(&self.bench.said(), command)
            }
            Who::Streams => self.streams.start(self.bench, &names.output),
        }
    }

    /// Nothing but what it cannot do without, so all that a user finds; nobody is dropped, so that all is written again.
    fn config(&self, group: &str, input: &str, names: &Names) -> Result<PathBuf> {
        let (servers, [output, diverted, dead]) = (self.broker.servers(), names.all());
        let text = format!(
            "[stream]\ngroup = \"{group}\"\ndead_letter = \"{dead}\"\n\
             [stream.kafka]\n\"bootstrap.servers\" = \"{servers}\"\n\
             [[route]]\nname = \"events\"\ntopics = [\"{input}\"]\noutput = \"{output}\"\n\
             action = \"contact.email\"\ncontext = {{ purpose = \"marketing\" }}\n\
             identifiers = [\"email=value:/user/email\"]\nblocked = \"divert\"\ndivert_to = \"{diverted}\"\n"
        );
        let path = self.bench.folder("kafka")?.join("stream.toml");
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        Ok(path)
    }

    fn stop(who: Who, contestant: Contestant, events: u64) -> Result<()> {
        match who {
            Who::Abide => {
                let said = contestant.stop(&[0])?;
                ensure!(said.contains(&format!("{events} seen")), "abide counted otherwise: {said}");
            }
            Who::Copy => drop(contestant),
            Who::Streams => {
                contestant.stop(&[143])?;
            }
        }
        Ok(())
    }

    fn compare(&self, who: Who, names: &Names) -> Result<()> {
        let sum = |topic: &str, partitions| output::sum(self.broker.servers(), topic, partitions);
        let output = sum(&names.output, broker::PARTITIONS)?;
        let diverted = sum(&names.diverted, broker::PARTITIONS)?;
        let Expected { passed, blocked } = self.expected;
        let is_as_wanted = match who {
            Who::Abide => (output, diverted) == (passed, blocked),
            Who::Copy => output.and(diverted) == passed.and(blocked),
            Who::Streams => (output, diverted) == (passed, events::Sum::default()),
        };
        ensure!(is_as_wanted, "{who:?} wrote {output:?} and {diverted:?} of {passed:?} and {blocked:?}");
        ensure!(sum(&names.dead, 1)? == events::Sum::default(), "{who:?} wrote dead letters");
        Ok(())
    }

    /// Abide and the copy loop in turns, each at the same rate.
    fn delays(&self, rate: f64) -> Result<[Delay; 2]> {
        let mut found = [Vec::new(), Vec::new()];
        for round in 0..self.size.rounds {
            for (who, found) in [Who::Abide, Who::Copy].into_iter().zip(&mut found) {
                let paced = self.delay(who, rate, round).with_context(|| format!("{who:?} at half load"))?;
                println!(
                    "bench: {who:?} at {rate:.0} a second: median {:.2} ms, p99 {:.2} ms",
                    paced.median_ms, paced.p99_ms
                );
                found.push(paced);
            }
        }
        Ok(found.map(|of: Vec<Paced>| Delay {
            median_ms: Spread::of(of.iter().map(|one| one.median_ms)),
            p99_ms: Spread::of(of.iter().map(|one| one.p99_ms)),
        }))
    }

    /// The greatest rate that Abide keeps up with when records come one by one. All at work at once, with the broker's core
    /// also writing the events and reading what comes, is more than that: then transactions are large, and cheap for the
    /// broker.
    fn sustained(&self) -> Result<f64> {
        let most = self.on_course(Who::Abide, "most", None, |course| {
            paced::most(course, self.size.events.min(MOST_EVENTS), Who::Abide.passes())
        })?;
        println!("bench: Abide, events written and read beside it: {most:.0} a second");
        for (step, share) in SHARES.into_iter().enumerate() {
            let (name, rate) = (format!("rate-{step}"), most * share);
            let is_sustained = self.on_course(Who::Abide, &name, Some(rate), |course| {
                paced::is_sustained(course, Who::Abide.passes())
            })?;
            println!("bench: Abide, at {rate:.0} a second: keeps pace: {is_sustained}");
            if is_sustained {
                return Ok(rate);
            }
        }
        bail!("it keeps pace with no rate that was tried")
    }

    fn delay(&self, who: Who, rate: f64, round: usize) -> Result<Paced> {
        let name = format!("half-{who:?}-{round}").to_lowercase();
        self.on_course(who, &name, Some(rate), |course| paced::run(course, who.passes()))
    }

    fn on_course<T>(
        &self,
        who: Who,
        name: &str,
        rate: Option<f64>,
        run: impl FnOnce(&Course<'_>) -> Result<T>,
    ) -> Result<T> {
        let (input, names) = (format!("{name}-in"), Names::of(name));
        self.broker.create(&[&input])?;
        self.create(&names)?;
        let mut contestant = self.start(who, name, &input, &names)?;
        // One record a partition, so that it is known to be at work.
        let first = events::knock(self.broker.servers(), &input, self.size.rows)?;
        Group::new(self.broker.servers(), name, &input)?.wait(first, &mut contestant)?;
        let course = Course {
            servers: self.broker.servers(),
            input: &input,
            output: &names.output,
            rows: self.size.rows,
            rate,
            seconds: self.size.seconds,
        };
        let found = run(&course)?;
        contestant.check()?;
        drop(contestant);
        self.broker.delete(&[names.all().as_slice(), &[&input]].concat())?;
        Ok(found)
    }
}

/// The topics that one run writes to.
struct Names {
    output: String,
    diverted: String,
    dead: String,
}

impl Names {
    fn of(run: &str) -> Self {
        let topic = |what: &str| format!("{run}-{what}");
        Self { output: topic("out"), diverted: topic("diverted"), dead: topic("dead") }
    }

    fn all(&self) -> [&str; 3] {
        [&self.output, &self.diverted, &self.dead]
    }
}
