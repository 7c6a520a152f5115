//! Following: every record of every origin after some positions, once, in order.

use std::collections::BTreeMap;

use abide_model::{Origin, Position, Positions};

use super::Reader;
use crate::{
    chain::{Head, Link},
    error::{Damage, DamageKind, JournalError},
    object::{JournalObject, ObjectName, Records},
};

/// Follows all origins from some positions on. It does not wait: [`Follower::next`] answers `None`
/// where nothing more is to be seen, and the caller decides when to ask again.
///
/// "Not found" is not the end of a journal. [`Follower::confirm`] makes sure by listing, and has to
/// be called within each staleness bound; [`Reader::follow`] calls it first.
#[derive(Debug)]
pub struct Follower {
    reader: Reader,
    origins: BTreeMap<Origin, Place>,
    /// The origin that was served last, so that a busy one does not hold up the others.
    served: Option<Origin>,
}

#[derive(Debug, Default)]
struct Place {
    position: Position,
    /// Of `position`, once it was read here.
    link: Option<Link>,
    /// The object that holds the next position, where it does not begin with it.
    within: Option<ObjectName>,
}

/// One object, of which the records after a position are new.
#[derive(Debug)]
pub struct Followed {
    pub object: JournalObject,
    pub after: Position,
}

impl Followed {
    /// The new records.
    pub fn records(&self) -> Records {
        self.object.records_after(self.after)
    }
}

impl Reader {
    /// Begins to follow after `from`; an origin that it does not name is followed from its start.
    pub async fn follow(&self, from: &Positions) -> Result<Follower, JournalError> {
        let place = |position| Place { position, ..Place::default() };
        let origins = from.iter().map(|(origin, position)| (origin.clone(), place(position))).collect();
        let mut follower = Follower { reader: self.clone(), origins, served: None };
        follower.confirm().await?;
        Ok(follower)
    }
}

impl Reader {
    /// [`Reader::follow`] for one who remembers the links too, so that nothing has to be read again.
    pub async fn follow_heads(&self, from: &[Head]) -> Result<Follower, JournalError> {
        let place = |head: &Head| Place { position: head.position, link: Some(head.link), within: None };
        let origins = from.iter().map(|head| (head.origin.clone(), place(head))).collect();
        let mut follower = Follower { reader: self.clone(), origins, served: None };
        follower.confirm().await?;
        Ok(follower)
    }
}

impl Follower {
    /// Where each origin was read up to, with its link; an origin of which nothing was read yet is
    /// left out.
    pub fn heads(&self) -> Vec<Head> {
        let head = |(origin, place): (&Origin, &Place)| {
            Some(Head { origin: origin.clone(), position: place.position, link: place.link? })
        };
        self.origins.iter().filter_map(head).collect()
    }

    /// Up to where objects were handed out.
    pub fn positions(&self) -> Positions {
        self.origins.iter().map(|(origin, place)| (origin.clone(), place.position)).collect()
    }

    /// The next object of any origin, or `None` if none is to be seen. One object is in memory at a
    /// time if the caller drops it before the next call.
    pub async fn next(&mut self) -> Result<Option<Followed>, JournalError> {
        for origin in self.turn() {
            if let Some(followed) = self.next_of(&origin).await? {
                self.served = Some(origin);
                return Ok(Some(followed));
            }
        }
        Ok(None)
    }

    /// Lists what there is: finds new origins, and makes sure that where nothing more was found
    /// there is nothing more. A hole is damage.
    pub async fn confirm(&mut self) -> Result<(), JournalError> {
        for origin in self.reader.origins().await? {
            self.origins.entry(origin).or_default();
        }
        for (origin, place) in &mut self.origins {
            place.confirm(&self.reader, origin).await?;
        }
        Ok(())
    }

    /// All origins, beginning after the one that was served last.
    fn turn(&self) -> Vec<Origin> {
        let (before, after): (Vec<_>, Vec<_>) =
            self.origins.keys().cloned().partition(|origin| Some(origin) <= self.served.as_ref());
        after.into_iter().chain(before).collect()
    }

    async fn next_of(&mut self, origin: &Origin) -> Result<Option<Followed>, JournalError> {
        let place = self.origins.get_mut(origin).expect("it is one of those followed");
        let name = place
            .within
            .clone()
            .unwrap_or_else(|| ObjectName { origin: origin.clone(), first: place.position + 1 });
        let Some(object) = self.reader.read(&name).await? else { return Ok(None) };
        let continues = match place.link {
            Some(link) if place.within.is_none() => object.previous() == link,
            _ => true,
        };
        if !continues {
            return Err(Damage::new(&name, object.first(), DamageKind::Unchained).into());
        }
        let after = place.position;
        *place = Place { position: object.last(), link: Some(object.head().link), within: None };
        Ok(Some(Followed { object, after }))
    }
}

impl Place {
    async fn confirm(&mut self, reader: &Reader, origin: &Origin) -> Result<(), JournalError> {
        let next = ObjectName { origin: origin.clone(), first: self.position + 1 };
        // Where this follower has read up to the position itself, earlier objects tell nothing new.
        let known = (self.link.is_some() || self.position == 0)
            .then(|| ObjectName { first: self.position, ..next.clone() });
        let objects = reader.list(origin, known.as_ref()).await?.objects;
        if objects.iter().any(|object| object.name == next) {
            self.within = None;
            return Ok(());
        }
        let later = objects.iter().any(|object| object.name.first > next.first);
        if known.is_none() {
            let earlier = objects.into_iter().map(|object| object.name).rfind(|name| name.first < next.first);
            let holder = self
                .find_holder(reader, earlier.unwrap_or(ObjectName { first: 1, ..next.clone() }), later)
                .await?;
            if holder.last() > self.position {
                self.within = Some(holder.name().clone());
                return Ok(());
            }
            self.link = Some(holder.head().link);
        }
        // What was listed later may have been written after the next one was looked for.
        if later && reader.read(&next).await?.is_none() {
            return Err(Damage::new(&next, next.first, DamageKind::Missing).into());
        }
        Ok(())
    }

    /// The object that holds the position, from `name` on. A listing may lag, so names decide.
    async fn find_holder(
        &self,
        reader: &Reader,
        mut name: ObjectName,
        later: bool,
    ) -> Result<JournalObject, JournalError> {
        while let Some(object) = reader.read(&name).await? {
            if object.last() >= self.position {
                return Ok(object);
            }
            name.first = object.last() + 1;
        }
        // A hole if something comes after it; else the tail was cut.
        let what = if later { DamageKind::Missing } else { DamageKind::BehindMemory };
        Err(Damage::new(&name, self.position, what).into())
    }
}
