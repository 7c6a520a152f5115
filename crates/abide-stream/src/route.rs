//! A route, ready: where identifiers are found in a record, and what is asked about them.

use std::{borrow::Cow, path::Path, sync::Arc};

use abide_enforce::{Options, Part, Uncovered};
use abide_model::{
    Action, Context, HashedAs, IdentifierKind, InvalidIdentifier, OnCannotTell, Time, Written, kind_and_form,
};
use abide_values::{Found, NotText, Paths};

use crate::{
    config::{OnBlocked, RouteConfig},
    fate::Cause,
    opt_outs::OptOuts,
    reading::Reading,
    record::Record,
    schemas::Schemas,
};

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) topics: Vec<String>,
    /// `None` where the topics are read for the opt-outs in them alone.
    pub(crate) asks: Option<Asks>,
    pub(crate) opt_outs: Option<OptOuts>,
    pub(crate) reading: Reading,
    /// Of everything in values that this route looks at.
    pub(crate) values: Paths,
    keys: Paths,
    sources: Vec<Source>,
}

/// What is asked about the people in a route's records, and what follows.
#[derive(Debug)]
pub(crate) struct Asks {
    pub(crate) output: String,
    pub(crate) action: Action,
    pub(crate) context: Context,
    pub(crate) on_cannot_tell: OnCannotTell,
    pub(crate) blocked: Blocked,
    strict: bool,
    uncovered: Uncovered,
}

/// What becomes of a blocked record.
#[derive(Debug)]
pub(crate) enum Blocked {
    Drop,
    Redact(Redaction),
    Divert(String),
    Tombstone,
}

/// What is taken out of a record.
#[derive(Debug, Default)]
pub(crate) struct Redaction {
    pub(crate) values: Paths,
    pub(crate) headers: Vec<String>,
    pub(crate) key: bool,
}

#[derive(Debug)]
struct Source {
    kind: IdentifierKind,
    form: Option<HashedAs>,
    place: Place,
    to: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A pointer of `Route::values`, by the source's own number.
    Value(String),
    Key,
    KeyAt(String),
    Header(String),
}

/// The number of the pointer to the word that tells opt-outs; beyond those of sources.
pub(crate) const WORD: usize = usize::MAX;

/// Nobody has more identifiers; a list of addresses is no person.
pub(crate) const PARTS_MAX: usize = 64;

/// The people in one record, as they are written there. As soon as there are more than [`PARTS_MAX`] no more are taken up.
#[derive(Debug, Default)]
pub(crate) struct People<'r> {
    pub(crate) parts: Vec<Part>,
    /// One for each part; an error for what is no text at all.
    pub(crate) written: Vec<Result<Written<'r>, InvalidIdentifier>>,
    /// The word that tells whether it may be an opt-out.
    pub(crate) is_opt_out: bool,
}

impl Route {
    pub(crate) fn new(config: &RouteConfig, folder: &Path, schemas: &Arc<Schemas>) -> Result<Self, String> {
        let wrong = |why: String| format!("the route `{}`: {why}", config.name);
        Self::compile(config, folder, schemas).map_err(wrong)
    }

    fn compile(config: &RouteConfig, folder: &Path, schemas: &Arc<Schemas>) -> Result<Self, String> {
        if config.topics.is_empty() {
            return Err("it reads no topic".to_owned());
        }
        let asks = Asks::new(config)?;
        let opt_outs = config.opt_outs.as_ref().map(|of| OptOuts::read(of, folder)).transpose()?;
        if asks.is_none() && opt_outs.is_none() {
            return Err("it needs an `output`, or `opt_outs`".to_owned());
        }
        if asks.is_some() == config.identifiers.is_empty() {
            return Err("`output` and `identifiers` go together".to_owned());
        }
        if let Some(unknown) = config.to.iter().find(|to| !config.identifiers.contains(to)) {
            return Err(format!("`{unknown}` in `to` is none of the identifiers"));
        }
        let (mut values, mut keys) = (Paths::default(), Paths::default());
        let mut sources = Vec::new();
        for (number, text) in config.identifiers.iter().enumerate() {
            let source = Source::parse(text, config.to.contains(text))?;
            match &source.place {
                Place::Value(pointer) => values.add(pointer, number)?,
                Place::KeyAt(pointer) => keys.add(pointer, number)?,
                Place::Key | Place::Header(_) => {}
            }
            sources.push(source);
        }
        if let Some(word) = opt_outs.as_ref().and_then(OptOuts::word) {
            values.add(word, WORD)?;
        }
        Ok(Self {
            name: config.name.clone(),
            topics: config.topics.clone(),
            asks,
            opt_outs,
            reading: Reading::new(config.format, schemas),
            values,
            keys,
            sources,
        })
    }

    /// Who is in a record. Several texts at one place are several identifiers; the same one twice is one.
    pub(crate) fn people<'r>(
        &self,
        record: &Record<'r>,
        found: &mut Vec<Found<'r>>,
        people: &mut People<'r>,
    ) -> Result<(), Cause> {
        people.clear();
        // One of them may be somebody, or what takes the place of a header that is looked for.
        if record.has_unreadable_headers {
            return Err(Cause::HeaderNotText);
        }
        if !self.values.is_empty()
            && let Some(value) = record.value
        {
            self.reading.find(&self.values, record, value, found)?;
            for Found { path, text } in found.drain(..) {
                if path == WORD {
                    let opt_outs = self.opt_outs.as_ref().expect("the path is theirs");
                    people.is_opt_out |= text.is_ok_and(|text| opt_outs.is_word(&text));
                } else {
                    people.add(&self.sources[path], text.map(Some));
                }
            }
        }
        if !self.keys.is_empty()
            && let Some(key) = record.key
        {
            self.keys.read_json(key, found).map_err(|_| Cause::KeyNotJson)?;
            for Found { path, text } in found.drain(..) {
                people.add(&self.sources[path], text.map(Some));
            }
        }
        for source in &self.sources {
            match &source.place {
                Place::Key => people.add_bytes(source, record.key),
                Place::Header(name) => {
                    let named = record.headers.iter().filter(|(header, _)| header == name);
                    named.for_each(|(_, value)| people.add_bytes(source, *value));
                }
                Place::Value(_) | Place::KeyAt(_) => {}
            }
        }
        if self.opt_outs.as_ref().is_some_and(|opt_outs| opt_outs.word().is_none()) {
            people.is_opt_out = record.value.is_some();
        }
        Ok(())
    }
}

impl<'r> People<'r> {
    fn clear(&mut self) {
        self.parts.clear();
        self.written.clear();
        self.is_opt_out = false;
    }

    fn add_bytes(&mut self, source: &Source, bytes: Option<&'r [u8]>) {
        let text =
            bytes.map(|bytes| std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NotText)).transpose();
        self.add(source, text);
    }

    /// What is no text stands for somebody who cannot be read, not for nobody.
    fn add(&mut self, source: &Source, text: Result<Option<Cow<'r, str>>, NotText>) {
        // Nobody has so many, and what is beyond need not be told apart.
        if self.parts.len() > PARTS_MAX {
            return;
        }
        let Source { kind, form, .. } = *source;
        let written = match text {
            Ok(None) => return,
            Ok(Some(text)) => Ok(Written { kind, form, text }),
            Err(NotText) => Err(InvalidIdentifier::Malformed { kind, why: "it is no text" }),
        };
        // A key is often the same as a field of the value; that makes nobody ambiguous.
        match self.written.iter().position(|known| known.is_ok() && *known == written) {
            Some(at) => self.parts[at].to |= source.to,
            None => {
                self.parts.push(Part { kind, to: source.to });
                self.written.push(written);
            }
        }
    }
}

impl Asks {
    fn new(config: &RouteConfig) -> Result<Option<Self>, String> {
        let Some(output) = &config.output else {
            return match &config.action {
                Some(_) => Err("an `action` without an `output` blocks nothing".to_owned()),
                None => Ok(None),
            };
        };
        let action = config.action.as_ref().ok_or("it has an `output` and no `action`")?;
        let redact = Redaction::parse(&config.redact)?;
        let blocked = match (config.blocked, &config.divert_to) {
            (OnBlocked::Divert, None) => return Err("`divert` needs `divert_to`".to_owned()),
            (OnBlocked::Divert, Some(topic)) => Blocked::Divert(topic.clone()),
            (_, Some(_)) => return Err("`divert_to` goes with `blocked = \"divert\"`".to_owned()),
            (OnBlocked::Redact, _) if config.redact.is_empty() => {
                return Err("`redact` needs a list of fields".to_owned());
            }
            (OnBlocked::Redact, _) => Blocked::Redact(redact),
            (_, _) if !config.redact.is_empty() => {
                return Err("the fields of `redact` go with `blocked = \"redact\"`".to_owned());
            }
            (OnBlocked::Drop, _) => Blocked::Drop,
            (OnBlocked::Tombstone, _) => Blocked::Tombstone,
        };
        Ok(Some(Self {
            output: output.clone(),
            action: action.parse().map_err(|error| format!("{error}"))?,
            context: config.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            on_cannot_tell: config
                .on_cannot_tell
                .parse()
                .map_err(|expected| format!("on_cannot_tell is {expected}"))?,
            blocked,
            strict: config.strict,
            uncovered: match config.uncovered.as_str() {
                "accept" => Uncovered::Accept,
                "cannot-tell" => Uncovered::CannotTell,
                _ => return Err("uncovered is accept or cannot-tell".to_owned()),
            },
        }))
    }

    pub(crate) fn options(&self, now: Time, list_age_max_micros: Option<i64>) -> Options {
        Options { strict: self.strict, uncovered: self.uncovered, list_age_max_micros, now }
    }
}

impl Redaction {
    fn parse(fields: &[String]) -> Result<Self, String> {
        let mut redaction = Self::default();
        for (number, field) in fields.iter().enumerate() {
            match place(field)? {
                Place::Value(pointer) if !pointer.is_empty() => redaction.values.add(&pointer, number)?,
                Place::Header(name) => redaction.headers.push(name),
                Place::Key => redaction.key = true,
                Place::Value(_) | Place::KeyAt(_) => {
                    return Err(format!(
                        "`{field}` cannot be taken out; name fields of the value, headers or `key`"
                    ));
                }
            }
        }
        Ok(redaction)
    }
}

impl Source {
    fn parse(text: &str, to: bool) -> Result<Self, String> {
        let (kind, at) = text
            .split_once('=')
            .ok_or("an identifier is given as KIND=value:/POINTER, KIND=key or KIND=header:NAME")?;
        let (kind, form) = kind_and_form(kind).ok_or_else(|| format!("`{kind}` is no kind of identifier"))?;
        Ok(Self { kind, form, place: place(at)?, to })
    }
}

fn place(text: &str) -> Result<Place, String> {
    match text.split_once(':') {
        None if text == "key" => Ok(Place::Key),
        Some(("value", pointer)) => Ok(Place::Value(pointer.to_owned())),
        Some(("key", pointer)) => Ok(Place::KeyAt(pointer.to_owned())),
        Some(("header", name)) if !name.is_empty() => Ok(Place::Header(name.to_owned())),
        _ => {
            Err(format!("`{text}` is no place in a record: value:/POINTER, key, key:/POINTER or header:NAME"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(identifiers: &[&str], record: &Record<'_>) -> Result<String, Cause> {
        let config = format!(
            "name = \"r\"\ntopics = [\"in\"]\noutput = \"out\"\naction = \"contact.email\"\nidentifiers = {identifiers:?}"
        );
        let route = Route::new(&toml::from_str(&config).unwrap(), Path::new(""), &Arc::default()).unwrap();
        let mut people = People::default();
        route.people(record, &mut Vec::new(), &mut people)?;
        let said = people.parts.iter().zip(&people.written).map(|(part, written)| match written {
            Ok(written) => format!("{} {}", part.kind, written.text),
            Err(_) => format!("{} ?", part.kind),
        });
        Ok(said.collect::<Vec<_>>().join(", "))
    }

    /// Each line: where to look, in a record with this value, and who is there.
    #[test]
    fn records_and_whom_they_are_about() {
        let key = br#"{"id":7}"#;
        let headers = vec![("x-to", Some(&b"h@e.test"[..])), ("x-to", None), ("x-to", Some(&b"\xff"[..]))];
        let record = |value| Record {
            topic: "in",
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: Some(&key[..]),
            value: Some(value),
            headers: headers.clone(),
            has_unreadable_headers: false,
        };
        for (identifiers, value, wanted) in [
            (
                &["email=value:/a", "user_id=key:/id"][..],
                r#"{"a":"a@e.test"}"#,
                Ok("email a@e.test, user_id 7"),
            ),
            (
                &["email=value:/a"],
                r#"{"a":["a@e.test",null,"b@e.test",{},true]}"#,
                Ok("email a@e.test, email b@e.test, email ?, email ?"),
            ),
            (
                &["email=value:/a", "email=value:/b"],
                r#"{"a":"a@e.test","b":"a\u0040e.test"}"#,
                Ok("email a@e.test"),
            ),
            (&["email=value:/a", "email=header:x-to"], "{}", Ok("email h@e.test, email ?")),
            (&["user_id=key"], "no JSON, and nobody looks", Ok(r#"user_id {"id":7}"#)),
            (&["email=value:/a"], r#"{"a":"a@e.test"} x"#, Err(Cause::ValueNotJson)),
            (&["email=value:/a"], "\u{feff}{}", Err(Cause::ValueNotJson)),
        ] {
            let found = people(identifiers, &record(value.as_bytes()));
            assert_eq!(found.as_deref(), wanted.as_deref(), "{identifiers:?} in {value}");
        }
        let garbled = Record { has_unreadable_headers: true, ..record(b"{}") };
        assert_eq!(people(&["email=value:/a"], &garbled), Err(Cause::HeaderNotText));
        // Each of them would be compared with all before it.
        let many = format!(r#"{{"a":[{}1]}}"#, "{},".repeat(300_000));
        let found = people(&["email=value:/a"], &record(many.as_bytes())).unwrap();
        assert_eq!(found.split(", ").count(), PARTS_MAX + 1);
    }
}
