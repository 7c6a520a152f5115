//! Webhooks: signatures and requests that others published, each with its source, and what the table
//! makes of them.

use std::{collections::BTreeSet, fmt::Write as _};

use abide_model::{Scope, Time};
use abide_signals::hooks::{
    self, Account, EVENTS, Event, Fault, Keyword, Refused, Request, Said, Secret, Source, keyword,
};
use serde_json::{Value as Json, json};

fn load(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn list(json: &Json, name: &str) -> Vec<Json> {
    json[name].as_array().unwrap().clone()
}

fn text<'v>(vector: &'v Json, name: &str) -> &'v str {
    vector[name].as_str().unwrap_or("")
}

fn headers(vector: &Json) -> Vec<(String, String)> {
    let headers = vector.as_object().into_iter().flatten();
    headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// A request that owns its parts.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    fn post(body: impl Into<String>) -> Self {
        Self {
            method: "POST",
            url: "https://abide.test/v1/hooks/it".to_owned(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    fn form(fields: &[(&str, &str)]) -> Self {
        Self::post(form_of(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))))
    }

    fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    fn to<T>(&self, then: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        then(&Request { method: self.method, url: &self.url, headers: &headers, body: self.body.as_bytes() })
    }

    fn verify(&self, source: Source, secret: &Secret, now: Time) -> Result<(), Refused> {
        self.to(|request| source.verify(request, secret, now).map(|_| ()))
    }

    fn read(&self, source: Source) -> Result<Vec<Event>, Fault> {
        self.to(|request| source.read(request, &Account::of(source)))
    }
}

fn form_of(fields: impl IntoIterator<Item = (String, String)>) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            write!(encoded, "%{byte:02X}").unwrap();
            encoded
        })
    };
    let pairs = fields.into_iter().map(|(name, value)| format!("{}={}", encode(&name), encode(&value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `mechanism scope claimant direction [proof] of kind text at time`, without what is usual.
fn shown(event: &Event) -> String {
    let Event::Said(Said { identifier, statement, .. }) = event else {
        return match event {
            Event::Silent { name } => format!("silent {name}"),
            Event::Unknown { name } => format!("unknown {name}"),
            Event::Nameless { name } => format!("nameless {name}"),
            Event::Confirm { url } => format!("confirm {url}"),
            Event::Said(_) => unreachable!(),
        };
    };
    statement.validate().unwrap();
    let scope =
        if statement.scope == Scope::Everyone { String::new() } else { format!(" {}", statement.scope) };
    let proof = statement.proof.map_or(String::new(), |proof| format!(" by {}", proof.as_str()));
    let at = statement.stated_at.map_or(String::new(), |at| format!(" at {at}"));
    format!(
        "{} {}{scope} of {}:{} says {}{proof}{at}",
        statement.mechanism,
        statement.direction.as_str(),
        identifier.kind,
        identifier.expose_text(),
        statement.claimant,
    )
}

#[test]
fn signatures_verify_as_published() {
    let vectors = load(include_str!("../vectors/webhook_signatures.json"));
    let mut schemes = BTreeSet::new();
    for vector in list(&vectors, "vectors") {
        let (id, scheme) = (text(&vector, "id"), text(&vector, "scheme"));
        schemes.insert(scheme.to_owned());
        let mut sent = Sent {
            method: if vector["method"] == "GET" { "GET" } else { "POST" },
            url: text(&vector, "url").to_owned(),
            headers: headers(&vector["header"]),
            body: text(&vector, "body").to_owned(),
        };
        let header = |name: &str| text(&vector["header"], name).to_owned();
        let (source, secret, signed_at) = match scheme {
            "twilio_x_twilio_signature" => {
                if sent.body.is_empty() {
                    sent.body = form_of(parameters(&vector["params"]));
                }
                (Source::Twilio, Secret::new(text(&vector, "key")), None)
            }
            "sendgrid_event_webhook_ecdsa" => {
                let at =
                    header("X-Twilio-Email-Event-Webhook-Timestamp").parse().map(Time::from_seconds).ok();
                (Source::SendGrid, Secret::new(text(&vector, "public_key")), at)
            }
            "hubspot_v1" | "hubspot_v2" | "hubspot_v3" => {
                let at = header("X-HubSpot-Request-Timestamp").parse().map(Time::from_millis).ok();
                (Source::HubSpot, Secret::new(text(&vector, "key")), at)
            }
            "aws_sns_v1" | "aws_sns_v2" => {
                let message = &vector["message"];
                sent.body = message.to_string();
                let pem = text(&vectors["certificates"], text(&vector, "certificate_ref"));
                let secret = Secret::new(text(message, "TopicArn")).with_certificate(pem.into());
                (Source::AmazonSes, secret, Time::parse_rfc3339(text(message, "Timestamp")))
            }
            "standard_webhooks_v1" => {
                let now = Time::from_seconds(header("webhook-timestamp").parse().unwrap());
                let secret = Secret::new(text(&vector, "key"));
                let verify =
                    |now| sent.to(|request| hooks::verify_standard(request, &secret, now).map(|_| ()));
                assert_eq!(verify(now), Ok(()), "{id}");
                assert_eq!(verify(now.plus_micros(301_000_000)), Err(Refused::TooOld), "{id}");
                continue;
            }
            other => panic!("{id}: a scheme `{other}`"),
        };
        let now = signed_at.unwrap_or(Time::from_seconds(1_700_000_000));
        if vector["valid"] == false {
            assert!(sent.verify(source, &secret, now).is_err(), "{id} was let in");
            continue;
        }
        assert_eq!(sent.verify(source, &secret, now), Ok(()), "{id}");
        assert_spoilt(id, source, &secret, now, &sent, signed_at.is_some());
    }
    assert_eq!(schemes.len(), 7, "{schemes:?}");
}

/// Another secret, another body, another time: each is refused, and nothing panics.
#[track_caller]
fn assert_spoilt(id: &str, source: Source, secret: &Secret, now: Time, sent: &Sent, is_dated: bool) {
    let other = match source {
        Source::SendGrid => return,
        Source::AmazonSes => "arn:aws:sns:us-east-1:1:another",
        _ => "another",
    };
    assert!(sent.verify(source, &Secret::new(other), now).is_err(), "{id}: another secret");
    assert_eq!(sent.verify(source, &Secret::new(" "), now), Err(Refused::BadSecret), "{id}: no secret");
    let mut spoilt = sent.clone();
    spoilt.body = if source == Source::AmazonSes {
        sent.body.replace("Hello world", "Goodbye world")
    } else {
        format!("{}&Added=1", sent.body)
    };
    assert!(spoilt.verify(source, secret, now).is_err(), "{id}: another body");
    spoilt = Sent { headers: Vec::new(), ..sent.clone() };
    // Some accounts are unsigned, and then bring the secret itself; an SNS message is signed inside.
    let may_be_unsigned = matches!(source, Source::AmazonSes | Source::Klaviyo | Source::Segment);
    if may_be_unsigned {
        assert_eq!(
            spoilt.verify(source, secret, now).is_err(),
            source != Source::AmazonSes,
            "{id}: unsigned"
        );
    } else {
        assert_eq!(spoilt.verify(source, secret, now), Err(Refused::Unsigned), "{id}: unsigned");
    }
    if is_dated {
        let window = source.replay_window_micros();
        assert_eq!(sent.verify(source, secret, now.plus_micros(window + 1)), Err(Refused::TooOld), "{id}");
        let early = now.plus_micros(-3_600_000_000);
        assert_eq!(sent.verify(source, secret, early), Err(Refused::FromTheFuture), "{id}");
    }
}

fn parameters(parameters: &Json) -> Vec<(String, String)> {
    let values = |value: &Json| match value {
        Json::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
        value => vec![value.as_str().unwrap().to_owned()],
    };
    let all = parameters.as_object().unwrap().iter();
    all.flat_map(|(name, value)| values(value).into_iter().map(|value| (name.clone(), value))).collect()
}

/// Signatures for which nobody published a vector: made as the vendor's documentation says, here with
/// Python's `hmac`.
#[test]
fn signatures_verify_as_documented() {
    let body = r#"{"data":[]}"#;
    let at = Time::from_seconds(1_704_391_525);
    let klaviyo = Sent::post(body)
        .with("Klaviyo-Timestamp", "Thu, 04 Jan 2024 18:05:25 GMT")
        .with("Klaviyo-Signature", KLAVIYO_SIGNATURE);
    let customer_io =
        Sent::post(body).with("X-CIO-Timestamp", "1704391525").with("X-CIO-Signature", CUSTOMER_IO_SIGNATURE);
    let segment = Sent::post(body).with("X-Signature", SEGMENT_SIGNATURE);
    let secret = Secret::new("a-secret");
    for (source, sent) in
        [(Source::Klaviyo, klaviyo), (Source::CustomerIo, customer_io), (Source::Segment, segment)]
    {
        assert_eq!(sent.verify(source, &secret, at), Ok(()), "{source:?}");
        assert_spoilt(
            source.name(),
            source,
            &secret,
            at,
            &Sent { headers: sent.headers.clone(), ..sent.clone() },
            false,
        );
    }
}

const KLAVIYO_SIGNATURE: &str = "dd334c88b9e117fc51c8f6239f0fccf69eae6ef5e915d86598cfcd8b831a86fe";
const CUSTOMER_IO_SIGNATURE: &str = "f942ac7312c62fd3178c3c4e84bc19970edda37d884b5edba1e02977a1e3094f";
const SEGMENT_SIGNATURE: &str = "c8934015f4adebde46519f475f962d69dce5e962";

#[test]
fn a_secret_comes_by_basic_authentication_or_in_the_url() {
    let now = Time::from_seconds(1_700_000_000);
    let secret = Secret::new("hook:pass word");
    let basic = Sent::post("{}").with("authorization", "Basic aG9vazpwYXNzIHdvcmQ=");
    let in_url =
        Sent { url: "https://abide.test/v1/hooks/brevo?secret=hook%3Apass+word".into(), ..Sent::post("{}") };
    for source in [Source::Postmark, Source::Mailchimp, Source::Brevo, Source::Klaviyo, Source::Segment] {
        assert_eq!(basic.verify(source, &secret, now), Ok(()), "{source:?}");
        assert_eq!(in_url.verify(source, &secret, now), Ok(()), "{source:?}");
        assert_eq!(basic.verify(source, &Secret::new("hook:pass wore"), now), Err(Refused::WrongSecret));
        assert_eq!(Sent::post("{}").verify(source, &secret, now), Err(Refused::WrongSecret));
    }
    // Those that sign are not let in by a secret that is only shown.
    for source in [Source::SendGrid, Source::Mailgun, Source::HubSpot, Source::CustomerIo, Source::Twilio] {
        assert_eq!(basic.verify(source, &secret, now), Err(Refused::Unsigned), "{source:?}");
    }
}

/// Certificates come from Amazon alone, whatever an address is made to look like.
#[test]
fn certificates_are_fetched_from_amazon_only() {
    let asks = |url: &str| {
        let message = json!({"Type": "Notification", "SigningCertURL": url}).to_string();
        Sent::post(message).to(|request| Source::AmazonSes.certificate_url(request))
    };
    for url in [
        "https://sns.us-east-2.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
    ] {
        assert_eq!(asks(url), Ok(Some(url.to_owned())));
    }
    for url in [
        "http://sns.us-east-2.amazonaws.com/a.pem",
        "https://sns.us-east-2.amazonaws.com.example.com/a.pem",
        "https://sns.us-east-2.amazonaws.com@example.com/a.pem",
        "https://sns.us-east-2.amazonaws.com:8443/a.pem",
        "https://example.com/sns.us-east-2.amazonaws.com/a.pem",
        "https://sns.us-east-2.amazonaws.com/a.exe",
        "https://sns.a/b.amazonaws.com/a.pem",
    ] {
        assert_eq!(asks(url), Err(Refused::ForeignCertificate), "{url}");
    }
}

/// The requests that django-anymail's tests captured, for the vendors that are sources here.
#[test]
fn requests_are_read_as_published() {
    let vectors = load(include_str!("../vectors/esp_events.json"));
    let mut read = 0;
    for vector in list(&vectors, "vectors") {
        let name = match text(&vector, "esp") {
            "amazon_ses" => "ses",
            name => name,
        };
        let Some(source) = Source::by_name(name) else { continue };
        read += 1;
        let id = text(&vector, "id");
        let request = &vector["request"];
        let mut sent = Sent::post(text(request, "body")).with("Content-Type", text(request, "content_type"));
        sent.headers.extend(headers(&request["headers"]));
        if source == Source::Mailgun {
            let Some(key) = vector["signing"]["key"].as_str() else { panic!("{id}") };
            let signed = sent.to(|request| source.verify(request, &Secret::new(key), Time::from_seconds(0)));
            // Captured long before or after: what is refused is the time, not the signature.
            assert_eq!(signed.err(), Some(Refused::FromTheFuture), "{id}");
        }
        let events = sent.read(source).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        let [event] = events.as_slice() else { panic!("{id}: {events:?}") };
        assert_meant(id, event, &vector);
    }
    assert_eq!(read, 39);
}

#[track_caller]
fn assert_meant(id: &str, event: &Event, vector: &Json) {
    let expected = &vector["expected_events"][0];
    let reason = vector["computed_opt_out"][0]["reason"].as_str();
    let mechanisms: &[&str] = match (text(expected, "event_type"), reason) {
        ("unsubscribed", _) => &["email.unsubscribe"],
        ("complained", _) => &["email.complaint"],
        ("bounced", _) => &["email.bounce.hard"],
        // Not sent, since the vendor holds something against the address, or for another reason.
        ("rejected", _) => &["email.bounce.hard", "email.unsubscribe", ""],
        _ => &[""],
    };
    match event {
        Event::Said(said) => {
            assert!(mechanisms.contains(&said.statement.mechanism.as_str()), "{id}: {}", shown(event));
            assert_eq!(said.identifier.expose_text(), text(expected, "recipient"), "{id}");
            let at = expected["timestamp"].as_str().map(|at| Time::parse_rfc3339(at).unwrap());
            let near = |ours: Time| at.is_none_or(|at| ours.micros_since(at).abs() < 1_000);
            // SES dates the bounce itself, the library the envelope.
            let is_ses = vector["esp"] == "amazon_ses";
            assert!(is_ses || said.statement.stated_at.is_some_and(near), "{id}: {}", shown(event));
        }
        Event::Nameless { name } => assert_eq!((id, name.as_str()), ("esp-133", "Bounce/Unsubscribe")),
        Event::Unknown { name } => assert_eq!((id, name.as_str()), ("esp-026", "")),
        other => assert!(mechanisms.contains(&""), "{id}: {}", shown(other)),
    }
}

/// One line for each: source, request, what it comes to.
#[test]
fn each_vendor_is_understood() {
    #[rustfmt::skip]
    let cases: Vec<(Source, Sent, Vec<&str>)> = vec![
        (Source::SendGrid, Sent::post(load(include_str!("../vectors/payload_samples.json"))["samples"][0]["body"].to_string()),
            vec!["email.unsubscribe out of email:example@test.com says sendgrid at 2017-12-15T00:59:29.000Z"]),
        (Source::SendGrid, Sent::post(r#"[{"event":"group_unsubscribe","email":"jane@example.com","asm_group_id":42},{"event":"group_resubscribe","email":"jane@example.com","asm_group_id":42},{"event":"bounce","type":"blocked","email":"jane@example.com"},{"event":"brand new"},7]"#),
            vec!["email.list out list:42 of email:jane@example.com says sendgrid", "email.list in list:42 of email:jane@example.com says sendgrid", "silent bounce/blocked", "unknown brand new", "unknown "]),
        (Source::Mailgun, Sent::post(r#"{"event-data":{"event":"failed","severity":"permanent","reason":"suppress-unsubscribe","recipient":"jane@example.com"}}"#),
            vec!["email.unsubscribe out of email:jane@example.com says mailgun"]),
        (Source::Mailgun, Sent::post(r#"{"event-data":{"event":"failed","severity":"temporary","recipient":"jane@example.com"}}"#), vec!["silent failed/temporary"]),
        (Source::Postmark, Sent::post(r#"{"RecordType":"SubscriptionChange","Recipient":"jane@example.com","SuppressSending":false,"ChangedAt":"2026-01-02T03:04:05Z"}"#),
            vec!["email.unsubscribe in of email:jane@example.com says postmark at 2026-01-02T03:04:05.000Z", "email.bounce.hard in of email:jane@example.com says postmark at 2026-01-02T03:04:05.000Z"]),
        (Source::Postmark, Sent::post(r#"{"RecordType":"SubscriptionChange","Recipient":"jane@example.com","SuppressSending":true,"SuppressionReason":"ManualSuppression"}"#),
            vec!["email.unsubscribe out of email:jane@example.com says postmark"]),
        (Source::Postmark, Sent::post(r#"{"RecordType":"Bounce","Type":"SoftBounce","Email":"jane@example.com"}"#), vec!["silent Bounce"]),
        (Source::AmazonSes, sns(&json!({"eventType": "Subscription", "mail": {"destination": ["jane@example.com"]}, "subscription": {"timestamp": "2026-01-02T03:04:05Z",
            "newTopicPreferences": {"unsubscribeAll": false, "topicSubscriptionStatus": [{"topicName": "News", "subscriptionStatus": "OptOut"}, {"topicName": "Shoes", "subscriptionStatus": "OptIn"}]},
            "oldTopicPreferences": {"unsubscribeAll": true, "topicSubscriptionStatus": [{"topicName": "Shoes", "subscriptionStatus": "OptOut"}]}}})),
            vec!["email.unsubscribe in of email:jane@example.com says ses at 2026-01-02T03:04:05.000Z", "email.list out list:news of email:jane@example.com says ses at 2026-01-02T03:04:05.000Z", "email.list in list:shoes of email:jane@example.com says ses at 2026-01-02T03:04:05.000Z"]),
        (Source::AmazonSes, sns(&json!({"eventType": "Subscription", "mail": {"destination": ["jane@example.com", "joe@example.com"]}, "subscription": {"newTopicPreferences": {"unsubscribeAll": true}}})), vec!["nameless Subscription/all"]),
        (Source::AmazonSes, sns(&json!({"notificationType": "Complaint", "complaint": {"complaintFeedbackType": "not-spam", "complainedRecipients": [{"emailAddress": "jane@example.com"}]}})), vec!["silent Complaint/not-spam"]),
        (Source::AmazonSes, Sent::post(r#"{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=x"}"#),
            vec!["confirm https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=x"]),
        (Source::Mailchimp, Sent { method: "GET", ..Sent::post("") }, vec![]),
        (Source::Mailchimp, Sent::form(&[("type", "unsubscribe"), ("fired_at", "2026-01-02 03:04:05"), ("data[action]", "unsub"), ("data[reason]", "manual"), ("data[email]", "jane@example.com"), ("data[list_id]", "a6b5da1054")]),
            vec!["email.unsubscribe out of email:jane@example.com says mailchimp"]),
        (Source::Mailchimp, Sent::form(&[("type", "unsubscribe"), ("data[reason]", "abuse"), ("data[email]", "jane@example.com")]), vec!["email.complaint out of email:jane@example.com says mailchimp"]),
        (Source::Mailchimp, Sent::form(&[("type", "cleaned"), ("data[reason]", "hard"), ("data[email]", "jane@example.com")]), vec!["email.bounce.hard out of email:jane@example.com says mailchimp"]),
        (Source::Mailchimp, Sent::form(&[("type", "subscribe"), ("data[email]", "jane@example.com")]), vec!["email.unsubscribe in of email:jane@example.com says mailchimp"]),
        (Source::Mailchimp, Sent::form(&[("type", "upemail"), ("data[old_email]", "jane@example.com")]), vec!["silent upemail"]),
        (Source::Brevo, Sent::post(r#"[{"event":"unsubscribe","email":"jane@example.com","ts_event":1767323045},{"event":"soft_bounce","email":"jane@example.com"}]"#),
            vec!["email.unsubscribe out of email:jane@example.com says brevo at 2026-01-02T03:04:05.000Z", "silent soft_bounce"]),
        (Source::Klaviyo, klaviyo("unsubscribed_from_email_marketing", &json!({})), vec!["email.unsubscribe out of email:jane@example.com says klaviyo at 2026-01-02T03:04:05.000Z"]),
        (Source::Klaviyo, klaviyo("unsubscribed_from_sms_marketing", &json!({})), vec!["sms.stop out of phone:+14155550100 says klaviyo at 2026-01-02T03:04:05.000Z"]),
        (Source::Klaviyo, klaviyo("bounced_email", &json!({"Bounce Type": "Hard"})), vec!["email.bounce.hard out of email:jane@example.com says klaviyo at 2026-01-02T03:04:05.000Z"]),
        (Source::Klaviyo, klaviyo("bounced_email", &json!({"Bounce Type": "Soft"})), vec!["silent bounced_email"]),
        (Source::HubSpot, Sent::post(r#"[{"eventId":1,"subscriptionType":"contact.propertyChange","propertyName":"hs_email_optout","propertyValue":"true","objectId":5},{"subscriptionType":"contact.propertyChange","propertyName":"city","propertyValue":"Rome"},{"subscriptionType":"contact.privacyDeletion","objectId":5}]"#),
            vec!["nameless hs_email_optout/true", "silent contact.propertyChange", "nameless contact.privacyDeletion"]),
        (Source::HubSpot, Sent::post(r#"{"vid":5,"properties":{"email":{"value":"jane@example.com"},"hs_email_optout":{"value":"false"},"hs_email_optout_77":{"value":"true"}}}"#),
            vec!["email.list out list:77 of email:jane@example.com says hubspot"]),
        (Source::HubSpot, Sent::post(r#"{"vid":5,"properties":{"email":{"value":"jane@example.com"}}}"#), vec!["silent contact"]),
        (Source::CustomerIo, Sent::post(r#"{"event_id":"E","object_type":"customer","metric":"unsubscribed","timestamp":1767323045,"data":{"email_address":"jane@example.com"}}"#),
            vec!["email.unsubscribe out of email:jane@example.com says customerio at 2026-01-02T03:04:05.000Z"]),
        (Source::CustomerIo, Sent::post(r#"{"object_type":"customer","metric":"cio_subscription_preferences_changed","data":{"email_address":"jane@example.com","content":"{\"topics\":{\"topic_7\":false,\"topic_8\":true},\"channels\":{\"email\":false}}"}}"#),
            vec!["email.list out list:topic_7 of email:jane@example.com says customerio", "email.list in list:topic_8 of email:jane@example.com says customerio", "email.unsubscribe out of email:jane@example.com says customerio"]),
        (Source::CustomerIo, Sent::post(r#"{"object_type":"email","metric":"delivered","data":{"recipient":"jane@example.com"}}"#), vec!["silent email"]),
        (Source::Twilio, sms("+14155550100", "Please STOP texting me!", ""), vec!["sms.stop out sender:+14155550199 of phone:+14155550100 says person"]),
        (Source::Twilio, Sent { method: "GET", url: "https://abide.test/v1/hooks/it?MessageSid=SM1&From=%2B14155550100&To=%2B14155550199&Body=Stop".to_owned(), ..Sent::post("") },
            vec!["sms.stop out sender:+14155550199 of phone:+14155550100 says person"]),
        (Source::HubSpot, Sent { method: "GET", ..Sent::post("") }, vec!["unknown GET"]),
        (Source::Twilio, sms("+14155550100", "basta", "STOP"), vec!["sms.stop out sender:+14155550199 of phone:+14155550100 says person"]),
        (Source::Twilio, sms("whatsapp:+14155550100", "Start", ""), vec!["sms.stop in sender:+14155550199 of phone:+14155550100 says person by handset"]),
        (Source::Twilio, sms("+14155550100", "yes", ""), vec!["silent text"]),
        (Source::Twilio, sms("+14155550100", "yes", "START"), vec!["sms.stop in sender:+14155550199 of phone:+14155550100 says person by handset"]),
        (Source::Twilio, sms("+14155550100", "do not stop", ""), vec!["silent text"]),
        (Source::Twilio, Sent::form(&[("MessageSid", "SM1"), ("MessageStatus", "undelivered"), ("ErrorCode", "21610"), ("From", "+14155550199"), ("To", "+14155550100")]),
            vec!["sms.stop out sender:+14155550199 of phone:+14155550100 says person"]),
        (Source::Twilio, Sent::form(&[("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("From", "+14155550199"), ("To", "+14155550100")]), vec!["silent status"]),
        (Source::Segment, Sent::post(json!({"type": "track", "event": "Unsubscribed", "userId": "u-1", "context": {"traits": {"email": "jane@example.com"}}}).to_string()),
            vec!["email.unsubscribe out of email:jane@example.com says segment"]),
        (Source::Segment, Sent::post(json!({"batch": [{"type": "identify", "userId": "u-1", "anonymousId": "a-1", "context": load(include_str!("../vectors/segment_consent.json"))["example_event"]["context"]}]}).to_string()),
            vec!["privacy.no_sale out of user_id:u-1 says segment", "privacy.no_sale out of cookie:a-1 says segment", "unknown category/Analytics"]),
        (Source::Segment, Sent::post(json!({"type": "page", "userId": "u-1", "context": {"consent": {"categoryPreferences": {}}}}).to_string()),
            vec!["privacy.no_sale out of user_id:u-1 says segment", "privacy.no_targeting out of user_id:u-1 says segment"]),
        (Source::Segment, Sent::post(json!({"type": "page", "userId": "u-1", "context": {"consent": {}}}).to_string()), vec!["silent page"]),
        (Source::Segment, Sent::post(json!({"type": "screen", "userId": "u-1", "context": {"device": {"adTrackingEnabled": false, "advertisingId": "7a3cbea0-83e4-4f8b-9f7d-2d1f0a5c9e11"}}}).to_string()),
            vec!["ads.lat out of maid:7a3cbea0-83e4-4f8b-9f7d-2d1f0a5c9e11 says segment"]),
    ];
    for (source, sent, expected) in &cases {
        let events = sent.read(*source).unwrap_or_else(|fault| panic!("{source:?} {}: {fault}", sent.body));
        let events: Vec<String> = events.iter().map(shown).collect();
        assert_eq!(events, *expected, "{source:?} {}", sent.body);
    }
    let sources: BTreeSet<Source> = cases.iter().map(|(source, ..)| *source).collect();
    assert_eq!(sources.len(), Source::ALL.len(), "each source has a case");
}

fn sns(event: &Json) -> Sent {
    Sent::post(json!({"Type": "Notification", "MessageId": "m-1", "Message": event.to_string()}).to_string())
}

fn klaviyo(topic: &str, properties: &Json) -> Sent {
    let profile = json!({"type": "profile", "attributes": {"email": "jane@example.com", "phone_number": "+14155550100"}});
    let payload = json!({"data": {"attributes": {"datetime": "2026-01-02T03:04:05Z", "event_properties": properties}}, "included": [profile]});
    let event = json!({"external_id": "e-1", "topic": format!("event:klaviyo.{topic}"), "payload": payload});
    Sent::post(json!({"data": [event]}).to_string())
}

fn sms(from: &str, body: &str, opt_out_type: &str) -> Sent {
    let fields = [("MessageSid", "SM1"), ("SmsStatus", "received"), ("From", from), ("To", "+14155550199")];
    Sent::form(&[&fields[..], &[("Body", body), ("OptOutType", opt_out_type)]].concat())
}

/// The vendors' keywords and the words that the FCC names, with a space or without.
#[test]
fn keywords_are_those_of_vendors_and_the_law() {
    let vectors = load(include_str!("../vectors/sms_keywords.json"));
    for vector in list(&vectors, "keywords") {
        let word = text(&vector, "keyword");
        let expected = match text(&vector, "action") {
            "opt_out" => Some(Keyword::Stop),
            // An answer to any question; `OptOutType` tells.
            "opt_in" if word == "YES" => None,
            "opt_in" => Some(Keyword::Start),
            _ => Some(Keyword::Help),
        };
        assert_eq!(keyword(word), expected, "{word}");
        assert_eq!(keyword(&format!(" {} . ", word.to_lowercase())), expected, "{word}");
    }
    for vector in list(&vectors, "phrases") {
        assert_eq!(keyword(text(&vector, "body")), Some(Keyword::Stop));
    }
}

/// A repetition is told by its id, and two statements of one event are not taken for one.
#[test]
fn event_ids_tell_repetitions() {
    let sent = Sent::post(
        r#"{"event_id":"E","object_type":"customer","metric":"cio_subscription_preferences_changed","data":{"email_address":"jane@example.com","content":"{\"topics\":{\"a\":false,\"b\":false}}"}}"#,
    );
    let ids = || -> BTreeSet<String> {
        let events = sent.read(Source::CustomerIo).unwrap().into_iter();
        events
            .map(|event| if let Event::Said(said) = event { said.event_id.unwrap() } else { panic!() })
            .collect()
    };
    assert_eq!(ids().len(), 2);
    assert_eq!(ids(), ids());
}

#[test]
fn what_cannot_be_read_is_a_fault_and_shows_nobody() {
    let sent = Sent::post("jane@example.com");
    for source in Source::ALL {
        let fault = sent.read(source).expect_err("it is no body of theirs");
        assert!(!fault.to_string().contains("jane"), "{source:?}");
    }
    let unknown = Sent::post(r#"[{"event":"for jane@example.com","email":"jane@example.com"}]"#);
    assert_eq!(unknown.read(Source::SendGrid).unwrap(), [Event::Unknown { name: "?".to_owned() }]);
    let said = sms("+14155550100", "STOP", "").read(Source::Twilio).unwrap();
    assert!(!format!("{said:?}").contains("0100"));
}

/// `docs/signals.md` shows the table as it is.
#[test]
fn the_documentation_shows_the_table() {
    let docs = include_str!("../../../../docs/signals.md").replace("\r\n", "\n");
    let mut expected = String::new();
    for source in Source::ALL {
        write!(expected, "\n### `{}`\n\n| Event | Means | |\n| --- | --- | --- |\n", source.name()).unwrap();
        for row in EVENTS.iter().filter(|row| row.source == source) {
            let note = if row.note.is_empty() { String::new() } else { format!("{} ", row.note) };
            writeln!(expected, "| `{}` | {} | {note}|", row.event, row.means.described()).unwrap();
        }
    }
    assert!(docs.contains(&expected), "the table of docs/signals.md should be:\n{expected}");
}
