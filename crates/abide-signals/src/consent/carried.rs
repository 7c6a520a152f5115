//! Where consent signals stand: by the names that headers, queries, cookies and events use.

use serde_json::Value as Json;

use super::{ConsentFault, Found, Gpp, Tcf, Undecodable, UsPrivacy};

/// The names of what may be read, in lower case.
///
/// Sources: W3C GPC and Tracking Preference Expression (headers, `navigator`), the IAB specifications
/// (macros and URL parameters, keys of the in-app storage, cookies), OpenRTB 2.6 (`regs`, `user`).
const NAMES: &[(&str, What)] = &[
    ("sec-gpc", What::Gpc),
    ("gpc", What::Gpc),
    ("globalprivacycontrol", What::Gpc),
    ("dnt", What::Dnt),
    ("donottrack", What::Dnt),
    ("us_privacy", What::UsPrivacy),
    ("usprivacy", What::UsPrivacy),
    ("iabusprivacy_string", What::UsPrivacy),
    ("gpp", What::Gpp),
    ("__gpp", What::Gpp),
    ("gpp_string", What::Gpp),
    ("iabgpp_hdr_gppstring", What::Gpp),
    ("gpp_sid", What::GppSections),
    ("iabgpp_gppsid", What::GppSections),
    ("gdpr_consent", What::Tcf),
    ("euconsent-v2", What::Tcf),
    ("iabtcf_tcstring", What::Tcf),
    ("tcstring", What::Tcf),
    ("gdpr", What::GdprApplies),
    ("iabtcf_gdprapplies", What::GdprApplies),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Gpc,
    Dnt,
    UsPrivacy,
    Gpp,
    GppSections,
    Tcf,
    GdprApplies,
}

/// What a request or an event carries, before it is decoded.
#[derive(Debug, Default)]
pub(super) struct Carried {
    found: Found,
    gpp: Vec<String>,
    gpp_sections: Option<Vec<u16>>,
    tcf: Vec<String>,
    gdpr_does_not_apply: bool,
}

impl Carried {
    pub(super) fn header(&mut self, name: &str, value: &[u8]) {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            // Exactly `1`: another value, even ` 1` or `1;x`, is no signal and has to be ignored.
            "sec-gpc" if value == b"1" => self.found.out("web.gpc"),
            "sec-gpc" => {}
            "cookie" => self.cookies(value),
            _ if what(&name).is_none() => {}
            _ => match std::str::from_utf8(value) {
                Ok(text) => self.field(&name, text),
                Err(_) => self.found.undecodable("a consent header", Undecodable::NotText),
            },
        }
    }

    fn cookies(&mut self, value: &[u8]) {
        for cookie in value.split(|byte| *byte == b';') {
            // A cookie that is not text is nobody's consent string.
            let Ok(cookie) = std::str::from_utf8(cookie) else { continue };
            let Some((name, value)) = cookie.split_once('=') else { continue };
            // `+` stands for itself in a cookie.
            let encoded = value.trim().replace('+', "%2B");
            let decoded = form_urlencoded::parse(encoded.as_bytes()).next();
            self.field(name.trim(), &decoded.map_or_else(String::new, |(value, _)| value.into_owned()));
        }
    }

    pub(super) fn field(&mut self, name: &str, value: &str) {
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        let Some(what) = what(&name) else { return };
        if value.is_empty() {
            return;
        }
        match what {
            What::Gpc if is_true(value) => self.found.out("web.gpc"),
            What::Gpc => {}
            What::Dnt => self.dnt(value),
            What::UsPrivacy => match UsPrivacy::decode(value) {
                Ok(string) => self.found.usp(string),
                Err(why) => self.found.undecodable("the US Privacy string", why),
            },
            What::Gpp => self.gpp.push(value.to_owned()),
            What::GppSections => self.sections(value.split([',', '_', ' ']).filter(|id| !id.is_empty())),
            What::Tcf => self.tcf.push(value.to_owned()),
            What::GdprApplies => self.gdpr_does_not_apply = matches!(value, "0" | "false"),
        }
    }

    /// `1` and what may follow it; `0`, `null` and `unspecified` say nothing.
    fn dnt(&mut self, value: &str) {
        match value.to_ascii_lowercase().as_str() {
            "0" | "no" | "false" | "null" | "unspecified" => {}
            "yes" | "true" => self.found.out("web.dnt"),
            text if text.starts_with('1') => self.found.out("web.dnt"),
            text if text.starts_with('0') => {}
            _ => self.found.faults.push(ConsentFault::Undefined { section: "DNT", field: "DNT" }),
        }
    }

    /// An id that cannot be read may be any section's, so then all apply.
    fn sections<'a>(&mut self, ids: impl Iterator<Item = &'a str>) {
        // -1 and 0: no section applies.
        let ids = ids.map(|id| id.trim().parse::<i32>().map(|id| u16::try_from(id).unwrap_or(0)));
        match ids.collect::<Result<Vec<u16>, _>>() {
            Ok(ids) => self.gpp_sections.get_or_insert_default().extend(ids),
            Err(_) => self.found.undecodable("gpp_sid", Undecodable::Alphabet),
        }
    }

    pub(super) fn json(&mut self, event: &Json) {
        match event {
            Json::Object(members) => {
                for (name, value) in members {
                    self.member(name, value);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| self.json(item)),
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &Json) {
        match value {
            Json::String(text) if name == "consent" => {
                // OpenRTB's `user.consent`; elsewhere the word may hold anything.
                if Tcf::decode(text).is_ok() {
                    self.tcf.push(text.clone());
                }
            }
            Json::String(text) => self.field(name, text),
            Json::Bool(flag) => self.field(name, if *flag { "true" } else { "false" }),
            Json::Number(number) => self.field(name, &number.to_string()),
            Json::Array(ids) if what(&name.to_ascii_lowercase()) == Some(What::GppSections) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                self.sections(ids.iter().map(String::as_str));
            }
            Json::Object(_) | Json::Array(_) => self.json(value),
            Json::Null => {}
        }
    }

    /// What it all says, now that it is known which of it applies.
    pub(super) fn read(mut self) -> Found {
        for text in &self.gpp {
            match Gpp::decode(text) {
                Ok(string) => self.found.gpp(&string, self.gpp_sections.as_deref()),
                Err(why) => self.found.undecodable("the GPP string", why),
            }
        }
        for text in &self.tcf {
            match Tcf::decode_with(text, &mut self.found.faults) {
                Ok(string) if !self.gdpr_does_not_apply => self.found.tcf(&string),
                Ok(_) => {}
                Err(why) => self.found.undecodable("the TCF string", why),
            }
        }
        self.found
    }
}

fn what(name: &str) -> Option<What> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
}

fn is_true(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}
