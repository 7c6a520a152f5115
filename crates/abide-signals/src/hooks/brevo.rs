//! Brevo's webhooks, transactional and marketing: a JSON object, or an array where batching is on.
//!
//! Source: developers.brevo.com, "Transactional webhooks" and "Marketing webhooks".

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    Ok(body::items(body::json(request)?).iter().map(told).collect())
}

fn told(event: &Json) -> Told {
    let name = event["event"].as_str().unwrap_or("");
    // `date` has no zone, so it is not read.
    let at = body::millis(&event["ts_epoch"]).or_else(|| body::seconds(&event["ts_event"]));
    let message = body::text(&event["message-id"]).or_else(|| body::text(&event["camp_id"]));
    let when = body::text(&event["ts_epoch"]).or_else(|| body::text(&event["ts_event"]));
    Told {
        at,
        id: message.zip(when).map(|(message, when)| format!("{message}/{name}/{when}")),
        ..Told::of(name).about(IdentifierKind::Email, event["email"].as_str())
    }
}
