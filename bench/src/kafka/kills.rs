//! Part `kills`: instances of `abide stream` killed at random, the broker too, while people say no in the topic and
//! elsewhere; then every record is held against what had to become of it.

mod mails;
mod people;
mod verdicts;
mod writer;

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::mails::Mails;
use self::people::Elsewhere;
use self::writer::Writer;
use super::broker::Broker;
use super::contestant::Contestant;
use super::group::Group;
use crate::bench_dir::{BenchDir, abide};
use crate::people::mix;
use crate::report::{Bar, bars, seconds};
use crate::store::Store;

const GROUP: &str = "kills";
const MAILS: &str = "mails";
const OUTPUT: &str = "mails-out";
const DEAD: &str = "mails-dead";
const TALLIES: &str = "mails-tallies";
const INSTANCES: [&str; 2] = ["one", "two"];
/// So many people say no elsewhere.
const ELSEWHERE: u64 = 60;
/// While the list is older, nothing is judged.
const LIST_AGE_MAX_S: u64 = 2;
const LOOK: Duration = Duration::from_millis(20);

/// What happens when so many records are done.
#[derive(Clone, Copy, Debug)]
enum Act {
    Kill(usize),
    RestartBroker,
    SayNoElsewhere,
}

pub(crate) fn part(bench: &BenchDir, events: u64, kills: u64, seed: u64) -> Result<String> {
    println!("bench: seed {seed}");
    let mails = Mails::new(events, seed);
    let store = Store::init(bench)?;
    let broker = Broker::start(bench)?;
    broker.create(&[MAILS, OUTPUT])?;
    broker.create_with(&[DEAD, TALLIES], 1)?;
    let config = config(bench, broker.servers())?;
    let group = Group::new(broker.servers(), GROUP, MAILS)?;
    let mut world =
        World { bench, store, config, broker, group, elsewhere: Elsewhere::default(), running: Vec::new() };
    let began = Instant::now();
    world.run(mails, &acts(events, kills, seed))?;
    let took_s = began.elapsed().as_secs_f64();
    println!("bench: {events} records are done after {}; comparing", seconds(took_s));
    let found = verdicts::compare(world.broker.servers(), mails, &world.elsewhere)?;
    world.verify()?;
    let what = format!("{events} events, {kills} kills, a restart of the broker; {}", seconds(took_s));
    Ok(bars(&[Bar {
        what,
        asked: "none lost, doubled or out of its order, nobody through who said no, tallies true".to_owned(),
        figure: format!(
            "{} had to pass, {} had to be blocked, {} were free to ({} passed)",
            found.must_pass, found.must_block, found.either, found.either_passed
        ),
        ratio: "none wrong".to_owned(),
        met: true,
    }]))
}

/// In the order in which they happen, at random places.
fn acts(events: u64, kills: u64, seed: u64) -> VecDeque<(u64, Act)> {
    let at = |number: u64, of: u64, salt: u64| {
        // One in each stretch, so that none happens while the last one is still being got over.
        let stretch = events / of.max(1);
        number * stretch + mix(seed ^ salt ^ mix(number)) % stretch.max(1)
    };
    let instance = |number| (mix(seed ^ 0x1257 ^ number) % INSTANCES.len() as u64) as usize;
    let mut acts: Vec<(u64, Act)> = Vec::new();
    acts.extend((0..kills).map(|number| (at(number, kills, 0xD1E), Act::Kill(instance(number)))));
    acts.extend((0..ELSEWHERE).map(|number| (at(number, ELSEWHERE, 0x5A7), Act::SayNoElsewhere)));
    acts.push((events / 2 + mix(seed) % (events / 10).max(1), Act::RestartBroker));
    acts.sort_by_key(|(at, _)| *at);
    acts.into()
}

fn config(bench: &BenchDir, servers: &str) -> Result<PathBuf> {
    let folder = bench.empty("kills")?;
    fs::write(
        folder.join("map.toml"),
        "claimant = \"person\"\n[[signal]]\nemail = \".to\"\nmechanism = \"email.unsubscribe\"\n",
    )?;
    let config = format!(
        "[stream]\ngroup = \"{GROUP}\"\ndead_letter = \"{DEAD}\"\ntallies = \"{TALLIES}\"\nbatch_records = 2000\n\
         poll_ms = 100\nlist_age_max_s = {LIST_AGE_MAX_S}\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{servers}\"\n\
         [stream.consumer]\n\"session.timeout.ms\" = 3000\n\"heartbeat.interval.ms\" = 500\n\
         [[route]]\nname = \"mails\"\ntopics = [\"{MAILS}\"]\noutput = \"{OUTPUT}\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"bye\"]\n"
    );
    let path = folder.join("stream.toml");
    fs::write(&path, config).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

struct World<'b> {
    bench: &'b BenchDir,
    store: Store,
    config: PathBuf,
    broker: Broker,
    group: Group,
    elsewhere: Elsewhere,
    running: Vec<Contestant>,
}

impl World<'_> {
    /// Until all is done that is written meanwhile.
    fn run(&mut self, mails: Mails, acts: &VecDeque<(u64, Act)>) -> Result<()> {
        for instance in 0..INSTANCES.len() {
            let started = self.start(instance)?;
            self.running.push(started);
        }
        let writer = Writer::start(self.broker.servers(), MAILS, mails);
        for (nth, (at, act)) in acts.iter().enumerate() {
            self.wait(*at, &writer)?;
            match *act {
                Act::Kill(instance) => {
                    println!("bench: killing instance {} after {at} records", INSTANCES[instance]);
                    self.running[instance].kill()?;
                    thread::sleep(Duration::from_millis(mix(*at) % 1_000));
                    self.running[instance] = self.start(instance)?;
                }
                Act::RestartBroker => {
                    println!("bench: killing the broker after {at} records");
                    self.broker.kill_and_restart()?;
                }
                Act::SayNoElsewhere => self.say_no(mails, nth as u64)?,
            }
        }
        self.wait(mails.events, &writer)?;
        writer.end()?;
        for instance in self.running.drain(..) {
            // One that was started a moment ago does not listen yet.
            instance.stop(&[0, 143])?;
        }
        Ok(())
    }

    fn start(&self, instance: usize) -> Result<Contestant> {
        let mut command = Command::new(abide()?);
        self.store.stream(&mut command, INSTANCES[instance], &self.config);
        Contestant::start(&self.bench.folder("kills")?.join(INSTANCES[instance]), command)
    }

    /// Until so many records are done; looks after everything meanwhile.
    fn wait(&mut self, records: u64, writer: &Writer) -> Result<()> {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            // Silent while the broker is gone.
            let done = self.group.done().unwrap_or(last);
            writer.done(done);
            self.elsewhere.settle(self.broker.servers(), MAILS)?;
            self.running.iter_mut().try_for_each(Contestant::check)?;
            if done >= records {
                return Ok(());
            }
            if done > last {
                (last, since) = (done, Instant::now());
            }
            if since.elapsed() > super::PATIENCE {
                bail!("nothing is done any more after {done} of {records} records");
            }
            thread::sleep(LOOK);
        }
    }

    fn say_no(&mut self, mails: Mails, nth: u64) -> Result<()> {
        let person = mix(nth ^ 0xE15E) % mails.people;
        let before = self.group.committed()?[Mails::partition(person) as usize];
        let said = self.store.opt_out("elsewhere", &Mails::address(person))?.output()?;
        ensure!(said.status.success(), "abide opt-out: {}", String::from_utf8_lossy(&said.stderr));
        self.elsewhere.said(
            person,
            Mails::partition(person),
            before,
            Duration::from_secs(LIST_AGE_MAX_S + 1),
        );
        Ok(())
    }

    /// The journal holds together after all that.
    fn verify(&self) -> Result<()> {
        let said = self.store.verify("elsewhere")?.output()?;
        ensure!(said.status.success(), "abide verify: {}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }
}
