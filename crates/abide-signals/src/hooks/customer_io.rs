//! Customer.io's reporting webhooks: what happened (`metric`) to what (`object_type`).
//!
//! Source: customer.io/docs/api/webhooks.

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    let event = body::json(request)?;
    let metric = event["metric"].as_str().ok_or(Fault::NotTheirs)?;
    let object = event["object_type"].as_str().unwrap_or("customer");
    if metric == "cio_subscription_preferences_changed" {
        return Ok(preferences(&event));
    }
    Ok(vec![told(&event, format!("{object}/{metric}"))])
}

fn told(event: &Json, key: String) -> Told {
    let data = &event["data"];
    let is_sms = key.starts_with("sms/");
    let recipient = data["recipient"].as_str();
    let email = [&data["email_address"], &data["identifiers"]["email"]].into_iter().find_map(Json::as_str);
    let email = email.or(recipient.filter(|text| !is_sms && text.contains('@')));
    Told {
        at: body::seconds(&event["timestamp"]),
        id: body::text(&event["event_id"]),
        ..Told::of(key)
            .about(IdentifierKind::Email, email)
            .about(IdentifierKind::Phone, data["phone"].as_str().or(recipient.filter(|_| is_sms)))
    }
}

/// Topics and channels as they stand after the change; the content is JSON as a text.
fn preferences(event: &Json) -> Vec<Told> {
    let content = &event["data"]["content"];
    let content =
        content.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(content.clone());
    let preferences = content.get("cio_subscription_preferences").unwrap_or(&content);
    let members = |name: &str| preferences[name].as_object().into_iter().flatten();
    let mut all = Vec::new();
    for (topic, wanted) in members("topics") {
        let way = match wanted {
            Json::Bool(true) => "in",
            Json::Bool(false) => "out",
            _ => continue,
        };
        all.push(Told { list: Some(topic.clone()), ..told(event, format!("customer/topic/{way}")) });
    }
    for (channel, _) in members("channels").filter(|(_, wanted)| **wanted == Json::Bool(false)) {
        all.push(told(event, format!("customer/channel/{channel}/out")));
    }
    if all.is_empty() {
        all.push(told(event, "customer/cio_subscription_preferences_changed".to_owned()));
    }
    all
}
