//! What holds of every value, whatever it is written in: paths lead to what they lead to in the same value as JSON, and what is
//! taken out is gone while all else stays.

use abide_values::{Paths, Schema, WhyNot};
use serde_json::Value;

use crate::dice::Dice;

/// `json` is what the library makes of the bytes.
pub(crate) fn check(schema: &Schema, bytes: &[u8], json: &dyn Fn(&[u8]) -> Value, seed: u64) {
    let whole = json(bytes);
    let shown: Value = serde_json::from_slice(&schema.to_json(bytes).unwrap()).unwrap();
    assert_eq!(shown, whole);
    let mut dice = Dice::new(seed);
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    let mut paths = Paths::default();
    let mut picked = Vec::new();
    for _ in 0..4 {
        if all.is_empty() {
            break;
        }
        let mut pointer = all[dice.below(all.len())].clone();
        if dice.below(3) == 0 {
            let parts = pointer.split('/').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part });
            pointer = parts.collect::<Vec<_>>().join("/");
        }
        if paths.add(&pointer, picked.len()).is_ok() {
            picked.push(pointer);
        }
    }
    let text = serde_json::to_vec(&whole).unwrap();
    assert_eq!(found(&paths, |paths, found| schema.read(paths, bytes, found)), {
        found(&paths, |paths, found| paths.read_json(&text, found))
    });
    assert!(schema.leads_nowhere(&paths).is_empty(), "{picked:?}");

    let rest = match schema.without(&paths, bytes) {
        Ok(rest) => rest,
        Err(why) => {
            assert_eq!(why, WhyNot::NotAllowed);
            assert!(!schema.cannot_be_taken_out(&paths).is_empty(), "{picked:?}");
            return;
        }
    };
    let mut after = json(&rest);
    let mut before = whole;
    for pointer in &picked {
        let parts: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
        remove(&mut after, &parts);
        remove(&mut before, &parts);
    }
    assert_eq!(after, before, "without {picked:?}");
    let left = found(&paths, |paths, found| schema.read(paths, &rest, found));
    let is_nothing =
        |text: &str| matches!(text, "" | "0" | "NONE" | "00000000-0000-0000-0000-000000000000" | "?");
    assert!(left.iter().all(|(_, text)| is_nothing(text.trim_matches('\0'))), "{left:?} of {picked:?}");
    // Nothing to take out, and every byte stays.
    assert_eq!(schema.without(&Paths::default(), bytes).unwrap(), bytes);
}

/// In one order, since JSON has none.
fn found<'v>(
    paths: &Paths,
    read: impl Fn(&Paths, &mut Vec<abide_values::Found<'v>>) -> Result<(), abide_values::Unreadable>,
) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    read(paths, &mut found).unwrap();
    let texts = found.iter().map(|at| (at.path, at.text.as_deref().unwrap_or("?").to_owned()));
    let mut texts: Vec<(usize, String)> = texts.collect();
    texts.sort();
    texts
}

fn pointers(json: &Value, at: &str, all: &mut Vec<String>) {
    let mut inside = |name: &str, value: &Value| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        all.push(pointer.clone());
        pointers(value, &pointer, all);
    };
    match json {
        Value::Object(members) => members.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(place, value)| inside(&place.to_string(), value));
        }
        _ => {}
    }
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn remove(json: &mut Value, parts: &[String]) {
    let [first, rest @ ..] = parts else { return };
    match json {
        Value::Object(members) => {
            let names: Vec<String> =
                members.keys().filter(|name| first == "*" || *name == first).cloned().collect();
            for name in names {
                if rest.is_empty() {
                    members.remove(&name);
                } else {
                    remove(&mut members[&name], rest);
                }
            }
        }
        Value::Array(elements) => {
            for (place, value) in elements.iter_mut().enumerate() {
                if first == "*" || first.parse() == Ok(place) {
                    if rest.is_empty() {
                        *value = Value::Null;
                    } else {
                        remove(value, rest);
                    }
                }
            }
        }
        _ => {}
    }
}
