//! Every bound that the service sets to what others send, in one place.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a client may ask for, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// Of a request's line and headers together.
    pub head_bytes: usize,
    /// How long a client may take to send a request's head, a connection that waits for its next one included.
    pub head_s: u64,
    /// How long a client may take to send a body.
    pub body_s: u64,
    /// How long a client may take none of an answer.
    pub write_s: u64,
    /// Of a body that is about one person.
    pub single_bytes: usize,
    /// Of a body that is about many.
    pub batch_bytes: usize,
    /// Of what a vendor posts, which is read before it is known whose it is.
    pub hook_bytes: usize,
    /// Of all bodies that are being read or worked on, beyond the first 16 KiB of each.
    pub bodies_bytes: usize,
    /// People in one `filter`.
    pub filter_subjects: usize,
    /// Signals in one request.
    pub signals: usize,
    /// Identifiers of one person.
    pub identifiers: usize,
    /// Signals that wait for being made durable; more are told to try again.
    pub waiting_signals: usize,
    /// Idempotency keys that are remembered.
    pub idempotency_keys: usize,
    /// Events and requests of vendors that are remembered, so that they count once.
    pub hook_events: usize,
    /// Uses of one unsubscribe link in a minute; 0 for any number.
    pub link_uses_per_min: u32,
    /// People that the holder of a token may ask about in a second; 0 for any number.
    pub checks_per_s: u32,
    /// And be told why, in a minute; 0 for any number.
    pub explains_per_min: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_bytes: 16 << 10,
            head_s: 60,
            body_s: 30,
            write_s: 30,
            single_bytes: 64 << 10,
            batch_bytes: 16 << 20,
            // SendGrid's are the largest that are known, 768 KiB.
            hook_bytes: 2 << 20,
            bodies_bytes: 256 << 20,
            filter_subjects: 100_000,
            signals: 10_000,
            identifiers: 32,
            waiting_signals: 100_000,
            idempotency_keys: 100_000,
            hook_events: 100_000,
            link_uses_per_min: 10,
            // At this rate, trying all phone numbers of a country takes weeks.
            checks_per_s: 1_000,
            explains_per_min: 60,
        }
    }
}

impl Limits {
    pub(crate) fn head(&self) -> Duration {
        Duration::from_secs(self.head_s)
    }

    pub(crate) fn body(&self) -> Duration {
        Duration::from_secs(self.body_s)
    }

    pub(crate) fn write(&self) -> Duration {
        Duration::from_secs(self.write_s)
    }

    /// What makes no sense, in words.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let nothing = [
            self.connections,
            self.single_bytes,
            self.batch_bytes,
            self.hook_bytes,
            self.filter_subjects,
            self.signals,
            self.identifiers,
            self.waiting_signals,
        ];
        if nothing.contains(&0) || self.head_s == 0 || self.body_s == 0 || self.write_s == 0 {
            return Some("a limit of 0 would let nothing through");
        }
        if self.bodies_bytes < self.single_bytes.max(self.batch_bytes).max(self.hook_bytes) {
            return Some("bodies_bytes is no less than one body may have");
        }
        // Below this the HTTP library does not work.
        if self.head_bytes < 8 << 10 {
            return Some("head_bytes is 8192 at the least");
        }
        if self.identifiers > usize::from(u8::MAX) {
            return Some("identifiers is 255 at the most");
        }
        None
    }
}
