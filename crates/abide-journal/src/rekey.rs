//! A store again under another secret, at another place.
//!
//! Keys are a permutation of digests, so each is decrypted with the old secret and encrypted with the
//! new one; nobody needs the raw data. Every step only creates objects, and each can be begun again:
//! the new place is no store before its `abide.json` stands, which is the last step, and the old one
//! takes nothing any more once its `moved.json` stands, which comes before the last records are
//! copied. So there is no moment at which both take opt-outs.

use std::{collections::BTreeMap, sync::Arc};

use abide_model::{Key, Keyring, Origin, Positions, Retraction, Secret, Time};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, path::Path};

use crate::{
    clock::ClockCheck,
    error::{JournalError, StoreError},
    object::Columns,
    reader::Reader,
    record::{ActivationRecord, Record, RetractionRecord},
    store::{Moved, Retry, Store, StoreId, begin_rekey, rekey_begun},
    writer::{Writer, WriterConfig},
};

/// What a rekey has to know.
#[derive(Debug)]
pub struct RekeyConfig<'a> {
    /// Of the new store, unless one was begun at its place.
    pub id: StoreId,
    pub old_secret: &'a Secret,
    pub new_secret: &'a Secret,
    pub retry: Retry,
    /// A random number, as writers have one.
    pub instance: u64,
}

/// A rekey under way: the old store takes opt-outs as before.
#[derive(Debug)]
pub struct Rekey {
    old: Store,
    new: Store,
    old_keys: Keyring,
    new_keys: Keyring,
    writer: WriterConfig,
}

/// The old store takes nothing any more.
#[derive(Debug)]
pub struct Fenced(Rekey);

impl Rekey {
    /// The id of the store that was begun at a place, for whoever has to find its secret.
    pub async fn begun(objects: Arc<dyn ObjectStore>, prefix: &Path) -> Result<Option<StoreId>, StoreError> {
        rekey_begun(objects, prefix).await
    }

    /// Begins at an empty place, or goes on with what was begun there.
    pub async fn begin(
        old: &Store,
        objects: Arc<dyn ObjectStore>,
        prefix: &Path,
        config: RekeyConfig<'_>,
        now: Time,
    ) -> Result<Self, StoreError> {
        let RekeyConfig { id, old_secret, new_secret, retry, instance } = config;
        let new = begin_rekey(old, objects, prefix, id, new_secret, now).await?;
        if let Some(moved) = old.moved().await?
            && moved.store != new.id()
        {
            return Err(old.is_moved(&moved));
        }
        let forms = old.config().forms;
        Ok(Self {
            old: old.clone(),
            new,
            old_keys: Keyring::new(old_secret, forms),
            new_keys: Keyring::new(new_secret, forms),
            // What is copied was taken long ago, so no clock has to agree with another.
            writer: WriterConfig { instance, retry, clock_check: ClockCheck::Records },
        })
    }

    /// The new store, which nobody else can open yet.
    pub fn new_store(&self) -> &Store {
        &self.new
    }

    /// Copies what there is and is not copied yet; `progress` is told the bytes of each object read.
    /// Returns how many records it copied.
    pub async fn copy(&self, progress: &mut dyn FnMut(u64)) -> Result<u64, JournalError> {
        self.copy_rulesets().await?;
        let mut writers: BTreeMap<Origin, Writer> = BTreeMap::new();
        for origin in Reader::new(&self.new).origins().await? {
            let writer = Writer::open(&self.new, origin.clone(), self.writer).await?;
            writers.insert(origin, writer);
        }
        let copied: Positions =
            writers.iter().map(|(origin, writer)| (origin.clone(), writer.head().position)).collect();
        let mut follower = Box::pin(Reader::new(&self.old).follow(&copied)).await?;
        let mut count = 0;
        while let Some(followed) = Box::pin(follower.next_or_confirmed()).await? {
            // Only what is known to be the journal is written again.
            if !followed.object.name().is_roll_up() {
                Box::pin(follower.confirm()).await?;
            }
            let origin = &followed.object.name().origin;
            if !writers.contains_key(origin) {
                let writer = Writer::open(&self.new, origin.clone(), self.writer).await?;
                writers.insert(origin.clone(), writer);
            }
            let writer = writers.get_mut(origin).expect("it was just put there");
            if writer.head().position != followed.after {
                return Err(self.rival());
            }
            let mut columns = Columns::default();
            for record in followed.records() {
                let record = record?.1;
                if let Record::Activation(activation) = &record {
                    self.copy_named(activation).await?;
                }
                columns.push(&self.transferred(record));
                count += 1;
            }
            writer.clock().observe(followed.object.clock());
            let appended = Box::pin(writer.append_alone(columns)).await;
            appended.map_err(|error| match error {
                JournalError::Contended { .. } => self.rival(),
                error => error,
            })?;
            progress(followed.object.bytes().len() as u64);
        }
        Ok(count)
    }

    /// From here on the old store acknowledges nothing: whoever appends looks for `moved.json` after
    /// having written, and what was written before it is copied after it.
    pub async fn fence(self, place: &str, now: Time) -> Result<Fenced, StoreError> {
        let moved = Moved { store: self.new.id(), place: place.to_owned(), at: now };
        match self.old.move_to(&moved, self.writer.retry).await? {
            first if first.store == moved.store => Ok(Fenced(self)),
            first => Err(self.old.is_moved(&first)),
        }
    }

    fn rival(&self) -> JournalError {
        JournalError::RivalRekey { location: self.new.location().to_owned() }
    }

    /// Named by what they hold, which has no key in it.
    async fn copy_rulesets(&self) -> Result<(), StoreError> {
        let under = "rulesets";
        let list = self.old.objects().list(Some(&Path::from(under)));
        let found: Vec<_> =
            list.try_collect().await.map_err(|source| StoreError::of("list", under, source))?;
        for object in found {
            let name = object.location.to_string();
            if let Some(bytes) = self.old.get(&name).await? {
                self.new.create(&name, bytes, self.writer.retry).await?;
            }
        }
        Ok(())
    }

    /// What an activation names, by that name: a listing may lag behind a version that was just pushed.
    async fn copy_named(&self, activation: &ActivationRecord) -> Result<(), StoreError> {
        for digest in [Some(activation.ruleset), activation.replaces].into_iter().flatten() {
            let name = format!("rulesets/{}.json", hex::encode(digest));
            if let Some(bytes) = self.old.get(&name).await? {
                self.new.create(&name, bytes, self.writer.retry).await?;
            }
        }
        Ok(())
    }

    fn key(&self, key: Key) -> Key {
        self.old_keys.transfer(key, &self.new_keys)
    }

    fn transferred(&self, record: Record) -> Record {
        match record {
            Record::Signal(mut signal) => {
                let keys = &mut signal.keys;
                let typed = keys.aliases.iter_mut().chain([&mut keys.primary]).map(|typed| &mut typed.key);
                for key in typed.chain(&mut keys.domain) {
                    *key = self.key(*key);
                }
                Record::Signal(signal)
            }
            Record::Retraction(RetractionRecord {
                what: Retraction::Window { source, mechanism, from, until, domain },
                reason,
                recorded_by,
                at,
            }) => {
                let domain = domain.map(|domain| self.key(domain));
                let what = Retraction::Window { source, mechanism, from, until, domain };
                Record::Retraction(RetractionRecord { what, reason, recorded_by, at })
            }
            // No keys are in these.
            record @ (Record::Retraction(_) | Record::Batch(_) | Record::Activation(_)) => record,
        }
    }
}

impl Fenced {
    /// Copies what came in before the fence stood, and makes the new place a store.
    pub async fn complete(self) -> Result<Store, JournalError> {
        let Self(rekey) = self;
        rekey.copy(&mut |_| ()).await?;
        rekey.new.complete_rekey(rekey.writer.retry).await?;
        Ok(rekey.new)
    }
}
