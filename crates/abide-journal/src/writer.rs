//! Appending to one origin.
//!
//! A writer holds the head: the position and link that it continues. Another writer of the same
//! origin may be first at any time; object storage decides who, since objects are created and never
//! overwritten. Whoever was second puts its records after those of the first, with new positions
//! and links, and tries again. So there is no gap, no repeat, no lock, and nothing acknowledged that
//! is not there.

use std::collections::VecDeque;

use abide_model::{Origin, Position, Time, Token};
use object_store::{ObjectStoreExt as _, path::Path};

use crate::{
    chain::Head,
    clock::{CLOCK_OFF_MAX_US, Clock, ClockCheck},
    error::{Damage, DamageKind, JournalError, StoreError},
    object::{Columns, Content, JournalObject, OBJECT_BYTES_MAX, ObjectName, Place, SealedObject, encode},
    reader::Reader,
    record::Record,
    store::{Created, Retry, Store},
};

const HOUR_US: i64 = 3_600_000_000;

/// After this long a writer looks where the head is before it appends: by then its own next name
/// may have been used, rolled up and deleted.
const HEAD_TRUSTED_US: i64 = 24 * HOUR_US;

/// How often in a row others may be first before an append gives up.
const RIVALS_MAX: u32 = 64;

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
}

/// Appends to one origin's journal.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    config: WriterConfig,
    head: Head,
    /// The object that ends at the head; `None` while there is none.
    last_object: Option<ObjectName>,
    clock: Clock,
    head_confirmed_at: Time,
    clock_checked_at: Option<Time>,
}

impl Writer {
    /// Finds the head by listing. `now` is the wall clock, here and everywhere below.
    pub async fn open(
        store: &Store,
        origin: Origin,
        config: WriterConfig,
        now: Time,
    ) -> Result<Self, JournalError> {
        store.refuse_moved().await?;
        let link = store.chain().genesis(store.id(), &origin);
        let mut writer = Self {
            store: store.clone(),
            config,
            head: Head { origin, position: 0, link },
            last_object: None,
            clock: Clock::default(),
            head_confirmed_at: now,
            clock_checked_at: None,
        };
        writer.confirm_head(now).await?;
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

    /// Makes records durable, in this order and all of them, and only then answers. On an error
    /// some of them may be stored nevertheless; appending them again does no harm.
    ///
    /// Opt-ins are refused, with all that comes with them, while this machine's clock is off.
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
        // An earlier `now` than the last one tells nothing about how much time has passed.
        if !(0..HEAD_TRUSTED_US).contains(&now.micros_since(self.head_confirmed_at)) {
            self.confirm_head(now).await?;
        }
        let count = columns.len() as u64;
        let objects = self.write(columns, RIVALS_MAX).await?;
        // Acknowledged only if this is still the store: a rekey copies what was written before it
        // said so, and no later writer gets by here.
        self.store.refuse_moved().await?;
        self.head_confirmed_at = now;
        let first = objects.first().map_or(self.head.position + 1 - count, |object| object.first);
        let token = Token { origin: self.head.origin.clone(), position: self.head.position };
        Ok(Appended { first, token, objects })
    }

    /// Appends where nobody else may: whoever was first at the next place ends it.
    pub(crate) async fn append_alone(&mut self, columns: Columns) -> Result<(), JournalError> {
        self.write(columns, 1).await?;
        Ok(())
    }

    /// Writes records as objects, each after at most so many of others less one.
    async fn write(&mut self, columns: Columns, rivals_max: u32) -> Result<Vec<ObjectName>, JournalError> {
        if let Some(latest) = columns.latest_at() {
            self.clock.observe(latest);
        }
        let mut objects = Vec::new();
        let mut parts = VecDeque::from([columns.finish()]);
        while let Some(part) = parts.pop_front() {
            let sealed = self.encode(&part)?;
            match sealed.bytes.len() {
                ..=OBJECT_BYTES_MAX => objects.push(self.put(&part, sealed, rivals_max).await?),
                bytes => {
                    let [half, rest] = halves(&part).ok_or(JournalError::TooLarge { bytes })?;
                    parts.push_front(rest);
                    parts.push_front(half);
                }
            }
        }
        Ok(objects)
    }

    /// Looks where the head is.
    pub async fn confirm_head(&mut self, now: Time) -> Result<(), JournalError> {
        let reader = Reader::new(&self.store);
        if !self.jump_ahead(&reader).await? {
            self.check_own_end(&reader).await?;
        }
        self.head_confirmed_at = now;
        Ok(())
    }

    /// Moves to the newest object that a listing shows, if that is ahead.
    async fn jump_ahead(&mut self, reader: &Reader) -> Result<bool, JournalError> {
        let listing = reader.list(&self.head.origin, self.last_object.as_ref()).await?;
        let Some(newest) = listing.objects.last().filter(|newest| newest.name.first > self.head.position)
        else {
            return Ok(false);
        };
        let missing = || Damage::new(&newest.name, None, DamageKind::Missing);
        let object = reader.read(&newest.name).await?.ok_or_else(missing)?;
        self.go_on_after(&object);
        Ok(true)
    }

    /// The object that this writer continues is still there, and still ends as it did.
    async fn check_own_end(&self, reader: &Reader) -> Result<(), JournalError> {
        let Some(own) = &self.last_object else { return Ok(()) };
        match reader.read(own).await? {
            Some(object) if object.head() == self.head => Ok(()),
            _ => Err(Damage::new(own, self.head.position, DamageKind::BehindMemory).into()),
        }
    }

    fn go_on_after(&mut self, object: &JournalObject) {
        self.head = object.head();
        self.last_object = Some(object.name().clone());
        self.clock.observe(object.clock());
    }

    fn encode(&self, content: &Content) -> Result<SealedObject, JournalError> {
        let place = Place {
            store: &self.store,
            after: &self.head,
            clock: self.clock.last(),
            instance: self.config.instance,
        };
        encode(&place, content)
    }

    /// Creates the object, or puts its records after those of whoever was first.
    async fn put(
        &mut self,
        content: &Content,
        mut sealed: SealedObject,
        rivals_max: u32,
    ) -> Result<ObjectName, JournalError> {
        for rival in 1..=rivals_max {
            match self.store.create(&sealed.name.to_string(), sealed.bytes.clone(), self.config.retry).await?
            {
                Created::Done => {
                    self.head = sealed.head;
                    self.last_object = Some(sealed.name.clone());
                    return Ok(sealed.name);
                }
                Created::Another(bytes) => {
                    let theirs = JournalObject::open(&self.store, sealed.name, bytes)?;
                    if theirs.previous() != self.head.link {
                        return Err(Damage::new(theirs.name(), theirs.first(), DamageKind::Unchained).into());
                    }
                    self.go_on_after(&theirs);
                    if rival.is_multiple_of(RIVALS_PER_LISTING) {
                        self.jump_ahead(&Reader::new(&self.store)).await?;
                    }
                    sealed = self.encode(content)?;
                }
            }
        }
        Err(JournalError::Contended { origin: self.head.origin.clone(), times: rivals_max })
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
                now.micros_since(self.store_time().await?)
            }
        };
        if off_us.abs() > CLOCK_OFF_MAX_US {
            return Err(JournalError::ClockOff { off_us });
        }
        self.clock_checked_at = Some(now);
        Ok(())
    }

    /// What the store's clock says: object storage tells its time only by dating what is written.
    async fn store_time(&self) -> Result<Time, StoreError> {
        let name = format!("nodes/{}.clock", self.head.origin);
        self.store.overwrite(&name, "abide\n".into()).await?;
        let found = self.store.objects().head(&Path::from(name.as_str())).await;
        let found = found.map_err(|source| StoreError::of("read", name, source))?;
        Ok(Time::from_micros(found.last_modified.timestamp_micros()))
    }
}

fn halves(content: &Content) -> Option<[Content; 2]> {
    let half = content.num_rows() / 2;
    (half > 0).then(|| [content.slice(0, half), content.slice(half, content.num_rows() - half)])
}
