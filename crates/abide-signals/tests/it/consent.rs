//! Vectors that others published of consent strings, each with its source; and what of them makes
//! statements.

use std::ops::RangeInclusive;

use abide_model::{Claimant, Direction, Scope};
use abide_signals::consent::{
    self, ConsentFault, Fields, Found, GPP_FIELDS, Gpp, GppSection, Tcf, UsPrivacy, UspAnswer, Value,
};
use serde_json::{Value as Json, json};

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str::<Json>(text).unwrap()["vectors"].as_array().unwrap().clone()
}

fn gpp_sections() -> Vec<Json> {
    vectors(include_str!("../vectors/gpp_sections.json"))
}

fn gpp_strings() -> Vec<Json> {
    vectors(include_str!("../vectors/gpp_strings.json"))
}

fn tcf_strings() -> Vec<Json> {
    vectors(include_str!("../vectors/tcf_strings.json"))
}

fn text<'v>(vector: &'v Json, name: &str) -> &'v str {
    vector[name].as_str().unwrap()
}

fn said(found: &Found) -> Vec<&str> {
    for statement in &found.statements {
        assert_eq!((&statement.claimant, &statement.scope), (&Claimant::Person, &Scope::Everyone));
        assert_eq!((statement.direction, statement.stated_at), (Direction::Out, None));
    }
    found.statements.iter().map(|said| said.mechanism.as_str()).collect()
}

/// The encoders' names of what stands here under another one.
const RENAMED: &[(&str, &str)] = &[
    ("PolicyVersion", "TcfPolicyVersion"),
    ("SpecialFeatureOptins", "SpecialFeatureOptIns"),
    ("PurposeConsents", "PurposesConsent"),
    ("PurposeLegitimateInterests", "PurposesLITransparency"),
    ("PublisherCountryCode", "PublisherCC"),
    ("VendorConsents", "VendorConsent"),
    ("VendorLegitimateInterests", "VendorLegitimateInterest"),
    ("VendorsAllowed", "AllowedVendors"),
    ("VendorsDisclosed", "DisclosedVendors"),
    ("PublisherRestrictions", "PubRestrictions"),
    ("PublisherConsents", "PubPurposesConsent"),
    ("PublisherLegitimateInterests", "PubPurposesLITransparency"),
    ("PublisherCustomConsents", "CustomPurposesConsent"),
    ("PublisherCustomLegitimateInterests", "CustomPurposesLITransparency"),
];

/// Expectations about an encoder's options, not about what stands in the string.
const NOT_IN_THE_STRING: &[&str] = &["Id", "GpcSegmentIncluded", "SensitiveDataConsentSegmentIncluded"];

#[track_caller]
fn assert_fields(id: &str, fields: &Fields, expected: &Json) {
    for (name, expected) in expected.as_object().unwrap() {
        if NOT_IN_THE_STRING.contains(&name.as_str())
            || name.ends_with("SegmentType")
            || expected.get("_expr").is_some()
        {
            continue;
        }
        // Of the only restriction of a publisher.
        if let ("Key" | "Type", Some(Value::Restrictions(all))) =
            (name.as_str(), fields.get("PubRestrictions"))
        {
            let [restriction] = all.as_slice() else { panic!("{id}: {all:?}") };
            let ours = if name == "Key" { restriction.purpose } else { restriction.kind };
            assert_eq!(json!(ours), *expected, "{id}: {name}");
            continue;
        }
        let (name, facet) = name.split_once('.').unwrap_or((name, ""));
        let name = RENAMED.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours);
        let Some(value) = fields.get(name) else {
            // A library's model has empty fields for segments that the string does not have.
            assert!(is_empty(expected), "{id}: no {name}");
            continue;
        };
        assert!(equal(value, facet, expected), "{id}: {name} is {value:?}, not {expected}");
    }
}

fn is_empty(expected: &Json) -> bool {
    match expected {
        Json::Array(items) => items.iter().all(is_empty),
        other => [json!(0), json!(false), json!(null)].contains(other),
    }
}

fn equal(value: &Value, facet: &str, expected: &Json) -> bool {
    match (value, facet) {
        (Value::Int(value), "") => *expected == json!(value),
        (Value::Flag(value), "") => *expected == json!(value),
        (Value::Letters(value), "") => *expected == json!(value),
        (Value::Time(at), "") => {
            *expected == json!(at.to_string().replace(".000Z", "Z")) || *expected == json!(at.to_string())
        }
        (Value::Twos(items), "") if expected.is_number() => items.len() == 1 && *expected == json!(items[0]),
        // The older layout of `usnat` has fewer items, and some encoders are given fewer: the others are 0.
        (Value::Twos(items), "") => {
            let expected = expected.as_array().unwrap();
            (0..items.len().max(expected.len())).all(|at| {
                let item = items.get(at).copied().unwrap_or(0);
                json!(item) == *expected.get(at).unwrap_or(&json!(0))
            })
        }
        (Value::Ids(ranges), "") => {
            let expected = expected.as_array().unwrap();
            let ids = if expected.first().is_some_and(Json::is_boolean) {
                let set = expected.iter().enumerate().filter(|(_, bit)| **bit == json!(true));
                set.map(|(at, _)| u16::try_from(at + 1).unwrap()).collect()
            } else {
                expected.iter().map(|id| u16::try_from(id.as_u64().unwrap()).unwrap()).collect::<Vec<_>>()
            };
            all(ranges) == ids
        }
        (Value::Ids(ranges), "size") => json!(all(ranges).len()) == *expected,
        (Value::Ids(ranges), "size_not") => json!(all(ranges).len()) != *expected,
        (Value::Ids(_), "contains") => expected
            .as_array()
            .unwrap()
            .iter()
            .all(|id| value.has_id(u16::try_from(id.as_u64().unwrap()).unwrap())),
        (Value::Restrictions(restrictions), "") => {
            restrictions.is_empty() && expected.as_array().is_some_and(Vec::is_empty)
        }
        (Value::Restrictions(restrictions), "vendors_of(purpose=1,type=1)") => {
            let of_it = restrictions.iter().filter(|it| (it.purpose, it.kind) == (1, 1));
            let mut vendors: Vec<u16> = of_it.flat_map(|it| all(&it.vendors)).collect();
            vendors.sort_unstable();
            vendors.dedup();
            json!(vendors) == *expected
        }
        _ => false,
    }
}

fn all(ranges: &[RangeInclusive<u16>]) -> Vec<u16> {
    ranges.iter().cloned().flatten().collect()
}

fn assert_usp(id: &str, string: UsPrivacy, expected: &Json) {
    let letter = |answer| match answer {
        UspAnswer::Yes => "Y",
        UspAnswer::No => "N",
        UspAnswer::NotApplicable => "-",
    };
    assert_eq!(letter(string.notice), expected["Notice"], "{id}");
    assert_eq!(letter(string.opt_out_sale), expected["OptOutSale"], "{id}");
    assert_eq!(letter(string.lspa_covered), expected["LspaCovered"], "{id}");
}

#[track_caller]
fn assert_section(id: &str, section: Option<GppSection>, expected: &Json) -> GppSection {
    let section = section.unwrap_or_else(|| panic!("{id} was not decoded"));
    match &section {
        GppSection::Tcf(Tcf { fields, .. }) | GppSection::State { fields, .. } => {
            assert_fields(id, fields, expected);
        }
        GppSection::UsPrivacy(string) => assert_usp(id, *string, expected),
    }
    section
}

#[test]
fn gpp_sections_decode_as_published() {
    for vector in gpp_sections() {
        let id = text(&vector, "id");
        let mut faults = Vec::new();
        let section_id = u16::try_from(vector["section_id"].as_u64().unwrap()).unwrap();
        let section = GppSection::decode(section_id, text(&vector, "input"), &mut faults);
        if vector["expect"] == "error" {
            assert!(section.is_none() && !faults.is_empty(), "{id} was decoded");
            continue;
        }
        assert!(
            faults.iter().all(|fault| !matches!(fault, ConsentFault::Undecodable { .. })),
            "{id}: {faults:?}"
        );
        let section = assert_section(id, section, &vector["expected"]);
        let (GppSection::State { fields, .. }, Some(out)) =
            (section, vector["computed_opt_out_fields"].as_array())
        else {
            continue;
        };
        for (field, _) in GPP_FIELDS.iter().filter(|(field, _)| vector["expected"].get(field).is_some()) {
            let opted_out = matches!(fields.get(field), Some(Value::Flag(true)))
                || fields.get(field) == Some(&Value::Twos(vec![1]));
            assert_eq!(opted_out, out.contains(&json!(field)), "{id}: {field}");
        }
    }
}

#[test]
fn gpp_strings_decode_as_published() {
    for vector in gpp_strings() {
        let (id, input) = (text(&vector, "id"), text(&vector, "input"));
        if vector["expect"] == "error" {
            let found = consent::fields([("gpp", input)]);
            assert!(found.statements.is_empty() && !found.faults.is_empty(), "{id} was decoded");
            continue;
        }
        // Misaligned: its vendors stand one character, six zero bits, further on than those of gppf-014.
        let aligned = input.replacen("AAFpQ", "AFpQ", 1);
        if id == "gppf-015" {
            let found = consent::fields([("gpp", input)]);
            assert!(found.statements.is_empty() && !found.faults.is_empty(), "{id} was decoded");
        }
        let string = Gpp::decode(&aligned).unwrap();
        assert_eq!(json!(string.section_ids), vector["section_ids"], "{id}");
        if let Some(raw) = vector["expected"].get("raw_sections") {
            assert_eq!(json!(string.sections), *raw, "{id}");
            continue;
        }
        for (section_id, part) in string.section_ids.iter().zip(&string.sections) {
            let section = GppSection::decode(*section_id, part, &mut Vec::new());
            let by_name = vector["expected"]
                .as_object()
                .unwrap()
                .iter()
                .find(|(name, _)| *name != "iabgpp_rs_sections");
            let section = assert_section(id, section, by_name.map_or(&json!({}), |(_, fields)| fields));
            if let Some(expected) = vector["expected"].get("iabgpp_rs_sections") {
                assert_in_their_words(id, &section, &expected[0]);
            }
        }
    }
}

/// Rows of another decoder's tests, in its own words for the same fields.
#[track_caller]
fn assert_in_their_words(id: &str, section: &GppSection, expected: &Json) {
    let (variant, expected) = expected.as_object().unwrap().iter().next().unwrap();
    let mut core = expected.get("core").unwrap_or(expected);
    core = core.get("V1").or(core.get("V2")).unwrap_or(core);
    let fields = match section {
        GppSection::Tcf(tcf) => &tcf.fields,
        GppSection::State { fields, .. } => fields,
        GppSection::UsPrivacy(_) => panic!("{id}: no such row"),
    };
    let number = |name: &str| fields.get(name).and_then(Value::int);
    if variant.starts_with("Tcf") {
        for (theirs, ours) in
            [("cmp_id", "CmpId"), ("cmp_version", "CmpVersion"), ("vendor_list_version", "VendorListVersion")]
        {
            assert_eq!(json!(number(ours)), core[theirs], "{id}: {theirs}");
        }
        for (theirs, ours) in [
            ("purpose_consents", "PurposesConsent"),
            ("purposes_allowed", "PurposesConsent"),
            ("purpose_legitimate_interests", "PurposesLITransparency"),
            ("purpose_express_consents", "PurposesExpressConsent"),
            ("purpose_implied_consents", "PurposesImpliedConsent"),
            ("vendor_consents", "VendorConsent"),
            ("vendor_legitimate_interests", "VendorLegitimateInterest"),
        ] {
            if let Some(expected) = core.get(theirs) {
                assert!(equal(fields.get(ours).unwrap(), "", expected), "{id}: {theirs}");
            }
        }
        for (theirs, ours) in
            [("disclosed_vendors", "DisclosedVendors"), ("allowed_vendors", "AllowedVendors")]
        {
            if let Some(expected) = expected.get(theirs).filter(|vendors| vendors.is_array()) {
                assert!(equal(fields.get(ours).unwrap(), "", expected), "{id}: {theirs}");
            }
        }
    } else {
        for (theirs, ours) in [
            ("sale_opt_out", "SaleOptOut"),
            ("sharing_opt_out", "SharingOptOut"),
            ("targeted_advertising_opt_out", "TargetedAdvertisingOptOut"),
        ] {
            let Some(expected) = core.get(theirs) else { continue };
            let code = ["NotApplicable", "OptedOut", "DidNotOptOut"].iter().position(|word| expected == word);
            let code = u8::try_from(code.unwrap()).unwrap();
            assert_eq!(fields.get(ours), Some(&Value::Twos(vec![code])), "{id}: {theirs}");
        }
        let gpc = expected.get("gpc").and_then(Json::as_bool);
        assert_eq!(fields.get("Gpc"), gpc.map(Value::Flag).as_ref(), "{id}: gpc");
    }
}

#[test]
fn tcf_strings_decode_as_published() {
    for vector in tcf_strings() {
        let (id, decoded) = (text(&vector, "id"), Tcf::decode(text(&vector, "input")));
        if vector["expect"] == "error" {
            assert!(decoded.is_err(), "{id} was decoded");
            continue;
        }
        let expected = vector.get("expected").or(vector.get("computed_fields")).unwrap();
        assert_fields(id, &decoded.unwrap_or_else(|why| panic!("{id}: {why}")).fields, expected);
    }
}

#[test]
fn us_privacy_strings_decode_as_published() {
    for vector in vectors(include_str!("../vectors/usp_strings.json")) {
        let (id, expected) = (text(&vector, "id"), &vector["expected"]);
        let string = UsPrivacy::decode(text(&vector, "input")).unwrap();
        assert_usp(id, string, expected);
        let opted_out = expected["opted_out_of_sale"].as_bool().unwrap_or(false);
        let found = consent::query(&format!("us_privacy={}", text(&vector, "input")));
        assert_eq!(said(&found), if opted_out { vec!["web.usp"] } else { vec![] }, "{id}");
    }
}

#[test]
fn global_privacy_control_is_exactly_1() {
    let vectors: Json = serde_json::from_str(include_str!("../vectors/gpc_rules.json")).unwrap();
    for vector in vectors["header"].as_array().unwrap() {
        let headers: Vec<(&str, &str)> =
            serde_json::from_value::<Vec<(String, String)>>(vector["headers"].clone())
                .unwrap()
                .into_iter()
                .map(|(name, value)| (&*name.leak(), &*value.leak()))
                .collect();
        let found = consent::headers(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let expected = if vector["gpc"] == true { vec!["web.gpc"] } else { vec![] };
        assert_eq!(said(&found), expected, "{headers:?}");
        assert!(found.faults.is_empty());
    }
}

/// Which statements, and how many faults, each kind of carrier gives.
#[test]
fn only_opt_outs_are_said_and_nothing_is_lost_in_silence() {
    const OUT: &str = "DBABLA~BVVVVVVVVWA.YA";
    const NOT_OUT: &str = "DBABLA~BVQqAAAACg";
    let query = |query: &str| consent::query(query);
    let header = |name: &str, value: &str| consent::headers([(name, value.as_bytes())]);
    let all = ["web.gpp.sale", "web.gpp.sharing", "web.gpp.targeting", "web.gpc"];
    let tcf = |purposes: [u8; 4]| -> Vec<String> {
        purposes.iter().filter(|id| **id > 0).map(|id| format!("web.tcf.purpose_{id}")).collect()
    };

    #[rustfmt::skip]
    let cases: Vec<(&str, Found, Vec<String>, usize)> = vec![
        ("a cookie",                  header("Cookie", &format!("a=1; __gpp={}; usprivacy=1YYN", OUT.replace('~', "%7E"))), [&["web.usp"], &all[..]].concat().iter().map(ToString::to_string).collect(), 0),
        ("a header",                  header("DNT", "1"), vec!["web.dnt".into()], 0),
        ("DNT with an extension",     header("dnt", "1xyz"), vec!["web.dnt".into()], 0),
        ("DNT off",                   header("DNT", "0"), vec![], 0),
        ("DNT of no meaning",         header("DNT", "2"), vec![], 1),
        ("did not opt out",           query(&format!("gpp={NOT_OUT}")), vec![], 0),
        ("a section that applies",    query(&format!("gpp={OUT}&gpp_sid=7,8")), all.map(String::from).to_vec(), 0),
        ("one that does not",         query(&format!("gpp={OUT}&gpp_sid=8")), vec![], 0),
        ("sections that are no ids",  query(&format!("gpp={OUT}&gpp_sid=x")), all.map(String::from).to_vec(), 1),
        ("a macro left as it was",    query("us_privacy=%24%7BUS_PRIVACY%7D"), vec![], 1),
        ("nothing there",             query("us_privacy=&gpp=&gdpr_consent="), vec![], 0),
        ("a header without sections", query("gpp=DBABLA"), vec![], 1),
        ("a section to come",         query("gpp=DBABoSI~BAAA"), vec![], 1),
        ("a value of 3",              query("gpp=DBABRg~BAD8AABA"), vec![], 1),
        ("no consent to advertising", query("gdpr=1&gdpr_consent=CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA"), tcf([1, 2, 3, 4]), 0),
        ("where GDPR is not",         query("gdpr=0&gdpr_consent=CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA"), vec![], 0),
        ("consent to 1 to 10",        query("gdpr_consent=COv_eg6Ov_eg6AOADBENAaCgAP_AAH_AACiQAVEUQQoAIQAqIoghAAQgAA"), vec![], 0),
        ("consent to 2, interest in 2 and 9", query("gdpr_consent=COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA"), tcf([1, 0, 3, 4]), 0),
        ("TCF of no version",         query("gdpr_consent=DQ%3D%3D"), vec![], 1),
        ("an event",                  consent::event(&json!({"regs": {"gpp": OUT, "gpp_sid": [7], "us_privacy": "1-N-"}, "user": {"consent": "text"}})), all.map(String::from).to_vec(), 0),
        ("an event's sections",       consent::event(&json!({"regs": {"gpp": OUT, "gpp_sid": [9]}, "dnt": 1})), vec!["web.dnt".into()], 0),
    ];
    for (what, found, expected, faults) in cases {
        assert_eq!(said(&found), expected, "{what}");
        assert_eq!(found.faults.len(), faults, "{what}: {:?}", found.faults);
    }
}

/// What is narrower than any mechanism is told, and makes no statement.
#[test]
fn narrower_refusals_are_reported() {
    let found = consent::query("gpp=DBABLA~CAAAVVVVAFBA.QA");
    assert_eq!(said(&found), Vec::<&str>::new());
    assert_eq!(
        found.narrower,
        [("usnat", "SensitiveDataProcessing"), ("usnat", "KnownChildSensitiveDataConsents")]
    );
}
