//! Avro: a datum and the schema that it was written with.

mod parse;
mod read;
mod take_out;
mod view;

pub(crate) use parse::parse;

use std::collections::BTreeSet;

use crate::Paths;

/// A schema as what is needed to walk a datum: names and defaults of readers are not.
#[derive(Debug)]
pub(crate) struct Avro {
    nodes: Vec<Node>,
    root: Id,
}

type Id = usize;

#[derive(Clone, Debug)]
enum Node {
    Null,
    Boolean,
    /// Both of Avro's whole numbers, which are written alike.
    Long,
    Float,
    Double,
    Bytes(Meaning),
    String(Meaning),
    Fixed(usize, Meaning),
    Enum {
        symbols: Vec<String>,
        /// What a reader takes for a symbol that it does not know.
        default: Option<usize>,
    },
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Vec<(String, Id)>),
}

/// What bytes or a text stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Itself,
    /// A number with so many digits behind its point.
    Decimal(u32),
    Uuid,
}

impl Avro {
    fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// The paths that end somewhere, whatever the datum, and whether at something that cannot be taken out, or not always.
    pub(crate) fn ends(&self, paths: &Paths) -> BTreeSet<(usize, bool)> {
        let mut ends = BTreeSet::new();
        self.look(self.root, paths, &mut BTreeSet::new(), &mut ends);
        ends.into_iter().map(|(number, id)| (number, !self.can_be_empty(id, &mut BTreeSet::new()))).collect()
    }

    /// `seen` is what was looked at with these paths: a schema may lead back into itself, and to one place in many ways.
    fn look(
        &self,
        id: Id,
        paths: &Paths,
        seen: &mut BTreeSet<(Id, usize)>,
        ends: &mut BTreeSet<(usize, Id)>,
    ) {
        if !seen.insert((id, std::ptr::from_ref(paths).addr())) {
            return;
        }
        ends.extend(paths.ends.iter().map(|number| (*number, id)));
        match self.node(id) {
            Node::Array(items) => {
                let named = paths.named.iter().filter(|(name, _)| name.parse::<usize>().is_ok());
                for below in named.map(|(_, below)| below).chain(paths.any.as_deref()) {
                    self.look(*items, below, seen, ends);
                }
            }
            Node::Map(values) => {
                for below in paths.named.iter().map(|(_, below)| below).chain(paths.any.as_deref()) {
                    self.look(*values, below, seen, ends);
                }
            }
            Node::Union(branches) => {
                let mut inside = BTreeSet::new();
                branches.iter().for_each(|branch| self.look(*branch, paths, seen, &mut inside));
                // What ends at a union ends at it as a whole.
                ends.extend(inside.into_iter().filter(|(number, _)| !paths.ends.contains(number)));
            }
            Node::Record(fields) => {
                for (name, field) in fields {
                    if let Some(below) = paths.member(name) {
                        self.look(*field, below, seen, ends);
                    }
                }
            }
            _ => {}
        }
    }

    fn can_be_empty(&self, id: Id, seen: &mut BTreeSet<Id>) -> bool {
        match self.node(id) {
            // Of all that is looked at, everything has to be; once is enough.
            _ if !seen.insert(id) => true,
            Node::Enum { default, .. } => default.is_some(),
            Node::Union(branches) => {
                branches.iter().any(|branch| matches!(self.node(*branch), Node::Null))
                    || branches.iter().all(|branch| self.can_be_empty(*branch, seen))
            }
            Node::Record(fields) => fields.iter().all(|(_, field)| self.can_be_empty(*field, seen)),
            _ => true,
        }
    }
}
