//! The pages behind a mail's link: small, without script, readable on a phone and by a screen reader. No page shows
//! whom it is about or what they chose before, since mails are passed on.

use std::{fmt::Write as _, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use sha2::{Digest as _, Sha256};

use crate::{
    ask::Answer,
    body::Body,
    problem::Problem,
    unsubscribe::{Links, Stop},
};

/// The names in the forms. The first pair is that of RFC 8058.
pub(crate) const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");
pub(crate) const PREFERENCES: (&str, &str) = ("page", "preferences");
pub(crate) const STOP: &str = "stop";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;background:Canvas;color:CanvasText}\
main{max-width:36rem;margin:0 auto;padding:1.5rem 1rem}\
h1{font-size:1.5rem;line-height:1.2}\
h2{font-size:1.25rem;margin-top:2.5rem}\
fieldset{border:1px solid GrayText;border-radius:.5rem;margin:0 0 1rem;padding:.5rem 1rem}\
label{display:flex;gap:.75rem;align-items:center;min-height:3rem;overflow-wrap:anywhere}\
input{flex:none;width:1.5rem;height:1.5rem;margin:0}\
button{font:inherit;font-weight:600;width:100%;min-height:3rem;padding:.5rem 1rem;border:2px solid;\
border-radius:.5rem;background:#14532d;color:#fff;cursor:pointer}\
:focus-visible{outline:3px solid Highlight;outline-offset:3px}";

/// Nothing is loaded, run or framed; the one style is named by its digest.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("it is ASCII")
});

/// What a link would do, and what else can be stopped. Looking at it does nothing.
pub(crate) fn question(links: &Links, own: &Stop, choices: &[&Stop], note: Option<&str>) -> Answer {
    let mut body = String::new();
    if let Some(note) = note {
        let _ = write!(body, "<p role=\"alert\"><strong>{}</strong></p>", escaped(note));
    }
    let _ = write!(
        body,
        "<p>This stops <strong>{}</strong> for the address that your message was sent to.</p>\
         <form method=\"post\"><input type=\"hidden\" name=\"{}\" value=\"{}\">\
         <button>Unsubscribe</button></form>",
        escaped(&own.label),
        ONE_CLICK.0,
        ONE_CLICK.1,
    );
    if !choices.is_empty() {
        let _ = write!(
            body,
            "<h2 id=\"choose\">Or choose what to stop</h2>\
             <form method=\"post\" aria-labelledby=\"choose\"><input type=\"hidden\" name=\"{}\" value=\"{}\">\
             <fieldset><legend>Stop</legend>",
            PREFERENCES.0, PREFERENCES.1
        );
        for choice in choices {
            let _ = write!(
                body,
                "<label><input type=\"checkbox\" name=\"{STOP}\" value=\"{}\"><span>{}</span></label>",
                escaped(&choice.value()),
                escaped(&choice.label)
            );
        }
        body += "</fieldset><button>Stop what is ticked</button></form>";
    }
    page(StatusCode::OK, "Unsubscribe", &links.sender, &body)
}

/// What was recorded.
pub(crate) fn done(links: &Links, stopped: &[Stop]) -> Answer {
    let mut body = String::from("<p>From now on you get no more of:</p><ul>");
    for stop in stopped {
        let _ = write!(body, "<li>{}</li>", escaped(&stop.label));
    }
    body += "</ul><p>Messages that are on their way already may still arrive. You can close this page.</p>";
    page(StatusCode::OK, "You are unsubscribed", &links.sender, &body)
}

/// What went wrong, for a person.
pub(crate) fn problem(problem: &Problem) -> Answer {
    let answer = problem.respond();
    let what = if answer.status() == StatusCode::NOT_FOUND {
        "Perhaps the address was cut in two: open the link in the message again, or copy all of it."
    } else if answer.status().is_server_error() {
        "Nothing was recorded. Please try again in a minute."
    } else {
        "Nothing was recorded."
    };
    let body = format!("<p>{what}</p><p>What the server says: {}.</p>", escaped(&problem.detail));
    let mut shown = page(answer.status(), "That did not work", "", &body);
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != CONTENT_TYPE) {
        shown.headers_mut().insert(name, value.clone());
    }
    shown
}

fn page(status: StatusCode, title: &str, sender: &str, body: &str) -> Answer {
    let named = if sender.is_empty() { String::new() } else { format!(" – {}", escaped(sender)) };
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}{named}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>\n"
    );
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, fixed("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    // The link is in the address of the page, and belongs to nobody else.
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(CACHE_CONTROL, fixed("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(HeaderName::from_static("x-robots-tag"), fixed("noindex"));
    answer
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            other => safe.push(other),
        }
    }
    safe
}
