//! Heartbeats: how far a node has seen each journal, kept outside of the journal, so that one whose
//! tail was cut is not taken for a shorter one.
//!
//! A node keeps its own on its disk and refuses a journal that ends before it; `nodes/<node>.json`
//! holds the same for all others, and for whoever verifies. Both are sealed, hold no keys, and may be
//! lost: then less is remembered.

use std::time::Duration;

use abide_model::{Origin, Time};
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::{
    chain::Head,
    error::{Damage, DamageKind, StoreError},
    object::ObjectName,
    sealed,
    store::Store,
};

const FORMAT: u64 = 1;
const NODES: &str = "nodes";

/// What a node has seen, at its latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub node: Origin,
    pub at: Time,
    /// By origin, each once.
    heads: Vec<Head>,
}

/// Leaves a node's heartbeat in the store, again and again.
#[derive(Debug)]
pub struct Pulse {
    node: Origin,
    every: Duration,
    left_at: Option<Time>,
}

impl Pulse {
    pub fn new(node: Origin, every: Duration) -> Self {
        Self { node, every, left_at: None }
    }

    /// Leaves one with these heads if it is time to. One that could not be left is not tried again before the next.
    pub async fn leave(
        &mut self,
        store: &Store,
        heads: impl FnOnce() -> Vec<Head>,
        now: Time,
    ) -> Result<(), StoreError> {
        let is_over = |left_at: Time| {
            u128::try_from(now.micros_since(left_at)).is_ok_and(|past| past >= self.every.as_micros())
        };
        if !self.left_at.is_none_or(is_over) {
            return Ok(());
        }
        self.left_at = Some(now);
        let mut heartbeat = Heartbeat::new(self.node.clone(), now);
        heartbeat.see(&heads());
        heartbeat.send(store).await
    }
}

/// All that nodes left in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeats {
    pub sound: Vec<Heartbeat>,
    /// Names of those that are not what a node of this store wrote.
    pub damaged: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatJson {
    format: u64,
    node: String,
    at_us: i64,
    heads: Vec<HeadJson>,
    /// Of the bytes, and checked there.
    #[serde(default, skip_serializing, rename = "seal")]
    _seal: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadJson {
    origin: String,
    position: u64,
    link: String,
}

impl Heartbeat {
    pub fn new(node: Origin, at: Time) -> Self {
        Self { node, at, heads: Vec::new() }
    }

    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Remembers heads that were seen, where they lead farther; whether any did.
    pub fn see(&mut self, heads: &[Head]) -> bool {
        let mut farther = false;
        for head in heads.iter().filter(|head| head.position > 0) {
            match self.heads.iter_mut().find(|seen| seen.origin == head.origin) {
                Some(seen) if seen.position >= head.position => continue,
                Some(seen) => *seen = head.clone(),
                None => self.heads.push(head.clone()),
            }
            farther = true;
        }
        farther
    }

    /// Sealed for this store.
    pub fn to_json(&self, store: &Store) -> Vec<u8> {
        let head = |head: &Head| HeadJson {
            origin: head.origin.to_string(),
            position: head.position,
            link: head.link.to_string(),
        };
        let json = HeartbeatJson {
            format: FORMAT,
            node: self.node.to_string(),
            at_us: self.at.as_micros(),
            heads: self.heads.iter().map(head).collect(),
            _seal: String::new(),
        };
        let text = serde_json::to_vec_pretty(&json).expect("strings and numbers become JSON");
        sealed::close(text, |text| store.chain().heartbeat_seal(store.id(), text))
    }

    /// `None` for what no node of this store wrote.
    pub fn from_json(bytes: &[u8], store: &Store) -> Option<Self> {
        if !sealed::holds(bytes, |text| store.chain().heartbeat_seal(store.id(), text)) {
            return None;
        }
        let json: HeartbeatJson = serde_json::from_slice(bytes).ok()?;
        let head = |head: &HeadJson| {
            let (origin, link) = (head.origin.parse().ok()?, head.link.parse().ok()?);
            Some(Head { origin, position: head.position, link })
        };
        let heads: Option<Vec<Head>> = json.heads.iter().map(head).collect();
        let (node, at) = (json.node.parse().ok()?, Time::from_micros(json.at_us));
        (json.format == FORMAT).then_some(Self { node, at, heads: heads? })
    }

    /// Tells all others, together with what stands there from earlier. Two processes of a node at the
    /// same moment lose what one of them saw, until it sees it again.
    pub async fn send(&self, store: &Store) -> Result<(), StoreError> {
        let name = name(&self.node);
        let mut all = self.clone();
        if let Some(earlier) = store.get(&name).await?.and_then(|bytes| Self::from_json(&bytes, store)) {
            all.see(&earlier.heads);
        }
        store.overwrite(&name, Bytes::from(all.to_json(store))).await
    }
}

/// Where the journal should lead, and ends at `end`.
pub(crate) fn behind(seen: &Head, end: u64) -> Damage {
    let next = ObjectName::appended(&seen.origin, end.min(seen.position - 1) + 1);
    Damage::new(&next, seen.position, DamageKind::BehindMemory)
}

/// Reads what nodes left.
pub async fn heartbeats(store: &Store) -> Result<Heartbeats, StoreError> {
    let listed = store.objects().list(Some(&Path::from(NODES)));
    let listed: Vec<_> =
        listed.try_collect().await.map_err(|source| StoreError::of("list", NODES, source))?;
    let mut found = Heartbeats::default();
    for object in listed.into_iter().filter(|object| object.location.extension() == Some("json")) {
        let name = object.location.to_string();
        let Some(bytes) = store.get(&name).await? else { continue };
        match Heartbeat::from_json(&bytes, store) {
            Some(heartbeat) => found.sound.push(heartbeat),
            None => found.damaged.push(name),
        }
    }
    Ok(found)
}

fn name(node: &Origin) -> String {
    format!("{NODES}/{node}.json")
}
