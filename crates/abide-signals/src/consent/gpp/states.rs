//! The sections of the United States: which bits say what.
//!
//! Source: IABTechLab/iabgpp-es, `modules/cmpapi/src/encoder/segment`, 3.2.0; a test holds these tables
//! equal to `tests/vectors/gpp_us_section_layouts.json`, which was read out of it.

use super::super::fields::{Layout, flag, int, two, twos};

/// One section: its core segment, and the one that may follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) name: &'static str,
    /// What encoders write; another number may mean other bits.
    pub(super) versions: &'static [u64],
    pub(super) core: Layout,
    pub(super) second: Second,
}

/// What may follow the core segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    Nothing,
    /// Two bits of type, 1, then whether a Global Privacy Control was there.
    Gpc,
    /// Consents to the use of sensitive data, without a type.
    Sensitive,
}

/// By id, from 7 on.
#[rustfmt::skip]
pub(crate) const STATES: &[Section] = &[
    Section { id: 7, name: "usnat", versions: &[1, 2], core: USNAT, second: Second::Gpc },
    Section { id: 8, name: "usca", versions: &[1], core: USCA, second: Second::Gpc },
    Section { id: 9, name: "usva", versions: &[1], core: USVA, second: Second::Nothing },
    Section { id: 10, name: "usco", versions: &[1], core: USCO, second: Second::Gpc },
    Section { id: 11, name: "usut", versions: &[1], core: USUT, second: Second::Nothing },
    Section { id: 12, name: "usct", versions: &[1], core: USCT, second: Second::Gpc },
    Section { id: 13, name: "usfl", versions: &[1], core: USFL, second: Second::Nothing },
    Section { id: 14, name: "usmt", versions: &[1], core: USMT, second: Second::Gpc },
    Section { id: 15, name: "usor", versions: &[1], core: USOR, second: Second::Gpc },
    Section { id: 16, name: "ustx", versions: &[1], core: USTX, second: Second::Gpc },
    Section { id: 17, name: "usde", versions: &[1], core: USDE, second: Second::Gpc },
    Section { id: 18, name: "usia", versions: &[1], core: USIA, second: Second::Gpc },
    Section { id: 19, name: "usne", versions: &[1], core: USNE, second: Second::Gpc },
    Section { id: 20, name: "usnh", versions: &[1], core: USNH, second: Second::Gpc },
    Section { id: 21, name: "usnj", versions: &[1], core: USNJ, second: Second::Gpc },
    Section { id: 22, name: "ustn", versions: &[1], core: USTN, second: Second::Gpc },
    Section { id: 23, name: "usmn", versions: &[1], core: USMN, second: Second::Gpc },
    Section { id: 24, name: "usmd", versions: &[1], core: USMD, second: Second::Gpc },
    Section { id: 25, name: "usin", versions: &[1], core: USIN, second: Second::Sensitive },
    Section { id: 26, name: "usky", versions: &[1], core: USKY, second: Second::Sensitive },
    Section { id: 27, name: "usri", versions: &[1], core: USRI, second: Second::Sensitive },
];

#[rustfmt::skip]
const USNAT: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"), two("SharingOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SensitiveDataProcessingOptOutNotice"),
    two("SensitiveDataLimitUseNotice"), two("SaleOptOut"), two("SharingOptOut"),
    two("TargetedAdvertisingOptOut"), twos("SensitiveDataProcessing", 16),
    twos("KnownChildSensitiveDataConsents", 3), two("PersonalDataConsents"), two("MspaCoveredTransaction"),
    two("MspaOptOutOptionMode"), two("MspaServiceProviderMode"),
];

/// The older layout of `usnat`, told by its length alone: both were written under both version numbers.
/// What is opted out of stands before the difference.
#[rustfmt::skip]
const USNAT_SHORT: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"), two("SharingOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SensitiveDataProcessingOptOutNotice"),
    two("SensitiveDataLimitUseNotice"), two("SaleOptOut"), two("SharingOptOut"),
    two("TargetedAdvertisingOptOut"), twos("SensitiveDataProcessing", 12),
    twos("KnownChildSensitiveDataConsents", 2), two("PersonalDataConsents"), two("MspaCoveredTransaction"),
    two("MspaOptOutOptionMode"), two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USCA: Layout = &[
    int("Version", 6), two("SaleOptOutNotice"), two("SharingOptOutNotice"),
    two("SensitiveDataLimitUseNotice"), two("SaleOptOut"), two("SharingOptOut"),
    twos("SensitiveDataProcessing", 9), twos("KnownChildSensitiveDataConsents", 2),
    two("PersonalDataConsents"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USVA: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), two("KnownChildSensitiveDataConsents"),
    two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"), two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USCO: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 7), two("KnownChildSensitiveDataConsents"),
    two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"), two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USUT: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SensitiveDataProcessingOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), twos("SensitiveDataProcessing", 8),
    two("KnownChildSensitiveDataConsents"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USCT: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), twos("KnownChildSensitiveDataConsents", 3),
    two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"), two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USFL: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), twos("KnownChildSensitiveDataConsents", 3),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USMT: Layout = &[
    int("Version", 6), two("SharingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), twos("KnownChildSensitiveDataConsents", 3),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USOR: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 11), twos("KnownChildSensitiveDataConsents", 3),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USTX: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USDE: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 9), twos("KnownChildSensitiveDataConsents", 5),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USIA: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SensitiveDataOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), twos("SensitiveDataProcessing", 8),
    two("KnownChildSensitiveDataConsents"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USNE: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USNH: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), twos("KnownChildSensitiveDataConsents", 3),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USNJ: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 10), twos("KnownChildSensitiveDataConsents", 5),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USTN: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USMN: Layout = &[
    int("Version", 6), two("ProcessingNotice"), two("SaleOptOutNotice"),
    two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"), two("TargetedAdvertisingOptOut"),
    twos("SensitiveDataProcessing", 8), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"), two("MspaCoveredTransaction"), two("MspaOptOutOptionMode"),
    two("MspaServiceProviderMode"),
];

#[rustfmt::skip]
const USMD: Layout = &[
    int("MspaVersion", 6), two("MspaCoveredTransaction"), two("MspaMode"), two("ProcessingNotice"),
    two("SaleOptOutNotice"), two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), two("AdditionalDataProcessingConsent"),
];

#[rustfmt::skip]
const USIN: Layout = &[
    int("MspaVersion", 6), two("MspaCoveredTransaction"), two("MspaMode"), two("ProcessingNotice"),
    two("SaleOptOutNotice"), two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"),
];

#[rustfmt::skip]
const USKY: Layout = &[
    int("MspaVersion", 6), two("MspaCoveredTransaction"), two("MspaMode"), two("ProcessingNotice"),
    two("SaleOptOutNotice"), two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"),
];

#[rustfmt::skip]
const USRI: Layout = &[
    int("MspaVersion", 6), two("MspaCoveredTransaction"), two("MspaMode"), two("ProcessingNotice"),
    two("SaleOptOutNotice"), two("TargetedAdvertisingOptOutNotice"), two("SaleOptOut"),
    two("TargetedAdvertisingOptOut"), two("KnownChildSensitiveDataConsents"),
    two("AdditionalDataProcessingConsent"),
];

pub(super) const GPC: Layout = &[int("GpcSegmentType", 2), flag("Gpc")];
pub(super) const SENSITIVE: Layout = &[twos("SensitiveDataProcessing", 8)];

impl Section {
    pub(crate) fn by_id(id: u8) -> Option<&'static Self> {
        STATES.iter().find(|section| section.id == id)
    }

    #[cfg(test)]
    pub(crate) fn layouts(&self) -> Vec<Layout> {
        match self.second {
            Second::Nothing => vec![self.core],
            Second::Gpc => vec![self.core, GPC],
            Second::Sensitive => vec![self.core, SENSITIVE],
        }
    }

    /// The layout of a core segment of so many bits.
    pub(super) fn core_of(&self, bits: usize) -> Layout {
        const SHORT_BITS_MAX: usize = 66;
        if self.name == "usnat" && bits <= SHORT_BITS_MAX { USNAT_SHORT } else { self.core }
    }
}
