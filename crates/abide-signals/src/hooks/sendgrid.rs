//! SendGrid's event webhook: an array of events.
//!
//! Source: docs.sendgrid.com, "Event Webhook Reference"; sendgrid/sendgrid-python.

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    Ok(body::items(body::json(request)?).iter().map(told).collect())
}

fn told(event: &Json) -> Told {
    let name = event["event"].as_str().unwrap_or("");
    let detail = match name {
        "bounce" => event["type"].as_str(),
        "dropped" => event["reason"].as_str(),
        _ => None,
    };
    let key = detail.map_or_else(|| name.to_owned(), |detail| format!("{name}/{detail}"));
    Told {
        at: body::seconds(&event["timestamp"]),
        id: body::text(&event["sg_event_id"]),
        list: body::text(&event["asm_group_id"]),
        ..Told::of(key).about(IdentifierKind::Email, event["email"].as_str())
    }
}
