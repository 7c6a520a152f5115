//! HubSpot: an app's webhooks (changes of properties, by the contact's number), and the contact that a
//! workflow's webhook sends, with its properties.
//!
//! Source: developers.hubspot.com, "Webhooks API" and "Workflows: webhook actions".

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    match body::json(request)? {
        Json::Array(events) => Ok(events.iter().map(change).collect()),
        contact if contact["properties"].is_object() => Ok(contact_of_workflow(&contact)),
        event if event["subscriptionType"].is_string() => Ok(vec![change(&event)]),
        _ => Err(Fault::NotTheirs),
    }
}

fn change(event: &Json) -> Told {
    let kind = event["subscriptionType"].as_str().unwrap_or("");
    let property = event["propertyName"].as_str().unwrap_or("");
    let value = body::text(&event["propertyValue"]).unwrap_or_default();
    let about_property = kind.ends_with(".propertyChange").then(|| key_of(property, &value)).flatten();
    let (key, list) = about_property.unwrap_or((kind.to_owned(), None));
    Told { at: body::millis(&event["occurredAt"]), id: body::text(&event["eventId"]), list, ..Told::of(key) }
}

/// The contact as it is: properties that say out count; those that say nothing take nothing back.
fn contact_of_workflow(contact: &Json) -> Vec<Told> {
    let value = |name: &str| {
        let property = &contact["properties"][name];
        body::text(&property["value"]).or_else(|| body::text(property))
    };
    let email = value("email");
    let properties = contact["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
    let outs = properties.filter_map(|name| key_of(name, &value(name).unwrap_or_default()));
    let says_out = |key: &str| key.ends_with("/true") || key == "hs_email_hard_bounce_reason_enum";
    let told: Vec<Told> = outs
        .filter(|(key, _)| says_out(key))
        .map(|(key, list)| Told { list, ..Told::of(key).about(IdentifierKind::Email, email.as_deref()) })
        .collect();
    if told.is_empty() { vec![Told::of("contact")] } else { told }
}

/// The row of a property and its value, with the list that it is about; `None` if it is none of ours.
fn key_of(property: &str, value: &str) -> Option<(String, Option<String>)> {
    const OPT_OUT: &str = "hs_email_optout";
    const BOUNCE: &str = "hs_email_hard_bounce_reason_enum";
    let flag = match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => "true",
        _ => "false",
    };
    if property == OPT_OUT {
        return Some((format!("{OPT_OUT}/{flag}"), None));
    }
    if let Some(list) = property.strip_prefix("hs_email_optout_") {
        return Some((format!("{OPT_OUT}_list/{flag}"), Some(list.to_owned())));
    }
    (property == BOUNCE)
        .then(|| if value.is_empty() { format!("{BOUNCE}/empty") } else { BOUNCE.to_owned() })
        .map(|key| (key, None))
}
