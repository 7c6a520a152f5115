//! Rolling up: small objects of an origin are gathered into larger ones, so that listing and reading
//! a journal stays cheap.
//!
//! Every record keeps its position and its link, and the link of the last one proves that all are
//! there: a roll-up with another head than its parts is never written. It stands under a name of its
//! own beside its parts, which are read no more from then on and are [deleted](crate::sweep) later.
//! Two who roll up at once write the same records twice at worst.

use abide_model::{Origin, Position, Time};
use futures::{StreamExt as _, stream};

use crate::{
    chain::Head,
    error::{Damage, DamageKind, JournalError},
    object::{Columns, JournalObject, OBJECT_BYTES_MAX, ObjectName, Place, encode},
    reader::{Listing, ObjectEntry, Reader},
    store::{Created, Retry, Store},
};

/// How many parts are read at a time.
const READS_AT_ONCE: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollUpConfig {
    /// Fewer small objects than this in a row are left as they are.
    pub objects_min: usize,
    /// Younger ones are left as they are: those who follow closely have read them by then, and no
    /// listing lags that long.
    pub age_min_us: i64,
    /// A random number that no other writer has.
    pub instance: u64,
}

impl RollUpConfig {
    /// Sixteen objects of at least an hour ago.
    pub fn new(instance: u64) -> Self {
        Self { objects_min: 16, age_min_us: 3_600_000_000, instance }
    }
}

/// Small objects that are, or are to be, one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollUp {
    pub origin: Origin,
    /// In order.
    pub parts: Vec<ObjectEntry>,
    pub bytes: u64,
}

/// What rolling up now would gather, by the store's clock.
pub async fn roll_ups_due(
    store: &Store,
    config: &RollUpConfig,
    store_now: Time,
) -> Result<Vec<RollUp>, JournalError> {
    let reader = Reader::new(store);
    let mut due = Vec::new();
    for origin in reader.origins().await? {
        let listing = reader.list(&origin, 0).await?;
        due.extend(plan(&origin, &listing, config, store_now));
    }
    Ok(due)
}

/// Rolls up what is due; returns the names of what was written.
pub async fn roll_up(
    store: &Store,
    config: &RollUpConfig,
    store_now: Time,
) -> Result<Vec<ObjectName>, JournalError> {
    let mut written = Vec::new();
    for due in roll_ups_due(store, config, store_now).await? {
        written.extend(Gathering { store, config, due: &due }.write().await?);
    }
    Ok(written)
}

/// Runs of small objects, each as long as it fits into one.
fn plan(origin: &Origin, listing: &Listing, config: &RollUpConfig, store_now: Time) -> Vec<RollUp> {
    let newest = listing.appended.last().map(|entry| &entry.name);
    // Nothing after an object that is too young: what is gathered is deleted in its order.
    let settled = |entry: &ObjectEntry| {
        let old = store_now.micros_since(entry.written_at) >= config.age_min_us;
        entry.name.is_roll_up() || entry.is_large() || (old && Some(&entry.name) != newest)
    };
    let cover: Vec<ObjectEntry> = listing.cover().into_iter().take_while(settled).collect();
    let runs = cover.split(ObjectEntry::is_large);
    let gathered = runs.map(|run| worth_gathering(run, config.objects_min));
    gathered.flat_map(|run| split_by_size(origin, run)).collect()
}

/// The end of a run: what was appended since the last roll-up, and earlier roll-ups that are not
/// larger than what comes after them. So each record is written again a few times only.
fn worth_gathering(run: &[ObjectEntry], objects_min: usize) -> &[ObjectEntry] {
    let rolled = run.iter().rposition(|entry| entry.name.is_roll_up()).map_or(0, |at| at + 1);
    if run.len() - rolled < objects_min {
        return &[];
    }
    let mut start = rolled;
    let mut bytes: u64 = run[start..].iter().map(|entry| entry.bytes).sum();
    while start > 0 && run[start - 1].bytes <= bytes {
        start -= 1;
        bytes += run[start].bytes;
    }
    &run[start..]
}

/// Objects gathered are never larger than before, so the sum of their sizes decides.
fn split_by_size(origin: &Origin, run: &[ObjectEntry]) -> Vec<RollUp> {
    let mut roll_ups: Vec<RollUp> = Vec::new();
    for entry in run {
        match roll_ups.last_mut().filter(|last| last.bytes + entry.bytes <= OBJECT_BYTES_MAX as u64) {
            Some(last) => {
                last.bytes += entry.bytes;
                last.parts.push(entry.clone());
            }
            None => {
                let (origin, parts) = (origin.clone(), vec![entry.clone()]);
                roll_ups.push(RollUp { origin, parts, bytes: entry.bytes });
            }
        }
    }
    let is_new = |roll_up: &RollUp| roll_up.parts.len() > 1 || !roll_up.parts[0].name.is_roll_up();
    roll_ups.retain(is_new);
    roll_ups
}

struct Gathering<'a> {
    store: &'a Store,
    config: &'a RollUpConfig,
    due: &'a RollUp,
}

impl Gathering<'_> {
    /// `None` when somebody else is at it.
    async fn write(&self) -> Result<Option<ObjectName>, JournalError> {
        let Some(gathered) = self.gather().await? else { return Ok(None) };
        if self.is_held_by_another(&gathered).await? {
            return Ok(None);
        }
        let content = gathered.columns.finish();
        let place = Place {
            store: self.store.clone(),
            after: gathered.start.clone(),
            clock: gathered.clock,
            instance: self.config.instance,
        };
        let sealed = encode(&place, &content)?;
        if sealed.head != gathered.end {
            // The links that the parts hold are not those of their records.
            let last = &self.due.parts.last().expect("there are parts").name;
            return Err(Damage::new(last, None, DamageKind::WrongLink).into());
        }
        if sealed.bytes.len() > OBJECT_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes: sealed.bytes.len() });
        }
        let name = ObjectName::rolled_up(&self.due.origin, sealed.name.first, sealed.head.position);
        match self.store.create(&name.to_string(), sealed.bytes, Retry::default()).await? {
            Created::Done => Ok(Some(name)),
            Created::Another(bytes) => {
                let theirs = JournalObject::open(self.store, name, bytes)?;
                let agrees = theirs.head() == sealed.head && theirs.previous() == gathered.start.link;
                if agrees { Ok(None) } else { Err(unchained(&theirs)) }
            }
        }
    }

    async fn gather(&self) -> Result<Option<Gathered>, JournalError> {
        let reader = Reader::new(self.store);
        let read = |entry: &ObjectEntry| {
            let (reader, entry) = (reader.clone(), entry.clone());
            async move { Ok::<_, JournalError>((entry.after, reader.read(&entry.name).await?)) }
        };
        let mut parts = stream::iter(self.due.parts.iter().map(read)).buffered(READS_AT_ONCE);
        let mut gathered: Option<Gathered> = None;
        while let Some(part) = parts.next().await {
            let (after, Some(object)) = part? else { return Ok(None) };
            match &mut gathered {
                Some(gathered) => gathered.add(&object)?,
                None => gathered = Some(Gathered::new(&object, after)?),
            }
        }
        Ok(gathered)
    }

    /// Somebody else may have rolled up the same and deleted the parts, and a writer that slept may
    /// have used their names again, before they were read here.
    async fn is_held_by_another(&self, gathered: &Gathered) -> Result<bool, JournalError> {
        let listing = Reader::new(self.store).list(&self.due.origin, gathered.start.position).await?;
        let mut appended = self.due.parts.iter().filter(|part| !part.name.is_roll_up());
        Ok(appended.any(|part| listing.roll_up_of(part.name.first).is_some()))
    }
}

/// Records of several objects in a row.
struct Gathered {
    start: Head,
    end: Head,
    columns: Columns,
    clock: Time,
}

impl Gathered {
    fn new(first: &JournalObject, after: Position) -> Result<Self, JournalError> {
        let link = if after < first.first() { first.previous() } else { first.link_at(after)? };
        let start = Head { origin: first.name().origin.clone(), position: after, link };
        let mut gathered =
            Self { end: start.clone(), start, columns: Columns::default(), clock: first.clock() };
        gathered.add(first)?;
        Ok(gathered)
    }

    fn add(&mut self, object: &JournalObject) -> Result<(), JournalError> {
        let at = self.end.position;
        let continues = match object.first() {
            first if first == at + 1 => object.previous() == self.end.link,
            first => (first..=object.last()).contains(&at) && object.link_at(at)? == self.end.link,
        };
        if !continues {
            return Err(unchained(object));
        }
        for record in object.records_after(at) {
            self.columns.push(&record?.1);
        }
        self.end = object.head();
        self.clock = self.clock.max(object.clock());
        Ok(())
    }
}

fn unchained(object: &JournalObject) -> JournalError {
    Damage::new(object.name(), object.first(), DamageKind::Unchained).into()
}
