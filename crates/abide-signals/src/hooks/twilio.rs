//! Twilio: texts that come in, and reports on texts that went out, both as forms.
//!
//! Sources: twilio.com/docs, "Twilio's request to your incoming message webhook", error 23002 and the
//! article on Advanced Opt-Out; 47 CFR 64.1200(a)(10). Twilio matches single words only, so a text is
//! read here again.

use abide_model::IdentifierKind;

use super::{Fault, Request, Told, body};

/// Error of a text to a number that has stopped its sender.
const RECIPIENT_OPTED_OUT: &str = "21610";

pub(super) fn read(request: &Request<'_>) -> Result<Vec<Told>, Fault> {
    let form = match request.method {
        "GET" => body::urlencoded(request.query().as_bytes()),
        _ => body::form(request)?,
    };
    let field = |name: &str| body::first(&form, name).filter(|value| !value.is_empty());
    let number = |name: &str| field(name).map(bare);
    let sid = field("MessageSid").or_else(|| field("SmsSid")).ok_or(Fault::NotTheirs)?;
    let status = field("MessageStatus").or_else(|| field("SmsStatus").filter(|status| *status != "received"));
    if let Some(status) = status {
        let refused = field("ErrorCode") == Some(RECIPIENT_OPTED_OUT);
        let key = if refused { format!("status/{RECIPIENT_OPTED_OUT}") } else { format!("status/{status}") };
        return Ok(vec![Told {
            id: Some(sid.to_owned()),
            sender: number("From"),
            ..Told::of(key).about(IdentifierKind::Phone, number("To").as_deref())
        }]);
    }
    let said = field("OptOutType").map(str::to_uppercase);
    let key = match said.as_deref() {
        Some(kind @ ("STOP" | "START" | "HELP")) => kind,
        // With Advanced Opt-Out other words may be set up; what it does not know the text may still say.
        _ => match keyword(field("Body").unwrap_or("")) {
            Some(Keyword::Stop) => "STOP",
            Some(Keyword::Start) => "START",
            Some(Keyword::Help) => "HELP",
            None => "text",
        },
    };
    Ok(vec![Told {
        id: Some(sid.to_owned()),
        sender: number("To"),
        ..Told::of(key).about(IdentifierKind::Phone, number("From").as_deref())
    }])
}

/// A number without the channel before it: `whatsapp:+14155550100`.
fn bare(number: &str) -> String {
    number.rsplit(':').next().unwrap_or(number).trim().to_owned()
}

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

const STOP: &[&str] = &[
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "OPT OUT",
    "ARRET",
    "ARRETE",
    "ARRETT",
    "ARRÊT",
    "ARRÊTE",
];
/// `YES` answers any question: it counts by `OptOutType` alone.
const START: &[&str] = &["START", "UNSTOP"];
const HELP: &[&str] = &["HELP", "INFO"];

/// Words that change nothing of what a stop means: "please stop", "stop all texts now".
const AROUND_STOP: &[&str] = &[
    "PLEASE",
    "PLS",
    "PLZ",
    "NOW",
    "ALL",
    "TEXTING",
    "TEXTS",
    "TEXT",
    "MESSAGING",
    "MESSAGES",
    "MESSAGE",
    "SENDING",
    "ME",
    "THESE",
    "THIS",
    "THANKS",
    "THANK",
    "YOU",
    "SMS",
    "IMMEDIATELY",
];

/// The keyword that a text is. What a reasonable person would understand as a stop is one; an opt-in
/// has to be the word itself.
pub fn keyword(text: &str) -> Option<Keyword> {
    let letters: String =
        text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect::<String>().to_uppercase();
    let words: Vec<&str> = letters.split_whitespace().collect();
    let whole = words.join(" ");
    if START.contains(&whole.as_str()) {
        return Some(Keyword::Start);
    }
    if HELP.contains(&whole.as_str()) {
        return Some(Keyword::Help);
    }
    let meant: Vec<&str> = words.into_iter().filter(|word| !AROUND_STOP.contains(word)).collect();
    STOP.contains(&meant.join(" ").as_str()).then_some(Keyword::Stop)
}
