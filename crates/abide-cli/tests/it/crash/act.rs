//! What is killed.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Output, Stdio},
    thread,
    time::Duration,
};

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use super::{
    Place,
    ledger::{Ledger, Person, address},
};
use crate::{
    program::now,
    world::{PERSON, World},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    OptOut,
    OptIn,
    Import,
    /// A source's whole list: some are new on it, some have vanished from it.
    Replace,
    Compact,
    Scrub,
}
use Kind::{Compact, Import, OptIn, OptOut, Replace, Scrub};

/// What an act does to one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) person: Person,
    pub(super) out: bool,
}

pub(super) struct Act {
    kind: Kind,
    out: Vec<Person>,
    back: Vec<Person>,
}

impl Act {
    pub(super) fn changes(&self) -> Vec<Change> {
        let out = self.out.iter().map(|person| Change { person: *person, out: true });
        out.chain(self.back.iter().map(|person| Change { person: *person, out: false })).collect()
    }

    /// Somebody whom no later act takes back.
    pub(super) fn out_for_good(&self) -> Option<Person> {
        (self.kind == Import).then(|| self.out[0])
    }

    fn arguments(&self) -> Vec<String> {
        let line = match self.kind {
            OptOut => "opt-out --mechanism email.unsubscribe",
            OptIn => "opt-in --mechanism email.unsubscribe --proof double_opt_in --recorded-by form",
            Import => "import list.csv --mechanism email.unsubscribe",
            Replace => {
                "import list.csv --mechanism email.bounce.hard --source relay --snapshot --allow-vanish 100"
            }
            Compact => "compact",
            Scrub => "scrub crowd.csv --action contact.email -o clean.csv",
        };
        let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if matches!(self.kind, OptOut | OptIn) {
            let people = self.out.iter().chain(&self.back);
            arguments.extend(people.flat_map(|person| ["--email".to_owned(), address(*person)]));
        }
        arguments
    }

    /// What the process says once the change is durable.
    fn is_acknowledged_by(&self, said: &str) -> bool {
        matches!(self.kind, OptOut | OptIn) && said.contains("Durable in the store")
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (out {}, back {})", self.kind, self.out.len(), self.back.len())
    }
}

/// How often a kind was killed before it had ended, and how often it was not.
#[derive(Clone, Copy, Debug, Default)]
struct Killed {
    midway: u64,
    too_late: u64,
}

/// Chooses acts and runs them.
pub(super) struct Acts {
    place: Place,
    kinds: Vec<Kind>,
    /// How long each takes when it is left alone.
    usual: BTreeMap<Kind, Duration>,
    killed: BTreeMap<Kind, Killed>,
    /// Who was taken out one by one, and may return.
    singles: Vec<Person>,
    /// Everybody who was ever on the source's list.
    relayed: Vec<Person>,
    clean: String,
}

impl fmt::Debug for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed: {:?}", self.killed)
    }
}

const CROWD: u64 = 3_000;

impl Acts {
    /// Runs each kind once, undisturbed.
    pub(super) fn begin(world: &World, place: Place, ledger: &mut Ledger) -> Self {
        let mut crowd = format!("id,email\n0,{PERSON}\n");
        for row in 1..=CROWD {
            writeln!(crowd, "{row},crowd.{row}@example.org").unwrap();
        }
        fs::write(world.path("crowd.csv"), &crowd).unwrap();
        let clean = crowd
            .lines()
            .filter(|line| !line.contains(PERSON))
            .fold(String::new(), |text, line| text + line + "\n");
        // What a dead writer sent to a bucket may still land there, so that nobody knows what a list would replace.
        let kinds = [OptOut, OptIn, Import, Compact, Scrub, Replace];
        let kinds = if place == Place::Bucket { &kinds[..5] } else { &kinds };
        let mut acts = Self {
            place,
            kinds: kinds.to_vec(),
            usual: BTreeMap::new(),
            killed: BTreeMap::new(),
            singles: Vec::new(),
            relayed: Vec::new(),
            clean,
        };
        for kind in acts.kinds.clone() {
            let act =
                acts.plan(kind, 3, ledger).unwrap_or_else(|| acts.plan(OptOut, 1, ledger).expect("always"));
            acts.must(world, &act);
            ledger.take(&act, true);
        }
        acts
    }

    pub(super) fn next(&mut self, rng: &mut ChaCha8Rng, ledger: &mut Ledger) -> Act {
        loop {
            let kind = *self.kinds.choose(rng).expect("some");
            let size = if rng.random_bool(0.1) { 4_000 } else { rng.random_range(1..=300) };
            if let Some(act) = self.plan(kind, size, ledger) {
                return act;
            }
        }
    }

    /// `None` for an opt-in when nobody is left to say it.
    fn plan(&mut self, kind: Kind, size: u64, ledger: &mut Ledger) -> Option<Act> {
        let mut act = Act { kind, out: Vec::new(), back: Vec::new() };
        match kind {
            OptOut => {
                act.out = ledger.meet(size.min(3));
                self.singles.extend(&act.out);
            }
            OptIn => act.back.push(ledger.somebody_to_return(&self.singles)?),
            Import => act.out = ledger.meet(size),
            Replace => {
                self.relayed.extend(ledger.meet(size.min(300)));
                // Whoever was on an earlier list, and some who are on the last one.
                let gone = self.relayed.len() * 2 / 3;
                act.back = self.relayed[..gone].to_vec();
                act.out = self.relayed[gone..].to_vec();
            }
            Compact | Scrub => {}
        }
        Some(act)
    }

    /// Runs it to its end.
    #[track_caller]
    pub(super) fn must(&mut self, world: &World, act: &Act) {
        let started = now();
        let ended = start(world, act).wait_with_output().unwrap();
        let took = Duration::from_micros((now().as_micros() - started.as_micros()).unsigned_abs());
        assert!(is_success(&ended, act), "{act:?}: {ended:?}");
        let usual = self.usual.entry(act.kind).or_insert(took);
        *usual = (*usual + took) / 2;
    }

    /// Runs it and kills it at some moment, which may be after its end. Returns whether it was acknowledged.
    pub(super) fn kill(&mut self, world: &World, act: &Act, rng: &mut ChaCha8Rng) -> bool {
        if act.kind == Scrub && rng.random_bool(0.5) {
            fs::remove_file(world.path("clean.csv")).ok();
        }
        let usual = self.usual[&act.kind];
        let at = if self.place == Place::Directory && act.kind != Scrub && rng.random_bool(0.5) {
            Moment::Writing(Duration::from_micros(rng.random_range(0..20_000)))
        } else {
            Moment::After(usual.mul_f64(rng.random_range(0.2..1.1)))
        };
        let held = world.objects("").len();
        let mut child = start(world, act);
        match at {
            Moment::After(pause) => thread::sleep(pause),
            Moment::Writing(pause) => {
                while world.objects("").len() == held && child.try_wait().unwrap().is_none() {
                    thread::sleep(Duration::from_micros(200));
                }
                thread::sleep(pause);
            }
        }
        child.kill().unwrap();
        let ended = child.wait_with_output().unwrap();
        let killed = self.killed.entry(act.kind).or_default();
        if ended.status.signal().is_some() {
            killed.midway += 1;
            return act.is_acknowledged_by(&String::from_utf8_lossy(&ended.stdout));
        }
        killed.too_late += 1;
        assert!(is_success(&ended, act), "{act:?}: {ended:?}");
        true
    }

    pub(super) fn killed_midway(&self) -> u64 {
        self.killed.values().map(|killed| killed.midway).sum()
    }

    /// An output is there whole or not at all.
    pub(super) fn check_output(&self, world: &World, about: &str) {
        if let Ok(found) = fs::read_to_string(world.path("clean.csv")) {
            assert_eq!(found.len(), self.clean.len(), "{about}");
            assert_eq!(found, self.clean, "{about}");
        }
    }
}

/// When to kill.
enum Moment {
    /// Of its run.
    After(Duration),
    /// After the first file of the store has appeared.
    Writing(Duration),
}

fn start(world: &World, act: &Act) -> Child {
    if matches!(act.kind, Import | Replace) {
        let rows: String = act.out.iter().map(|person| address(*person) + "\n").collect();
        fs::write(world.path("list.csv"), format!("email\n{rows}")).unwrap();
    }
    let mut command = world.command();
    command.args(act.arguments()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A scrub that took somebody out says so with 1.
fn is_success(ended: &Output, act: &Act) -> bool {
    ended.status.code() == Some(i32::from(act.kind == Scrub))
}
