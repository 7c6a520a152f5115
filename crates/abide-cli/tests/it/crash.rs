//! Kill −9 at any moment of whatever writes: what was acknowledged is there and in force, what was not is there whole
//! or not at all, nobody reads anything half-written, and nothing that was left behind stops the next command.
//!
//! `ABIDE_CRASH_SEED` replays the acts of a run and the moments of their kills, as far as clocks can; `cargo xtask
//! crash ROUNDS` runs many.

mod act;
mod ledger;
mod reader;

use std::{env, fs, path::Path};

use abide_testkit::S3Server;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    program::{Ran, now},
    world::World,
};
use act::Acts;
use ledger::Ledger;
use reader::Reader;

const SEED: u64 = 1;
/// Enough that every kind of act is killed some times.
const ROUNDS: u64 = 16;

#[test]
fn killed_on_a_directory() {
    run(&World::new(), Place::Directory, number("ABIDE_CRASH_ROUNDS").unwrap_or(ROUNDS));
}

#[test]
fn killed_on_s3() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path());
    run(&World::on_bucket(&server), Place::Bucket, number("ABIDE_CRASH_ROUNDS").unwrap_or(ROUNDS) / 3);
}

/// Where a write may still land after its writer is dead, and where it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Directory,
    Bucket,
}

#[expect(clippy::print_stderr, reason = "the seed comes first, so that whatever follows can be replayed")]
fn run(world: &World, place: Place, rounds: u64) {
    let own = number("ABIDE_CRASH_ROUNDS").map(|_| now().as_micros().unsigned_abs() % 1_000_000);
    let seed = number("ABIDE_CRASH_SEED").or(own).unwrap_or(SEED);
    eprintln!("ABIDE_CRASH_SEED={seed}, {rounds} rounds, {place:?}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ledger = Ledger::new(place);
    let mut acts = Acts::begin(world, place, &mut ledger);
    let reader = Reader::start(world);
    for round in 0..rounds {
        let act = acts.next(&mut rng, &mut ledger);
        let about = format!("seed {seed}, round {round}, {act:?}");
        let acknowledged = acts.kill(world, &act, &mut rng);
        ledger.take(&act, acknowledged);
        audit(world, &mut ledger, &mut rng, &about);
        acts.check_output(world, &about);
        // Now and then the same at once again, over whatever the killed one left behind.
        if !acknowledged && rng.random_bool(0.3) {
            acts.must(world, &act);
            ledger.take(&act, true);
            audit(world, &mut ledger, &mut rng, &format!("{about}, again"));
        }
        reader.ask_about(ledger.out_for_good());
    }
    let read = reader.stop();
    world.must(0, &["compact"]);
    audit(world, &mut ledger, &mut rng, "at the end");
    eprintln!("{acts:?}; {read} checks beside them; {}", leftovers(world));
    assert!(acts.killed_midway() > rounds / 4, "hardly anything was killed while it ran: {acts:?}");
}

/// Everybody's verdict from this machine's copy of the list or from a new one, and every byte of the store.
fn audit(world: &World, ledger: &mut Ledger, rng: &mut ChaCha8Rng, about: &str) {
    if rng.random_bool(0.2) {
        fs::remove_dir_all(world.path("cache-of-audits")).ok();
    }
    let cache = if rng.random_bool(0.5) { "cache" } else { "cache-of-audits" };
    fs::write(world.path("everybody.csv"), ledger.everybody()).unwrap();
    let arguments = ["segment", "everybody.csv", "--actions", "contact.email", "-o", "labelled.csv"];
    let mut command = world.command();
    let ran = Ran::of(command.env("ABIDE_CACHE", world.path(cache)).args(arguments));
    assert_eq!(ran.exit, Some(0), "{about}: {ran:?}");
    ledger.compare(&fs::read_to_string(world.path("labelled.csv")).unwrap(), about);
    let verified = world.run(&["verify"]);
    assert_eq!(verified.exit, Some(0), "{about}: {verified:?}");
}

/// What the killed ones left, which nothing may trip over: files of the store that were being written, and of outputs
/// where the file system has none without a name.
fn leftovers(world: &World) -> String {
    let staged = world.objects("#").len();
    let hidden = world.entries().iter().filter(|name| name.starts_with('.')).count();
    let scratch = fs::read_dir(world.path("cache")).unwrap().flatten();
    let scratch = scratch.flat_map(|store| entries_beginning(&store.path(), ".abide-")).count();
    format!("left behind: {staged} staged in the store, {hidden} hidden outputs, {scratch} in the cache")
}

fn entries_beginning(folder: &Path, prefix: &'static str) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(move |name| name.starts_with(prefix))
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}
