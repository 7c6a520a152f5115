//! What people say in browsers and to vendors: consent strings and webhooks.

use abide_model::{Claimant, Direction, Time};
use abide_signals::{
    consent,
    hooks::{self, Account, Event, Request, Secret, Source},
};

use crate::{choose, chosen};

const NOW: Time = Time::from_seconds(1_795_000_000);
const NAMES: [&str; 8] =
    ["gpp", "gdpr_consent", "us_privacy", "gpp_sid", "dnt", "sec-gpc", "cookie", "euconsent-v2"];

pub(crate) fn consent(data: &[u8]) {
    let Some(([name], value)) = choose(data) else { return };
    let name = NAMES[name % NAMES.len()];
    let text = String::from_utf8_lossy(value);
    let event = serde_json::from_slice(value).unwrap_or(serde_json::Value::Null);
    for found in [
        consent::headers([(name, value)]),
        consent::query(&text),
        consent::fields([(name, &*text)]),
        consent::event(&event),
    ] {
        for said in &found.statements {
            assert_eq!(
                (said.direction, &said.claimant),
                (Direction::Out, &Claimant::Person),
                "opt-outs or nothing"
            );
        }
    }
}

pub(crate) fn consent_seeds() -> Vec<Vec<u8>> {
    let seeds: [(u8, &str); 9] = [
        (0, "DBABLA~BVVVkkkkkpFY.YA"),
        (0, "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN"),
        (0, "DBABDA~BPXuQIAPXuQIAAfKABENB-CgAAAAAAAAAAAAAAAAA.YAAAAAAAAAA"),
        (
            1,
            "COrEAV4OrXx94ACABBENAHCIAD-AAAAAAACAAxAAAAgAIAwgAgAAAAEAgQAAAAAEAYQAQAAAACAAAABAAA.IBAgAAAgAIAwgAgAAAAEAAAACA.QAagAQAgAIAwgA",
        ),
        (1, "BOOzQoAOOzQoAAPAFSENCW-AIBACDACAADABkAHg"),
        (2, "1YYN"),
        (3, "7,8"),
        (6, "usprivacy=1YYN; __gpp=DBABLA%7EBVVVkkkkkpFY.YA"),
        (
            0,
            "{\"regs\":{\"gpp\":\"DBABRg~BVVVVWY\",\"gpp_sid\":[9],\"gpc\":1},\"user\":{\"consent\":\"CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA\"}}",
        ),
    ];
    seeds.map(|(name, value)| chosen(&[name], value)).to_vec()
}

pub(crate) fn hooks(data: &[u8]) {
    let Some(([source, form], body)) = choose(data) else { return };
    let source = Source::ALL[source % Source::ALL.len()];
    let content_type: &[u8] =
        [&b"application/x-www-form-urlencoded"[..], b"multipart/form-data; boundary=b"][form % 2];
    let signed: [(&str, &[u8]); 8] = [
        ("Content-Type", content_type),
        ("X-Twilio-Signature", b"RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("X-Twilio-Email-Event-Webhook-Signature", b"MEUC"),
        ("X-Twilio-Email-Event-Webhook-Timestamp", b"1600112502"),
        ("X-HubSpot-Signature", b"00"),
        ("X-CIO-Signature", b"00"),
        ("X-CIO-Timestamp", b"1600112502"),
        ("Authorization", b"Basic eDp5"),
    ];
    let url = "https://abide.test:443/v1/hooks/it?a='b";
    let request = Request { method: "POST", url, headers: &signed, body };
    let secret = Secret::new("arn:aws:sns:us-east-1:1:it").with_certificate(b"MAA=".to_vec());
    let _ = source.certificate_url(&request);
    assert!(source.verify(&request, &secret, NOW).is_err(), "nobody signed it");
    for event in source.read(&request, &Account::of(source)).unwrap_or_default() {
        match event {
            Event::Said(said) => {
                said.statement.validate().expect("a statement that a vendor may make");
                let person = said.statement.claimant == Claimant::Person;
                assert!(!person || source == Source::Twilio, "only a handset speaks for its person");
            }
            Event::Unknown { name } => assert!(name.len() <= 64 && !name.contains('@')),
            Event::Silent { .. } | Event::Nameless { .. } | Event::Confirm { .. } => {}
        }
    }
    let _ = hooks::keyword(&String::from_utf8_lossy(body));
}

pub(crate) fn hooks_seeds() -> Vec<Vec<u8>> {
    let seeds: [(u8, u8, &str); 12] = [
        (
            0,
            0,
            r#"[{"event":"group_unsubscribe","email":"jane@example.com","asm_group_id":42,"timestamp":1513299569,"sg_event_id":"e"}]"#,
        ),
        (
            1,
            0,
            r#"{"event-data":{"event":"failed","severity":"permanent","reason":"bounce","recipient":"jane@example.com","timestamp":1534110422.389832}}"#,
        ),
        (
            1,
            1,
            "--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\nbounced\r\n--b\r\nContent-Disposition: form-data; name=\"recipient\"\r\n\r\njane@example.com\r\n--b--\r\n",
        ),
        (
            2,
            0,
            r#"{"RecordType":"SubscriptionChange","Recipient":"jane@example.com","SuppressSending":true,"SuppressionReason":"HardBounce","ChangedAt":"2022-06-05T17:17:32Z"}"#,
        ),
        (
            3,
            0,
            r#"{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:1:it","Timestamp":"2018-03-26T17:58:59.675Z","SignatureVersion":"1","Signature":"AA==","SigningCertURL":"https://sns.us-east-1.amazonaws.com/a.pem","Message":"{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\",\"bouncedRecipients\":[{\"emailAddress\":\"jane@example.com\"}]}}"}"#,
        ),
        (
            4,
            0,
            "type=unsubscribe&data%5Breason%5D=manual&data%5Bemail%5D=jane%40example.com&fired_at=2026-01-02+03%3A04%3A05",
        ),
        (
            5,
            0,
            r#"{"event":"unsubscribe","email":"jane@example.com","ts_epoch":1520363423000,"message-id":"<m@example.com>"}"#,
        ),
        (
            6,
            0,
            r#"{"data":[{"external_id":"e","topic":"event:klaviyo.bounced_email","payload":{"data":{"attributes":{"datetime":"2026-01-02T03:04:05Z","event_properties":{"Bounce Type":"Hard"}}},"included":[{"type":"profile","attributes":{"email":"jane@example.com"}}]}}]}"#,
        ),
        (
            7,
            0,
            r#"{"properties":{"email":{"value":"jane@example.com"},"hs_email_optout_77":{"value":"true"}}}"#,
        ),
        (
            8,
            0,
            r#"{"event_id":"E","object_type":"customer","metric":"cio_subscription_preferences_changed","timestamp":1613063089,"data":{"email_address":"jane@example.com","content":"{\"topics\":{\"topic_7\":false}}"}}"#,
        ),
        (9, 0, "MessageSid=SM1&From=%2B14155550100&To=%2B14155550199&Body=stop+please&OptOutType="),
        (
            10,
            0,
            r#"{"batch":[{"type":"track","event":"Unsubscribed","userId":"u","context":{"consent":{"categoryPreferences":{"Advertising":false}},"device":{"adTrackingEnabled":false,"advertisingId":"7a3cbea0-83e4-4f8b-9f7d-2d1f0a5c9e11"}}}]}"#,
        ),
    ];
    seeds.map(|(source, form, body)| chosen(&[source, form], body)).to_vec()
}
