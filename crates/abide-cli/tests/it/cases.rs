//! Every case of the repository through every way that this crate can see: the engine, `abide check` and
//! `abide scrub`. All come to the verdicts that the cases say, so all agree.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::{Arc, LazyLock},
};

use abide_model::{Form, IdentifierKind};
use abide_rules::{
    Case, Ruleset,
    case::{CaseCheck, CaseIdentifier},
};
use abide_testkit::cases::{self, Answer, Decide, EnforcementPoint, List, ToldCase, run};
use serde_json::Value;

use crate::program::{Ran, abide, now};

/// Compiled once, since that takes longer than a case.
static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

const THREADS: usize = 4;

#[test]
fn decide_from_memory_agrees() {
    agrees(&Decide { rules: RULES.clone(), list: List::Overlay, now: now() });
}

#[test]
fn decide_from_an_index_agrees() {
    agrees(&Decide { rules: RULES.clone(), list: List::Index, now: now() });
}

#[test]
fn check_agrees() {
    agrees(&Check);
}

#[test]
fn scrub_agrees() {
    agrees(&Scrub);
}

fn agrees(point: &impl EnforcementPoint) {
    let files = cases::all();
    let outcome = run(point, &files, THREADS);
    let wrong = &outcome.disagreements;
    assert!(wrong.is_empty(), "{} of {} checks:\n{}", wrong.len(), outcome.checks, wrong.join("\n"));
    // A wrong path must not pass for agreement.
    assert!(files.len() >= 88 && outcome.checks >= 290, "{} files, {} checks", files.len(), outcome.checks);
}

/// Tells a case to a store, which then has a snapshot or has none.
fn tell(case: &Case, compacted: bool) -> ToldCase {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let told = ToldCase::tell(case, now()).await;
        if compacted {
            told.compact(RULES.clone()).await;
        }
        told
    })
}

fn on(told: &ToldCase) -> Command {
    let mut command = abide(told.scratch_dir());
    command
        .env("ABIDE_STORE", told.store_dir())
        .env("ABIDE_SECRET_FILE", told.scratch_dir().join("secret"))
        .env("ABIDE_CACHE", told.scratch_dir().join("cache"));
    command
}

/// `abide check`, a process for each check, on the journal alone.
struct Check;

impl EnforcementPoint for Check {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let told = tell(case, false);
        told.write_secret();
        case.checks.iter().map(|check| answer(&Ran::of(&mut question(&told, check)))).collect()
    }
}

fn question(told: &ToldCase, check: &CaseCheck) -> Command {
    let mut command = on(told);
    command.args(["check", "--json", "--action", check.action.as_str()]);
    for CaseIdentifier { kind, form, text } in &check.subject {
        command.arg(match form {
            None => format!("--{}={text}", kind.as_str().replace('_', "-")),
            Some(form) => format!("--hashed={kind}:{form}={text}"),
        });
    }
    for (name, value) in check.context.iter() {
        command.arg(format!("--context={name}={value}"));
    }
    command
}

/// What it prints, which its exit code must say too.
fn answer(ran: &Ran) -> Answer {
    let Ok(said) = serde_json::from_str::<Value>(&ran.stdout) else {
        return Answer::Broken(format!("{ran:?}"));
    };
    match (said["verdict"].as_str(), ran.exit) {
        (Some("allow"), Some(0)) => Answer::Allow,
        (Some("block"), Some(1)) => {
            let reasons = said["reasons"].as_array().cloned().unwrap_or_default();
            Answer::Block { rules: reasons.iter().map(|reason| text(&reason["rule"])).collect() }
        }
        (Some("cannot_tell"), Some(2)) => Answer::CannotTell { cause: text(&said["cause"]) },
        _ => Answer::Broken(format!("{ran:?}")),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `abide scrub` on a compacted store: a file with one row for each check, and one process for all checks that
/// are the same but for the person.
struct Scrub;

type Columns = Vec<(IdentifierKind, Option<Form>)>;

impl EnforcementPoint for Scrub {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let told = tell(case, true);
        told.write_secret();
        let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (nth, check) in case.checks.iter().enumerate() {
            let same = format!("{} {:?} {:?}", check.action, check.context, columns(check));
            alike.entry(same).or_default().push(nth);
        }
        let mut answers = vec![Answer::Broken("never asked".to_owned()); case.checks.len()];
        for (number, alike) in alike.values().enumerate() {
            let folder = told.scratch_dir().join(format!("job-{number}"));
            let checks: Vec<&CaseCheck> = alike.iter().map(|nth| &case.checks[*nth]).collect();
            for (nth, answer) in alike.iter().zip(scrub(&told, &folder, &checks)) {
                answers[*nth] = answer;
            }
        }
        answers
    }
}

fn columns(check: &CaseCheck) -> Columns {
    check.subject.iter().map(|identifier| (identifier.kind, identifier.form)).collect()
}

fn scrub(told: &ToldCase, folder: &Path, checks: &[&CaseCheck]) -> Vec<Answer> {
    fs::create_dir(folder).unwrap();
    let mut command = on(told);
    command.current_dir(folder).args(["scrub", "--header", "--uncovered=cannot-tell"]);
    command.args(["--action", checks[0].action.as_str(), "--report=report.json"]);
    command.args(["--output=kept/", "--blocked=blocked/", "--unjudged=unjudged/"]);
    for (at, (kind, form)) in columns(checks[0]).iter().enumerate() {
        let form = form.map(|form| format!(":{form}")).unwrap_or_default();
        command.arg(format!("--id=id{at}={kind}{form}"));
    }
    for (name, value) in checks[0].context.iter() {
        command.arg(format!("--set={name}={value}"));
    }
    for (nth, check) in checks.iter().enumerate() {
        let name = format!("{nth:03}.csv");
        fs::write(folder.join(&name), file_of(check)).unwrap();
        command.arg(name);
    }
    let ran = Ran::of(&mut command);
    let report = fs::read_to_string(folder.join("report.json")).unwrap_or_default();
    let report: Value = serde_json::from_str(&report).unwrap_or_default();
    let answers: Vec<Answer> =
        (0..checks.len()).map(|nth| answer_of_file(&report, folder, &format!("{nth:03}.csv"))).collect();
    let is_refused = !report["failed"].as_array().is_none_or(Vec::is_empty);
    if ran.exit == Some(exit_for(&answers, is_refused)) {
        return answers;
    }
    answers.into_iter().map(|answer| Answer::Broken(format!("{answer:?}, but {ran:?}"))).collect()
}

/// The person in one row, between columns that say nothing.
fn file_of(check: &CaseCheck) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let names: String = (0..check.subject.len()).map(|at| format!("id{at},")).collect();
    let row: String = check.subject.iter().map(|identifier| quoted(&identifier.text) + ",").collect();
    format!("about,{names}note\na row,{row}as it was\n")
}

/// Nobody who is blocked, or could not be judged, or whose file could not be done, goes unsaid.
fn exit_for(answers: &[Answer], is_refused: bool) -> i32 {
    let any = |is: fn(&Answer) -> bool| answers.iter().any(is);
    if is_refused {
        3
    } else if any(|answer| matches!(answer, Answer::Block { .. })) {
        1
    } else if any(|answer| matches!(answer, Answer::CannotTell { .. })) {
        2
    } else {
        0
    }
}

/// What the report says of a file, which its outputs must say too.
fn answer_of_file(report: &Value, folder: &Path, name: &str) -> Answer {
    let named = |list: &str, name_of: fn(&Value) -> &Value| {
        let list = report[list].as_array().cloned().unwrap_or_default();
        list.into_iter().find(|entry| name_of(entry) == name)
    };
    if let Some(failure) = named("failed", |failure| &failure["name"]) {
        let is_written =
            ["kept", "blocked", "unjudged"].iter().any(|place| folder.join(place).join(name).exists());
        let error = text(&failure["error"]);
        return match refusal(&error) {
            Some(cause) if !is_written => Answer::CannotTell { cause: cause.to_owned() },
            _ => Answer::Broken(error),
        };
    }
    let Some(file) = named("files", |file| &file["input"]["name"]) else {
        return Answer::Broken("the report does not name the file".to_owned());
    };
    let judged = &file["judged"][0];
    let count = |what: &str| judged["tally"][what].as_u64().unwrap_or_default();
    let names = |of: &str| -> Vec<String> {
        judged[of].as_object().map(|names| names.keys().cloned().collect()).unwrap_or_default()
    };
    let whole = fs::read_to_string(folder.join(name)).unwrap();
    let has_row = |place: &str| match fs::read_to_string(folder.join(place).join(name)) {
        Ok(text) if text == whole => Some(true),
        Ok(text) => whole.strip_prefix(&text).filter(|rest| rest.lines().count() == 1).map(|_| false),
        Err(_) => None,
    };
    let rows = ["kept", "blocked", "unjudged"].map(has_row);
    match ([count("allowed"), count("blocked"), count("cannot_tell")], rows) {
        ([1, 0, 0], [Some(true), Some(false), Some(false)]) => Answer::Allow,
        ([0, 1, 0], [Some(false), Some(true), Some(false)]) => Answer::Block { rules: names("by_rule") },
        ([0, 0, 1], [Some(false), Some(false), Some(true)]) => {
            Answer::CannotTell { cause: names("cannot_tell_by_cause").concat() }
        }
        other => Answer::Broken(format!("{other:?} {judged}")),
    }
}

/// What cannot be told of any row of a file is said of the file, before anything is written.
fn refusal(error: &str) -> Option<&'static str> {
    [
        ("the ruleset has no action", "unknown_action"),
        ("no column of", "destination_missing"),
        ("which several columns hold", "destination_ambiguous"),
    ]
    .into_iter()
    .find_map(|(says, cause)| error.contains(says).then_some(cause))
}
