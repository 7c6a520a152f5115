//! Amazon SES, through SNS: an envelope that SNS signs, with the event as a text inside.
//!
//! Sources: docs.aws.amazon.com, "Amazon SNS notification contents for Amazon SES" and "Verifying the
//! signatures of Amazon SNS messages"; aws/aws-js-sns-message-validator.

use abide_model::{IdentifierKind, Time};
use serde_json::Value as Json;

use super::{Account, Event, Fault, Refused, Request, Source, Told, body};

/// An SNS message. Lambda spells some of its fields differently.
pub(super) struct Envelope(Json);

impl Envelope {
    pub(super) fn of(request: &Request<'_>) -> Result<Self, Fault> {
        let json = body::json(request)?;
        if json["Type"].is_string() { Ok(Self(json)) } else { Err(Fault::NotTheirs) }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    pub(super) fn certificate_url(&self) -> Result<&str, Refused> {
        let url = self.text("SigningCertURL").or_else(|| self.text("SigningCertUrl"));
        let url = url.ok_or(Refused::Unsigned)?;
        let path = amazons(url).ok_or(Refused::ForeignCertificate)?;
        path.strip_suffix(".pem").map(|_| url).ok_or(Refused::ForeignCertificate)
    }

    /// Names and values of the signed fields, each with a line feed. An absent subject is left out.
    pub(super) fn string_to_sign(&self) -> Option<String> {
        let fields: &[&str] = match self.text("Type")? {
            "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
            }
            _ => return None,
        };
        let mut string = String::new();
        for field in fields {
            match self.text(field) {
                Some(value) => string.extend([field, "\n", value, "\n"]),
                None if *field == "Subject" => {}
                None => return None,
            }
        }
        Some(string)
    }
}

pub(super) fn certificate_url(request: &Request<'_>) -> Result<String, Refused> {
    let envelope = Envelope::of(request).map_err(|_| Refused::Malformed)?;
    envelope.certificate_url().map(str::to_owned)
}

/// The path of an address of SNS: `https://sns.<region>.amazonaws.com[.cn]/…`, without port or user.
fn amazons(url: &str) -> Option<&str> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let region = host.strip_prefix("sns.")?.trim_end_matches(".cn").strip_suffix(".amazonaws.com")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (region.len() >= 3 && region.bytes().all(plain)).then_some(path)
}

pub(super) fn read(request: &Request<'_>, account: &Account) -> Result<Vec<Event>, Fault> {
    let envelope = Envelope::of(request)?;
    match envelope.text("Type") {
        Some("SubscriptionConfirmation") => {
            let url = envelope.text("SubscribeURL").filter(|url| amazons(url).is_some());
            Ok(vec![Event::Confirm { url: url.ok_or(Fault::NotTheirs)?.to_owned() }])
        }
        Some("Notification") => {
            let told = told(&envelope)?;
            Ok(told.into_iter().flat_map(|told| told.events(Source::AmazonSes, account)).collect())
        }
        other => Ok(Told::of(other.unwrap_or("")).events(Source::AmazonSes, account)),
    }
}

fn told(envelope: &Envelope) -> Result<Vec<Told>, Fault> {
    let message = envelope.text("Message").ok_or(Fault::NotTheirs)?;
    if message.starts_with("Successfully validated SNS topic") {
        return Ok(vec![Told::of("AmazonSnsSubscriptionSucceeded")]);
    }
    let event: Json = serde_json::from_str(message).map_err(|_| Fault::NotJson)?;
    let name = event["notificationType"].as_str().or_else(|| event["eventType"].as_str());
    let name = name.ok_or(Fault::NotTheirs)?;
    let id = envelope.text("MessageId").map(str::to_owned);
    let sent_at = envelope.text("Timestamp").and_then(Time::parse_rfc3339);
    let about = |key: String, people: &Json, part: &Json| {
        let emails = people.as_array().into_iter().flatten();
        let emails = emails.filter_map(|it| it["emailAddress"].as_str().or_else(|| it.as_str()));
        let told =
            Told { at: body::rfc3339(&part["timestamp"]).or(sent_at), id: id.clone(), ..Told::of(key) };
        emails.fold(told, |told, email| told.about(IdentifierKind::Email, Some(email)))
    };
    Ok(match name {
        "Bounce" => {
            let bounce = &event["bounce"];
            let kind = bounce["bounceType"].as_str().unwrap_or("");
            vec![about(format!("Bounce/{kind}"), &bounce["bouncedRecipients"], bounce)]
        }
        "Complaint" => {
            let complaint = &event["complaint"];
            let kind = complaint["complaintFeedbackType"].as_str().unwrap_or("");
            vec![about(format!("Complaint/{kind}"), &complaint["complainedRecipients"], complaint)]
        }
        "Subscription" => {
            let (change, to) = (&event["subscription"], &event["mail"]["destination"]);
            // A page of preferences is one person's: who of several recipients it was, nobody can tell.
            let nobody = Json::Null;
            let to = if to.as_array().is_some_and(|to| to.len() == 1) { to } else { &nobody };
            let changes = changes(change).into_iter();
            changes.map(|(key, list)| Told { list, ..about(key, to, change) }).collect()
        }
        name => vec![Told { id, ..Told::of(name) }],
    })
}

/// What a person set on the preference page: rows of the table, with the topic.
fn changes(change: &Json) -> Vec<(String, Option<String>)> {
    let (old, new) = (&change["oldTopicPreferences"], &change["newTopicPreferences"]);
    let all = |preferences: &Json| preferences["unsubscribeAll"].as_bool().unwrap_or(false);
    let mut changes = Vec::new();
    if all(new) {
        return vec![("Subscription/all".to_owned(), None)];
    }
    if all(old) {
        changes.push(("Subscription/again".to_owned(), None));
    }
    let status_of = |preferences: &Json, topic: &str| {
        let topics = preferences["topicSubscriptionStatus"].as_array();
        let topic = topics.into_iter().flatten().find(|it| it["topicName"] == topic)?;
        topic["subscriptionStatus"].as_str().map(str::to_owned)
    };
    for topic in new["topicSubscriptionStatus"].as_array().into_iter().flatten() {
        let Some(name) = topic["topicName"].as_str() else { continue };
        let before = status_of(old, name);
        match topic["subscriptionStatus"].as_str() {
            Some("OptOut") => changes.push(("Subscription/out".to_owned(), Some(name.to_owned()))),
            Some("OptIn") if before.as_deref() == Some("OptOut") => {
                changes.push(("Subscription/in".to_owned(), Some(name.to_owned())));
            }
            _ => {}
        }
    }
    if changes.is_empty() {
        changes.push(("Subscription".to_owned(), None));
    }
    changes
}
