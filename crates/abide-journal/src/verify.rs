//! Verifying: whether every byte of every journal is what was written, and none is missing.

use std::collections::{BTreeMap, BTreeSet};

use abide_model::{Origin, Position};

use crate::{
    chain::{Head, Link},
    error::{Damage, DamageKind, JournalError},
    object::{JournalObject, ObjectName},
    reader::{Listing, Reader},
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
    /// Objects of writers that slept while their place in the journal was rolled up. What they hold
    /// was never acknowledged, nothing reads them, and they are deleted with what was rolled up.
    pub strays: Vec<ObjectName>,
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
    /// Objects beside those, all of whose records stand in a roll-up too.
    pub rolled_up: u64,
    pub signals: u64,
    pub batches: u64,
    pub retractions: u64,
    pub activations: u64,
}

/// Reads every object of every origin, roll-ups and what they were made of, recomputes every seal and link,
/// and compares with the heads that others remember (snapshots, [heartbeats](crate::Heartbeat), an
/// auditor's notes), since a journal whose tail was cut is sound in itself. Damage goes into the report; an error is what kept it from looking.
pub async fn verify(store: &Store, remembered: &[Head]) -> Result<Report, JournalError> {
    let reader = Reader::new(store);
    let (mut origins, foreign) = reader.top().await?;
    origins.extend(remembered.iter().map(|head| head.origin.clone()));
    origins.sort();
    origins.dedup();
    let mut report = Report { foreign, ..Report::default() };
    for origin in origins {
        let mut listing = reader.list(&origin, 0).await?;
        report.foreign.append(&mut listing.foreign);
        let mut walk = Walk::new(store, &origin, remembered, &listing);
        walk.all(&reader).await?;
        let found = walk.finish();
        report.origins.push(found.0);
        report.damages.extend(found.1);
        report.strays.extend(found.2);
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
    /// What was listed and has not been looked at.
    listed: BTreeSet<ObjectName>,
    damages: Vec<Damage>,
    strays: Vec<ObjectName>,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, origin: &Origin, remembered: &[Head], listing: &Listing) -> Self {
        let start = store.chain().genesis(store.id(), origin);
        let head = Head { origin: origin.clone(), position: 0, link: start };
        let of_origin = remembered.iter().filter(|head| head.origin == *origin && head.position > 0);
        let listed = listing.appended.iter().chain(&listing.roll_ups).map(|entry| entry.name.clone());
        Self {
            store,
            found: OriginReport {
                head,
                objects: 0,
                bytes: 0,
                rolled_up: 0,
                signals: 0,
                batches: 0,
                retractions: 0,
                activations: 0,
            },
            link: Some(start),
            lost: false,
            remembered: of_origin.map(|head| (head.position, head.link, None)).collect(),
            listed: listed.collect(),
            damages: Vec::new(),
            strays: Vec::new(),
        }
    }

    /// From object to object, since each says where the next one begins; the listing shows roll-ups,
    /// helps over what is missing or unreadable, and shows what is in no place.
    async fn all(&mut self, reader: &Reader) -> Result<(), JournalError> {
        let mut next = 1;
        loop {
            if self.one_that_holds(reader, next).await? {
                next = self.found.head.position + 1;
                continue;
            }
            let beyond = self.listed.iter().map(|name| name.first).filter(|first| *first > next).min();
            let Some(beyond) = beyond else { break };
            // Nothing that holds the position can be read: that has been said, or is said here.
            let name = ObjectName::appended(&self.found.head.origin, next);
            if !self.damages.iter().any(|damage| damage.object.names(next)) {
                self.damages.push(Damage::new(&name, next, DamageKind::Missing));
            }
            self.link = None;
            next = beyond;
        }
        self.lost = self.damages.iter().any(|damage| damage.object.names(next));
        let unchained = |name| Damage::new(name, name.first, DamageKind::Unchained);
        self.damages.extend(self.listed.iter().map(unchained));
        Ok(())
    }

    /// Goes on over the longest sound object that holds the position; `false` if there is none.
    async fn one_that_holds(&mut self, reader: &Reader, position: Position) -> Result<bool, JournalError> {
        let rolled = self.listed.iter().filter(|name| name.is_roll_up() && name.names(position));
        let mut names: Vec<ObjectName> = rolled.cloned().collect();
        names.sort_by_key(|name| name.rolled_to);
        names.insert(0, ObjectName::appended(&self.found.head.origin, position));
        while let Some(name) = names.pop() {
            let listed = self.listed.remove(&name);
            match reader.read(&name).await {
                Ok(Some(object)) => {
                    self.object(reader, &object).await?;
                    return Ok(true);
                }
                // One that was rolled up and is deleted by now.
                Ok(None) if !listed || name.is_roll_up() => {}
                Ok(None) => self.damages.push(Damage::new(&name, name.first, DamageKind::Missing)),
                Err(JournalError::Damaged(damage)) => self.damages.push(damage),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn object(&mut self, reader: &Reader, object: &JournalObject) -> Result<(), JournalError> {
        let at = self.found.head.position;
        let continues = match self.link {
            None => true,
            Some(link) if object.first() > at => object.previous() == link,
            Some(link) => object.link_at(at)? == link,
        };
        if !continues {
            self.damages.push(Damage::new(object.name(), object.first(), DamageKind::Unchained));
        }
        let mut parts =
            if object.name().is_roll_up() { self.parts(reader, object).await? } else { Vec::new() };
        let mut expected: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        for (number, part) in parts.iter().enumerate() {
            expected.entry(part.last).or_default().push(number);
        }
        let remembered = &mut self.remembered;
        let verified = object.verify_links(self.store, |position, link| {
            for (_, theirs, agrees) in remembered.iter_mut().filter(|(seen, ..)| *seen == position) {
                *agrees = Some(*theirs == link);
            }
            for number in expected.get(&position).into_iter().flatten() {
                parts[*number].agrees = parts[*number].link == link;
            }
        });
        match verified.and_then(|()| self.count(object, at)) {
            Ok(()) => {}
            Err(JournalError::Damaged(damage)) => self.damages.push(damage),
            Err(error) => return Err(error),
        }
        self.judge(parts);
        self.found.head = object.head();
        self.link = Some(self.found.head.link);
        Ok(())
    }

    /// What still stands of the objects whose records are all in this roll-up, each sound in itself.
    async fn parts(&mut self, reader: &Reader, roll_up: &JournalObject) -> Result<Vec<Part>, JournalError> {
        let within = |name: &&ObjectName| {
            let last = name.named_to();
            roll_up.first() <= name.first && last <= roll_up.last()
        };
        let names: Vec<ObjectName> = self.listed.iter().filter(within).cloned().collect();
        let mut parts = Vec::new();
        for name in names {
            self.listed.remove(&name);
            let sound = match reader.read(&name).await {
                Ok(None) => continue,
                Ok(Some(object)) => object.verify_links(self.store, |_, _| ()).map(|()| object),
                Err(error) => Err(error),
            };
            match sound {
                Ok(object) => {
                    let Head { position: last, link, .. } = object.head();
                    parts.push(Part { name, last, link, agrees: false });
                }
                Err(JournalError::Damaged(damage)) => self.damages.push(damage),
                Err(error) => return Err(error),
            }
        }
        Ok(parts)
    }

    /// Whoever rolls up writes what there is; a writer that slept writes what there could have been.
    fn judge(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part.agrees {
                true => self.found.rolled_up += 1,
                false if part.name.is_roll_up() => {
                    self.damages.push(Damage::new(&part.name, part.name.first, DamageKind::Unchained));
                }
                false => self.strays.push(part.name),
            }
        }
    }

    fn count(&mut self, object: &JournalObject, after: Position) -> Result<(), JournalError> {
        self.found.objects += 1;
        self.found.bytes += object.bytes().len() as u64;
        for record in object.records_after(after) {
            *match record?.1 {
                Record::Signal(_) => &mut self.found.signals,
                Record::Batch(_) => &mut self.found.batches,
                Record::Retraction(_) => &mut self.found.retractions,
                Record::Activation(_) => &mut self.found.activations,
            } += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> (OriginReport, Vec<Damage>, Vec<ObjectName>) {
        let head = &self.found.head;
        let end = ObjectName::appended(&head.origin, head.position + 1);
        for (position, _, agrees) in &self.remembered {
            // Places inside an object that could not be read are part of that damage.
            let hidden = agrees.is_none() && (*position <= head.position || self.lost);
            if *agrees != Some(true) && !hidden {
                self.damages.push(Damage::new(&end, *position, DamageKind::BehindMemory));
            }
        }
        (self.found, self.damages, self.strays)
    }
}

/// An object that was rolled up, and whether the roll-up says the same.
struct Part {
    name: ObjectName,
    last: Position,
    /// Of its last record.
    link: Link,
    agrees: bool,
}
