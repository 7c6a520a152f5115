//! One jq expression, compiled, that ends.

use std::fmt;

use abide_model::Time;
use jaq_core::{
    Compiler, Ctx, Filter, Vars, data,
    load::{self, Arena, File, Loader},
    unwrap_valr,
};
use jaq_json::Val;
use serde_json::Value as Json;

use super::{InvalidMapping, MappingFault, time_of};

const CHARACTERS_MAX: usize = 2_000;

/// What loops, recurses or multiplies, and what reaches out of the event.
#[rustfmt::skip]
const NOT_OFFERED: &[&str] = &[
    "def", "range", "repeat", "while", "until", "recurse", "limit", "skip", "combinations", "walk",
    "import", "include", "input", "inputs", "env", "ENV", "now", "localtime", "halt", "halt_error", "debug", "stderr",
];

pub(super) struct Expression {
    line: usize,
    filter: Filter<data::JustLut<Val>>,
}

impl Expression {
    pub(super) fn compile(jq: &str, line: usize) -> Result<Self, InvalidMapping> {
        let invalid = |what: String| InvalidMapping { line, what };
        if jq.len() > CHARACTERS_MAX {
            return Err(invalid(format!("an expression has at most {CHARACTERS_MAX} characters")));
        }
        if let Some(word) = words(jq).find(|word| NOT_OFFERED.contains(word)) {
            return Err(invalid(format!("`{word}` is not offered here, so that every expression ends")));
        }
        let arena = Arena::default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let modules = Loader::new(definitions)
            .load(&arena, File { code: jq, path: () })
            .map_err(|errors| invalid(syntax(&errors)))?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
            let undefined = errors.iter().flat_map(|(_, errors)| errors).next();
            let (name, kind) = undefined.map_or(("", "filter"), |(name, kind)| (*name, kind.as_str()));
            invalid(format!("jq has no {kind} `{name}`"))
        })?;
        Ok(Self { line, filter })
    }

    pub(super) fn fault(&self, what: &'static str) -> MappingFault {
        MappingFault { line: self.line, what }
    }

    /// All that it gives, if it is not more than so many.
    pub(super) fn values(&self, event: Val, values_max: usize) -> Result<Vec<Val>, MappingFault> {
        let context = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut values = Vec::new();
        for value in self.filter.id.run((context, event)).map(unwrap_valr) {
            // jq's own message shows values of the event.
            values.push(value.map_err(|_| self.fault("the expression fails on this event"))?);
            if values.len() > values_max {
                return Err(self.fault("it gives too many values"));
            }
        }
        Ok(values)
    }

    fn value(&self, event: &Val) -> Result<Json, MappingFault> {
        let mut values = self.values(event.clone(), 1)?;
        let value = values.pop().unwrap_or(Val::Null);
        serde_json::from_str(&value.to_string()).map_err(|_| self.fault("what it gives is no JSON"))
    }

    pub(super) fn is_true(&self, event: &Val) -> Result<bool, MappingFault> {
        Ok(!matches!(self.value(event)?, Json::Null | Json::Bool(false)))
    }

    /// A text, or a number as text; `None` if it gives nothing, `null` or an empty text.
    pub(super) fn text(&self, event: &Val) -> Result<Option<String>, MappingFault> {
        match self.value(event)? {
            Json::Null => Ok(None),
            Json::String(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Json::Number(number) => Ok(Some(number.to_string())),
            Json::Bool(_) | Json::Array(_) | Json::Object(_) => Err(self.fault("it gives no text")),
        }
    }

    pub(super) fn time(&self, event: &Val) -> Result<Option<Time>, MappingFault> {
        let time = match self.value(event)? {
            Json::Null => return Ok(None),
            Json::String(text) => Time::parse_rfc3339(text.trim()),
            Json::Number(number) => number.as_f64().and_then(time_of),
            _ => None,
        };
        time.map(Some).ok_or(self.fault("it gives no time"))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression(line {})", self.line)
    }
}

/// The words of an expression that are not fields (`.def`, `"def"`). Texts are looked through like code,
/// since they may hold some, `"\(…)"`: a word of a text that is not offered has to be written otherwise.
fn words(jq: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = jq;
    std::iter::from_fn(move || {
        let start = rest.find(is_word)?;
        let is_field = rest[..start].ends_with('.') && !rest[..start].ends_with("..");
        let end = rest[start..].find(|c: char| !is_word(c)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        rest = &rest[end..];
        Some(if is_field { "" } else { word })
    })
}

fn syntax(errors: &load::Errors<&str, ()>) -> String {
    let found = errors.iter().find_map(|(_, error)| match error {
        load::Error::Lex(errors) => errors.first().map(|(expected, found)| (expected.as_str(), *found)),
        load::Error::Parse(errors) => errors.first().map(|(expected, found)| (expected.as_str(), *found)),
        load::Error::Io(_) => None,
    });
    match found {
        Some((expected, "")) => format!("jq expects {expected} at the end"),
        Some((expected, found)) => {
            format!("jq expects {expected} at `{}`", found.chars().take(40).collect::<String>())
        }
        None => "jq cannot read it".to_owned(),
    }
}
