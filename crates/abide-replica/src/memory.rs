//! What this machine has seen of the journals, kept beside its copy of the list: a journal that ends
//! before it has lost its tail, which nobody could tell from the store alone.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use abide_journal::{Head, Heartbeat, Store};
use abide_model::{Origin, Time};

use crate::cache::FETCHING;

/// Goes with the cache folder. A file that cannot be read or written is none: less is remembered.
#[derive(Clone, Debug)]
pub struct Memory {
    path: PathBuf,
    store: Store,
    seen: Heartbeat,
}

impl Memory {
    /// A file for each place: a copy of a store has its id, and goes on differently.
    pub fn open(dir: &Path, store: &Store) -> Self {
        let place = blake3::hash(store.location().as_bytes());
        let path = dir.join(format!("heads-{}.json", &place.to_hex()[..16]));
        let seen = read(&path, store).unwrap_or_else(|| Heartbeat::new(nobody(), Time::MIN));
        Self { path, store: store.clone(), seen }
    }

    /// Whether a file of the cache folder is one of these.
    pub fn is_file(name: &str) -> bool {
        name.starts_with("heads-")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn heads(&self) -> &[Head] {
        self.seen.heads()
    }

    /// Remembers where journals were seen to lead, each head durable and confirmed.
    pub fn see(&mut self, heads: &[Head], now: Time) {
        if !self.seen.see(heads) {
            return;
        }
        // Another process may have seen more since.
        if let Some(theirs) = read(&self.path, &self.store) {
            self.seen.see(theirs.heads());
        }
        self.seen.at = now;
        let _ = self.write();
    }

    /// The same, to be left in the store under a node's name.
    pub fn heartbeat(&self, node: Origin, now: Time) -> Heartbeat {
        let mut heartbeat = Heartbeat::new(node, now);
        heartbeat.see(self.heads());
        heartbeat
    }

    fn write(&self) -> Option<()> {
        let dir = self.path.parent()?;
        fs::create_dir_all(dir).ok()?;
        let mut file = tempfile::Builder::new().prefix(FETCHING).tempfile_in(dir).ok()?;
        file.write_all(&self.seen.to_json(&self.store)).ok()?;
        file.persist(&self.path).ok().map(|_| ())
    }
}

fn read(path: &Path, store: &Store) -> Option<Heartbeat> {
    Heartbeat::from_json(&fs::read(path).ok()?, store)
}

/// The file is this machine's, whatever names it writes under.
fn nobody() -> Origin {
    "local".parse().expect("lower-case letters")
}
