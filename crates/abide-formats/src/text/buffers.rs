//! Buffers that are read into, and put together in, again and again, so that their memory need neither be fetched nor
//! blanked for every chunk.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers that nobody has at the moment.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    usual_len: usize,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// As many as there are chunks under way in a run with few threads, coming in and going out; more come and go.
const IDLE_MAX: usize = 16;

impl Buffers {
    /// Of which most are so long. Longer ones are not kept.
    pub(super) fn new(usual_len: usize) -> Self {
        Self { usual_len, idle: Arc::default() }
    }

    /// One of at least so many bytes, filled with anything.
    pub(super) fn take(&self, len: usize) -> Vec<u8> {
        if len > self.usual_len {
            return vec![0; len];
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![0; self.usual_len])
    }

    /// Its first `len` bytes, which come back here when nobody needs them any more.
    pub(super) fn lend(&self, buffer: Vec<u8>, len: usize) -> Bytes {
        Bytes::from_owner(Lent { buffer, len, home: self.clone() })
    }

    fn put_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() == self.usual_len && idle.len() < IDLE_MAX {
            idle.push(buffer);
        }
    }
}

struct Lent {
    buffer: Vec<u8>,
    len: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put_back(std::mem::take(&mut self.buffer));
    }
}
