//! Follows the journal and publishes each new [`Snapshot`].

mod batches;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use abide_enforce::{Overlay, Snapshot, Sources};
use abide_index::list::List;
use abide_journal::{
    Followed, Follower, Head, JournalError, JournalObject, ObjectName, Reader, Record, Records, Step, Store,
};
use abide_model::{Origin, Positions, Retractions, Signal, Time};
use abide_rules::Ruleset;

use crate::{
    activations::Activations,
    cache::Cache,
    delta::Delta,
    error::ReplicaError,
    manifest::Manifest,
    memory::Memory,
    merge::{MergeConfig, Merged, merge},
    own::{OwnBatch, OwnPart},
};
use batches::OpenBatches;

/// What a replica may use.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// For index files that other processes of this machine may share.
    pub cache_dir: PathBuf,
    /// For files that are gone when the process ends.
    pub scratch_dir: PathBuf,
    /// Identities held in memory beside the index; beyond it they go into an index file of their own.
    pub overlay_max: usize,
    /// Bound on the buffers of a merge.
    pub memory_max_bytes: usize,
}

impl ReplicaConfig {
    /// 200,000 identities in memory, 512 MiB for a merge.
    pub fn new(cache_dir: &Path) -> Self {
        Self {
            cache_dir: cache_dir.to_owned(),
            scratch_dir: cache_dir.to_owned(),
            overlay_max: 200_000,
            memory_max_bytes: 512 << 20,
        }
    }
}

/// One node's copy of the list.
#[derive(Debug)]
pub struct Replica {
    pub(crate) store: Store,
    pub(crate) config: ReplicaConfig,
    pub(crate) cache: Cache,
    follower: Follower,
    memory: Memory,
    /// An object that was handed out and is not wholly taken in yet: after an error it is taken in
    /// again from its start, which changes nothing of what it did before.
    pending: Option<Followed>,
    /// In force while nothing was ever activated.
    built_in: Arc<Ruleset>,
    rules: Arc<Ruleset>,
    pub(crate) base: Option<Arc<List>>,
    overlay: Overlay,
    /// What does not fit into the overlay, until it is merged with the base.
    overflow: Option<Delta>,
    /// What this process appended itself and has not seen in the journal yet.
    pub(crate) own: Option<OwnBatch>,
    /// The sets in the base were made under other retractions.
    base_is_stale: bool,
    /// Part of what was read is lost to an error, or the base is damaged: nothing can be built on this
    /// any more, and the next refresh starts from the store again.
    incomplete: bool,
    pub(crate) retractions: Arc<Retractions>,
    pub(crate) sources: Sources,
    pub(crate) activations: Activations,
    pub(crate) open_batches: OpenBatches,
    pub(crate) clock: Time,
    /// When the newest that was read of an origin was written, by its writer's clock.
    written_at: BTreeMap<Origin, Time>,
    /// The snapshot that the base came from.
    pub(crate) manifest: Option<Manifest>,
    snapshot: Arc<Snapshot>,
}

impl Replica {
    /// Starts from the newest snapshot and reads what came after it. Nothing is answered before all
    /// of that is in. `built_in` is in force until a ruleset is activated. A local copy of the list that turns out to be damaged is fetched anew.
    pub async fn open(
        store: &Store,
        built_in: Arc<Ruleset>,
        config: ReplicaConfig,
        now: Time,
    ) -> Result<Self, ReplicaError> {
        // Boxed, since whoever opens a replica would otherwise carry all that starting one needs.
        match Box::pin(Self::start(store, built_in.clone(), config.clone(), now)).await {
            Err(error) if error.is_damaged_list() => {
                Box::pin(Self::start(store, built_in, config, now)).await
            }
            started => started,
        }
    }

    /// Reads what was ever activated and needs none of these rulesets, so that one which is damaged can be replaced.
    /// Nobody is answered by it.
    pub async fn read_activations(
        store: &Store,
        built_in: Arc<Ruleset>,
        config: ReplicaConfig,
        now: Time,
    ) -> Result<Activations, ReplicaError> {
        let mut replica = Box::pin(Self::begin(store, built_in, config, now)).await?;
        replica.read_all().await?;
        Ok(replica.activations)
    }

    async fn start(
        store: &Store,
        built_in: Arc<Ruleset>,
        config: ReplicaConfig,
        now: Time,
    ) -> Result<Self, ReplicaError> {
        let mut replica = Self::begin(store, built_in, config, now).await?;
        replica.read_all().await.inspect_err(|error| replica.distrust(error))?;
        replica.load_rules().await?;
        replica.publish(now).inspect_err(|error| replica.distrust(error))?;
        Ok(replica)
    }

    /// At the newest snapshot, with nothing read of what came after it.
    async fn begin(
        store: &Store,
        built_in: Arc<Ruleset>,
        config: ReplicaConfig,
        now: Time,
    ) -> Result<Self, ReplicaError> {
        store.refuse_moved().await?;
        let cache = Cache::new(&config.cache_dir)?;
        let (manifest, base) = match crate::snapshots::open_newest(store, &cache).await? {
            Some((manifest, base)) => (Some(manifest), Some(Arc::new(base))),
            None => (None, None),
        };
        cache.tidy(manifest.as_ref().map(|manifest| &manifest.index), now);
        let heads = manifest.as_ref().map(|manifest| manifest.heads.as_slice()).unwrap_or_default();
        let mut follower = Reader::new(store).follow_heads(heads).await?;
        let memory = Memory::open(&config.cache_dir, store);
        follower.expect(memory.heads())?;
        let start = manifest.clone();
        Ok(Self {
            store: store.clone(),
            config,
            cache,
            follower,
            memory,
            pending: None,
            rules: built_in.clone(),
            built_in: built_in.clone(),
            base: base.clone(),
            overlay: Overlay::default(),
            overflow: None,
            own: None,
            base_is_stale: false,
            incomplete: false,
            retractions: Arc::new(start.as_ref().map(|start| start.retractions.clone()).unwrap_or_default()),
            sources: start.as_ref().map(|start| start.sources.clone()).unwrap_or_default(),
            activations: start.as_ref().map(|start| start.activations.clone()).unwrap_or_default(),
            open_batches: start.as_ref().map(OpenBatches::of).unwrap_or_default(),
            clock: start.as_ref().map_or(Time::MIN, |start| start.clock),
            written_at: BTreeMap::new(),
            manifest,
            snapshot: Arc::new(Snapshot {
                rules: built_in,
                base,
                overlay: Overlay::default(),
                retractions: Arc::default(),
                positions: Positions::default(),
                sources: Sources::default(),
                as_of: now,
            }),
        })
    }

    /// The list as it stands here.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.clone()
    }

    /// Later than every time in the journal that was read.
    pub fn clock(&self) -> Time {
        self.clock
    }

    /// Of each origin of which more was read than `before`: how long the newest took from its writer to the list here. It is
    /// measured by the clocks of both machines; where the writer's is ahead, it is zero.
    pub fn lags<'a>(
        &'a self,
        before: &'a Positions,
        now: Time,
    ) -> impl Iterator<Item = (&'a Origin, Duration)> {
        let is_news = |origin: &Origin| self.snapshot.positions.of(origin) > before.of(origin);
        self.written_at.iter().filter(move |(origin, _)| is_news(origin)).map(move |(origin, written_at)| {
            let micros = now.micros_since(*written_at).try_into().unwrap_or(0);
            (origin, Duration::from_micros(micros))
        })
    }

    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Where each origin was read up to.
    pub fn heads(&self) -> Vec<Head> {
        self.follower.heads()
    }

    /// Imports that were begun and never committed.
    pub fn open_batches(&self) -> impl Iterator<Item = &str> {
        self.open_batches.ids()
    }

    /// Reads everything that came since and publishes it; makes sure by listing that there is
    /// nothing more. After an error the last snapshot stands, and this may be called again.
    pub async fn refresh(&mut self, now: Time) -> Result<(), ReplicaError> {
        self.catch_up(now).await?;
        self.publish(now).inspect_err(|error| self.distrust(error))
    }

    /// Takes up how far another node of the store knows the journals to lead, and publishes that. Nothing is listed:
    /// each object stands in the bucket and continues what is held, and its end is where the journal was told to lead.
    /// `as_of` is when the other one knew that there was nothing more, if that is later than the last look that this one
    /// knows of. `false` where only [`Replica::refresh`] leads there.
    pub async fn hear(&mut self, told: &[Head], as_of: Option<Time>) -> Result<bool, ReplicaError> {
        if self.incomplete || self.pending.is_some() {
            return Ok(false);
        }
        for head in told {
            loop {
                let step = self.follower.step_towards(head).await;
                match step.map_err(Into::into).inspect_err(|error| self.distrust(error))? {
                    Step::Reached => break,
                    Step::Lost => return Ok(false),
                    Step::Next(followed) => {
                        if let Err(error) = self.take(&followed).await {
                            self.pending = Some(followed);
                            self.distrust(&error);
                            return Err(error);
                        }
                    }
                }
            }
        }
        if !self.follower.is_sure() {
            return Ok(false);
        }
        self.load_rules().await?;
        self.publish(as_of.unwrap_or(self.snapshot.as_of)).inspect_err(|error| self.distrust(error))?;
        Ok(true)
    }

    /// Reads everything that came since, without publishing it.
    pub(crate) async fn catch_up(&mut self, now: Time) -> Result<(), ReplicaError> {
        if self.incomplete {
            return self.start_again(now).await;
        }
        self.store.refuse_moved().await?;
        self.follower.confirm().await?;
        self.read_all().await.inspect_err(|error| self.distrust(error))?;
        self.load_rules().await
    }

    async fn start_again(&mut self, now: Time) -> Result<(), ReplicaError> {
        let again = Self::open(&self.store, self.built_in.clone(), self.config.clone(), now).await?;
        if !again.snapshot.positions.covers(&self.snapshot.positions) {
            return Err(ReplicaError::Behind);
        }
        *self = again;
        Ok(())
    }

    /// A local copy that turned out to be damaged is not used again by whoever opens it next, and
    /// what turned out not to be the journal is in here by now.
    fn distrust(&mut self, error: &ReplicaError) {
        if matches!(error, ReplicaError::Journal(JournalError::Overtaken { .. })) {
            self.incomplete = true;
        }
        if error.is_damaged_list() {
            self.incomplete = true;
            if let Some(manifest) = &self.manifest {
                self.cache.discard(&manifest.index);
            }
        }
    }

    /// Reads what there is until a listing has confirmed that it is the journal and all of it.
    async fn read_all(&mut self) -> Result<(), ReplicaError> {
        while let Some(followed) = self.next_object().await? {
            if let Err(error) = self.take(&followed).await {
                self.pending = Some(followed);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Loads the ruleset in force, if it is another one than is held. When it cannot be, the last snapshot stands.
    async fn load_rules(&mut self) -> Result<(), ReplicaError> {
        let Some((activation, _)) = self.activations.in_force() else { return Ok(()) };
        let is_it = |rules: &Ruleset| rules.version().digest() == activation.ruleset;
        if !is_it(&self.rules) {
            self.rules = if is_it(&self.built_in) {
                self.built_in.clone()
            } else {
                crate::rulesets::compiled(&self.store, &activation.ruleset).await?
            };
        }
        Ok(())
    }

    async fn next_object(&mut self) -> Result<Option<Followed>, ReplicaError> {
        match self.pending.take() {
            Some(followed) => Ok(Some(followed)),
            None => Ok(self.follower.next_or_confirmed().await?),
        }
    }

    /// Taking in an object twice, or part of it and then all of it, is the same as once.
    async fn take(&mut self, followed: &Followed) -> Result<(), ReplicaError> {
        let object = &followed.object;
        self.open_batches.begin_object();
        for record in self.records_to_read(followed) {
            let (_, record) = record?;
            match record {
                Record::Signal(signal) if abide_journal::counts_at_once(&signal.batch) => {
                    self.count(&signal)?;
                }
                Record::Signal(signal) => self.open_batches.hold(signal),
                Record::Batch(batch) => {
                    for mechanism in batch.mechanisms {
                        let refreshed =
                            self.sources.entry((mechanism, batch.claimant.clone())).or_insert(Time::MIN);
                        *refreshed = (*refreshed).max(batch.committed_at);
                    }
                    self.commit(batch.id.as_str()).await?;
                }
                Record::Retraction(retraction) => {
                    Arc::make_mut(&mut self.retractions).add(retraction.what);
                    self.base_is_stale = true;
                }
                Record::Activation(activation) => {
                    self.activations.take(activation, &object.name().origin);
                }
            }
        }
        self.open_batches.end_object(followed);
        self.clock = self.clock.max(object.clock());
        self.written_at.insert(object.name().origin.clone(), object.clock());
        Ok(())
    }

    /// The records that say something that is not known here yet: of an object that this process wrote itself the
    /// signals are.
    fn records_to_read(&mut self, followed: &Followed) -> Records {
        let last = followed.object.last();
        match self.own.as_mut().and_then(|own| own.part(followed)) {
            None => {
                // Somebody else's roll-up, say: what was gathered would be held in vain.
                if self.own.as_ref().is_some_and(|own| own.is_passed(&followed.object.head())) {
                    self.own = None;
                }
                followed.records()
            }
            Some(OwnPart::Signals(batch)) => {
                self.open_batches.hold_elsewhere(&batch);
                followed.object.records_after(last)
            }
            Some(OwnPart::End(batch)) => {
                let delta = self.own.take().and_then(|own| own.into_delta(self.base.as_ref()));
                match delta.filter(|_| self.overflow.is_none()) {
                    None => followed.records(),
                    Some(delta) => {
                        self.overflow = Some(delta);
                        self.open_batches.close(batch.as_str());
                        followed.object.records_after(last - 1)
                    }
                }
            }
        }
    }

    /// Lets a batch count, whose signals may lie in objects read long ago and rolled up since.
    async fn commit(&mut self, batch: &str) -> Result<(), ReplicaError> {
        let reader = Reader::new(&self.store);
        let mut read: Option<JournalObject> = None;
        for place in self.open_batches.earlier(batch) {
            let is_in = |object: &JournalObject| {
                object.name().origin == place.origin
                    && (object.name().first..=object.last()).contains(&place.first)
            };
            if !read.as_ref().is_some_and(is_in) {
                read = reader.holding(&place.origin, place.first).await?;
            }
            let name = || ObjectName::appended(&place.origin, place.first);
            let object = read.as_ref().ok_or_else(|| ReplicaError::MissingObject { name: name() })?;
            for record in object.records_after(place.first.saturating_sub(1)) {
                let (position, record) = record?;
                if position > place.last {
                    break;
                }
                if let Record::Signal(signal) = record
                    && signal.batch.as_str() == batch
                {
                    self.count(&signal)?;
                }
            }
        }
        let held = self.open_batches.close(batch);
        held.iter().try_for_each(|signal| self.count(signal))
    }

    fn count(&mut self, signal: &Signal) -> Result<(), ReplicaError> {
        if let Some(overflow) = &mut self.overflow {
            // After an error nobody knows what of it is left.
            let added = overflow.add_signal(signal);
            return Ok(added.inspect_err(|_| self.incomplete = true)?);
        }
        let base = self.base.as_deref();
        self.overlay.apply(signal, base, &self.retractions).map_err(ReplicaError::List)?;
        if self.overlay.len() >= self.config.overlay_max {
            self.overflow = Some(self.new_delta());
        }
        Ok(())
    }

    pub(crate) fn publish(&mut self, now: Time) -> Result<(), ReplicaError> {
        if self.incomplete || !self.holds_rules_in_force() {
            return Err(ReplicaError::Behind);
        }
        if self.overflow.is_some() || (self.base_is_stale && !self.is_empty()) {
            self.fold()?;
        }
        self.snapshot = Arc::new(Snapshot {
            rules: self.rules.clone(),
            base: self.base.clone(),
            overlay: self.overlay.clone(),
            retractions: self.retractions.clone(),
            positions: self.follower.positions(),
            sources: self.sources.clone(),
            as_of: now,
        });
        self.memory.see(&self.follower.heads(), now);
        Ok(())
    }

    fn holds_rules_in_force(&self) -> bool {
        let in_force = self.activations.in_force().map(|(activation, _)| activation.ruleset);
        in_force.is_none_or(|digest| digest == self.rules.version().digest())
    }

    /// What was ever activated, as far as it was read.
    pub fn activations(&self) -> &Activations {
        &self.activations
    }

    /// Everything as one list, nothing beside it; `None` for an empty store.
    pub fn whole_list(&mut self, now: Time) -> Result<Option<Arc<List>>, ReplicaError> {
        if !self.overlay.is_empty() || self.overflow.is_some() || self.base_is_stale {
            self.fold()?;
            self.publish(now)?;
        }
        Ok(self.base.clone())
    }

    fn is_empty(&self) -> bool {
        self.base.is_none() && self.overlay.is_empty()
    }

    /// Merges all that is beside the base into a new base, for this process alone.
    fn fold(&mut self) -> Result<(), ReplicaError> {
        let scratch = crate::cache::scratch_folder(&self.config.scratch_dir)?;
        let path = scratch.path().join("list.index");
        // The file goes with the folder; the mapping keeps its bytes.
        self.merge_into_base(&path, None, &mut |_| ())?;
        Ok(())
    }

    pub(crate) fn new_delta(&self) -> Delta {
        Delta::new(self.base.as_deref(), &self.config.scratch_dir, self.config.memory_max_bytes)
    }

    /// Everything beside the base, as one delta. From here on it stands nowhere else.
    fn take_delta(&mut self) -> Result<Delta, ReplicaError> {
        self.incomplete |= self.overflow.is_some();
        let mut delta = self.overflow.take().unwrap_or_else(|| self.new_delta());
        for entry in self.overlay.entries() {
            delta.add(&entry.state)?;
        }
        Ok(delta)
    }

    /// Merges all that is beside the base into a new base at `index_path`.
    pub(crate) fn merge_into_base(
        &mut self,
        index_path: &Path,
        state_path: Option<&Path>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Merged, ReplicaError> {
        let delta = self.take_delta()?;
        let config = MergeConfig {
            index_path,
            state_path,
            scratch_dir: &self.config.scratch_dir,
            memory_max_bytes: self.config.memory_max_bytes,
        };
        let sets_hold = !self.base_is_stale;
        let merged = merge(self.base.as_deref(), sets_hold, delta, &self.retractions, &config, progress)?;
        let list = List::open(index_path).map_err(ReplicaError::List)?;
        self.base = Some(Arc::new(list));
        self.overlay = Overlay::default();
        self.overflow = None;
        self.base_is_stale = false;
        self.incomplete = false;
        Ok(merged)
    }
}
