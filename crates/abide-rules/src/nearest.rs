//! The right name for a wrong one.

use std::fmt;

/// The known name that is most like what was typed; shows as an ending of an error message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest(Option<String>);

impl Nearest {
    pub(crate) fn of<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let mut best: Option<(f64, &str)> = None;
        for name in known {
            let likeness = strsim::normalized_damerau_levenshtein(typed, name);
            if best.is_none_or(|(other, _)| likeness > other) {
                best = Some((likeness, name));
            }
        }
        Self(best.map(|(_, name)| name.to_owned()))
    }

    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, "; the nearest is `{name}`"),
            None => f.write_str("; none is declared"),
        }
    }
}
