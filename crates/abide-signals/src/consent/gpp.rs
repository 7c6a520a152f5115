//! IAB GPP strings: a header that names sections, and the sections.
//!
//! Source: "Core/Consent String Specification.md" of
//! InteractiveAdvertisingBureau/Global-Privacy-Platform, version 1.0. Its table of types says of a
//! Boolean "0=true, 1=false", which its own sections and both libraries contradict: here 1 is true.
//!
//! This decoder is our own. The crate `iab_gpp` 0.1.2 refuses 18 of the 185 rows of the vectors
//! (sections 24 to 27, one layout of `usnat`), and what it refuses would be an opt-out lost.

mod states;

#[cfg(test)]
pub(crate) use states::STATES;
pub(crate) use states::Section;

use super::{
    ConsentFault, Undecodable, UsPrivacy,
    bits::Bits,
    fields::{Fields, Value},
    tcf::{Tcf, TcfKind},
};
use states::{GPC, SENSITIVE, Second};

/// What of a section of the United States is an opt-out: a 1 in the field gives the mechanism.
///
/// The other fields refuse narrower things (a category of sensitive data, data about a known child,
/// a purpose beyond that of collection), most of them by "no consent", which is what stands there
/// before anybody has said a word. They are reported in [`super::Found::narrower`] and give nothing.
pub const GPP_FIELDS: &[(&str, &str)] = &[
    ("SaleOptOut", "web.gpp.sale"),
    ("SharingOptOut", "web.gpp.sharing"),
    ("TargetedAdvertisingOptOut", "web.gpp.targeting"),
    ("Gpc", "web.gpc"),
];

/// Fields whose 1 refuses something narrower than sale, sharing or targeting.
pub(super) const NARROWER_FIELDS: &[&str] = &[
    "SensitiveDataProcessing",
    "KnownChildSensitiveDataConsents",
    "PersonalDataConsents",
    "AdditionalDataProcessingConsent",
];

/// A GPP string, its header read: the ids of its sections and their texts, undecoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpp<'a> {
    pub section_ids: Vec<u16>,
    /// Fewer than ids if the string was cut off; never more.
    pub sections: Vec<&'a str>,
}

/// A section, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GppSection {
    Tcf(Tcf),
    UsPrivacy(UsPrivacy),
    State { name: &'static str, fields: Fields },
}

impl<'a> Gpp<'a> {
    pub fn decode(text: &'a str) -> Result<Self, Undecodable> {
        const TYPE: u64 = 3;
        let mut parts = text.trim().split('~');
        let mut bits = Bits::of(parts.next().unwrap_or_default())?;
        if bits.int(6)? != TYPE || bits.int(6)? != 1 {
            return Err(Undecodable::Version);
        }
        let section_ids = section_ids(&mut bits)?;
        let sections: Vec<&str> = parts.collect();
        if sections.len() > section_ids.len() {
            return Err(Undecodable::Range);
        }
        Ok(Self { section_ids, sections })
    }
}

/// Ids as differences from the one before, each a Fibonacci number; a group is a first and a length.
fn section_ids(bits: &mut Bits) -> Result<Vec<u16>, Undecodable> {
    /// There are 27 so far.
    const ID_MAX: u32 = 1_000;
    let items = bits.int(12)?;
    let mut ids = Vec::new();
    let mut last = 0_u32;
    for _ in 0..items {
        let is_group = bits.bit()?;
        let first = last.checked_add(bits.fibonacci()?).ok_or(Undecodable::Range)?;
        last = if is_group { first.checked_add(bits.fibonacci()?).ok_or(Undecodable::Range)? } else { first };
        if last > ID_MAX {
            return Err(Undecodable::Range);
        }
        ids.extend((first..=last).filter_map(|id| u16::try_from(id).ok()));
    }
    Ok(ids)
}

impl GppSection {
    /// Decodes a section by its id; what is odd but readable becomes a fault beside the result.
    pub fn decode(id: u16, text: &str, faults: &mut Vec<ConsentFault>) -> Option<Self> {
        let decoded = match (id, u8::try_from(id).ok().and_then(Section::by_id)) {
            (1, _) => Tcf::decode_as(TcfKind::EuropeV1, text, faults).map(Self::Tcf),
            (2, _) => Tcf::decode_as(TcfKind::EuropeV2, text, faults).map(Self::Tcf),
            (5, _) => Tcf::decode_as(TcfKind::Canada, text, faults).map(Self::Tcf),
            (6, _) => UsPrivacy::decode(text).map(Self::UsPrivacy),
            (_, Some(section)) => {
                section.decode(text, faults).map(|fields| Self::State { name: section.name, fields })
            }
            (_, None) => {
                faults.push(ConsentFault::UnknownSection { id });
                return None;
            }
        };
        decoded.map_err(|why| faults.push(ConsentFault::Undecodable { what: name_of(id), why })).ok()
    }
}

fn name_of(id: u16) -> &'static str {
    match id {
        1 => "tcfeuv1",
        2 => "tcfeuv2",
        5 => "tcfcav1",
        6 => "uspv1",
        _ => u8::try_from(id).ok().and_then(Section::by_id).map_or("section", |section| section.name),
    }
}

impl Section {
    fn decode(&self, text: &str, faults: &mut Vec<ConsentFault>) -> Result<Fields, Undecodable> {
        let mut segments = text.split('.');
        let mut core = Bits::of(segments.next().unwrap_or_default())?;
        let mut fields = Fields::default();
        fields.read(self.core_of(core.len()), &mut core)?;
        self.check_version(&fields, faults);
        for segment in segments {
            self.read_segment(segment, &mut fields, faults)?;
        }
        faults.extend(self.undefined(&fields));
        Ok(fields)
    }

    fn read_segment(
        &self,
        text: &str,
        fields: &mut Fields,
        faults: &mut Vec<ConsentFault>,
    ) -> Result<(), Undecodable> {
        const GPC_TYPE: u64 = 1;
        let mut bits = Bits::of(text)?;
        match self.second {
            Second::Gpc if bits.clone().int(2)? == GPC_TYPE => fields.read(GPC, &mut bits),
            Second::Sensitive => fields.read(SENSITIVE, &mut bits),
            Second::Gpc | Second::Nothing => {
                faults.push(ConsentFault::UnknownSegment { section: self.name });
                Ok(())
            }
        }
    }

    fn check_version(&self, fields: &Fields, faults: &mut Vec<ConsentFault>) {
        let version = fields.iter().next().and_then(|(_, value)| value.int()).unwrap_or_default();
        if !self.versions.contains(&version) {
            faults.push(ConsentFault::UnknownVersion { section: self.name, version });
        }
    }

    /// 3 means nothing in any field of two bits.
    fn undefined<'f>(&'f self, fields: &'f Fields) -> impl Iterator<Item = ConsentFault> + 'f {
        let holds_3 = |value: &Value| matches!(value, Value::Twos(items) if items.contains(&3));
        fields
            .iter()
            .filter(move |(_, value)| holds_3(value))
            .map(|(field, _)| ConsentFault::Undefined { section: self.name, field })
    }
}
