//! What `/v1/filter` and `/v1/check` say beside the verdict.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, Int64Array, ListArray, NullArray, RecordBatch, StringArray,
    builder::{ListBuilder, StringBuilder},
    cast::AsArray as _,
    types::Int32Type,
};
use arrow_ipc::{
    CompressionType,
    reader::StreamReader,
    writer::{IpcWriteOptions, StreamWriter},
};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    world::World,
};

#[test]
fn lines_are_answered_by_lines() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.list", "scope": "list:weekly" });
    client.post("/v1/signals", &said).good();
    let lines = "{\"email\":\"quiet@example.com\"}\n\n{\"email\":\"loud@example.com\",\"phone\":\"+12125550142\"}\n{\"email\":\nnull\n{}";
    let ask = |client: &mut crate::client::Client, query: &str| {
        let path = format!("/v1/filter?{query}");
        client.ask("POST", &path, &[("content-type", "application/x-ndjson")], lines.as_bytes())
    };
    let words = |body: &str, of: &str| -> Vec<String> {
        body.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()[of].as_str().unwrap_or_default().to_owned()
            })
            .collect()
    };
    let answer = ask(&mut client, "action=contact.email&context.list=weekly");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        words(&answer.body, "verdict"),
        ["block", "allow", "cannot_tell", "cannot_tell", "cannot_tell"]
    );
    assert_eq!(words(&answer.body, "cause"), ["", "", "undecodable", "undecodable", "destination_missing"]);
    assert_eq!(words(&answer.body, "effect"), ["block", "allow", "block", "block", "block"]);
    let tally: Value = serde_json::from_str(answer.header("abide-tally").unwrap()).unwrap();
    assert_eq!(tally, json!({ "seen": 5, "allowed": 1, "blocked": 1, "cannot_tell": 3, "failed": 0 }));
    let stamp: Value = serde_json::from_str(answer.header("abide-stamp").unwrap()).unwrap();
    assert!(
        stamp["ruleset"].is_string()
            && stamp["position"].is_object()
            && stamp["as_of"].is_string()
            && stamp["lag_ms"].is_object(),
        "{stamp}"
    );

    // What cannot be read comes before what is not known; of a word that a client made up, nothing is counted.
    ask(&mut client, "action=jane.doe");
    let metrics = running.metrics();
    assert!(metrics.contains("action=\"unknown\"") && !metrics.contains("jane"), "{metrics}");
    let another = ask(&mut client, "action=contact.email&context.list=monthly&on_cannot_tell=allow");
    assert_eq!(words(&another.body, "effect"), ["allow"; 5]);
    assert_eq!(ask(&mut client, "action=contact.email&on_cannot_tell=fail").problem(), "cannot-tell");
    for wrong in
        ["", "action=No", "action=contact.email&purpose=marketing", "action=contact.email&strict=perhaps"]
    {
        assert_eq!(ask(&mut client, wrong).problem(), "invalid", "{wrong}");
    }
}

#[test]
fn an_explanation_says_why_and_names_nobody() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    client.post("/v1/signals", &said).good();
    let question = json!({
        "action": "contact.email", "explain": true, "context": { "purpose": "marketing" },
        "subject": { "email": "quiet@example.com", "phone": "no number" },
    });
    let answer = client.post("/v1/check", &question).good();
    assert_eq!((&answer["verdict"], &answer["partly_judged"]), (&json!("block"), &json!(true)));
    assert_eq!(answer["reasons"][0]["mechanisms"], json!(["email.unsubscribe"]));
    assert_eq!(answer["reasons"][0]["claimants"], json!(["person"]));
    assert_eq!(answer["segments"], json!(["do_not_contact.email"]));
    assert_eq!(answer["identifiers"][0], json!({ "kind": "email", "hashed": false }));
    assert!(answer["identifiers"][1]["error"].is_string());
    assert!(!answer.to_string().contains("quiet") && !answer.to_string().contains("no number"), "{answer}");
    // Of two addresses, the one that the mail goes to counts.
    let mut two = json!({
        "action": "contact.email", "subject": { "email": ["quiet@example.com", "loud@example.com"] },
    });
    assert_eq!(client.post("/v1/check", &two).good()["cause"], "destination_ambiguous");
    two["subject"] = json!({ "email": "quiet@example.com" });
    two["to"] = json!({ "email": "loud@example.com" });
    assert_eq!(client.post("/v1/check", &two).good()["verdict"], "allow");
}

fn stream(columns: Vec<(&str, ArrayRef)>, compression: Option<CompressionType>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn ask_columns(client: &mut Client, query: &str, body: &[u8]) -> (Answer, Vec<u8>) {
    let length = body.len();
    let head = format!(
        "POST /v1/filter?{query} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/vnd.apache.arrow.stream\r\ncontent-length: {length}\r\n\r\n"
    );
    client.write(&[head.as_bytes(), body].concat());
    client.read_bytes()
}

/// A column for each kind, whatever Arrow type its texts have; a row for each person, and an answer in its place.
#[test]
fn columns_are_answered_by_columns() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    for subject in [json!({ "email": "quiet@example.com" }), json!({ "user_id": "17" })] {
        let said = json!({ "subject": subject, "mechanism": "privacy.objection" });
        client.post("/v1/signals", &said).good();
    }
    let emails: DictionaryArray<Int32Type> = [
        Some("loud@example.com"),
        Some("quiet@example.com"),
        Some("loud@example.com"),
        None,
        Some("no address"),
    ]
    .into_iter()
    .collect();
    let ids = Int64Array::from(vec![None, Some(18), Some(17), None, None]);
    let mut phones = ListBuilder::new(StringBuilder::new());
    for row in 0..5 {
        if row == 0 {
            phones.values().append_value("+12125550142");
            phones.values().append_value("+12125550143");
        }
        phones.append(true);
    }
    let phones: ListArray = phones.finish();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("email", Arc::new(emails)), ("user_id", Arc::new(ids)), ("phone", Arc::new(phones))];
    let body = stream(columns.clone(), None);
    let (head, answered) = ask_columns(&mut client, "action=contact.email", &body);
    assert_eq!(head.status, 200, "{head:?} {}", answered.escape_ascii());
    assert_eq!(head.header("content-type"), Some("application/vnd.apache.arrow.stream"));
    let mut reader = StreamReader::try_new(&answered[..], None).unwrap();
    let tally: Value = serde_json::from_str(&reader.schema().metadata()["abide.tally"]).unwrap();
    assert_eq!(tally, json!({ "seen": 5, "allowed": 1, "blocked": 2, "cannot_tell": 2, "failed": 0 }));
    assert_eq!(head.header("abide-stamp"), reader.schema().metadata().get("abide.stamp").map(String::as_str));
    let batch = reader.next().unwrap().unwrap();
    let texts = |name: &str| -> Vec<String> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts("verdict"), ["allow", "block", "block", "cannot_tell", "cannot_tell"]);
    assert_eq!(texts("effect"), ["allow", "block", "block", "block", "block"]);
    assert_eq!(texts("cause"), ["", "", "", "destination_missing", "destination_unreadable"]);
    let rules = batch.column_by_name("rules").unwrap().as_list::<i32>();
    assert_eq!([0, 1, 3].map(|row| rules.value(row).is_empty()), [true, false, true]);

    // What a stream of few bytes could come to is refused before it does.
    let one = |column: ArrayRef| stream(vec![("email", column)], None);
    let long = "x".repeat(1 << 20);
    let same: DictionaryArray<Int32Type> = std::iter::repeat_n(long.as_str(), 1_000).collect();
    let email = || -> ArrayRef { Arc::new(StringArray::from(vec!["a@example.com"])) };
    let compressed = stream(vec![("email", email())], Some(CompressionType::ZSTD));
    let (sound, cut) = (one(email()), body.len() / 2);
    for (what, query, body, status) in [
        ("rows without values", "", one(Arc::new(NullArray::new(1 << 40))), 413),
        ("texts many times over", "", one(Arc::new(same)), 413),
        ("compressed", "", compressed, 400),
        ("no kind", "", stream(vec![("name", email())], None), 400),
        ("an explanation", "&explain=true", sound, 400),
        ("cut", "", body[..cut].to_vec(), 400),
        ("no stream", "", b"{\"subjects\":[]}".to_vec(), 400),
        ("nothing", "", Vec::new(), 400),
    ] {
        let (head, said) = ask_columns(&mut running.client(), &format!("action=contact.email{query}"), &body);
        assert_eq!(head.status, status, "{what}: {}", said.escape_ascii());
    }
    // Whatever is damaged is an error of the request, and never the end of the thread that reads it.
    for at in 0..body.len() {
        let mut damaged = body.clone();
        damaged[at] ^= 0x55;
        let (head, said) = ask_columns(&mut client, "action=contact.email", &damaged);
        assert!([200, 400, 413].contains(&head.status), "{at}: {}", said.escape_ascii());
    }
}
