//! What went wrong, as RFC 9457 problem details. No problem repeats what a client sent, since that may be somebody's
//! address.

use abide_index::IndexError;
use abide_journal::ErrorKind;
use abide_model::causes::chain;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{ask::Answer, body::Body};

/// One kind of problem. The words are the last part of its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body or a parameter is not what the endpoint takes.
    Invalid,
    NotFound,
    /// With the methods that there are.
    WrongMethod(&'static str, Option<&'static str>),
    /// The body is of another media type.
    WrongType,
    TooLarge,
    TooSlow,
    NoToken,
    /// Who asks by TLS has to show a certificate too.
    NoCertificate,
    WrongSignature,
    NoRight,
    TooMany,
    /// A link that is too old.
    Expired,
    /// What a gateway asks about may not pass.
    Blocked,
    /// It comes from where it may not.
    Forbidden,
    /// No list yet.
    NotReady,
    /// What was asked for cannot be judged, and whoever asked wanted that to be an error.
    CannotTell,
    /// The same key with another body.
    KeyReused,
    /// The first request with this key is not answered yet.
    UnderWay,
    Conflict,
    /// Wait and try again.
    Unavailable,
    Damaged,
    Bug,
}

const TYPES: &str = "https://github.com/abide-dev/abide/blob/main/docs/service.md#";

impl Kind {
    fn describe(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Invalid => (S::BAD_REQUEST, "invalid", "The request is not valid"),
            Self::NotFound => (S::NOT_FOUND, "not-found", "There is nothing here"),
            Self::WrongMethod(..) => {
                (S::METHOD_NOT_ALLOWED, "wrong-method", "This is asked with another method")
            }
            Self::WrongType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "wrong-type",
                "The body is of another media type than is taken here",
            ),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "too-slow", "The body took too long to come"),
            Self::NoToken => (S::UNAUTHORIZED, "no-token", "A token is needed"),
            Self::NoCertificate => (S::FORBIDDEN, "no-certificate", "A certificate is needed"),
            Self::WrongSignature => (S::UNAUTHORIZED, "wrong-signature", "The vendor did not send this"),
            Self::NoRight => (S::FORBIDDEN, "no-right", "The token lacks a right"),
            Self::TooMany => (S::TOO_MANY_REQUESTS, "too-many", "Too much was asked for in a short time"),
            Self::Expired => (S::GONE, "expired", "The link is too old"),
            Self::Blocked => (S::FORBIDDEN, "blocked", "The person objects, or it cannot be told"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "This may not be asked from here"),
            Self::NotReady => (S::SERVICE_UNAVAILABLE, "not-ready", "The list is not complete yet"),
            Self::CannotTell => (S::UNPROCESSABLE_ENTITY, "cannot-tell", "It cannot be judged"),
            Self::KeyReused => {
                (S::UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key came with another body before")
            }
            Self::UnderWay => {
                (S::CONFLICT, "under-way", "The first request with this idempotency key is under way")
            }
            Self::Conflict => (S::CONFLICT, "conflict", "Another one was first"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "This cannot be done now"),
            Self::Damaged => (S::INTERNAL_SERVER_ERROR, "damaged", "The list or the store is damaged"),
            Self::Bug => (S::INTERNAL_SERVER_ERROR, "bug", "This is a bug"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    pub(crate) retry_after_s: Option<u64>,
}

/// The body of every answer that is no success.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// Tells kinds of problems apart.
    r#type: String,
    title: &'a str,
    status: u16,
    /// What it was this time, and what to do next.
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after_s = matches!(kind, Kind::NotReady | Kind::Unavailable | Kind::UnderWay).then_some(1);
        Self { kind, detail: detail.into(), retry_after_s }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    /// Nothing of a list that is damaged is believed.
    pub(crate) fn of_list(error: &IndexError) -> Self {
        tracing::error!(error = chain(error), "could not read the list");
        Self::new(Kind::Damaged, "the list on this node cannot be read")
    }

    /// The one place where what the state layer says becomes a status.
    pub(crate) fn of_kind(kind: ErrorKind, detail: impl Into<String>) -> Self {
        let kind = match kind {
            ErrorKind::Invalid => Kind::Invalid,
            ErrorKind::Unavailable => Kind::Unavailable,
            ErrorKind::Conflict => Kind::Conflict,
            ErrorKind::Damaged => Kind::Damaged,
            ErrorKind::Bug => Kind::Bug,
        };
        Self::new(kind, detail)
    }

    /// What was wrong with a JSON text, without a word of it.
    pub(crate) fn of_json(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let what = match error.classify() {
            Category::Syntax => "is no JSON",
            Category::Eof => "is JSON that ends too early",
            Category::Data | Category::Io => {
                "does not have the fields, or values of the types, that are taken here (see /openapi.json)"
            }
        };
        Self::invalid(format!("the body {what}: line {}, column {}", error.line(), error.column()))
    }

    pub(crate) fn respond(&self) -> Answer {
        let (status, name, title) = self.kind.describe();
        let body = ProblemBody {
            r#type: format!("{TYPES}{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&body).expect("strings and numbers become JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.kind {
            Kind::WrongMethod(one, other) => {
                for allowed in [Some(one), other].into_iter().flatten() {
                    headers.append(ALLOW, HeaderValue::from_static(allowed));
                }
            }
            Kind::NoToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
