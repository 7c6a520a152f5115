//! An open index: what a caller can ask it.

use std::fmt;
use std::path::Path;

use crate::error::IndexError;
use crate::find::Hot;
use crate::format::Section;
use crate::identity::{Identities, StateView, read_identity};
use crate::image::{Image, damaged};

/// Names a set within one index. Dense from 0, so that a memo of decisions can be an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(u32);

impl SetId {
    /// The empty byte string, in every index.
    pub const EMPTY: SetId = SetId(0);

    #[inline]
    pub(crate) fn new(id: u32) -> SetId {
        SetId(id)
    }

    #[inline]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// An immutable map from keys to sets and states, read in place. Cheap to share by reference or in
/// an `Arc` between threads; look-ups take no lock.
///
/// Whatever is read is checked against its checksum the first time, so any call can find damage.
pub struct Index {
    image: Image,
}

impl Index {
    /// Maps the file and reads its head, checksums and metadata; the rest is read when asked for.
    ///
    /// The file must be a private local copy, never modified once it has its name ([`IndexBuilder`]
    /// makes such files). A file that is foreign, newer, cut or damaged in its head is refused.
    ///
    /// [`IndexBuilder`]: crate::IndexBuilder
    pub fn open(path: &Path) -> Result<Index, IndexError> {
        Ok(Index { image: Image::open(path)? })
    }

    /// The same on a copy of the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Index, IndexError> {
        Ok(Index { image: Image::from_bytes(bytes)? })
    }

    /// The set of a key; `None` if the index does not hold the key.
    #[inline]
    pub fn find(&self, key: &[u8; 16]) -> Result<Option<SetId>, IndexError> {
        Hot::new(&self.image).find(key)
    }

    /// The sets of many keys, in their order, in `answers` (what it held is gone). Several times
    /// faster a key than [`Index::find`], from some tens of keys on. After an error `answers` holds
    /// nothing of use.
    pub fn find_many(&self, keys: &[[u8; 16]], answers: &mut Vec<Option<SetId>>) -> Result<(), IndexError> {
        Hot::new(&self.image).find_many(keys, answers)
    }

    /// The bytes of a set of this index.
    pub fn set(&self, id: SetId) -> Result<&[u8], IndexError> {
        if id.get() >= self.set_count() {
            return Err(IndexError::UnknownSet { id: id.get(), count: self.set_count() });
        }
        read_set(&self.image, id.get())
    }

    /// At least 1: the empty set is always there.
    pub fn set_count(&self) -> u32 {
        u32::try_from(self.image.head().sets).expect("the head was checked to hold no more sets")
    }

    /// The identity that a key belongs to. The whole key is compared.
    pub fn state(&self, key: &[u8; 16]) -> Result<Option<StateView<'_>>, IndexError> {
        let Some(ordinal) = self.ordinal(key)? else {
            return Ok(None);
        };
        let identity = read_identity(&self.image, ordinal)?;
        Ok(identity.holds(key).then_some(identity))
    }

    /// The number of the identity that a key belongs to, in the order of primary keys, from 0.
    pub fn ordinal(&self, key: &[u8; 16]) -> Result<Option<u32>, IndexError> {
        let Some(slot) = Hot::new(&self.image).find_slot(key)? else {
            return Ok(None);
        };
        let ordinal = self.image.items::<u32>(Section::Ordinals, slot as u64, slot as u64 + 1)?;
        Ok(Some(*ordinal.first().ok_or_else(|| damaged(Section::Ordinals, 0))?))
    }

    /// Every identity in the order of primary keys.
    pub fn identities(&self) -> Identities<'_> {
        Identities::new(&self.image)
    }

    /// What the builder was given to keep with the list.
    pub fn metadata(&self) -> &[u8] {
        self.image.section(Section::Metadata).expect("it was verified at opening")
    }

    /// Keys, primary and alias.
    pub fn len_keys(&self) -> u64 {
        self.image.head().keys
    }

    pub fn len_identities(&self) -> u64 {
        self.image.head().identities
    }

    /// Bytes that look-ups read: what should fit in memory.
    pub fn hot_bytes(&self) -> u64 {
        self.image.head().extent(Section::Lines).bytes + self.image.head().extent(Section::Entries).bytes
    }

    /// Reads the whole file and checks every byte of it. Takes as long as reading it does.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.image.verify()
    }
}

/// The bytes of a set, or of a state that is kept among them, whose number was read from the file.
pub(crate) fn read_set(image: &Image, number: u32) -> Result<&[u8], IndexError> {
    let first = u64::from(number);
    let bounds: &[u64] = image.items(Section::SetOffsets, first, first + 2)?;
    image.bytes(Section::Sets, bounds[0], bounds[1])
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("keys", &self.len_keys())
            .field("identities", &self.len_identities())
            .field("sets", &self.set_count())
            .finish_non_exhaustive()
    }
}
