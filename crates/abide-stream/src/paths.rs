//! What stands at certain places of a JSON text, read in one pass that parses nothing else.
//!
//! A place is a JSON pointer; `*` in it is any member or element. Several pointers make one tree, and the text is read
//! along it: what no pointer leads to is skipped without being parsed into anything. Where a name is repeated, each is
//! read, since who reads the record after us may take either.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Many pointers, each with a number.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// The pointers that end here.
    ends: Vec<usize>,
    /// What is wanted of members with this name and elements at this place.
    named: Vec<(String, Paths)>,
    any: Option<Box<Paths>>,
}

/// Something that a pointer led to.
#[derive(Clone, Copy)]
pub(crate) struct Found<'v> {
    /// The pointer's number.
    pub(crate) pointer: usize,
    /// The bytes of the value as they stand in the text.
    pub(crate) raw: &'v str,
}

/// Personal data.
impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({})", self.pointer)
    }
}

impl Paths {
    /// `/user/emails/*`; the empty one is the whole text.
    pub(crate) fn add(&mut self, pointer: &str, number: usize) -> Result<(), String> {
        if pointer.is_empty() {
            self.ends.push(number);
            return Ok(());
        }
        let rest = pointer.strip_prefix('/').ok_or("a JSON pointer begins with `/`")?;
        let mut below = self;
        for segment in rest.split('/') {
            if (segment == "*" && !below.named.is_empty()) || (segment != "*" && below.any.is_some()) {
                return Err("`*` stands beside a name at the same place of another pointer".to_owned());
            }
            below = if segment == "*" {
                below.any.get_or_insert_with(Box::default)
            } else {
                let name = segment.replace("~1", "/").replace("~0", "~");
                let at = match below.named.iter().position(|(known, _)| *known == name) {
                    Some(at) => at,
                    None => {
                        below.named.push((name, Self::default()));
                        below.named.len() - 1
                    }
                };
                &mut below.named[at].1
            };
        }
        below.ends.push(number);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.named.is_empty() && self.any.is_none()
    }

    /// All that the pointers lead to, in the order of the text. `Err` where it is no JSON.
    pub(crate) fn read<'v>(&self, text: &'v [u8], found: &mut Vec<Found<'v>>) -> Result<(), NotJson> {
        found.clear();
        // Bytes that are no UTF-8 are no JSON either.
        let text = std::str::from_utf8(text).map_err(|_| NotJson)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Follow { paths: self, found }.deserialize(&mut deserializer).map_err(|_| NotJson)?;
        deserializer.end().map_err(|_| NotJson)
    }

    fn below(&self, is_name: impl Fn(&str) -> bool) -> Option<&Self> {
        let named = self.named.iter().find(|(known, _)| is_name(known)).map(|(_, below)| below);
        named.or(self.any.as_deref())
    }

    fn is_leaf(&self) -> bool {
        self.named.is_empty() && self.any.is_none()
    }
}

/// It says nothing of the text, whose reader would quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

struct Follow<'p, 'f, 'v> {
    paths: &'p Paths,
    found: &'f mut Vec<Found<'v>>,
}

impl<'v> DeserializeSeed<'v> for Follow<'_, '_, 'v> {
    type Value = ();

    fn deserialize<D: Deserializer<'v>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.paths.ends.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        self.found.extend(self.paths.ends.iter().map(|pointer| Found { pointer: *pointer, raw }));
        if self.paths.is_leaf() {
            return Ok(());
        }
        // A pointer leads further in from where another ends.
        let below = Follow { paths: self.paths, found: self.found };
        let mut inside = serde_json::Deserializer::from_str(raw);
        inside.deserialize_any(below).map_err(serde::de::Error::custom)
    }
}

impl<'v> Visitor<'v> for Follow<'_, '_, 'v> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key::<Name<'v>>()? {
            match self.paths.below(|known| known == name) {
                Some(paths) => map.next_value_seed(Follow { paths, found: self.found })?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0_usize.. {
            let next = match self.paths.below(|known| known.parse() == Ok(place)) {
                Some(paths) => seq.next_element_seed(Follow { paths, found: self.found })?,
                None => seq.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    // What has nothing inside ends a path that would have led on.
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Name<'v>(Cow<'v, str>);

impl<'v> Deserialize<'v> for Name<'v> {
    fn deserialize<D: Deserializer<'v>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'v> Visitor<'v> for Text {
            type Value = Name<'v>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'v str) -> Result<Self::Value, E> {
                Ok(Name(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The text of a found value: a string, or a number for its digits, as ids of customers often are. `Ok(None)` for nothing
/// there, `Err` for what is no text.
pub(crate) fn text_of(raw: &str) -> Result<Option<Cow<'_, str>>, NotJson> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Name<'_>>(raw).map(|Name(text)| Some(text)).map_err(|_| NotJson),
        Some(b'n') => Ok(None),
        Some(b'-' | b'0'..=b'9') => Ok(Some(raw.into())),
        _ => Err(NotJson),
    }
}

/// The elements of an array, else the value itself.
pub(crate) fn each<'v>(raw: &'v str) -> Result<Vec<&'v str>, NotJson> {
    if !raw.starts_with('[') {
        return Ok(vec![raw]);
    }
    let elements: Vec<&'v RawValue> = serde_json::from_str(raw).map_err(|_| NotJson)?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: pointers, the text, and what is found in it.
    #[test]
    fn what_pointers_lead_to() {
        for (pointers, text, wanted) in [
            (&["/a"][..], r#"{"b":{"a":1},"a":"x"}"#, Some(r#"0="x""#)),
            (&["/a/b", "/a"], r#"{"a": {"b": [1, 2]} }"#, Some(r#"1={"b": [1, 2]} 0=[1, 2]"#)),
            (
                &["/l/*/e", "/l2/1"],
                r#"{"l":[{"e":"x"},7,{"e":null}],"l2":[1,2,3]}"#,
                Some(r#"0="x" 0=null 1=2"#),
            ),
            (&["/a~1b"], r#"{"a/b":true,"a/b":false}"#, Some("0=true 0=false")),
            (&["/a/b/c"], r#"{"a":{"b":"c"}}"#, Some("")),
            (&[""], " [1] ", Some("0=[1]")),
            (&["/a"], r#"{"a":1}}"#, None),
            (&["/a"], "{'a':1}", None),
            (&["/a"], "", None),
        ] {
            let mut paths = Paths::default();
            for (number, pointer) in pointers.iter().enumerate() {
                paths.add(pointer, number).unwrap();
            }
            let mut found = Vec::new();
            let read = paths.read(text.as_bytes(), &mut found);
            let said: Vec<String> = found.iter().map(|at| format!("{}={}", at.pointer, at.raw)).collect();
            assert_eq!(read.ok().map(|()| said.join(" ")).as_deref(), wanted, "{pointers:?} in {text}");
        }
        assert!(Paths::default().add("a", 0).is_err());
    }
}
