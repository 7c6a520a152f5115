//! Spooling: what a node takes in while it is cut off from the bucket.
//!
//! A spool is a small journal of its own on the node's disk, in the same format and under the same
//! keys, so what was spooled is as durable as the disk is and cannot be changed unseen. Once the
//! bucket is back, its records are appended there in the order in which they came.
//!
//! What it never does: let go of a record before the store has it. A record may reach the store
//! twice, after a crash, which changes nothing.

use std::sync::Arc;

use abide_model::{Direction, Origin, Position, Positions, Time};
use object_store::ObjectStore;

use crate::{
    clock::ClockCheck,
    error::{JournalError, StoreError},
    object::{Columns, ObjectName},
    reader::{Follower, Reader},
    record::Record,
    store::Store,
    writer::{Appended, Writer, WriterConfig},
};

/// Holds the position up to which everything was uploaded.
const UPLOADED: &str = "uploaded";

/// So many records become one object of the store's journal: an hour's worth of single opt-outs is as many small objects
/// on the disk, and must not take an hour to bring in. Few enough that a slow line carries them in the time that an
/// append may take.
const TOGETHER: usize = 4_096;

/// Where what was said is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durable {
    /// In the store, for everyone.
    Store(Appended),
    /// On this node's disk only, until [`Spool::upload`] has succeeded.
    Node,
}

/// What waited first, read from the disk: to be appended to the store's journal, and then struck off.
#[derive(Debug)]
pub struct SpoolPart {
    // Boxed, since columns are large, and so is every future that holds them.
    columns: Box<Columns>,
    newest: ObjectName,
    last: Position,
}

impl SpoolPart {
    /// Appends it to the store's journal, once. After an error it has to be read again.
    pub async fn append(&mut self, writer: &mut Writer, now: Time) -> Result<Appended, JournalError> {
        Box::pin(writer.append_columns(*std::mem::take(&mut self.columns), now)).await
    }
}

/// What waits on this node's disk for one origin's journal.
#[derive(Debug)]
pub struct Spool {
    disk: Store,
    writer: Writer,
    uploaded: Position,
}

impl Spool {
    /// Opens a spool of this store on a disk (see [`local_directory`](crate::local_directory)), and
    /// makes it if there is none. `store` need not be reachable.
    pub async fn open(
        store: &Store,
        disk: Arc<dyn ObjectStore>,
        origin: Origin,
        config: WriterConfig,
    ) -> Result<Self, JournalError> {
        let disk = store.on(disk);
        // A disk's own clock is the node's and tells nothing.
        let config = WriterConfig { clock_check: ClockCheck::Records, ..config };
        let writer = Writer::open(&disk, origin, config).await?;
        let uploaded = uploaded(&disk).await?;
        Ok(Self { disk, writer, uploaded })
    }

    /// How many records wait to be uploaded.
    pub fn waiting(&self) -> u64 {
        self.writer.head().position.saturating_sub(self.uploaded)
    }

    /// What waits, for whoever puts it in force here before the store has it.
    pub async fn records(&self) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        if self.waiting() > 0 {
            let mut waiting = self.follow_waiting().await?;
            while let Some(followed) = waiting.next().await? {
                for record in followed.records() {
                    records.push(record?.1);
                }
            }
        }
        Ok(records)
    }

    async fn follow_waiting(&self) -> Result<Follower, JournalError> {
        let origin = self.writer.origin().clone();
        let from: Positions = [(origin, self.uploaded)].into_iter().collect();
        Reader::new(&self.disk).follow(&from).await
    }

    /// Makes records durable on this node. Opt-ins are refused, with all that comes with them: whether
    /// this machine's clock is right can only be told by the store.
    pub async fn append(&mut self, records: &[Record], now: Time) -> Result<(), JournalError> {
        let opts_in =
            |record: &Record| matches!(record, Record::Signal(signal) if signal.direction == Direction::In);
        if records.iter().any(opts_in) {
            return Err(JournalError::OptInWhileCutOff);
        }
        self.writer.append(records, now).await.map(|_| ())
    }

    /// Makes records durable in the store, after all that waits, or here if the store cannot be
    /// reached.
    pub async fn append_through(
        &mut self,
        writer: &mut Writer,
        records: &[Record],
        now: Time,
    ) -> Result<Durable, JournalError> {
        let appended = async {
            self.upload(writer, now).await?;
            writer.append(records, now).await
        };
        match appended.await {
            Ok(appended) => Ok(Durable::Store(appended)),
            Err(error) if error.is_out_of_reach() => self.append(records, now).await.map(|()| Durable::Node),
            Err(error) => Err(error),
        }
    }

    /// Appends to the store what waits, in order. After an error the rest goes on waiting.
    pub async fn upload(&mut self, writer: &mut Writer, now: Time) -> Result<(), JournalError> {
        while let Some(mut part) = self.first().await? {
            part.append(writer, now).await?;
            self.strike_off(part).await?;
        }
        Ok(())
    }

    /// What is to be appended next. Only the disk is asked, so that whoever waits for the store within bounds need not
    /// count it.
    pub async fn first(&self) -> Result<Option<SpoolPart>, JournalError> {
        if self.waiting() == 0 {
            return Ok(None);
        }
        let mut waiting = self.follow_waiting().await?;
        let (mut columns, mut newest) = (Box::<Columns>::default(), None);
        while columns.len() < TOGETHER
            && let Some(followed) = waiting.next().await?
        {
            for record in followed.records() {
                columns.push(&record?.1);
            }
            newest = Some((followed.object.name().clone(), followed.object.last()));
        }
        Ok(newest.map(|(newest, last)| SpoolPart { columns, newest, last }))
    }

    /// The store has it.
    pub async fn strike_off(&mut self, part: SpoolPart) -> Result<(), JournalError> {
        self.disk.overwrite(UPLOADED, format!("{}\n", part.last).into()).await?;
        self.uploaded = part.last;
        self.clear(&part.newest).await;
        Ok(())
    }

    /// The newest object stays, since the spool goes on after it. What cannot be deleted now only
    /// takes space.
    async fn clear(&self, uploaded: &ObjectName) {
        let Ok(objects) = Reader::new(&self.disk).objects(&uploaded.origin).await else { return };
        for entry in objects.iter().filter(|entry| entry.name < *uploaded) {
            let _ = self.disk.delete(&entry.name.to_string()).await;
        }
    }
}

async fn uploaded(disk: &Store) -> Result<Position, StoreError> {
    let Some(text) = disk.get(UPLOADED).await? else { return Ok(0) };
    let position = std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok());
    // Unreadable, everything is uploaded once more, which does no harm.
    Ok(position.unwrap_or(0))
}
