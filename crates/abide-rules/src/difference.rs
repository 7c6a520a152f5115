//! What changes from one ruleset to another, in words.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use crate::{manifest::context::AttributeKind, ruleset::Ruleset};

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing: `segment`, `action`, `group`, `context`, `source`, `rule`.
    pub what: &'static str,
    pub name: String,
    /// The whole sentence's rest: `is new`, `no longer has `email.list``.
    pub how: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` {}", self.what, self.name, self.how)
    }
}

/// A ruleset as statements about named things, such that equal statements mean the same.
type Statements = BTreeSet<(&'static str, String, String)>;

impl Ruleset {
    /// What is different in `new`, things in the order of their names. Layout, comments and order make no difference.
    pub fn difference(&self, new: &Self) -> Vec<Change> {
        let (old, new) = (self.statements(), new.statements());
        let names = |all: &Statements| {
            all.iter().map(|(what, name, _)| (*what, name.clone())).collect::<BTreeSet<_>>()
        };
        let (old_names, new_names) = (names(&old), names(&new));
        let mut changes = Vec::new();
        for (what, name) in old_names.union(&new_names) {
            let mut push = |how: String| changes.push(Change { what, name: name.clone(), how });
            let (was, is) =
                (old_names.contains(&(*what, name.clone())), new_names.contains(&(*what, name.clone())));
            let mine = |all: &Statements| -> Vec<String> {
                all.iter().filter(|(w, n, _)| w == what && n == name).map(|(.., said)| said.clone()).collect()
            };
            match (was, is) {
                (false, _) => {
                    let said: Vec<String> = mine(&new).into_iter().filter(|said| !said.is_empty()).collect();
                    push(if said.is_empty() {
                        "is new".to_owned()
                    } else {
                        format!("is new: {}", said.join(", "))
                    });
                }
                (_, false) => push("is gone".to_owned()),
                _ => {
                    let (before, after) = (mine(&old), mine(&new));
                    before
                        .iter()
                        .filter(|said| !after.contains(said))
                        .for_each(|said| push(format!("no longer {said}")));
                    after
                        .iter()
                        .filter(|said| !before.contains(said))
                        .for_each(|said| push(format!("now {said}")));
                }
            }
        }
        changes
    }

    fn statements(&self) -> Statements {
        let manifest = &self.manifest;
        let mut all = Statements::new();
        let mut say = |what, name: &str, said: String| {
            all.insert((what, name.to_owned(), String::new()));
            all.insert((what, name.to_owned(), said));
        };
        for segment in &manifest.segments {
            segment
                .mechanisms
                .iter()
                .for_each(|pattern| say("segment", &segment.name, format!("has `{pattern}`")));
        }
        for group in &manifest.groups {
            say("group", &group.name, String::new());
            group.parents.iter().for_each(|parent| say("group", &group.name, format!("is in `{parent}`")));
        }
        for action in &manifest.actions {
            let name = action.name.as_str();
            say("action", name, format!("is of basis {}", action.basis.as_str()));
            let to =
                action.destination.kind.map_or("nobody's identifier".to_owned(), |kind| format!("a {kind}"));
            say("action", name, format!("goes to {to}"));
            say("action", name, format!("runs on {}", channel_names(action.destination.channels)));
            action.parents.iter().for_each(|parent| say("action", name, format!("is in `{parent}`")));
        }
        for attribute in &manifest.attributes {
            say("context", &attribute.name, String::new());
            if let AttributeKind::Words { values, default } = &attribute.kind {
                values.iter().for_each(|value| say("context", &attribute.name, format!("may be `{value}`")));
                say("context", &attribute.name, format!("is `{default}` when unsaid"));
            }
        }
        for limit in &manifest.max_ages {
            for action in &limit.actions {
                for pattern in &limit.mechanisms {
                    let said =
                        format!("is at most {} days old for {action}{}", limit.days, limit.conditions_text());
                    say("source", &pattern.to_string(), said);
                }
            }
        }
        for rule in self.rules() {
            say("rule", &rule.id, format!("says: {}", rule.reason));
            say("rule", &rule.id, format!("reads: {}", bare_text(self.cedar.policy(&rule.id))));
        }
        all
    }
}

/// A policy without its annotations, on one line.
fn bare_text(policy: &cedar_policy::Policy) -> String {
    let mut json = policy.to_json().expect("what was parsed can be written");
    json["annotations"] = Value::Object(serde_json::Map::new());
    let bare = cedar_policy::Policy::from_json(None, json).expect("annotations are optional");
    let text = bare.to_cedar().expect("no template, so it can be written");
    on_one_line(&text)
}

/// Without the layout. What stands in quotes is no layout.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in text.trim().chars() {
        if is_quoted || !letter.is_whitespace() {
            line.push(letter);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
        is_quoted ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
    }
    line
}

fn channel_names(channels: abide_model::Channels) -> String {
    let names = crate::manifest::action::CHANNELS.iter();
    let names = names.filter(|(name, channel)| *name != "all" && channels.includes(*channel));
    names.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
