//! What stands in requests and answers.

use std::{borrow::Cow, fmt};

use abide_model::{Context, Mechanism, OnCannotTell, Reason, Written, kind_and_form};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The identifiers of one person, from an object such as `{"email": "…", "phone": ["…", "…"], "email:md5": "…"}`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) written: Vec<Written<'a>>,
    /// Something in it is no identifier at all: another type, or a kind that does not exist.
    pub(crate) is_undecodable: bool,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(written: Vec<Written<'a>>) -> Self {
        let mut subject = Self { written, is_undecodable: false };
        subject.order();
        subject
    }

    /// What was written, unless something in it is no identifier.
    pub(crate) fn decoded(&self) -> Result<&[Written<'a>], String> {
        if self.is_undecodable {
            return Err("an identifier is of a kind or form that does not exist, or is no text".to_owned());
        }
        Ok(&self.written)
    }

    /// By kind and form, so that subjects alike have the same shape whatever their order. Sorting is stable.
    fn order(&mut self) {
        self.written.sort_by_key(|written| written.kind);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Subject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SubjectVisitor)
    }
}

struct SubjectVisitor;

impl<'de> Visitor<'de> for SubjectVisitor {
    type Value = Subject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of identifiers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut subject = Subject::default();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let Some((kind, form)) = kind_and_form(&name) else {
                map.next_value::<IgnoredAny>()?;
                subject.is_undecodable = true;
                continue;
            };
            let Texts { texts, is_undecodable } = map.next_value()?;
            subject.is_undecodable |= is_undecodable;
            subject.written.extend(texts.into_iter().map(|text| Written { kind, form, text }));
        }
        subject.order();
        Ok(subject)
    }

    // Whatever else stands there is nobody.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(nobody())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(nobody())
    }
}

fn nobody<'a>() -> Subject<'a> {
    Subject { written: Vec::new(), is_undecodable: true }
}

/// A string, borrowed where it stands without escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Texts { mut texts, .. } = Texts::deserialize(deserializer)?;
        texts.pop().map(Self).ok_or_else(|| de::Error::custom("a name"))
    }
}

/// One text, several, or none. A number stands for its digits, as ids of customers often do.
#[derive(Default)]
struct Texts<'a> {
    texts: Vec<Cow<'a, str>>,
    is_undecodable: bool,
}

impl<'a> Texts<'a> {
    fn one(text: impl Into<Cow<'a, str>>) -> Self {
        Self { texts: vec![text.into()], is_undecodable: false }
    }

    fn wrong() -> Self {
        Self { texts: Vec::new(), is_undecodable: true }
    }
}

impl<'de> Deserialize<'de> for Texts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or several")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Texts::one(text))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Texts::one(text.to_owned()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Texts::one(number.to_string()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Texts::one(number.to_string()))
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Texts::wrong())
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Texts::wrong())
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Texts::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Texts::default();
        while let Some(next) = seq.next_element::<Texts<'de>>()? {
            all.is_undecodable |= next.is_undecodable;
            all.texts.extend(next.texts);
        }
        Ok(all)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Texts::wrong())
    }
}

impl JsonSchema for Subject<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Subject".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "The identifiers of one person. A name is a kind (email, phone, user_id, maid, push_token, cookie, ip, email_domain), or a kind and the form in which it is hashed (email:md5, email:sha1, email:sha256, phone:last10.sha256; email:hashed where the length tells).",
            "propertyNames": {
                "pattern": "^(email|phone|user_id|maid|push_token|cookie|ip|email_domain)(:(hashed|sha256|md5|sha1|last10\\.sha256))?$"
            },
            "additionalProperties": {
                "anyOf": [
                    { "type": ["string", "integer", "null"] },
                    { "type": "array", "items": { "type": ["string", "integer", "null"] } }
                ]
            },
            "example": { "email": "jane@example.com" }
        })
    }
}

/// The circumstances of an action, by attribute: `purpose`, `brand`, `list`, `sender`, `region`, …
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenContext(pub(crate) Context);

impl<'de> Deserialize<'de> for WrittenContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = WrittenContext;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut context = Context::default();
                while let Some((name, value)) = map.next_entry::<Cow<'de, str>, Cow<'de, str>>()? {
                    context.set(&name, &value);
                }
                Ok(WrittenContext(context))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl JsonSchema for WrittenContext {
    fn schema_name() -> Cow<'static, str> {
        "Context".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "The circumstances of the action; which attributes there are is the ruleset's affair. What is not given is judged the strictest.",
            "additionalProperties": { "type": "string" },
            "example": { "purpose": "transactional", "brand": "acme" }
        })
    }
}

/// What to do where nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnDoubt {
    Block,
    Allow,
    /// Answer the whole request with an error.
    Fail,
}

impl From<OnCannotTell> for OnDoubt {
    fn from(choice: OnCannotTell) -> Self {
        match choice {
            OnCannotTell::Block => Self::Block,
            OnCannotTell::Allow => Self::Allow,
            OnCannotTell::Fail => Self::Fail,
        }
    }
}

/// How a request wants to be answered; what it leaves out is as the server was set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Wishes {
    pub(crate) on_cannot_tell: Option<OnDoubt>,
    /// How old the list may be, in milliseconds.
    pub(crate) list_age_max_ms: Option<u32>,
    /// Another identifier that cannot be read makes it `cannot_tell`.
    pub(crate) strict: Option<bool>,
    /// Hashed identifiers that do not reach every statement.
    pub(crate) uncovered: Option<UncoveredWish>,
    /// Also why: reasons, segments, what could be read.
    pub(crate) explain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UncoveredWish {
    Accept,
    CannotTell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictWord {
    Allow,
    Block,
    CannotTell,
}

/// What follows from a verdict under `on_cannot_tell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Allow,
    Block,
}

/// One verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerdictBody<'a> {
    pub(crate) verdict: VerdictWord,
    /// What to do: the verdict, and where nothing can be told what was chosen for that.
    pub(crate) effect: Effect,
    /// It rests on some of the identifiers only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) partly_judged: bool,
    /// Why nothing can be told, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<&'a str>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// The rules that block.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<&'a str>,
    /// With `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasons: Option<Vec<ReasonBody<'a>>>,
    /// With `explain`: the segments that the person is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segments: Option<Vec<String>>,
    /// With `explain`: what could be read of each identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identifiers: Option<Vec<ReadBody>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReasonBody<'a> {
    pub(crate) rule: &'a str,
    pub(crate) text: &'a str,
    pub(crate) segments: Vec<&'a str>,
    pub(crate) mechanisms: Vec<&'a str>,
    pub(crate) claimants: Vec<&'a str>,
}

impl<'a> From<&'a Reason> for ReasonBody<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self {
            rule: &reason.rule,
            text: &reason.text,
            segments: reason.segments.iter().map(AsRef::as_ref).collect(),
            mechanisms: reason.mechanisms.iter().map(Mechanism::as_str).collect(),
            claimants: reason.claimants.iter().map(AsRef::as_ref).collect(),
        }
    }
}

/// What could be read of one identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ReadBody {
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Where and by which rules it was judged.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StampBody {
    /// The version of the ruleset.
    ruleset: String,
    /// How far each origin's journal was read.
    position: std::collections::BTreeMap<String, u64>,
    /// How long the newest of an origin took from its writer to this node, in milliseconds, by the clocks of both. An origin
    /// of which nothing came since this node was started is left out.
    lag_ms: std::collections::BTreeMap<String, u64>,
    /// When it was last made sure that there was nothing newer, in RFC 3339.
    as_of: String,
}

#[cfg(test)]
mod tests {
    use abide_model::HashedAs;

    use super::*;

    fn subject(text: &str) -> Option<(Vec<String>, bool)> {
        let subject: Subject<'_> = serde_json::from_str(text).ok()?;
        let word = |written: &Written<'_>| {
            let form = match written.form {
                None => "raw".to_owned(),
                Some(HashedAs(None)) => "hashed".to_owned(),
                Some(HashedAs(Some(form))) => form.to_string(),
            };
            format!("{} {form} {}", written.kind, written.text)
        };
        Some((subject.written.iter().map(word).collect(), subject.is_undecodable))
    }

    /// Whatever stands where a person should be is nobody; only what is no JSON is an error.
    #[test]
    fn subjects() {
        for (text, wanted, undecodable) in [
            (r#"{"email":"a@example.com"}"#, vec!["email raw a@example.com"], false),
            (
                r#"{"phone":["1","2"],"email":"\u0061"}"#,
                vec!["email raw a", "phone raw 1", "phone raw 2"],
                false,
            ),
            (r#"{"user_id":17,"email":null}"#, vec!["user_id raw 17"], false),
            (
                r#"{"email:md5":"x","phone:last10.sha256":"y"}"#,
                vec!["email md5 x", "phone last10.sha256 y"],
                false,
            ),
            (r#"{"email:hashed":"x"}"#, vec!["email hashed x"], false),
            (r#"{"email":true,"phone":"1"}"#, vec!["phone raw 1"], true),
            (r#"{"emial":"a@example.com"}"#, vec![], true),
            (r#"{"email:rot13":"x"}"#, vec![], true),
            (r#"{"email":{"deep":[1]}}"#, vec![], true),
            (r#""a@example.com""#, vec![], true),
            ("null", vec![], true),
            ("[1,2]", vec![], true),
            ("1.5", vec![], true),
            ("{}", vec![], false),
        ] {
            let found = subject(text);
            let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
            assert_eq!(found, Some((wanted, undecodable)), "{text}");
        }
        assert_eq!(subject(r#"{"email""#), None);
    }
}
