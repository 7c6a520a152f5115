//! Appending to one origin.
//!
//! A writer holds the head: the position and link that it continues. Another writer of the same
//! origin may be first at any time; object storage decides who, since objects are created and never
//! overwritten. Whoever was second puts its records after those of the first, with new positions
//! and links, and tries again. So there is no gap, no repeat, no lock, and nothing acknowledged that
//! is not there.
//!
//! A create alone does not tell that a place was free: it may have been used, rolled up and deleted
//! while this writer slept, or its machine was restored from an old image. Small objects are deleted
//! in their order, so a writer that sees the object before its own still standing knows that its own
//! place was never used. Otherwise a listing tells. No clock is asked.

use std::{collections::VecDeque, ops::Range};

use abide_model::{Origin, Position, Time, Token};
use bytes::Bytes;

use crate::{
    chain::Head,
    clock::{CLOCK_OFF_MAX_US, Clock, ClockCheck},
    error::{Damage, DamageKind, JournalError, StoreError},
    heartbeat::behind,
    object::{Columns, Content, JournalObject, OBJECT_BYTES_MAX, ObjectName, Place, SealedObject, encode},
    reader::{Listing, Reader},
    record::Record,
    store::{Created, Retry, Store},
};

const HOUR_US: i64 = 3_600_000_000;

/// How often in a row others may be first before an append gives up.
const RIVALS_MAX: u32 = 64;

/// So many records are encoded in a thread of their own, so that whoever appends them may go on.
const ASIDE_RECORDS_MIN: usize = 1 << 16;

/// After so many, a writer may be far behind and lists instead of going from one to the next.
const RIVALS_PER_LISTING: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// A random number that no other writer has, nor this one before it was restarted: it tells a
    /// writer's own object from a rival's with equal records.
    pub instance: u64,
    pub retry: Retry,
    pub clock_check: ClockCheck,
}

impl WriterConfig {
    pub fn new(instance: u64) -> Self {
        Self { instance, retry: Retry::default(), clock_check: ClockCheck::default() }
    }
}

/// What an append made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The first record's position.
    pub first: Position,
    /// The last record's: where it is in force, all of them are.
    pub token: Token,
    pub objects: Vec<ObjectName>,
    /// Where the journal ended after each of them.
    pub heads: Vec<Head>,
}

/// The object that a writer continues.
#[derive(Debug)]
struct LastObject {
    name: ObjectName,
    /// Its last bytes, among them its seal, which no other object has.
    tail: Bytes,
    tail_range: Range<u64>,
    /// Whether it is of those that are rolled up and deleted, in their order.
    deleted_in_order: bool,
}

/// The seal is among the last so many bytes of an object.
const TAIL_BYTES: usize = 1024;

impl LastObject {
    fn new(name: &ObjectName, bytes: &Bytes) -> Self {
        let start = bytes.len().saturating_sub(TAIL_BYTES);
        // A copy, so that the whole object does not stay in memory.
        let tail = Bytes::copy_from_slice(&bytes[start..]);
        let tail_range = start as u64..bytes.len() as u64;
        let deleted_in_order = !name.is_roll_up() && bytes.len() < OBJECT_BYTES_MAX / 2;
        Self { name: name.clone(), tail, tail_range, deleted_in_order }
    }
}

/// Appends to one origin's journal.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    config: WriterConfig,
    head: Head,
    /// The object that ends at the head; `None` while there is none.
    last_object: Option<LastObject>,
    clock: Clock,
    clock_checked_at: Option<Time>,
}

impl Writer {
    /// Finds the head by listing.
    pub async fn open(store: &Store, origin: Origin, config: WriterConfig) -> Result<Self, JournalError> {
        store.refuse_moved().await?;
        let link = store.chain().genesis(store.id(), &origin);
        let mut writer = Self {
            store: store.clone(),
            config,
            head: Head { origin, position: 0, link },
            last_object: None,
            clock: Clock::default(),
            clock_checked_at: None,
        };
        // Boxed, since it is large, and so is every future that opens a writer.
        Box::pin(writer.jump_ahead()).await?;
        Ok(writer)
    }

    pub fn origin(&self) -> &Origin {
        &self.head.origin
    }

    /// The end of the journal as this writer knows it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Dates what the source did not, and has to be shown what else was read.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Refuses to go on from an end that lies before what was seen of this journal earlier, or is
    /// another there: what was acknowledged beyond it would never be missed again.
    pub async fn expect(&self, seen: &[Head]) -> Result<(), JournalError> {
        let beyond = |seen: &&Head| {
            let (own, end) = (&self.head.origin, self.head.position);
            seen.origin == *own && seen.position >= end && **seen != self.head
        };
        let Some(seen) = seen.iter().find(beyond) else { return Ok(()) };
        // The listing that told the end may have lagged behind.
        match self.reader().holding(&seen.origin, seen.position).await? {
            Some(object) if object.link_at(seen.position)? == seen.link => Ok(()),
            _ => Err(behind(seen, self.head.position).into()),
        }
    }

    /// Makes records durable, in this order and all of them, and only then answers. On an error
    /// some of them may be stored nevertheless; appending them again does no harm.
    ///
    /// Opt-ins are refused, with all that comes with them, while this machine's clock is off: `now` is the wall clock.
    pub async fn append(&mut self, records: &[Record], now: Time) -> Result<Appended, JournalError> {
        let mut columns = Columns::default();
        for record in records {
            columns.push(record);
        }
        // Boxed, since a future that holds columns is large, and so is every one that holds it.
        Box::pin(self.append_columns(columns, now)).await
    }

    /// [`Writer::append`] for records that are in columns already.
    pub async fn append_columns(&mut self, columns: Columns, now: Time) -> Result<Appended, JournalError> {
        if columns.is_empty() {
            return Err(JournalError::Nothing);
        }
        if columns.opt_ins() > 0 {
            self.check_clock(now).await?;
        }
        let count = columns.len() as u64;
        let (objects, heads) = self.write(columns, RIVALS_MAX).await?;
        // Acknowledged only if this is still the store: a rekey copies what was written before it
        // said so, and no later writer gets by here.
        self.store.refuse_moved().await?;
        let first = objects.first().map_or(self.head.position + 1 - count, |object| object.first);
        let token = Token { origin: self.head.origin.clone(), position: self.head.position };
        Ok(Appended { first, token, objects, heads })
    }

    /// Appends where nobody else may: whoever was first at the next place ends it.
    pub(crate) async fn append_alone(&mut self, columns: Columns) -> Result<(), JournalError> {
        self.write(columns, 1).await?;
        Ok(())
    }

    /// Writes records as objects, each after at most so many of others less one.
    async fn write(
        &mut self,
        columns: Columns,
        rivals_max: u32,
    ) -> Result<(Vec<ObjectName>, Vec<Head>), JournalError> {
        if let Some(latest) = columns.latest_at() {
            self.clock.observe(latest);
        }
        let (mut objects, mut heads) = (Vec::new(), Vec::new());
        let mut parts = VecDeque::from([columns.finish()]);
        while let Some(part) = parts.pop_front() {
            let sealed = self.encode(&part).await?;
            match sealed.bytes.len() {
                ..=OBJECT_BYTES_MAX => {
                    objects.push(self.put(&part, sealed, rivals_max).await?);
                    heads.push(self.head.clone());
                }
                bytes => {
                    let [half, rest] = halves(&part).ok_or(JournalError::TooLarge { bytes })?;
                    parts.push_front(rest);
                    parts.push_front(half);
                }
            }
        }
        Ok((objects, heads))
    }

    /// Moves to the newest object, if that is ahead.
    async fn jump_ahead(&mut self) -> Result<(), JournalError> {
        if let Some(newest) = self.reader().newest(&self.head.origin, self.head.position).await? {
            self.go_on_after(&newest);
        }
        Ok(())
    }

    /// The object that this writer continues is still there, and still ends as it did.
    async fn check_own_end(&self) -> Result<(), JournalError> {
        let Some(own) = &self.last_object else { return Ok(()) };
        match self.reader().holding(&self.head.origin, self.head.position).await? {
            Some(object) if object.link_at(self.head.position)? == self.head.link => Ok(()),
            _ => Err(Damage::new(&own.name, self.head.position, DamageKind::BehindMemory).into()),
        }
    }

    fn go_on_after(&mut self, object: &JournalObject) {
        self.head = object.head();
        self.last_object = Some(LastObject::new(object.name(), object.bytes()));
        self.clock.observe(object.clock());
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.store)
    }

    async fn encode(&self, content: &Content) -> Result<SealedObject, JournalError> {
        let place = Place {
            store: self.store.clone(),
            after: self.head.clone(),
            clock: self.clock.last(),
            instance: self.config.instance,
        };
        if content.num_rows() < ASIDE_RECORDS_MIN {
            return encode(&place, content);
        }
        let content = content.clone();
        let encoding = tokio::task::spawn_blocking(move || encode(&place, &content));
        encoding.await.unwrap_or_else(|failed| match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(JournalError::encode(cancelled)),
        })
    }

    /// Creates the object, or puts its records after those of whoever was first.
    async fn put(
        &mut self,
        content: &Content,
        mut sealed: SealedObject,
        rivals_max: u32,
    ) -> Result<ObjectName, JournalError> {
        for rival in 1..=rivals_max {
            let name = sealed.name.to_string();
            let created = self.store.create(&name, sealed.bytes.clone(), self.config.retry).await?;
            if !self.place_was_free().await? {
                // It may have been the journal's, and only its writer slept: then it was rolled up, and goes in its time.
                if let Some(name) = self.find_again(&sealed.head).await? {
                    return Ok(name);
                }
                if created == Created::Done {
                    // Nobody believes it. If it cannot be deleted now, it is with what was rolled up.
                    let _ = self.store.delete(&name).await;
                }
                sealed = self.encode(content).await?;
                continue;
            }
            match created {
                Created::Done => {
                    self.head = sealed.head;
                    self.last_object = Some(LastObject::new(&sealed.name, &sealed.bytes));
                    return Ok(sealed.name);
                }
                Created::Another(bytes) => {
                    let theirs = JournalObject::open(&self.store, sealed.name, bytes)?;
                    if theirs.previous() != self.head.link {
                        return Err(Damage::new(theirs.name(), theirs.first(), DamageKind::Unchained).into());
                    }
                    self.go_on_after(&theirs);
                    if rival.is_multiple_of(RIVALS_PER_LISTING) {
                        self.jump_ahead().await?;
                    }
                    sealed = self.encode(content).await?;
                }
            }
        }
        Err(JournalError::Contended { origin: self.head.origin.clone(), times: rivals_max })
    }

    /// Whether the place after the head was never used before, by any object that is gone.
    async fn place_was_free(&self) -> Result<bool, JournalError> {
        let mut vanished = None;
        if let Some(last) = &self.last_object {
            let found = self.store.get_range(&last.name.to_string(), last.tail_range.clone()).await;
            match found {
                Ok(Some(tail)) if tail == last.tail && last.deleted_in_order => return Ok(true),
                Ok(None) => vanished = Some(&last.name),
                // What cannot be read, or is shorter, tells nothing.
                _ => {}
            }
        }
        let position = self.head.position;
        let listing = self.list_with_patience(position.saturating_sub(1)).await?;
        if listing.roll_ups.iter().any(|entry| entry.name.rolled_to > Some(position)) {
            return Ok(false);
        }
        match vanished.filter(|_| listing.roll_up_of(position).is_none()) {
            Some(name) => Err(Damage::new(name, position, DamageKind::Missing).into()),
            None => Ok(true),
        }
    }

    /// A listing that fails must not cost an append that is stored already.
    async fn list_with_patience(&self, after: Position) -> Result<Listing, StoreError> {
        let reader = self.reader();
        let mut attempt = 1;
        loop {
            match reader.list(&self.head.origin, after).await {
                Err(_) if attempt < self.config.retry.attempts => attempt += 1,
                listed => return listed,
            }
        }
    }

    /// After having slept: finds the true head. If what was to be appended is in the journal already,
    /// since only the answer to an earlier attempt was lost, returns where it stands.
    async fn find_again(&mut self, appended: &Head) -> Result<Option<ObjectName>, JournalError> {
        self.check_own_end().await?;
        let there = self.reader().holding(&appended.origin, appended.position).await?;
        if let Some(there) = &there
            && there.link_at(appended.position)? == appended.link
        {
            let name = ObjectName::appended(&appended.origin, self.head.position + 1);
            self.head = appended.clone();
            self.last_object = Some(LastObject::new(there.name(), there.bytes()));
            return Ok(Some(name));
        }
        self.jump_ahead().await?;
        Ok(None)
    }

    /// Refuses when this machine's clock is off from the store's.
    async fn check_clock(&mut self, now: Time) -> Result<(), JournalError> {
        let off_us = match self.config.clock_check {
            ClockCheck::Records => now.micros_since(self.clock.last()).min(0),
            ClockCheck::Store => {
                let checked = self.clock_checked_at.map(|at| now.micros_since(at));
                if checked.is_some_and(|ago_us| (0..HOUR_US).contains(&ago_us)) {
                    return Ok(());
                }
                now.micros_since(self.store.time(self.head.origin.as_str()).await?)
            }
        };
        if off_us.abs() > CLOCK_OFF_MAX_US {
            return Err(JournalError::ClockOff { off_us });
        }
        self.clock_checked_at = Some(now);
        Ok(())
    }
}

fn halves(content: &Content) -> Option<[Content; 2]> {
    let half = content.num_rows() / 2;
    (half > 0).then(|| [content.slice(0, half), content.slice(half, content.num_rows() - half)])
}
