//! Mailgun's webhooks: JSON, and the forms of before 2018.
//!
//! Source: documentation.mailgun.com, "Webhooks"; anymail/django-anymail for the legacy forms.

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

/// Timestamp, token and signature. User variables may come first under the same names, so of a form the
/// last count.
pub(super) fn signature(request: &Request<'_>) -> Option<(String, String, String)> {
    if let Ok(json) = body::json(request) {
        let signature = &json["signature"];
        let text = |name: &str| body::text(&signature[name]);
        return Some((text("timestamp")?, text("token")?, text("signature")?));
    }
    let form = body::form(request).ok()?;
    let last =
        |name: &str| form.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    Some((last("timestamp")?, last("token")?, last("signature")?))
}

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    match body::json(request) {
        Ok(json) => Ok(vec![told(json.get("event-data").ok_or(Fault::NotTheirs)?)]),
        Err(_) => legacy(&body::form(request)?).map(|told| vec![told]),
    }
}

fn told(event: &Json) -> Told {
    let name = event["event"].as_str().unwrap_or("");
    let list = body::text(&event["mailing-list"]["address"]);
    let key = match name {
        "failed" => {
            let part = |field: &str| event[field].as_str().unwrap_or("");
            format!("failed/{}/{}", part("severity"), part("reason"))
        }
        "unsubscribed" if list.is_some() => "unsubscribed/list".to_owned(),
        name => name.to_owned(),
    };
    Told {
        at: body::seconds(&event["timestamp"]),
        id: body::text(&event["id"]),
        list,
        ..Told::of(key).about(IdentifierKind::Email, event["recipient"].as_str())
    }
}

fn legacy(form: &[(String, String)]) -> Result<Told, Fault> {
    let event = body::first(form, "event").ok_or(Fault::NotTheirs)?;
    let key = match (event, body::first(form, "code")) {
        ("dropped", Some(code)) => format!("dropped/{code}"),
        (event, _) => event.to_owned(),
    };
    let timestamp = form.iter().rev().find(|(field, _)| field == "timestamp");
    Ok(Told {
        at: timestamp.and_then(|(_, text)| body::seconds_text(text)),
        ..Told::of(key).about(IdentifierKind::Email, body::first(form, "recipient"))
    })
}
