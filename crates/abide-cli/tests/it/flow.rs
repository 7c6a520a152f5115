//! The README's flow on the examples, from an outside list to the proof: on a directory and on a real S3 server.

use std::{fs, path::Path, process::Command};

use abide_testkit::S3Server;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{ABIDE, Ran, clean};

struct Flow {
    directory: TempDir,
    store: Vec<(&'static str, String)>,
}

impl Flow {
    fn new(store: Vec<(&'static str, String)>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        for example in fs::read_dir(examples).unwrap() {
            let path = example.unwrap().path();
            if path.is_dir() {
                continue;
            }
            fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
        }
        Self { directory, store }
    }

    #[track_caller]
    fn run(&self, exit: i32, line: &str) -> Ran {
        let mut command = Command::new(ABIDE);
        clean(&mut command, self.directory.path());
        command.envs(self.store.iter().map(|(name, value)| (*name, value))).args(line.split(' '));
        let ran = Ran::of(&mut command);
        assert_eq!(ran.exit, Some(exit), "abide {line}: {ran:?}");
        ran
    }

    #[track_caller]
    fn json(&self, exit: i32, line: &str) -> Value {
        self.run(exit, &format!("{line} --json")).json()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// The first lines of a file as another file.
    fn head(&self, lines: usize, of: &str, named: &str) {
        let text: String = self.read(of).split_inclusive('\n').take(lines).collect();
        fs::write(self.directory.path().join(named), text).unwrap();
    }
}

/// Some fields of an object, in order.
#[track_caller]
fn fields<const N: usize>(of: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| of[name].as_u64().unwrap_or_else(|| panic!("{name} in {of}")))
}

fn tally(report: &Value) -> [u64; 4] {
    fields(&report["totals"][0]["tally"], ["seen", "allowed", "blocked", "cannot_tell"])
}

/// The README's first command.
#[test]
fn a_file_against_a_file() {
    let flow = Flow::new(Vec::new());
    let line = "scrub customers.csv --against unsubscribed.csv --action contact.email -o clean.csv \
                --blocked blocked.csv --unjudged unjudged.csv";
    assert_eq!(tally(&flow.json(1, line)), [300, 250, 40, 10]);
    // What stays is the input's own bytes, in its order.
    let [input, clean] = ["customers.csv", "clean.csv"].map(|name| flow.read(name));
    let mut lines = input.split_inclusive('\n');
    assert!(clean.split_inclusive('\n').all(|kept| lines.any(|line| line == kept)), "in the input's order");
    let bytes: usize =
        ["clean.csv", "blocked.csv", "unjudged.csv"].iter().map(|name| flow.read(name).len()).sum();
    let header = input.lines().next().unwrap().len() + 1;
    assert_eq!(bytes, input.len() + 2 * header, "every row is in one of the three");
    // Again through a pipe, and what was kept is clean but for what cannot be judged.
    flow.run(0, "validate clean.csv --against unsubscribed.csv --action contact.email");
    let streamed = flow.run(1, "scrub customers.csv --against unsubscribed.csv --action contact.email -o -");
    assert_eq!(streamed.stdout, clean);
}

#[test]
fn a_store_in_a_directory() {
    let flow = Flow::new(Vec::new());
    whole_flow(&flow);
    let store = flow.directory.path().join("abide-store");
    assert!(store.join("abide.json").is_file(), "it is made where the README says");

    // A vendor's export: only rows whose flags say out, several flags in one row included.
    let hubspot = flow.json(0, "import hubspot-export.csv");
    assert_eq!(fields(&hubspot, ["rows", "taken", "silent", "signals"]), [80, 33, 47, 40]);
    let brevo = flow.json(0, "import brevo-export.csv");
    assert_eq!(fields(&brevo, ["rows", "taken", "silent", "signals"]), [60, 15, 45, 15]);
    let again = flow.json(0, "import hubspot-export.csv");
    assert_eq!(fields(&again, ["rows", "signals"]), [80, 0]);
    flow.run(0, "verify");
}

#[test]
fn a_store_on_s3() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let mut store = server.env().to_vec();
    store.push(("ABIDE_STORE", format!("{}/lists/acme", server.url())));
    whole_flow(&Flow::new(store));
}

fn whole_flow(flow: &Flow) {
    flow.run(0, "init");
    flow.run(3, "init");
    imports(flow);
    one_person(flow);
    files(flow);
    upkeep(flow);
}

/// A registry's list: once, again, and as the whole list with somebody gone.
fn imports(flow: &Flow) {
    let dnc = "--mechanism phone.dnc.us --source ftc";
    let counts = ["rows", "taken", "repeated", "signals", "withdrawn"];
    let dry = flow.json(0, &format!("import dnc.csv {dnc} --dry-run"));
    assert_eq!((fields(&dry, counts), &dry["dry_run"]), ([120, 120, 0, 120, 0], &Value::Bool(true)));
    assert_eq!(fields(&flow.json(0, &format!("import dnc.csv {dnc}")), counts), [120, 120, 0, 120, 0]);
    assert_eq!(fields(&flow.json(0, &format!("import dnc.csv {dnc}")), counts), [120, 0, 120, 0, 0]);

    let gone = flow.read("dnc.csv").lines().last().unwrap().replace(',', "");
    let is_listed = |exit| flow.run(exit, &format!("check --action contact.phone --phone +1{gone}"));
    is_listed(1);
    flow.head(119, "dnc.csv", "shorter.csv");
    let whole = flow.json(0, &format!("import shorter.csv {dnc} --snapshot"));
    assert_eq!(fields(&whole, counts), [119, 0, 119, 0, 1]);
    is_listed(0);

    // 19 of 119 are more than 5 %: refused, and nothing is changed.
    flow.head(100, "dnc.csv", "short.csv");
    let refused = flow.run(3, &format!("import short.csv {dnc} --snapshot"));
    assert!(refused.stderr.contains("--allow-vanish"), "{refused:?}");
    assert_eq!(fields(&flow.json(0, "status")["position"], ["main"]), [124]);
    let back = flow.json(0, &format!("import dnc.csv {dnc} --snapshot"));
    assert_eq!(fields(&back, counts), [120, 1, 119, 1, 0]);
    is_listed(1);
}

/// Out for one brand, then in again.
fn one_person(flow: &Flow) {
    let jane = "--email jane@example.com --mechanism email.unsubscribe --scope brand:acme";
    let check = "check --action contact.email --email Jane@Example.com";
    flow.run(0, check);
    let out = flow.json(0, &format!("opt-out {jane}"));
    assert_eq!((&out["direction"], &out["durable"]), (&"out".into(), &"store".into()));
    let blocked = flow.json(1, check);
    assert_eq!(blocked["reasons"][0]["rule"], "email-opted-out");
    assert_eq!(blocked["reasons"][0]["mechanisms"][0], "email.unsubscribe");
    flow.run(1, &format!("{check} --context brand=acme"));
    flow.run(0, &format!("{check} --context brand=zenith"));
    flow.run(0, &format!("{check} --context purpose=transactional"));
    flow.run(2, "check --action contact.email --user-id u-1");

    // Without a proof nobody's own word is an opt-in.
    flow.run(3, &format!("opt-in {jane}"));
    flow.run(1, check);
    flow.json(0, &format!("opt-in {jane} --proof double_opt_in --recorded-by web-form"));
    flow.run(0, check);
    let history = flow.json(0, "history --email jane@example.com");
    let told: Vec<_> = history["statements"].as_array().unwrap().iter().collect();
    let standing =
        told.iter().map(|told| (told["direction"].as_str().unwrap(), told["in_force"].as_bool().unwrap()));
    assert_eq!(standing.collect::<Vec<_>>(), [("out", false), ("in", true)]);
    assert_eq!(told[1]["proof"], "double_opt_in");
}

fn files(flow: &Flow) {
    let by_phone = flow.json(1, "validate customers.csv --action contact.phone");
    assert_eq!(tally(&by_phone), [300, 237, 43, 20]);
    assert_eq!(tally(&flow.json(2, "validate customers.csv --action contact.email")), [300, 290, 0, 10]);
    assert_eq!(tally(&flow.json(2, "validate events.ndjson --action contact.email")), [200, 67, 0, 133]);

    let scrub = "scrub customers.csv --action contact.phone -o clean.csv --report report.json";
    assert_eq!(tally(&flow.json(1, scrub)), [300, 237, 43, 20]);
    let report: Value = serde_json::from_str(&flow.read("report.json")).unwrap();
    assert_eq!(report["totals"][0]["by_mechanism"]["phone.dnc.us"], 43);
    assert_eq!(report["files"][0]["outputs"][0]["rows"], 237);
    let clean = flow.json(0, "validate clean.csv --action contact.phone");
    assert_eq!(tally(&clean), [237, 237, 0, 0]);
    // The same bytes by another way: what one report says went out is what the other says came in.
    assert_eq!(clean["files"][0]["input"]["blake3"], report["files"][0]["outputs"][0]["blake3"]);

    let labelled =
        flow.json(0, "segment customers.csv --actions contact.email,contact.sms,target.ad -o labelled.csv");
    let totals: Vec<_> = labelled["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| total["tally"]["allowed"].clone())
        .collect();
    assert_eq!(totals, [290, 237, 298]);
    assert_eq!(labelled["segments"]["do_not_contact.registry"], 43);
    let labels = flow.read("labelled.csv");
    assert!(
        labels
            .lines()
            .next()
            .unwrap()
            .ends_with(",verdict_contact_email,verdict_contact_sms,verdict_target_ad,segments")
    );
}

fn upkeep(flow: &Flow) {
    let status = flow.json(0, "status");
    assert_eq!(fields(&status, ["identities", "identities_beside_the_index"]), [121, 121]);
    assert_eq!(status["held"]["phone.sha256"], 120);
    assert_eq!(status["snapshot"], Value::Null);

    assert_eq!(flow.json(0, "compact --dry-run")["outcome"], "dry_run");
    assert_eq!(flow.json(0, "status")["snapshot"], Value::Null, "a dry run changes nothing");
    flow.run(3, "compact --keep-rolled-up 1");
    flow.run(3, "compact --keep-snapshots 23");
    assert_eq!(flow.json(0, "compact")["outcome"], "written");
    let again = flow.json(0, "compact");
    assert_eq!(again["outcome"], "nothing");
    assert_eq!(fields(&again["deleted"], ["objects", "bytes"]), [0, 0]);
    assert_eq!(fields(&again["waiting"], ["objects", "bytes"]), [0, 0]);
    let status = flow.json(0, "status");
    assert_eq!(fields(&status, ["identities", "identities_beside_the_index"]), [121, 0]);
    assert_eq!(fields(&status["snapshot"], ["number", "identities"]), [1, 121]);
    // Compaction changes no verdict.
    assert_eq!(tally(&flow.json(1, "validate customers.csv --action contact.phone")), [300, 237, 43, 20]);
    flow.run(0, "check --action contact.email --email jane@example.com");

    let verified = flow.json(0, "verify");
    assert_eq!(verified["damage"], Value::Array(Vec::new()));
    let journal = &verified["origins"][0];
    assert_eq!(journal["position"], status["position"]["main"]);
    // 120 listings, a withdrawal, a listing again, an opt-out, an opt-in; four imports.
    assert_eq!(fields(journal, ["signals", "batches", "retractions"]), [124, 4, 0]);

    flow.run(0, "export -o list.ndjson --in-force");
    let lines: Vec<Value> =
        flow.read("list.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed =
        lines.iter().filter(|line| line["mechanism"] == "phone.dnc.us" && line["direction"] == "out");
    assert_eq!((lines.len(), listed.count()), (121, 120));
    assert!(!flow.read("list.ndjson").contains('@'), "people appear by their keys");
    flow.run(3, "export -o list.ndjson");
}
