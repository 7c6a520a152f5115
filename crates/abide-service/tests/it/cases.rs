//! Every case of the repository through `/v1/check` and `/v1/filter`: what the engine, the command and the scrubber say,
//! the service says too.

use std::fs;

use abide_journal::{Store, local_directory};
use abide_rules::{
    Case,
    case::{CaseCheck, CaseIdentifier},
};
use abide_testkit::cases::{self, Answer, EnforcementPoint, ToldCase, run};
use object_store::path::Path as ObjectPath;
use serde_json::{Map, Value, json};

use crate::{
    client::Client,
    world::{Running, config, now, wiring},
};

#[test]
fn check_agrees() {
    agrees(&Check);
}

#[test]
fn filter_agrees() {
    agrees(&Filter);
}

fn agrees(point: &impl EnforcementPoint) {
    let files = cases::all();
    let outcome = run(point, &files, 4);
    let wrong = &outcome.disagreements;
    assert!(wrong.is_empty(), "{} of {} checks:\n{}", wrong.len(), outcome.checks, wrong.join("\n"));
    // A wrong path must not pass for agreement.
    assert!(files.len() >= 88 && outcome.checks >= 290, "{} files, {} checks", files.len(), outcome.checks);
}

/// One question after the other over one connection.
struct Check;

impl EnforcementPoint for Check {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        served(case, |client| {
            case.checks
                .iter()
                .map(|check| answer(&client.post("/v1/check", &question(check)).good()))
                .collect()
        })
    }
}

/// The same person three times among others, in one question.
struct Filter;

impl EnforcementPoint for Filter {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        served(case, |client| case.checks.iter().map(|check| filtered(client, check)).collect())
    }
}

fn filtered(client: &mut Client, check: &CaseCheck) -> Answer {
    let asked = question(check);
    let person = asked["subject"].clone();
    let subjects = json!([person, { "email": "somebody.else@example.com" }, person, 17, person]);
    let body = json!({ "action": asked["action"], "context": asked["context"], "subjects": subjects });
    let said = client.post("/v1/filter", &body).good();
    let verdicts = said["verdicts"].as_array().unwrap();
    assert_eq!((verdicts.len(), &said["tally"]["seen"]), (5, &json!(5)), "{said}");
    assert_eq!(verdicts[3]["cause"], "undecodable");
    let answers = [0, 2, 4].map(|at| answer(&verdicts[at]));
    if answers.iter().all(|other| *other == answers[0]) {
        answers[0].clone()
    } else {
        Answer::Broken(format!("{answers:?}"))
    }
}

fn served<T>(case: &Case, ask: impl FnOnce(&mut Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(ToldCase::tell(case, now()));
    let secret = fs::read_to_string(told.write_secret()).unwrap().parse().unwrap();
    let objects = local_directory(&told.store_dir(), false).unwrap();
    let store = runtime.block_on(Store::open(objects, &ObjectPath::default(), &secret)).unwrap();
    let mut config = config();
    config.workers = 1;
    let running = Running::start(config, wiring(store, &secret, "node", &told.scratch_dir().join("node")));
    let mut client = running.ready();
    ask(&mut client)
}

fn question(check: &CaseCheck) -> Value {
    let mut subject: Map<String, Value> = Map::new();
    for CaseIdentifier { kind, form, text } in &check.subject {
        let name = form.map_or(kind.to_string(), |form| format!("{kind}:{form}"));
        let texts = subject.entry(name).or_insert_with(|| json!([]));
        texts.as_array_mut().unwrap().push(json!(text));
    }
    let context: Map<String, Value> =
        check.context.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({ "action": check.action.as_str(), "subject": subject, "context": context })
}

fn answer(said: &Value) -> Answer {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match (said["verdict"].as_str(), said["effect"].as_str()) {
        (Some("allow"), Some("allow")) => Answer::Allow,
        (Some("block"), Some("block")) => {
            Answer::Block { rules: said["rules"].as_array().unwrap().iter().map(text).collect() }
        }
        (Some("cannot_tell"), Some("block")) => Answer::CannotTell { cause: text(&said["cause"]) },
        _ => Answer::Broken(said.to_string()),
    }
}
