//! JSON texts. Where a name is repeated, each is read, since who reads the record after us may take either.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{Found, NotText, Paths, Unreadable};

impl Paths {
    /// All that the paths lead to, in the order of the text. `Err` where it is no JSON.
    pub fn read_json<'v>(&self, text: &'v [u8], found: &mut Vec<Found<'v>>) -> Result<(), Unreadable> {
        found.clear();
        self.follow(text, &mut |ends: &[usize], raw: &'v str| {
            ends.iter().for_each(|path| each_text(*path, raw, found));
        })
    }

    /// The text with `null` where the paths lead to, and every other byte as it was.
    pub fn without_json(&self, text: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let begins = text.as_ptr().addr();
        let mut places: Vec<Range<usize>> = Vec::new();
        self.follow(text, &mut |_, raw: &str| {
            let start = raw.as_ptr().addr() - begins;
            places.push(start..start + raw.len());
        })?;
        places.sort_unstable_by_key(|place| place.start);
        let mut rest = Vec::with_capacity(text.len());
        let mut done = 0;
        for place in places {
            // One that stands inside another is gone with it.
            if place.start >= done {
                rest.extend_from_slice(&text[done..place.start]);
                rest.extend_from_slice(b"null");
                done = place.end;
            }
        }
        rest.extend_from_slice(&text[done..]);
        Ok(rest)
    }

    fn follow<'v>(&self, text: &'v [u8], found: &mut dyn FnMut(&[usize], &'v str)) -> Result<(), Unreadable> {
        // Bytes that are no UTF-8 are no JSON either.
        let text = std::str::from_utf8(text).map_err(|_| Unreadable)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Follow { paths: self, found }.deserialize(&mut deserializer).map_err(|_| Unreadable)?;
        deserializer.end().map_err(|_| Unreadable)
    }
}

struct Follow<'p, 'f, 'v> {
    paths: &'p Paths,
    /// Is told the paths that end there and the bytes of the value as they stand in the text.
    found: &'f mut dyn FnMut(&[usize], &'v str),
}

impl<'v> DeserializeSeed<'v> for Follow<'_, '_, 'v> {
    type Value = ();

    fn deserialize<D: Deserializer<'v>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.paths.ends.is_empty() {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        (self.found)(&self.paths.ends, raw);
        if self.paths.is_leaf() {
            return Ok(());
        }
        // A path leads further in from where another ends.
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
            match self.paths.member(&name) {
                Some(paths) => map.next_value_seed(Follow { paths, found: self.found })?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0_usize.. {
            let next = match self.paths.element(place) {
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

/// Borrowed from the text where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'v>(#[serde(borrow)] Cow<'v, str>);

/// The elements of an array, else the value itself.
fn each_text<'v>(path: usize, raw: &'v str, found: &mut Vec<Found<'v>>) {
    if !raw.starts_with('[') {
        found.extend(text_of(raw).map(|text| Found { path, text }));
        return;
    }
    match serde_json::from_str::<Vec<&'v RawValue>>(raw) {
        Ok(elements) => {
            let texts = elements.into_iter().filter_map(|element| text_of(element.get()));
            found.extend(texts.map(|text| Found { path, text }));
        }
        Err(_) => found.push(Found { path, text: Err(NotText) }),
    }
}

fn text_of(raw: &str) -> Option<Result<Cow<'_, str>, NotText>> {
    match raw.as_bytes().first() {
        Some(b'"') => Some(serde_json::from_str(raw).map(|Name(text)| text).map_err(|_| NotText)),
        Some(b'n') => None,
        Some(b'-' | b'0'..=b'9') => Some(Ok(raw.into())),
        _ => Some(Err(NotText)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: paths, the text, what is found in it, and the text without it.
    #[test]
    fn what_paths_lead_to() {
        for (pointers, text, wanted, rest) in [
            (&["/a"][..], r#"{"b":{"a":1},"a":"x"}"#, Some("0=x"), r#"{"b":{"a":1},"a":null}"#),
            (&["/a/b", "/a"], r#"{"a": {"b": [1, 2]} }"#, Some("1=? 0=1 0=2"), r#"{"a": null }"#),
            (
                &["/l/*/e", "/l2/1"],
                r#"{"l":[{"e":"x"},7,{"e":null}],"l2":[1,2,3]}"#,
                Some("0=x 1=2"),
                r#"{"l":[{"e":null},7,{"e":null}],"l2":[1,null,3]}"#,
            ),
            (&["/a~1b"], r#"{"a/b":true,"a/b":false}"#, Some("0=? 0=?"), r#"{"a/b":null,"a/b":null}"#),
            (&["/a"], r#"{"a":["x",null,{},["y"],"\u0040"]}"#, Some("0=x 0=? 0=? 0=@"), r#"{"a":null}"#),
            (&["/a/b/c"], r#"{"a":{"b":"c"}}"#, Some(""), r#"{"a":{"b":"c"}}"#),
            (&[""], " [1] ", Some("0=1"), " null "),
            (&["/a"], r#"{"a":1}}"#, None, ""),
            (&["/a"], "{'a':1}", None, ""),
            (&["/a"], "", None, ""),
        ] {
            let mut paths = Paths::default();
            for (number, pointer) in pointers.iter().enumerate() {
                paths.add(pointer, number).unwrap();
            }
            let mut found = Vec::new();
            let read = paths.read_json(text.as_bytes(), &mut found);
            let said: Vec<String> =
                found.iter().map(|at| format!("{}={}", at.path, at.text.as_deref().unwrap_or("?"))).collect();
            assert_eq!(read.ok().map(|()| said.join(" ")).as_deref(), wanted, "{pointers:?} in {text}");
            if wanted.is_some() {
                let without = paths.without_json(text.as_bytes()).unwrap();
                assert_eq!(String::from_utf8(without).unwrap(), rest, "{pointers:?} out of {text}");
            }
        }
        assert!(Paths::default().add("a", 0).is_err());
    }
}
