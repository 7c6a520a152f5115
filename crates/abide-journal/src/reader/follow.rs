//! Following: every record of every origin after some positions, once, in order.

use std::collections::{BTreeMap, VecDeque};

use abide_model::{Origin, Position, Positions};
use futures::future::try_join_all;

use super::{LOOKS_MAX, Listing, Reader};
use crate::{
    chain::{Head, Link},
    error::{Damage, DamageKind, JournalError},
    heartbeat::behind,
    object::{JournalObject, ObjectName, Records},
};

/// Follows all origins from some positions on. It does not wait: [`Follower::next`] answers `None`
/// where nothing more is to be seen, and the caller decides when to ask again.
///
/// "Not found" is not the end of a journal, and what is found under a name may stand there for the
/// second time, written by a writer that slept while that name was used, rolled up and deleted. So
/// [`Follower::confirm`] makes sure of both by listing: nothing that was handed out may be answered
/// from before it has come back without an error, and it has to be called within each staleness
/// bound. [`Reader::follow`] calls it first.
///
/// The next objects of several origins are read at once, since each writer writes about as quickly as one reader reads.
#[derive(Debug)]
pub struct Follower {
    reader: Reader,
    origins: BTreeMap<Origin, Place>,
    /// The origin that was served last, so that a busy one does not hold up the others.
    served: Option<Origin>,
    confirmed: bool,
    /// Read, and not handed out yet; at most one of an origin.
    read: VecDeque<JournalObject>,
    /// Objects handed out since all that a listing showed was.
    beyond: u32,
}

/// So many origins are read at once.
const AT_ONCE: usize = 8;

/// So many objects that were written while others were read are handed out before the end is said to be reached: whoever
/// waited for the end of a busy journal might wait for ever, and answer by an old list meanwhile.
const BEYOND_MAX: u32 = 64;

#[derive(Debug, Default)]
struct Place {
    position: Position,
    /// Of `position`, once it was read here.
    link: Option<Link>,
    /// The appended object that holds the next position without beginning with it.
    within: Option<ObjectName>,
    /// As the last listing showed them; where one holds the next position, it is what is read.
    roll_ups: Vec<ObjectName>,
    /// Up to here a listing has shown that what was read is the journal.
    confirmed: Position,
    /// A position in the newest object that the last listing showed: its first, or the last of a roll-up.
    listed: Position,
    /// The ends of the objects that were handed out since.
    unconfirmed: Vec<(Position, Link)>,
    /// What somebody saw of the journal earlier, and the link that was read there, once it was.
    seen: Option<(Head, Option<Link>)>,
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

    /// Where the new records begin.
    pub fn first(&self) -> Position {
        self.object.name().first.max(self.after + 1)
    }
}

/// What came of [`Follower::step_towards`].
#[derive(Debug)]
pub enum Step {
    Next(Followed),
    /// It was followed that far, or farther.
    Reached,
    /// Names alone do not lead there; [`Follower::confirm`] and [`Follower::next`] do.
    Lost,
}

impl Reader {
    /// Begins to follow after `from`; an origin that it does not name is followed from its start.
    pub async fn follow(&self, from: &Positions) -> Result<Follower, JournalError> {
        self.follow_places(from.iter().map(|(origin, position)| (origin.clone(), Place::new(position, None))))
            .await
    }

    /// [`Reader::follow`] for one who remembers the links too, so that nothing has to be read again.
    pub async fn follow_heads(&self, from: &[Head]) -> Result<Follower, JournalError> {
        let place = |head: &Head| (head.origin.clone(), Place::new(head.position, Some(head.link)));
        self.follow_places(from.iter().map(place)).await
    }

    async fn follow_places(
        &self,
        places: impl Iterator<Item = (Origin, Place)>,
    ) -> Result<Follower, JournalError> {
        let origins = places.collect();
        let mut follower = Follower {
            reader: self.clone(),
            origins,
            served: None,
            confirmed: false,
            read: VecDeque::new(),
            beyond: 0,
        };
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

    /// Holds the journal to what was seen of it earlier: who follows is not told that it is at its end
    /// before that has come, and has come as it was.
    pub fn expect(&mut self, seen: &[Head]) -> Result<(), JournalError> {
        for head in seen {
            let place = self.origins.entry(head.origin.clone()).or_default();
            match place.link.filter(|_| head.position == place.position) {
                Some(link) if link != head.link => return Err(behind(head, head.position - 1).into()),
                // What stands before what is followed from was passed by somebody else.
                _ if head.position <= place.position => {}
                _ => place.seen = Some((head.clone(), None)),
            }
        }
        Ok(())
    }

    /// Up to where objects were handed out.
    pub fn positions(&self) -> Positions {
        self.origins.iter().map(|(origin, place)| (origin.clone(), place.position)).collect()
    }

    /// The next object of any origin, or `None` if none is to be seen. A few objects are in memory at a
    /// time if the caller drops each before the next call.
    pub async fn next(&mut self) -> Result<Option<Followed>, JournalError> {
        if let Some(followed) = self.hand_out().await? {
            return Ok(Some(followed));
        }
        for origins in self.turn().chunks(AT_ONCE) {
            let names = origins.iter().map(|origin| self.origins[origin].next_name(origin));
            let reading = names.map(|name| {
                let reader = &self.reader;
                async move { reader.read(&name).await }
            });
            self.read = try_join_all(reading).await?.into_iter().flatten().collect();
            if let Some(followed) = self.hand_out().await? {
                return Ok(Some(followed));
            }
        }
        Ok(None)
    }

    async fn hand_out(&mut self) -> Result<Option<Followed>, JournalError> {
        while let Some(object) = self.read.pop_front() {
            let origin = &object.name().origin;
            let place = self.origins.get(origin).expect("it is one of those followed");
            // A listing may have shown meanwhile that something else is to be read.
            if place.next_name(origin) == *object.name() {
                return self.go_on_after(object).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn go_on_after(&mut self, object: JournalObject) -> Result<Followed, JournalError> {
        let origin = object.name().origin.clone();
        let place = self.origins.get_mut(&origin).expect("it is one of those followed");
        if !place.is_continued_by(&object)? {
            // Unless it is what was read before that is none of the journal's.
            place.confirm(&self.reader, &origin).await?;
            return Err(Damage::new(object.name(), place.position + 1, DamageKind::Unchained).into());
        }
        place.compare(&object)?;
        let after = place.position;
        place.go_on_after(&object);
        self.served = Some(origin);
        self.confirmed = false;
        Ok(Followed { object, after })
    }

    /// One object towards where another node has come who knows that to be the journal, since it appended it or a
    /// listing has shown it. Names and links lead there without a listing: an equal link is an equal past. What was
    /// handed out on the way is confirmed when this says that it is reached.
    pub async fn step_towards(&mut self, told: &Head) -> Result<Step, JournalError> {
        let place = self.origins.entry(told.origin.clone()).or_default();
        if place.position >= told.position {
            return Ok(if place.is_confirmed_by(told) { Step::Reached } else { Step::Lost });
        }
        let name = ObjectName::appended(&told.origin, place.position + 1);
        // What is rolled up, or was begun in its middle, is for who lists.
        if place.next_name(&told.origin) != name {
            return Ok(Step::Lost);
        }
        match self.reader.read(&name).await? {
            Some(object) => self.go_on_after(object).await.map(Step::Next),
            None => Ok(Step::Lost),
        }
    }

    /// Whether all that was handed out is known to be the journal.
    pub fn is_sure(&self) -> bool {
        self.origins.values().all(|place| place.unconfirmed.is_empty())
    }

    /// The next object, or `None` once a listing has shown that all that was handed out is the journal, and that there
    /// is no more of it than what was written meanwhile.
    pub async fn next_or_confirmed(&mut self) -> Result<Option<Followed>, JournalError> {
        for _ in 0..LOOKS_MAX {
            if self.is_far_enough() {
                self.confirm().await?;
                self.refuse_another_past()?;
                return Ok(None);
            }
            if let Some(followed) = self.next().await? {
                self.beyond += u32::from(self.is_past_listing());
                return Ok(Some(followed));
            }
            if self.confirmed {
                self.refuse_another_past()?;
                return Ok(None);
            }
            self.confirm().await?;
        }
        let (origin, place) = self.origins.first_key_value().expect("there is more of some origin");
        Err(Damage::new(&place.next_name(origin), None, DamageKind::Missing).into())
    }

    fn is_past_listing(&self) -> bool {
        self.origins.values().all(|place| place.position >= place.listed)
    }

    /// Whether everything that the last listing showed was handed out, and much of what came since.
    fn is_far_enough(&self) -> bool {
        let is_awaited = |place: &Place| matches!(place.seen, Some((_, None)));
        self.beyond >= BEYOND_MAX && self.is_past_listing() && !self.origins.values().any(is_awaited)
    }

    /// Only now, since what was read before may have been none of the journal's.
    fn refuse_another_past(&mut self) -> Result<(), JournalError> {
        for place in self.origins.values_mut() {
            match &place.seen {
                Some((seen, None)) => return Err(behind(seen, place.position).into()),
                Some((seen, Some(link))) if *link != seen.link => {
                    return Err(behind(seen, seen.position - 1).into());
                }
                _ => place.seen = None,
            }
        }
        Ok(())
    }

    /// Lists what there is: finds new origins, makes sure that what was handed out is the journal,
    /// and that where nothing more was found there is nothing more. A hole that no roll-up fills is
    /// damage.
    pub async fn confirm(&mut self) -> Result<(), JournalError> {
        for origin in self.reader.origins().await? {
            self.origins.entry(origin).or_default();
        }
        let mut more = false;
        for (origin, place) in &mut self.origins {
            more |= place.confirm(&self.reader, origin).await?;
        }
        self.confirmed = !more;
        self.beyond = 0;
        Ok(())
    }

    /// All origins, beginning after the one that was served last.
    fn turn(&self) -> Vec<Origin> {
        let (before, after): (Vec<_>, Vec<_>) =
            self.origins.keys().cloned().partition(|origin| Some(origin) <= self.served.as_ref());
        after.into_iter().chain(before).collect()
    }
}

impl Place {
    fn new(position: Position, link: Option<Link>) -> Self {
        Self { position, link, confirmed: position, ..Self::default() }
    }

    fn next_name(&self, origin: &Origin) -> ObjectName {
        let next = self.position + 1;
        let rolled = self.roll_ups.iter().filter(|name| name.names(next)).max_by_key(|name| name.rolled_to);
        rolled.or(self.within.as_ref()).cloned().unwrap_or_else(|| ObjectName::appended(origin, next))
    }

    fn is_continued_by(&self, object: &JournalObject) -> Result<bool, JournalError> {
        let Some(link) = self.link else { return Ok(true) };
        let theirs =
            if object.first() > self.position { object.previous() } else { object.link_at(self.position)? };
        Ok(theirs == link)
    }

    /// Somebody knows that the journal leads to there.
    fn is_confirmed_by(&mut self, told: &Head) -> bool {
        if self.position > told.position {
            return true;
        }
        let is_it = self.link == Some(told.link);
        if is_it {
            self.unconfirmed.clear();
            self.confirmed = self.position;
        }
        is_it
    }

    /// Keeps the link by which what was seen earlier is judged.
    fn compare(&mut self, object: &JournalObject) -> Result<(), JournalError> {
        let new = self.position + 1..=object.last();
        if let Some((seen, read)) = self.seen.as_mut().filter(|(seen, _)| new.contains(&seen.position)) {
            *read = Some(object.link_at(seen.position)?);
        }
        Ok(())
    }

    fn go_on_after(&mut self, object: &JournalObject) {
        let link = object.head().link;
        (self.position, self.link, self.within) = (object.last(), Some(link), None);
        // What a roll-up says is the journal, and so is all that it goes on from.
        if object.name().is_roll_up() {
            self.unconfirmed.clear();
            self.confirmed = self.position;
        } else {
            self.unconfirmed.push((self.position, link));
        }
    }

    /// Returns whether there is more to be read.
    async fn confirm(&mut self, reader: &Reader, origin: &Origin) -> Result<bool, JournalError> {
        if self.link.is_none() && self.position > 0 {
            self.find_holder(reader, origin).await?;
        }
        let next = ObjectName::appended(origin, self.position + 1);
        for _ in 0..LOOKS_MAX {
            let listing = reader.list(origin, self.confirmed).await?;
            if !self.is_journal(reader, origin, &listing).await? {
                continue;
            }
            self.listed =
                listing.newest().map_or(0, |newest| newest.name.rolled_to.unwrap_or(newest.name.first));
            self.roll_ups = listing.roll_ups.iter().map(|entry| entry.name.clone()).collect();
            if listing.roll_up_of(next.first).is_some() {
                self.within = None;
                return Ok(true);
            }
            if let Some(within) = self.within.take()
                && reader.read(&within).await?.is_some()
            {
                self.within = Some(within);
                return Ok(true);
            }
            if listing.newest().is_none_or(|newest| newest.name.first < next.first) {
                return Ok(false);
            }
            // What was listed later may have been written after the next one was looked for, and
            // what is not there may have been rolled up after it was listed.
            let listed = listing.appended.iter().any(|entry| entry.name == next);
            if listed || reader.read(&next).await?.is_some() {
                return Ok(true);
            }
        }
        Err(Damage::new(&next, next.first, DamageKind::Missing).into())
    }

    /// Whether what was handed out since the last listing agrees with the roll-ups that hold it by
    /// now; what no roll-up holds stands under names that were never free. `false` if that has to be
    /// looked at again.
    async fn is_journal(
        &mut self,
        reader: &Reader,
        origin: &Origin,
        listing: &Listing,
    ) -> Result<bool, JournalError> {
        if !self.unconfirmed.is_empty()
            && let Some(roll_up) = listing
                .roll_ups
                .iter()
                .filter(|entry| entry.name.first <= self.position)
                .max_by_key(|entry| entry.name.rolled_to)
        {
            let Some(roll_up) = reader.read(&roll_up.name).await? else { return Ok(false) };
            let until = roll_up.last().min(self.position);
            let handed_out = self.unconfirmed.iter().find(|(position, _)| *position == until);
            if handed_out.map(|(_, link)| *link) != Some(roll_up.link_at(until)?) {
                return Err(JournalError::Overtaken { origin: origin.clone(), after: self.confirmed });
            }
        }
        self.unconfirmed.clear();
        self.confirmed = self.position;
        Ok(true)
    }

    /// Finds the object in which the position stands that is followed from, and its link.
    async fn find_holder(&mut self, reader: &Reader, origin: &Origin) -> Result<(), JournalError> {
        let next = ObjectName::appended(origin, self.position + 1);
        if reader.list(origin, self.position).await?.cover().iter().any(|entry| entry.name == next) {
            return Ok(());
        }
        let Some(holder) = reader.holding(origin, self.position).await? else {
            return Err(self.hole(reader, origin).await?.into());
        };
        self.link = Some(holder.link_at(self.position)?);
        let begun = holder.last() > self.position && !holder.name().is_roll_up();
        self.within = begun.then(|| holder.name().clone());
        Ok(())
    }

    /// The position that is followed from is not there: a hole if something comes after it; else
    /// the tail was cut.
    async fn hole(&self, reader: &Reader, origin: &Origin) -> Result<Damage, JournalError> {
        let end = reader.newest(origin, 0).await?.map_or(0, |newest| newest.last());
        if end < self.position {
            let next = ObjectName::appended(origin, end + 1);
            return Ok(Damage::new(&next, self.position, DamageKind::BehindMemory));
        }
        let cover = reader.list(origin, 0).await?.cover();
        let before = match cover.iter().rfind(|entry| entry.name.first <= self.position) {
            Some(entry) => reader.read(&entry.name).await?,
            None => None,
        };
        let next = ObjectName::appended(origin, before.map_or(0, |before| before.last()) + 1);
        Ok(Damage::new(&next, self.position, DamageKind::Missing))
    }
}
