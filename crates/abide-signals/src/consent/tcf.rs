//! IAB TCF strings: Europe's versions 1 and 2, and Canada's version 1 inside of GPP.
//!
//! Sources: "Consent string and vendor list formats v2" of
//! InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework; for Canada the segments of
//! IABTechLab/iabgpp-es.

use super::{
    ConsentFault, Undecodable,
    bits::Bits,
    fields::{
        Fields, Layout, Value, count, counted, flag, ids, int, letters, restrictions, time, vendors,
        vendors_v1,
    },
};

/// What of a TCF string is an opt-out, for people: each row gives `web.tcf.<member>` when none of its
/// bases holds for the purpose.
///
/// The mechanism is about advertising, so purposes of content, measuring and improving give nothing:
/// who refuses to have articles counted has not refused to be targeted. A legitimate interest that
/// was shown and not objected to leaves the purpose standing; for storage and profiles (1, 3 and 4)
/// the framework knows consent alone, and a bit that claims otherwise counts for nothing.
#[rustfmt::skip]
pub const TCF_PURPOSES: &[TcfPurpose] = &[
    row(TcfKind::EuropeV2, 1, "purpose_1",    "to store and read data on the device",      &["PurposesConsent"]),
    row(TcfKind::EuropeV2, 2, "purpose_2",    "to use limited data to select advertising", &["PurposesConsent", "PurposesLITransparency"]),
    row(TcfKind::EuropeV2, 3, "purpose_3",    "to make profiles for advertising",          &["PurposesConsent"]),
    row(TcfKind::EuropeV2, 4, "purpose_4",    "to use profiles to select advertising",     &["PurposesConsent"]),
    row(TcfKind::EuropeV1, 1, "v1_purpose_1", "to store and read data on the device",      &["PurposesConsent"]),
    row(TcfKind::EuropeV1, 2, "v1_purpose_2", "to personalise",                            &["PurposesConsent"]),
    row(TcfKind::EuropeV1, 3, "v1_purpose_3", "to select, deliver and report advertising", &["PurposesConsent"]),
    row(TcfKind::Canada,   1, "ca_purpose_1", "to store and read data on the device",      &["PurposesExpressConsent", "PurposesImpliedConsent"]),
    row(TcfKind::Canada,   2, "ca_purpose_2", "to select basic advertising",               &["PurposesExpressConsent", "PurposesImpliedConsent"]),
    row(TcfKind::Canada,   3, "ca_purpose_3", "to make profiles for advertising",          &["PurposesExpressConsent", "PurposesImpliedConsent"]),
    row(TcfKind::Canada,   4, "ca_purpose_4", "to use profiles to select advertising",     &["PurposesExpressConsent", "PurposesImpliedConsent"]),
];

const fn row(
    of: TcfKind,
    id: u16,
    member: &'static str,
    what: &'static str,
    bases: &'static [&'static str],
) -> TcfPurpose {
    TcfPurpose { of, id, member, what, bases }
}

/// One row of [`TCF_PURPOSES`].
#[derive(Clone, Copy, Debug)]
pub struct TcfPurpose {
    pub of: TcfKind,
    pub id: u16,
    /// The mechanism is `web.tcf.<member>`.
    pub member: &'static str,
    /// What was refused.
    pub what: &'static str,
    /// The fields any of which allows the purpose.
    pub bases: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcfKind {
    EuropeV1,
    EuropeV2,
    Canada,
}

/// A decoded TCF string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcf {
    pub kind: TcfKind,
    pub fields: Fields,
}

impl Tcf {
    /// A string of Europe's framework; its first character is its version.
    pub fn decode(text: &str) -> Result<Self, Undecodable> {
        Self::decode_with(text, &mut Vec::new())
    }

    pub(super) fn decode_with(text: &str, faults: &mut Vec<ConsentFault>) -> Result<Self, Undecodable> {
        let kind = match text.as_bytes().first() {
            Some(b'C') => TcfKind::EuropeV2,
            Some(b'B') => TcfKind::EuropeV1,
            Some(_) => return Err(Undecodable::Version),
            None => return Err(Undecodable::TooShort),
        };
        Self::decode_as(kind, text, faults)
    }

    /// Segments of a type that is not known are passed over and reported.
    pub(super) fn decode_as(
        kind: TcfKind,
        text: &str,
        faults: &mut Vec<ConsentFault>,
    ) -> Result<Self, Undecodable> {
        let (core, version, segments) = match kind {
            TcfKind::EuropeV1 => (CORE_V1, 1, NO_SEGMENTS),
            TcfKind::EuropeV2 => (CORE_V2, 2, SEGMENTS_V2),
            TcfKind::Canada => (CORE_CANADA, 1, SEGMENTS_CANADA),
        };
        let mut parts = text.split('.');
        let mut bits = Bits::of(parts.next().unwrap_or_default())?;
        let mut fields = Fields::default();
        fields.read(core, &mut bits)?;
        if fields.get("Version").and_then(Value::int) != Some(version) {
            return Err(Undecodable::Version);
        }
        match kind {
            TcfKind::EuropeV1 => {}
            TcfKind::EuropeV2 => fields.read(RESTRICTIONS, &mut bits)?,
            // Older encoders end before the restrictions.
            TcfKind::Canada => drop(fields.read(RESTRICTIONS, &mut bits)),
        }
        for part in parts {
            let mut bits = Bits::of(part)?;
            let segment_type = bits.int(3)?;
            match segments.iter().find(|(known, _)| *known == segment_type) {
                Some((_, layout)) => fields.read(layout, &mut bits)?,
                None => faults.push(ConsentFault::UnknownSegment { section: kind.section() }),
            }
        }
        Ok(Self { kind, fields })
    }

    /// The purposes of advertising that nothing in the string allows.
    pub fn refused(&self) -> impl Iterator<Item = &'static TcfPurpose> {
        let allows = |field: &str, id| self.fields.get(field).is_some_and(|value| value.has_id(id));
        let refused = move |purpose: &&TcfPurpose| !purpose.bases.iter().any(|base| allows(base, purpose.id));
        TCF_PURPOSES.iter().filter(|purpose| purpose.of == self.kind).filter(refused)
    }
}

impl TcfKind {
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::EuropeV1 => "tcfeuv1",
            Self::EuropeV2 => "tcfeuv2",
            Self::Canada => "tcfcav1",
        }
    }
}

type Segments = &'static [(u64, Layout)];

const NO_SEGMENTS: Segments = &[];
const SEGMENTS_V2: Segments = &[(1, DISCLOSED), (2, ALLOWED), (3, PUBLISHER)];
const SEGMENTS_CANADA: Segments = &[(1, DISCLOSED), (3, PUBLISHER_CANADA)];

const CORE_V1: Layout = &[
    int("Version", 6),
    time("Created"),
    time("LastUpdated"),
    int("CmpId", 12),
    int("CmpVersion", 12),
    int("ConsentScreen", 6),
    letters("ConsentLanguage"),
    int("VendorListVersion", 12),
    ids("PurposesConsent", 24),
    vendors_v1("VendorConsent"),
];

const CORE_V2: Layout = &[
    int("Version", 6),
    time("Created"),
    time("LastUpdated"),
    int("CmpId", 12),
    int("CmpVersion", 12),
    int("ConsentScreen", 6),
    letters("ConsentLanguage"),
    int("VendorListVersion", 12),
    int("TcfPolicyVersion", 6),
    flag("IsServiceSpecific"),
    flag("UseNonStandardStacks"),
    ids("SpecialFeatureOptIns", 12),
    ids("PurposesConsent", 24),
    ids("PurposesLITransparency", 24),
    flag("PurposeOneTreatment"),
    letters("PublisherCC"),
    vendors("VendorConsent"),
    vendors("VendorLegitimateInterest"),
];

const CORE_CANADA: Layout = &[
    int("Version", 6),
    time("Created"),
    time("LastUpdated"),
    int("CmpId", 12),
    int("CmpVersion", 12),
    int("ConsentScreen", 6),
    letters("ConsentLanguage"),
    int("VendorListVersion", 12),
    int("TcfPolicyVersion", 6),
    flag("UseNonStandardStacks"),
    ids("SpecialFeatureExpressConsent", 12),
    ids("PurposesExpressConsent", 24),
    ids("PurposesImpliedConsent", 24),
    vendors("VendorExpressConsent"),
    vendors("VendorImpliedConsent"),
];

const RESTRICTIONS: Layout = &[restrictions("PubRestrictions")];
const DISCLOSED: Layout = &[vendors("DisclosedVendors")];
const ALLOWED: Layout = &[vendors("AllowedVendors")];

const PUBLISHER: Layout = &[
    ids("PubPurposesConsent", 24),
    ids("PubPurposesLITransparency", 24),
    count("NumCustomPurposes"),
    counted("CustomPurposesConsent"),
    counted("CustomPurposesLITransparency"),
];

const PUBLISHER_CANADA: Layout = &[
    ids("PubPurposesExpressConsent", 24),
    ids("PubPurposesImpliedConsent", 24),
    count("NumCustomPurposes"),
    counted("CustomPurposesExpressConsent"),
    counted("CustomPurposesImpliedConsent"),
];
