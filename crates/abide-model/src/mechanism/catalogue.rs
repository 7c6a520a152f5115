//! The mechanism catalogue: the one table of what each act is by nature. Append-only: a row in use
//! is never changed or taken out, since every store's history is read through it.

use super::{Channels, EndedBy, MechanismSpec, Reach, SaidBy};

const fn by_person(
    path: &'static str,
    reach: Reach,
    ended_by: EndedBy,
    channels: Channels,
    what: &'static str,
) -> MechanismSpec {
    MechanismSpec {
        path,
        said_by: SaidBy::Person,
        reach,
        ended_by,
        channels,
        voids_consent: true,
        keeps_domain: false,
        what,
    }
}

const fn by_source(
    path: &'static str,
    reach: Reach,
    ended_by: EndedBy,
    channels: Channels,
    what: &'static str,
) -> MechanismSpec {
    MechanismSpec {
        path,
        said_by: SaidBy::Source,
        reach,
        ended_by,
        channels,
        voids_consent: false,
        keeps_domain: false,
        what,
    }
}

/// All mechanisms, by channel.
#[rustfmt::skip]
pub static CATALOGUE: &[MechanismSpec] = &[
    by_person("web.gpc",           Reach::Device,  EndedBy::Person, Channels::ADS,   "Global Privacy Control sent by a browser"),
    by_person("web.gpp.sale",      Reach::Device,  EndedBy::Person, Channels::ADS,   "opted out of sale in an IAB GPP string"),
    by_person("web.gpp.sharing",   Reach::Device,  EndedBy::Person, Channels::ADS,   "opted out of sharing in an IAB GPP string"),
    by_person("web.gpp.targeting", Reach::Device,  EndedBy::Person, Channels::ADS,   "opted out of targeted advertising in an IAB GPP string"),
    by_person("web.usp",           Reach::Device,  EndedBy::Person, Channels::ADS,   "opted out of sale in a US Privacy string"),
    by_person("web.tcf.*",         Reach::Device,  EndedBy::Person, Channels::ADS,   "refused a purpose in an IAB TCF string"),
    by_person("web.dnt",           Reach::Device,  EndedBy::Person, Channels::TRACK, "Do Not Track sent by a browser"),
    by_person("ads.lat",           Reach::Device,  EndedBy::Person, Channels::ADS,   "limited ad tracking on a device"),

    by_person("email.unsubscribe", Reach::Address, EndedBy::Person, Channels::EMAIL, "unsubscribed from a brand's e-mail"),
    by_person("email.list",        Reach::Address, EndedBy::Person, Channels::EMAIL, "left a mailing list"),
    by_person("email.complaint",   Reach::Address, EndedBy::Nobody, Channels::EMAIL, "reported an e-mail as spam"),
    MechanismSpec { keeps_domain: true,
        ..by_source("email.bounce.hard", Reach::Address, EndedBy::Source, Channels::EMAIL, "an e-mail address that does not exist") },

    by_person("sms.stop",          Reach::Address, EndedBy::Same,   Channels::SMS,   "texted STOP to a sender"),
    by_source("phone.dnc.*",       Reach::Address, EndedBy::Source, Channels::PHONE.and(Channels::SMS), "listed in a do-not-call registry"),
    by_person("phone.stop",        Reach::Address, EndedBy::Person, Channels::PHONE, "asked not to be called"),
    MechanismSpec { voids_consent: true,
        ..by_source("phone.reassigned", Reach::Address, EndedBy::Source, Channels::PHONE.and(Channels::SMS), "a phone number that now belongs to somebody else") },
    by_person("push.off",          Reach::Address, EndedBy::Person, Channels::PUSH,  "turned push messages off"),
    by_person("post.stop",         Reach::Address, EndedBy::Person, Channels::POST,  "asked for no letters"),

    by_person("profile.email",     Reach::Address, EndedBy::Person, Channels::EMAIL, "a profile flag: no e-mail"),
    by_person("profile.sms",       Reach::Address, EndedBy::Person, Channels::SMS,   "a profile flag: no texts"),
    by_person("profile.phone",     Reach::Address, EndedBy::Person, Channels::PHONE, "a profile flag: no calls"),
    by_person("profile.push",      Reach::Address, EndedBy::Person, Channels::PUSH,  "a profile flag: no push messages"),
    by_person("profile.post",      Reach::Address, EndedBy::Person, Channels::POST,  "a profile flag: no letters"),
    by_person("profile.all",       Reach::Person,  EndedBy::Person, Channels::CONTACT, "a profile flag: no contact at all"),

    by_person("privacy.no_sale",      Reach::Person, EndedBy::Person, Channels::ADS, "asked that their data not be sold or shared"),
    by_person("privacy.no_targeting", Reach::Person, EndedBy::Person, Channels::ADS, "asked not to be targeted"),
    by_person("privacy.objection",    Reach::Person, EndedBy::Person, Channels::ALL, "objected to direct marketing"),

    by_person("law.drop",          Reach::Person,  EndedBy::Source, Channels::ALL,   "a deletion request through California DROP"),
    by_person("law.erasure",       Reach::Person,  EndedBy::Nobody, Channels::ALL,   "a request to be erased"),

    by_source("hold.minor",        Reach::Person,  EndedBy::Nobody, Channels::ALL,   "known to be a minor"),
    by_source("hold.deceased",     Reach::Person,  EndedBy::Nobody, Channels::ALL,   "known to have died"),
    by_source("hold.litigant",     Reach::Person,  EndedBy::Nobody, Channels::ALL,   "a known litigant"),
    by_source("hold.internal",     Reach::Person,  EndedBy::Nobody, Channels::ALL,   "suppressed by the company itself"),

    by_source("list.against",      Reach::Person,  EndedBy::Source, Channels::ALL,   "on the list that `--against` named"),
];
