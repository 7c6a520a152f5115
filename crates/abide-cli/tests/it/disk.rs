//! Disks that are full, or may not be written, as the kernel has them: a small file system of the test's own, mounted in
//! namespaces of its own, which needs no rights where the system lets users have namespaces. Where it does not, the test
//! says so and passes: the limit on the size of files (`robust.rs`) is then all that stands for a full disk.

mod stream;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use crate::{
    program::{ABIDE, Ran},
    world::{PERSON, PRIVATE, World},
};

/// A file system with a store, its copy and its files on it.
struct Disk {
    world: World,
    /// Keeps the namespaces, until its standard input ends.
    holder: Child,
}

impl Disk {
    /// `None` where there are no namespaces to be had.
    #[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
    fn mount(kilobytes: u32) -> Option<Self> {
        let world = World::new();
        world.must(0, &["compact"]);
        world.must(0, &["opt-out", "--email", "late@example.com", "--mechanism", "email.unsubscribe"]);
        world.must(1, &["check", "--action", "contact.email", "--email", PERSON]);
        let rows: String = (0..4_000).map(|row| format!("u-{row},nobody.{row}@example.com\n")).collect();
        fs::write(world.path("many.csv"), format!("id,email\nu,{PERSON}\n{rows}")).unwrap();
        fs::create_dir(world.path("disk")).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k none disk && cp -a store cache many.csv people.csv disk && echo ready && exec cat"
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        command
            .current_dir(world.directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut holder = match command.spawn() {
            Ok(holder) => holder,
            Err(error) => {
                eprintln!(
                    "NOT TESTED: a full and a read-only disk, since `unshare` cannot be started: {error}"
                );
                return None;
            }
        };
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut said).unwrap();
        if said.trim() == "ready" {
            return Some(Self { world, holder });
        }
        let mut why = String::new();
        holder.stderr.take().expect("piped").read_to_string(&mut why).unwrap();
        holder.wait().unwrap();
        eprintln!("NOT TESTED: a full and a read-only disk, since there is no mounting here: {}", why.trim());
        None
    }

    /// A program on the disk, which is its working directory.
    fn prepared(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        self.world.lead(&mut command);
        let disk = self.world.path("disk");
        command.args([
            "--target",
            &self.holder.id().to_string(),
            "--user",
            "--mount",
            "--preserve-credentials",
        ]);
        command.args(["--", "sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(&disk).arg(program).args(arguments);
        command.env("ABIDE_STORE", disk.join("store")).env("ABIDE_CACHE", disk.join("cache"));
        command
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.prepared(program, arguments))
    }

    fn abide(&self, line: &str) -> Ran {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = self.command(ABIDE, &arguments);
        assert!(!ran.stderr.contains(PRIVATE), "names somebody: {ran:?}");
        ran
    }

    #[track_caller]
    fn must(&self, exit: i32, line: &str) {
        let ran = self.abide(line);
        assert_eq!(ran.exit, Some(exit), "{line}: {ran:?}");
    }

    #[track_caller]
    fn shell(&self, script: &str) -> String {
        let ran = self.command("sh", &["-c", script]);
        assert_eq!(ran.exit, Some(0), "{script}: {ran:?}");
        ran.stdout
    }

    /// Takes up all but so much of the room.
    fn fill(&self, free_kilobytes: u32) {
        self.shell(&format!(
            "rm -f filler; rest=$(df --output=avail -k . | tail -1); [ $rest -le {free_kilobytes} ] || head -c $((rest - {free_kilobytes}))k /dev/zero > filler"
        ));
    }

    /// Files of the store by what is in them, and what else is there.
    fn contents(&self) -> String {
        self.shell("find store -type f | sort | xargs sha256sum; ls -A | grep -v filler")
    }

    /// What holds whatever happened: everybody who is out is out, and every byte is what was written.
    #[track_caller]
    fn stands(&self, about: &str) {
        for out in [PERSON, "late@example.com"] {
            let ran = self.abide(&format!("check --action contact.email --email {out}"));
            assert_eq!(ran.exit, Some(1), "{about}: {ran:?}");
        }
        let ran = self.abide("verify");
        assert_eq!(ran.exit, Some(0), "{about}: {ran:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

const WRITING: [&str; 5] = [
    "opt-out --email somebody@example.com --mechanism email.unsubscribe",
    "import many.csv --id email=email --mechanism email.unsubscribe",
    "compact",
    "scrub many.csv --action contact.email -o clean.csv",
    "segment people.csv --actions contact.email -o clean.csv",
];

/// However much room there is left, an act is done wholly or not at all, and says why.
#[test]
fn a_full_disk() {
    let Some(disk) = Disk::mount(4_096) else { return };
    let before = disk.contents();
    let mut full = 0;
    for free_kilobytes in [0, 12, 60] {
        for line in WRITING {
            disk.fill(free_kilobytes);
            let about = format!("{free_kilobytes} KiB free: {line}");
            let ran = disk.abide(line);
            disk.shell("rm -f filler");
            disk.stands(&about);
            if ran.exit == Some(3) {
                full += 1;
                let said = |line: &str| line.matches("No space left on device").count();
                assert_eq!(
                    ran.stderr.lines().map(said).max(),
                    Some(1),
                    "{about}: each error says it once: {ran:?}"
                );
                assert_eq!(disk.contents(), before, "{about}: half of it is there: {ran:?}");
            } else {
                assert!(matches!(ran.exit, Some(0 | 1)), "{about}: {ran:?}");
                let original = disk.world.directory().display();
                disk.shell(&format!(
                    "rm -rf store cache clean.csv && cp -a {original}/store {original}/cache ."
                ));
            }
        }
    }
    assert!(full >= WRITING.len(), "of {} the disk was full for {full}", 3 * WRITING.len());
}

/// Nothing is written and nothing forgotten; who is out is still known, from the store and from a copy.
#[test]
fn a_read_only_disk() {
    let Some(disk) = Disk::mount(4_096) else { return };
    let before = disk.contents();
    disk.shell("mount -o remount,ro .");
    for line in WRITING {
        let ran = disk.abide(line);
        assert_eq!(ran.exit, Some(3), "{line}: {ran:?}");
        assert!(ran.stderr.contains("Read-only file system"), "{line}: {ran:?}");
    }
    disk.stands("read-only");
    assert_eq!(disk.contents(), before);

    // Without a copy there is nothing to answer from.
    disk.shell("mount -o remount,rw . && rm -r cache && mount -o remount,ro .");
    let ran = disk.abide(&format!("check --action contact.email --email {PERSON}"));
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("cache") && ran.stderr.contains("Read-only file system"), "{ran:?}");
    disk.shell("mount -o remount,rw .");
    disk.stands("writable again");
    disk.must(0, "opt-out --email somebody@example.com --mechanism email.unsubscribe");
}
