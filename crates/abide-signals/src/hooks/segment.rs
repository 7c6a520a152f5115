//! Segment's events, from its Webhooks destination: consent that stands in every event, and the
//! e-mail events of its specification.
//!
//! Source: segmentio/segment-docs, "Consent in Segment Connections", "Spec: Email", "Webhooks".

use abide_model::IdentifierKind;
use serde_json::Value as Json;

use super::{Account, Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>, account: &Account) -> Result<Vec<Told>, Fault> {
    let body = body::json(request)?;
    let batch = body.get("batch").cloned();
    Ok(body::items(batch.unwrap_or(body)).iter().flat_map(|event| told(event, account)).collect())
}

fn told(event: &Json, account: &Account) -> Vec<Told> {
    let kind = event["type"].as_str().unwrap_or("");
    let key = match event["event"].as_str() {
        Some(name) if kind == "track" => format!("track/{name}"),
        _ => kind.to_owned(),
    };
    let mut all = refused(event, account);
    if event["context"]["device"]["adTrackingEnabled"] == Json::Bool(false) {
        all.push(Told::of("adTrackingEnabled/false"));
    }
    // The event's own name, unless its consent has already been told.
    if all.is_empty() || key.contains('/') {
        all.push(Told::of(key));
    }
    all.into_iter().map(|told| about(event, told)).collect()
}

/// The categories that are false, by what the account says that they stand for; all that stand for something where the object
/// is there and empty. A refusal of which nobody has said what it means is not known, rather than nothing.
fn refused(event: &Json, account: &Account) -> Vec<Told> {
    let Some(preferences) = event["context"]["consent"]["categoryPreferences"].as_object() else {
        return Vec::new();
    };
    let is_refused = |category: &str| {
        let stated = preferences.iter().find(|(name, _)| name.eq_ignore_ascii_case(category));
        preferences.is_empty() || stated.is_some_and(|(_, wanted)| *wanted == Json::Bool(false))
    };
    let mut mechanisms: Vec<_> = account
        .categories
        .iter()
        .filter(|(category, _)| is_refused(category))
        .filter_map(|(_, mechanism)| mechanism.clone())
        .collect();
    mechanisms.sort();
    mechanisms.dedup();
    let known = mechanisms.into_iter().map(|it| Told { mechanism: Some(it), ..Told::of("consent") });
    let is_known = |name: &str| account.categories.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let unknown =
        preferences.iter().filter(|(name, wanted)| **wanted == Json::Bool(false) && !is_known(name));
    known.chain(unknown.map(|(name, _)| Told::of(format!("category/{name}")))).collect()
}

fn about(event: &Json, told: Told) -> Told {
    let context = &event["context"];
    let emails = [&context["traits"], &event["traits"], &event["properties"]];
    let email = emails.into_iter().find_map(|it| it["email"].as_str());
    let phone = emails.into_iter().find_map(|it| it["phone"].as_str());
    let is_lat = told.key == "adTrackingEnabled/false";
    let told = Told {
        at: ["originalTimestamp", "timestamp", "sentAt"].iter().find_map(|name| body::rfc3339(&event[name])),
        id: body::text(&event["messageId"]),
        ..told
    };
    let told = told.about(IdentifierKind::Maid, context["device"]["advertisingId"].as_str());
    if is_lat {
        return told;
    }
    told.about(IdentifierKind::Email, email)
        .about(IdentifierKind::Phone, phone)
        .about(IdentifierKind::UserId, event["userId"].as_str())
        .about(IdentifierKind::Cookie, event["anonymousId"].as_str())
}
