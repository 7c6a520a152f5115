//! Mailchimp's webhooks: forms with names like `data[email]`.
//!
//! Source: mailchimp.com/developer, "Sync audience data with webhooks".

use abide_model::IdentifierKind;

use super::{Fault, Request, Told, body};

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    let form = body::form(request)?;
    let field = |name: &str| body::first(&form, name).filter(|value| !value.is_empty());
    let kind = field("type").ok_or(Fault::NotTheirs)?;
    let key = match (kind, field("data[reason]")) {
        ("unsubscribe" | "cleaned", Some(reason)) => format!("{kind}/{reason}"),
        _ => kind.to_owned(),
    };
    // `fired_at` has no zone: half a day off it could stand before what it follows. So it counts from
    // receipt, and tells repetitions apart.
    let id = field("data[id]").or_else(|| field("data[email]"));
    let id = id.zip(field("fired_at")).map(|(id, at)| digest(&[id, at, kind]));
    Ok(vec![Told { id, ..Told::of(key).about(IdentifierKind::Email, field("data[email]")) }])
}

/// An id that shows no address.
fn digest(parts: &[&str]) -> String {
    use aws_lc_rs::digest::{SHA256, digest};

    hex::encode(&digest(&SHA256, parts.join("\n").as_bytes()).as_ref()[..16])
}
