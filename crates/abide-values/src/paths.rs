//! Many paths as one tree, along which values are read.

/// Paths into a value, each with a number.
///
/// A path is written as a JSON pointer, whatever the value's format: `/user/emails/0`. `*` in it is any member or element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The paths that end here.
    pub(crate) ends: Vec<usize>,
    /// What is wanted of members with this name and elements at this place.
    pub(crate) named: Vec<(String, Paths)>,
    pub(crate) any: Option<Box<Paths>>,
}

/// Nobody looks deeper, and what goes along the paths need not look at how deep it is.
const DEPTH_MAX: usize = 64;

impl Paths {
    /// `/user/emails/*`; the empty one is the whole value.
    pub fn add(&mut self, pointer: &str, number: usize) -> Result<(), String> {
        if pointer.is_empty() {
            self.ends.push(number);
            return Ok(());
        }
        let rest = pointer.strip_prefix('/').ok_or("a JSON pointer begins with `/`")?;
        if rest.split('/').count() > DEPTH_MAX {
            return Err(format!("a path of more than {DEPTH_MAX} parts"));
        }
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

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.named.is_empty() && self.any.is_none()
    }

    /// What is wanted of a member.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let named = self.named.iter().find(|(known, _)| known == name).map(|(_, below)| below);
        named.or(self.any.as_deref())
    }

    /// What is wanted of an element.
    pub(crate) fn element(&self, place: usize) -> Option<&Self> {
        let named = self.named.iter().find(|(known, _)| known.parse() == Ok(place)).map(|(_, below)| below);
        named.or(self.any.as_deref())
    }

    /// Whether no path leads further.
    pub(crate) fn is_leaf(&self) -> bool {
        self.named.is_empty() && self.any.is_none()
    }

    /// The numbers of all paths, in no order.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        let below = self.named.iter().map(|(_, below)| below).chain(self.any.as_deref());
        self.ends.iter().copied().chain(below.flat_map(Self::numbers)).collect()
    }
}
