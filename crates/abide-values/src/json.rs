//! JSON texts. Where a name is repeated, each is read, since who reads the record after us may take either.

mod scanner;

use std::{borrow::Cow, ops::Range};

use self::scanner::{Begin, Scanner};
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
        let text = simdutf8::basic::from_utf8(text).map_err(|_| Unreadable)?;
        let mut scanner = Scanner::new(text);
        self.follow_value(&mut scanner, found)?;
        scanner.end()
    }

    /// Tells `found` the paths that end at a value, and its bytes as they stand in the text.
    fn follow_value<'v>(
        &self,
        scanner: &mut Scanner<'v>,
        found: &mut dyn FnMut(&[usize], &'v str),
    ) -> Result<(), Unreadable> {
        if self.ends.is_empty() {
            return self.follow_inside(scanner, found);
        }
        let raw = scanner.value()?;
        found(&self.ends, raw);
        if self.is_leaf() {
            return Ok(());
        }
        // A path leads further in from where another ends.
        self.follow_inside(&mut Scanner::new(raw), found)
    }

    fn follow_inside<'v>(
        &self,
        scanner: &mut Scanner<'v>,
        found: &mut dyn FnMut(&[usize], &'v str),
    ) -> Result<(), Unreadable> {
        match scanner.enter()? {
            Begin::Object => {
                let mut is_first = true;
                while let Some(name) = scanner.name(is_first)? {
                    match self.member(&unquoted(name)?) {
                        Some(paths) => paths.follow_value(scanner, found)?,
                        None => scanner.pass()?,
                    }
                    is_first = false;
                }
                Ok(())
            }
            Begin::Array => {
                let mut place = 0;
                while scanner.element(place == 0)? {
                    match self.element(place) {
                        Some(paths) => paths.follow_value(scanner, found)?,
                        None => scanner.pass()?,
                    }
                    place += 1;
                }
                Ok(())
            }
            // What has nothing inside ends a path that would have led on.
            Begin::Single => scanner.pass(),
        }
    }
}

/// What a string says that stands between its quotes; borrowed from the text where nothing in it is escaped.
fn unquoted(string: &str) -> Result<Cow<'_, str>, Unreadable> {
    let inside = &string[1..string.len() - 1];
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Ok(inside.into());
    }
    serde_json::from_str::<String>(string).map(Cow::Owned).map_err(|_| Unreadable)
}

/// The elements of an array, else the value itself.
fn each_text<'v>(path: usize, raw: &'v str, found: &mut Vec<Found<'v>>) {
    if !raw.starts_with('[') {
        found.extend(text_of(raw).map(|text| Found { path, text }));
        return;
    }
    let mut elements = Scanner::new(raw);
    let read = elements.each_element(&mut |element| {
        found.extend(text_of(element).map(|text| Found { path, text }));
    });
    debug_assert_eq!(read, Ok(()), "it was passed over before");
}

fn text_of(raw: &str) -> Option<Result<Cow<'_, str>, NotText>> {
    match raw.as_bytes().first() {
        Some(b'"') => Some(unquoted(raw).map_err(|Unreadable| NotText)),
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
