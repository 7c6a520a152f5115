//! The built-in ruleset: it compiles, and every mechanism of the catalogue means what it should.

use abide_model::{
    Claimant, Context, Direction, Fact, Mechanism, Scope, facts::Effective, mechanism::CATALOGUE,
};
use abide_rules::{Ruleset, RulesetSources};

const MAIL: &str = "do_not_contact.email";
const SMS: &str = "do_not_contact.sms";
const PHONE: &str = "do_not_contact.phone";
const PUSH: &str = "do_not_contact.push";
const POST: &str = "do_not_contact.post";
const ADS: &str = "exclude_from_targeting";

/// The meaning of each row of the catalogue; a new row needs a new line here.
#[rustfmt::skip]
const MEANINGS: &[(&str, &[&str])] = &[
    ("web.gpc",            &[ADS]),
    ("web.gpp.sale",       &[ADS]),
    ("web.gpp.sharing",    &[ADS]),
    ("web.gpp.targeting",  &[ADS]),
    ("web.usp",            &[ADS]),
    ("web.tcf.*",          &[ADS]),
    ("web.dnt",            &["do_not_track"]),
    ("ads.lat",            &[ADS]),
    ("email.unsubscribe",  &[MAIL]),
    ("email.list",         &[MAIL]),
    ("email.complaint",    &["complained.email", MAIL]),
    ("email.bounce.hard",  &["undeliverable.email"]),
    ("sms.stop",           &[SMS, "stopped.sms"]),
    ("phone.dnc.*",        &["do_not_contact.registry"]),
    ("phone.stop",         &[PHONE]),
    ("phone.reassigned",   &[]),
    ("push.off",           &[PUSH]),
    ("post.stop",          &[POST]),
    ("profile.email",      &[MAIL]),
    ("profile.sms",        &[SMS]),
    ("profile.phone",      &[PHONE]),
    ("profile.push",       &[PUSH]),
    ("profile.post",       &[POST]),
    ("profile.all",        &[MAIL, PHONE, POST, PUSH, SMS]),
    ("privacy.no_sale",    &[ADS]),
    ("privacy.no_targeting", &[ADS]),
    ("privacy.objection",  &[MAIL, PHONE, POST, PUSH, SMS, "do_not_profile", ADS]),
    ("law.drop",           &["do_not_share"]),
    ("law.erasure",        &["do_not_collect", MAIL, PHONE, POST, PUSH, SMS, "do_not_profile", "do_not_share", "do_not_track", ADS]),
    ("hold.minor",         &[MAIL, PHONE, POST, PUSH, SMS, ADS, "held"]),
    ("hold.deceased",      &["deceased", MAIL, PHONE, POST, PUSH, SMS, ADS, "held"]),
    ("hold.litigant",      &[MAIL, PHONE, POST, PUSH, SMS, ADS, "held"]),
    ("hold.internal",      &[MAIL, PHONE, POST, PUSH, SMS, ADS, "held"]),
    ("list.against",       &["on_list"]),
];

#[test]
fn each_mechanism_means_what_the_catalogue_says() {
    let ruleset = Ruleset::built_in().unwrap();
    let rows: Vec<_> = CATALOGUE.iter().map(|row| row.path).collect();
    assert_eq!(rows, MEANINGS.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    for (path, meaning) in MEANINGS {
        let segments = ruleset.segments_of(&[out(&path.replace('*', "member"))]);
        assert_eq!(segments.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), *meaning, "{path}");
    }
}

/// An `in` is no opt-out, whatever it is a withdrawal of.
#[test]
fn an_opt_in_makes_no_segment() {
    let ruleset = Ruleset::built_in().unwrap();
    let consent = Fact { direction: Direction::In, ..out("email.unsubscribe") };
    assert!(ruleset.segments_of(&[consent]).is_empty());
}

#[test]
fn a_reason_names_only_what_its_rule_rests_on() {
    let ruleset = Ruleset::built_in().unwrap();
    let effective = Effective { outs: vec![out("email.unsubscribe"), out("web.gpc")], consents: Vec::new() };
    let verdict = ruleset.decide(&effective, &"contact.email".parse().unwrap(), &Context::default());
    let abide_model::Verdict::Block { reasons } = verdict else { panic!("{verdict:?}") };
    let [reason] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert_eq!(&*reason.rule, "email-opted-out");
    assert_eq!(reason.segments, [MAIL.into()]);
    assert_eq!(reason.mechanisms, ["email.unsubscribe".parse().unwrap()]);
    assert_eq!(reason.claimants, ["person".into()]);
}

/// Words that nobody declared could pass as "anything but marketing".
#[test]
fn a_misspelt_context_blocks_and_says_so() {
    let ruleset = Ruleset::built_in().unwrap();
    for (attribute, value, nearest) in [
        ("purpose", "transactionnal", "transactional"),
        ("purpos", "legal", "purpose"),
        ("message", "confirm_optin", "confirm_opt_in"),
    ] {
        let context: Context = [(attribute, value)].into_iter().collect();
        let error = ruleset.check_context(&context).unwrap_err().to_string();
        assert!(error.contains(&format!("`{nearest}`")), "{error}");
        let verdict = ruleset.decide(&Effective::default(), &"sell".parse().unwrap(), &context);
        let abide_model::Verdict::Block { reasons } = verdict else { panic!("{attribute}: {verdict:?}") };
        assert_eq!(&*reasons[0].rule, "invalid-context");
    }
}

#[test]
fn registries_must_be_fresh_for_marketing_calls_and_texts_only() {
    let ruleset = Ruleset::built_in().unwrap();
    let days = |action: &str, purpose: &str| {
        let context: Context =
            [("purpose", purpose)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let dnc = "phone.dnc.us".parse().unwrap();
        let action = action.parse().unwrap();
        let mut ages = ruleset.max_ages(&action);
        ages.find(|age| age.covers(&dnc) && age.applies(&context)).map(|age| age.days)
    };
    assert_eq!(days("contact.phone", "marketing"), Some(31));
    assert_eq!(days("contact.sms", ""), Some(31), "a missing purpose is marketing");
    assert_eq!(days("contact.phone", "transactional"), None);
    assert_eq!(days("contact.email", "marketing"), None);
}

/// Two checkouts of one ruleset are one version; anything else is another.
#[test]
fn the_version_is_the_content() {
    let sources = RulesetSources::built_in();
    let version = |sources: &RulesetSources| Ruleset::from_sources(sources).unwrap().version().clone();
    let original = version(&sources);
    assert_eq!(original.to_string(), format!("default@{}", &original.digest_hex()[..8]));

    let mut same = sources.clone();
    same.policies.reverse();
    same.toml = same.toml.replace('\n', "\r\n");
    for (file, text) in &mut same.policies {
        *file = file.replace("policies/", "C:\\rules\\policies\\");
        *text = text.replace('\n', "\r\n");
    }
    assert_eq!(version(&same), original);

    let mut other = sources;
    other.policies[0].1.push_str("// a remark\n");
    assert_ne!(version(&other), original);
}

fn out(path: &str) -> Fact {
    Fact {
        direction: Direction::Out,
        mechanism: path.parse::<Mechanism>().unwrap(),
        scope: Scope::Everyone,
        claimant: Claimant::Person,
    }
}
