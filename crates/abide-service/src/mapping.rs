//! What a gateway asks about: from somebody else's request to an action and a person.
//!
//! A route says which action a request of a certain method and path is, and where in it the identifiers stand. What
//! matches no route, or can be read in two ways (`..`, an encoded slash), is refused: a gateway and the API behind it
//! may each take it for something else.

use std::{borrow::Cow, collections::BTreeMap};

use abide_model::{Action, Context, HashedAs, IdentifierKind, OnCannotTell, Written, kind_and_form};
use hyper::{HeaderMap, header::HeaderName};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::{OnDoubt, Subject, Wishes};

/// One `[[serve.authz]]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthzRoute {
    /// `/lists/*/members/{email}`: `*` is any segment, `{KIND}` or `{KIND:FORM}` one that is an identifier, `**` at the
    /// end whatever follows.
    pub path: String,
    /// Empty for all.
    #[serde(default)]
    pub methods: Vec<String>,
    pub action: String,
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// `KIND=header:NAME`, `KIND=query:NAME` or `KIND=body:/JSON/POINTER`; KIND may name a form.
    #[serde(default)]
    pub identifiers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_cannot_tell: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_age_max_ms: Option<u32>,
}

/// All routes, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Mapping(Vec<Ready>);

#[derive(Debug)]
pub(crate) struct Ready {
    segments: Vec<Segment>,
    is_open_ended: bool,
    methods: Vec<String>,
    pub(crate) action: Action,
    pub(crate) context: Context,
    sources: Vec<Source>,
    pub(crate) wishes: Wishes,
}

type Kind = (IdentifierKind, Option<HashedAs>);

#[derive(Debug)]
enum Segment {
    Text(String),
    Any,
    Identifier(Kind),
}

#[derive(Debug)]
struct Source {
    kind: Kind,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Header(HeaderName),
    Query(String),
    Body(String),
}

/// The request that a gateway asks about.
#[derive(Debug)]
pub(crate) struct Original<'r> {
    pub(crate) method: &'r str,
    /// With its query.
    pub(crate) uri: &'r str,
    pub(crate) headers: &'r HeaderMap,
    /// `None` where the gateway sent none along, or it is no JSON.
    pub(crate) body: Option<&'r Value>,
}

impl Mapping {
    pub(crate) fn new(routes: &[AuthzRoute]) -> Result<Self, String> {
        let ready = routes.iter().map(|route| {
            Ready::new(route).map_err(|why| format!("authz, the route `{}`: {why}", route.path))
        });
        ready.collect::<Result<_, _>>().map(Self)
    }

    /// The first route that matches, and the person whom the request is about. `None` for what no route is about.
    pub(crate) fn find<'m, 'r>(&'m self, original: &Original<'r>) -> Option<(&'m Ready, Subject<'r>)> {
        let (path, query) = original.uri.split_once('?').unwrap_or((original.uri, ""));
        let segments = segments(path)?;
        let is_of_method = |ready: &&Ready| {
            ready.methods.is_empty() || ready.methods.iter().any(|method| method == original.method)
        };
        self.0.iter().filter(is_of_method).find_map(|ready| {
            let mut written = ready.matches(&segments)?;
            for source in &ready.sources {
                source.read(original, query, &mut written);
            }
            Some((ready, Subject::of(written)))
        })
    }

    /// Whether any route needs the body.
    pub(crate) fn reads_bodies(&self) -> bool {
        let mut sources = self.0.iter().flat_map(|ready| &ready.sources);
        sources.any(|source| matches!(source.place, Place::Body(_)))
    }
}

impl Ready {
    fn new(route: &AuthzRoute) -> Result<Self, String> {
        let path = route.path.strip_prefix('/').ok_or("a path begins with /")?;
        let (path, is_open_ended) = match path.strip_suffix("**") {
            Some(before) => (before.strip_suffix('/').unwrap_or(before), true),
            None => (path, false),
        };
        let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            None if text == "*" => Ok(Segment::Any),
            None if text.contains(['*', '{', '}']) => Err("`*` and `{…}` are whole segments".to_owned()),
            None => Ok(Segment::Text(text.to_owned())),
            Some(name) => kind_and_form(name)
                .map(Segment::Identifier)
                .ok_or_else(|| format!("`{name}` is no kind of identifier")),
        };
        let segments = path.split('/').filter(|text| !text.is_empty()).map(segment);
        let on_doubt = route.on_cannot_tell.as_deref().map(str::parse::<OnCannotTell>).transpose();
        let on_doubt = on_doubt.map_err(|expected| format!("on_cannot_tell is {expected}"))?;
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
            is_open_ended,
            methods: route.methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
            action: route.action.parse().map_err(|error| format!("{error}"))?,
            context: route.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            sources: route.identifiers.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>()?,
            wishes: Wishes {
                on_cannot_tell: on_doubt.map(OnDoubt::from),
                list_age_max_ms: route.list_age_max_ms,
                ..Wishes::default()
            },
        })
    }

    /// The identifiers in the path, if it is of this route.
    fn matches<'r>(&self, segments: &[Cow<'r, str>]) -> Option<Vec<Written<'r>>> {
        let fits = if self.is_open_ended {
            segments.len() >= self.segments.len()
        } else {
            segments.len() == self.segments.len()
        };
        if !fits {
            return None;
        }
        let mut written = Vec::new();
        for (wanted, found) in self.segments.iter().zip(segments) {
            match wanted {
                Segment::Text(text) if text == found => {}
                Segment::Text(_) => return None,
                Segment::Any => {}
                Segment::Identifier((kind, form)) => {
                    written.push(Written { kind: *kind, form: *form, text: found.clone() });
                }
            }
        }
        Some(written)
    }
}

impl Source {
    fn parse(text: &str) -> Result<Self, String> {
        let taken = "an identifier is given as KIND=header:NAME, KIND=query:NAME or KIND=body:/POINTER";
        let (kind, place) = text.split_once('=').ok_or(taken)?;
        let kind = kind_and_form(kind).ok_or_else(|| format!("`{kind}` is no kind of identifier"))?;
        let place = match place.split_once(':') {
            Some(("header", name)) => {
                Place::Header(name.parse().map_err(|_| format!("`{name}` is no name of a header"))?)
            }
            Some(("query", name)) if !name.is_empty() => Place::Query(name.to_owned()),
            Some(("body", pointer)) if pointer.is_empty() || pointer.starts_with('/') => {
                Place::Body(pointer.to_owned())
            }
            _ => return Err(taken.to_owned()),
        };
        Ok(Self { kind, place })
    }

    /// All that stand there: where a request names several, it is not for us to choose.
    fn read<'r>(&self, original: &Original<'r>, query: &'r str, into: &mut Vec<Written<'r>>) {
        let (kind, form) = self.kind;
        let mut put = |text: Cow<'r, str>| into.push(Written { kind, form, text });
        match &self.place {
            Place::Header(name) => {
                for value in original.headers.get_all(name) {
                    put(String::from_utf8_lossy(value.as_bytes()).into_owned().into());
                }
            }
            Place::Query(wanted) => {
                let pairs = form_urlencoded::parse(query.as_bytes());
                pairs.filter(|(name, _)| name == wanted).for_each(|(_, value)| put(value));
            }
            Place::Body(pointer) => match original.body.and_then(|body| body.pointer(pointer)) {
                Some(Value::Array(several)) => several.iter().filter_map(text_of).for_each(put),
                Some(one) => text_of(one).into_iter().for_each(put),
                None => {}
            },
        }
    }
}

/// What is no text stands for somebody who cannot be read, not for nobody.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => Some("?".into()),
    }
}

/// The segments of a path, decoded; `None` for one that others may read in another way.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    let decoded = path.split('/').map(|segment| {
        let text = percent_decode_str(segment).decode_utf8().ok()?;
        let is_odd = text.is_empty()
            || matches!(&*text, "." | "..")
            || text.contains(['/', '\\', ';', '%', '#'])
            || text.contains(char::is_control);
        (!is_odd).then_some(text)
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, identifiers: &[&str]) -> AuthzRoute {
        AuthzRoute {
            path: path.to_owned(),
            methods: vec!["post".to_owned()],
            action: "contact.email".to_owned(),
            context: BTreeMap::new(),
            identifiers: identifiers.iter().map(|text| (*text).to_owned()).collect(),
            on_cannot_tell: None,
            list_age_max_ms: None,
        }
    }

    fn found(mapping: &Mapping, method: &str, uri: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.append("x-to", "h@example.com".parse().unwrap());
        let body = serde_json::json!({ "to": [{ "email": "b@example.com" }], "all": ["1", 2, null, {}] });
        let original = Original { method, uri, headers: &headers, body: Some(&body) };
        let (_, subject) = mapping.find(&original)?;
        let texts: Vec<String> =
            subject.written.iter().map(|written| format!("{} {}", written.kind, written.text)).collect();
        Some(texts.join(", "))
    }

    #[test]
    fn requests_and_whom_they_are_about() {
        let mapping = Mapping::new(&[
            route("/lists/*/members/{email}", &[]),
            route("/send", &["email=query:to", "email=header:X-To"]),
            route("/mail/**", &["email=body:/to/0/email", "user_id=body:/all"]),
        ])
        .unwrap();
        for (method, uri, wanted) in [
            ("POST", "/lists/7/members/a%40example.com", Some("email a@example.com")),
            ("POST", "/lists/7/members/a@example.com/?x=1", Some("email a@example.com")),
            ("GET", "/lists/7/members/a@example.com", None),
            ("POST", "/lists/7/members", None),
            ("POST", "/send", Some("email h@example.com")),
            (
                "POST",
                "/send?to=q%40example.com&to=r@example.com",
                Some("email q@example.com, email r@example.com, email h@example.com"),
            ),
            ("POST", "/mail", Some("email b@example.com, user_id 1, user_id 2, user_id ?")),
            ("POST", "/mail/a/b", Some("email b@example.com, user_id 1, user_id 2, user_id ?")),
            // Read in two ways.
            ("POST", "/mail/../send", None),
            ("POST", "/mail/%2e%2e/send", None),
            ("POST", "//send", None),
            ("POST", "/lists/7%2fmembers/x/members/a@example.com", None),
            ("POST", "/mail/%252e%252e", None),
            ("POST", "/mail/\\..", None),
            ("POST", "/mail/%00", None),
            ("POST", "send", None),
        ] {
            assert_eq!(found(&mapping, method, uri).as_deref(), wanted, "{method} {uri}");
        }
    }

    #[test]
    fn routes_that_make_no_sense() {
        for (wrong, why) in [
            (route("send", &[]), "begins with /"),
            (route("/a*", &[]), "whole segments"),
            (route("/{emial}", &[]), "no kind"),
            (route("/a", &["email"]), "given as"),
            (route("/a", &["emial=query:to"]), "no kind"),
            (route("/a", &["email=body:to"]), "given as"),
            (AuthzRoute { action: "No".to_owned(), ..route("/a", &[]) }, "dotted name"),
            (AuthzRoute { on_cannot_tell: Some("pass".to_owned()), ..route("/a", &[]) }, "`block`"),
        ] {
            let said = Mapping::new(&[wrong]).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
