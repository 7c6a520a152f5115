//! Every case of the repository as a record: what the engine, the command, the scrubber and the service say, the stream
//! says too.

use std::{collections::BTreeMap, path::Path};

use abide_rules::{
    Case,
    case::{CaseCheck, CaseIdentifier},
};
use abide_stream::{Config, Record, Trial, Why};
use abide_testkit::cases::{self, Answer, EnforcementPoint, ToldCase, run};

use crate::world::{RULES, now};

#[test]
fn records_agree() {
    let files = cases::all();
    let outcome = run(&Records, &files, 4);
    let wrong = &outcome.disagreements;
    assert!(wrong.is_empty(), "{} of {} checks:\n{}", wrong.len(), outcome.checks, wrong.join("\n"));
    // A wrong path must not pass for agreement.
    assert!(files.len() >= 88 && outcome.checks >= 290, "{} files, {} checks", files.len(), outcome.checks);
}

/// Each check as a record of a route of its own, twice.
struct Records;

impl EnforcementPoint for Records {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (told, replica) = runtime.block_on(async {
            let told = ToldCase::tell(case, now()).await;
            let replica = told.replica(RULES.clone()).await;
            (told, replica)
        });
        let answer = |check: &CaseCheck| {
            let config = Config::parse(&config(check)).unwrap();
            let mut trial =
                Trial::new(&config, Path::new(""), replica.snapshot(), told.keyring.clone(), told.normaliser)
                    .unwrap();
            let value = value(check);
            let record = Record {
                topic: "in",
                partition: 0,
                offset: 0,
                timestamp_ms: None,
                key: None,
                value: Some(value.as_bytes()),
                headers: Vec::new(),
                has_unreadable_headers: false,
            };
            let mut answers = Vec::new();
            let records = [record.clone(), record];
            trial.judge(&records, now(), |_, told| answers.push(said(told.why))).unwrap();
            if answers[0] == answers[1] {
                answers.swap_remove(0)
            } else {
                Answer::Broken(format!("{answers:?}"))
            }
        };
        case.checks.iter().map(answer).collect()
    }
}

fn config(check: &CaseCheck) -> String {
    let mut identifiers: Vec<String> = check
        .subject
        .iter()
        .enumerate()
        .map(|(at, CaseIdentifier { kind, form, .. })| {
            let form = form.map_or(String::new(), |form| format!(":{form}"));
            format!("{kind}{form}=value:/{at}")
        })
        .collect();
    // A route looks for somebody, also where there is nobody.
    identifiers.push("email=value:/nobody".to_owned());
    let context: BTreeMap<&str, &str> = check.context.iter().collect();
    let context: Vec<String> = context.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    format!(
        "[stream]\ngroup = \"g\"\ndead_letter = \"dead\"\n[stream.kafka]\n[[route]]\nname = \"r\"\ntopics = [\"in\"]\n\
         output = \"out\"\naction = \"{}\"\ncontext = {{ {} }}\nidentifiers = {identifiers:?}\n",
        check.action,
        context.join(", "),
    )
}

fn value(check: &CaseCheck) -> String {
    let texts = check.subject.iter().enumerate();
    let texts: serde_json::Map<String, serde_json::Value> =
        texts.map(|(at, identifier)| (at.to_string(), identifier.text.as_str().into())).collect();
    serde_json::Value::Object(texts).to_string()
}

fn said(why: Option<Why>) -> Answer {
    match why {
        None => Answer::Allow,
        Some(Why::Rules(rules)) => Answer::Block { rules },
        Some(Why::CannotTell(why)) => Answer::CannotTell { cause: why.cause().to_owned() },
        Some(Why::Poison(cause)) => Answer::Broken(cause.to_string()),
    }
}
