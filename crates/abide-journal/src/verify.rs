//! Verifying: whether every byte of every journal is what was written, and none is missing.

use std::{collections::BTreeSet, ops::Bound};

use abide_model::{Origin, Position};

use crate::{
    chain::{Head, Link},
    error::{Damage, DamageKind, JournalError},
    object::{JournalObject, ObjectName},
    reader::Reader,
    record::Record,
    store::Store,
};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub origins: Vec<OriginReport>,
    pub damages: Vec<Damage>,
    /// Names under `journal/` that are none of the journal's; nothing reads them.
    pub foreign: Vec<String>,
}

impl Report {
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }
}

/// What was sound of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginReport {
    /// The end of its journal; to be remembered elsewhere, and given to the next verification.
    pub head: Head,
    pub objects: u64,
    pub bytes: u64,
    pub signals: u64,
    pub batches: u64,
    pub retractions: u64,
    pub activations: u64,
}

/// Reads every object of every origin, recomputes every seal and link, and compares with the heads
/// that others remember (snapshots, heartbeats, an auditor's notes), since a journal whose tail was
/// cut is sound in itself. Damage goes into the report; an error is what kept it from looking.
pub async fn verify(store: &Store, remembered: &[Head]) -> Result<Report, JournalError> {
    let reader = Reader::new(store);
    let (mut origins, foreign) = reader.top().await?;
    origins.extend(remembered.iter().map(|head| head.origin.clone()));
    origins.sort();
    origins.dedup();
    let mut report = Report { foreign, ..Report::default() };
    for origin in origins {
        let listing = reader.list(&origin, None).await?;
        report.foreign.extend(listing.foreign);
        let listed = listing.objects.into_iter().map(|object| object.name).collect();
        let mut walk = Walk::new(store, &origin, remembered);
        walk.all(&reader, listed).await?;
        let (found, damages) = walk.finish();
        report.origins.push(found);
        report.damages.extend(damages);
    }
    Ok(report)
}

/// On its way along one origin.
struct Walk<'a> {
    store: &'a Store,
    found: OriginReport,
    /// The link at `found.head`, unless damage has hidden it.
    link: Option<Link>,
    /// Whether the end could not be read.
    lost: bool,
    /// What others remember and has not been passed, with whether it agreed.
    remembered: Vec<(Position, Link, Option<bool>)>,
    damages: Vec<Damage>,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, origin: &Origin, remembered: &[Head]) -> Self {
        let start = store.chain().genesis(store.id(), origin);
        let head = Head { origin: origin.clone(), position: 0, link: start };
        let of_origin = remembered.iter().filter(|head| head.origin == *origin && head.position > 0);
        Self {
            store,
            found: OriginReport {
                head,
                objects: 0,
                bytes: 0,
                signals: 0,
                batches: 0,
                retractions: 0,
                activations: 0,
            },
            link: Some(start),
            lost: false,
            remembered: of_origin.map(|head| (head.position, head.link, None)).collect(),
            damages: Vec::new(),
        }
    }

    /// From name to name, since each object says where the next one begins; the listing helps over
    /// what is missing or unreadable, and shows what is in no place.
    async fn all(&mut self, reader: &Reader, mut listed: BTreeSet<ObjectName>) -> Result<(), JournalError> {
        let mut name = ObjectName { origin: self.found.head.origin.clone(), first: 1 };
        loop {
            match reader.read(&name).await {
                Ok(Some(object)) => {
                    self.object(&object)?;
                    listed.remove(&name);
                    name.first = object.last() + 1;
                    continue;
                }
                Ok(None) if listed.range(&name..).next().is_none() => break,
                Ok(None) => {
                    listed.remove(&name);
                    self.damages.push(Damage::new(&name, name.first, DamageKind::Missing));
                }
                Err(JournalError::Damaged(damage)) => {
                    listed.remove(&name);
                    self.damages.push(damage);
                }
                Err(error) => return Err(error),
            }
            self.link = None;
            let Some(next) = listed.range((Bound::Excluded(&name), Bound::Unbounded)).next() else {
                self.lost = true;
                break;
            };
            name = next.clone();
        }
        self.damages.extend(listed.iter().map(|name| Damage::new(name, name.first, DamageKind::Unchained)));
        Ok(())
    }

    fn object(&mut self, object: &JournalObject) -> Result<(), JournalError> {
        if self.link.is_some_and(|link| object.previous() != link) {
            self.damages.push(Damage::new(object.name(), object.first(), DamageKind::Unchained));
        }
        let remembered = &mut self.remembered;
        let verified = object.verify_links(self.store, |position, link| {
            for (_, theirs, agrees) in remembered.iter_mut().filter(|(seen, ..)| *seen == position) {
                *agrees = Some(*theirs == link);
            }
        });
        match verified.and_then(|()| self.count(object)) {
            Ok(()) => {}
            Err(JournalError::Damaged(damage)) => self.damages.push(damage),
            Err(error) => return Err(error),
        }
        self.found.head = object.head();
        self.link = Some(self.found.head.link);
        Ok(())
    }

    fn count(&mut self, object: &JournalObject) -> Result<(), JournalError> {
        self.found.objects += 1;
        self.found.bytes += object.bytes().len() as u64;
        for record in object.records() {
            *match record?.1 {
                Record::Signal(_) => &mut self.found.signals,
                Record::Batch(_) => &mut self.found.batches,
                Record::Retraction(_) => &mut self.found.retractions,
                Record::Activation(_) => &mut self.found.activations,
            } += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> (OriginReport, Vec<Damage>) {
        let head = &self.found.head;
        let end = ObjectName { origin: head.origin.clone(), first: head.position + 1 };
        for (position, _, agrees) in &self.remembered {
            // Places inside an object that could not be read are part of that damage.
            let hidden = agrees.is_none() && (*position <= head.position || self.lost);
            if *agrees != Some(true) && !hidden {
                self.damages.push(Damage::new(&end, *position, DamageKind::BehindMemory));
            }
        }
        (self.found, self.damages)
    }
}
