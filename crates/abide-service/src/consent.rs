//! What a person's browser or app said beside a request: `Sec-GPC`, `DNT`, GPP, TCF and US Privacy, wherever they
//! stand.

use std::{borrow::Cow, collections::BTreeMap};

use abide_signals::consent::{self, Found};
use schemars::JsonSchema;
use serde::Deserialize;

/// As it came: pass on all of it, what is a consent signal is found by its name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsentBody<'a> {
    /// All headers of the person's request, by name; several values of one name as a list. Cookies too.
    headers: BTreeMap<String, OneOrMany>,
    /// The query of its address, percent-encoded, without the `?`.
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    /// Named values, such as `{"gpp": "…", "us_privacy": "…"}`.
    fields: BTreeMap<String, String>,
    /// A JSON event, in which they may stand at any depth.
    event: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn iter(&self) -> impl Iterator<Item = &String> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl ConsentBody<'_> {
    /// All that it says, each mechanism once, and what could not be understood.
    pub(crate) fn read(&self) -> Found {
        let headers = self
            .headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_bytes())));
        let mut all = consent::headers(headers);
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.merge(consent::fields(fields));
        let others = [self.query.as_deref().map(consent::query), self.event.as_ref().map(consent::event)];
        others.into_iter().flatten().for_each(|other| all.merge(other));
        all
    }
}
