//! Postmark's webhooks: one JSON object each.
//!
//! Source: postmarkapp.com/developer/webhooks.

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    let event = body::json(request)?;
    let record = event["RecordType"].as_str().ok_or(Fault::NotTheirs)?;
    let key = match record {
        "SubscriptionChange" => {
            let suppressed = event["SuppressSending"].as_bool().ok_or(Fault::NotTheirs)?;
            format!("{record}/{suppressed}/{}", event["SuppressionReason"].as_str().unwrap_or(""))
        }
        "Bounce" => format!("{record}/{}", event["Type"].as_str().unwrap_or("")),
        record => record.to_owned(),
    };
    let email = event["Recipient"].as_str().or_else(|| event["Email"].as_str());
    Ok(vec![Told {
        at: ["ChangedAt", "BouncedAt", "DeliveredAt"].iter().find_map(|field| body::rfc3339(&event[field])),
        id: id(&event, record),
        ..Told::of(key).about(IdentifierKind::Email, email)
    }])
}

/// A bounce has an id of its own; what else happens to a message happens at a time.
fn id(event: &Json, record: &str) -> Option<String> {
    if let Some(id) = body::text(&event["ID"]) {
        return Some(id);
    }
    let message = body::text(&event["MessageID"])?;
    Some(format!("{message}/{record}/{}", event["ChangedAt"].as_str().unwrap_or("")))
}
