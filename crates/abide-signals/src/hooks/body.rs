//! Bodies and times as vendors write them.

use abide_model::Time;
use chrono::DateTime;
use serde_json::Value as Json;

use super::{Fault, Request};

pub(super) fn json(request: &Request<'_>) -> Result<Json, Fault> {
    serde_json::from_slice(request.body).map_err(|_| Fault::NotJson)
}

/// One event or an array of them.
pub(super) fn items(body: Json) -> Vec<Json> {
    match body {
        Json::Array(items) => items,
        item => vec![item],
    }
}

/// The fields of a form in their order, urlencoded or multipart.
pub(super) fn form(request: &Request<'_>) -> Result<Vec<(String, String)>, Fault> {
    let content_type = request.header("Content-Type").unwrap_or("");
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        let boundary = parameters.split(';').find_map(|it| it.trim().strip_prefix("boundary="));
        return multipart(boundary.ok_or(Fault::NotAForm)?.trim_matches('"'), request.body);
    }
    Ok(urlencoded(request.body))
}

pub(super) fn urlencoded(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The fields of a multipart form that are text; files are passed over. Line ends may be bare.
fn multipart(boundary: &str, body: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let body = String::from_utf8_lossy(body);
    if boundary.is_empty() {
        return Err(Fault::NotAForm);
    }
    let delimiter = format!("--{boundary}");
    let mut fields = Vec::new();
    for part in body.split(delimiter.as_str()).skip(1) {
        let Some(part) = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n')) else { continue };
        let (head, value) =
            part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n")).ok_or(Fault::NotAForm)?;
        let disposition =
            head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        let name = disposition.and_then(|line| parameter(line, "name"));
        if let (Some(name), None) = (name, disposition.and_then(|line| parameter(line, "filename"))) {
            let value = value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).unwrap_or(value);
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(fields)
}

fn parameter<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(';').skip(1).find_map(|it| {
        let (key, value) = it.trim().split_once('=')?;
        (key == name).then_some(value.trim_matches('"'))
    })
}

pub(super) fn first<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// A text, or a number as text; not an empty one.
pub(super) fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds since 1970, as a number or a text, with or without a fraction.
pub(super) fn seconds(value: &Json) -> Option<Time> {
    match value {
        Json::Number(number) => match number.as_i64() {
            Some(seconds) => Some(Time::from_seconds(seconds)),
            None => number.as_f64().and_then(from_float),
        },
        Json::String(text) => seconds_text(text),
        _ => None,
    }
}

pub(super) fn seconds_text(text: &str) -> Option<Time> {
    let text = text.trim();
    text.parse().map(Time::from_seconds).ok().or_else(|| text.parse().ok().and_then(from_float))
}

fn from_float(seconds: f64) -> Option<Time> {
    const SECONDS_MAX: f64 = 1e11;
    // Within the bound a microsecond is exact enough, and the cast cannot overflow.
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    (seconds.abs() < SECONDS_MAX).then(|| Time::from_micros((seconds * 1e6).round() as i64))
}

pub(super) fn millis(value: &Json) -> Option<Time> {
    value.as_i64().map(Time::from_millis)
}

pub(super) fn rfc3339(value: &Json) -> Option<Time> {
    value.as_str().and_then(Time::parse_rfc3339)
}

/// `Thu, 04 Jan 2024 18:05:25 GMT`
pub(super) fn http_date(text: &str) -> Option<Time> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| Time::from_seconds(at.timestamp()))
}
