//! Klaviyo's system webhooks: topics like `event:klaviyo.unsubscribed_from_email_marketing`, each with
//! an event as its API gives it.
//!
//! Source: developers.klaviyo.com, "Working with system webhooks".

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    let body = body::json(request)?;
    let events = body["data"].as_array().ok_or(Fault::NotTheirs)?;
    Ok(events.iter().map(told).collect())
}

fn told(event: &Json) -> Told {
    let topic = event["topic"].as_str().unwrap_or("");
    let name = topic.strip_prefix("event:klaviyo.").unwrap_or(topic);
    let payload = &event["payload"];
    let attributes = &payload["data"]["attributes"];
    let properties = &attributes["event_properties"];
    let key = match (name, properties["Bounce Type"].as_str()) {
        ("bounced_email", Some(kind)) => format!("{name}/{}", kind.to_lowercase()),
        _ => name.to_owned(),
    };
    let included = payload["included"].as_array().into_iter().flatten();
    let profile = included.filter(|it| it["type"] == "profile").map(|it| &it["attributes"]).next();
    let of_profile = |name: &str| profile.and_then(|profile| profile[name].as_str());
    Told {
        at: body::rfc3339(&attributes["datetime"]).or_else(|| body::seconds(&attributes["timestamp"])),
        id: body::text(&event["external_id"]).or_else(|| body::text(&payload["data"]["id"])),
        list: body::text(&properties["List"]),
        ..Told::of(key)
            .about(IdentifierKind::Email, of_profile("email"))
            .about(IdentifierKind::Phone, of_profile("phone_number"))
    }
}
