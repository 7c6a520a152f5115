//! What this node tells other nodes: how far it knows each journal to lead, as soon as it does.
//!
//! Said is always all of it and only the newest: who is slow misses what was overtaken, which it needs no more, and
//! nothing waits for anybody. A line is sealed by the store's secret, and holds no key of anybody.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use abide_journal::{Head, Heartbeat, Store};
use abide_model::{Origin, Time};
use bytes::Bytes;
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// Without news a line comes so often, so that a connection that is dead is told from one that is quiet.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// What is to be told, as it stands now.
#[derive(Clone, Debug)]
struct News {
    /// Where the journals lead, sealed.
    heads: Arc<str>,
    /// There was nothing beyond that at this moment.
    confirmed_at: Option<Instant>,
}

pub(crate) struct Board {
    store: Store,
    known: Mutex<Heartbeat>,
    news: watch::Sender<Option<News>>,
    now: fn() -> Time,
}

/// One line of the stream.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When there was nothing beyond the heads, in milliseconds since the request came; before that it is negative.
    /// Whoever asked adds it to the moment before they did: no clock of another machine is trusted, nor that a line
    /// came as soon as it was sent.
    pub(crate) as_of_ms: Option<i64>,
    /// A heartbeat, as it stands under `nodes/`.
    pub(crate) heads: String,
}

impl Board {
    pub(crate) fn new(store: Store, node: Origin, now: fn() -> Time) -> Self {
        let known = Mutex::new(Heartbeat::new(node, now()));
        Self { store, known, news: watch::Sender::new(None), now }
    }

    /// This node has made something durable.
    pub(crate) fn appended(&self, heads: &[Head]) {
        let mut known = self.known();
        if known.see(heads) {
            let sealed = self.seal(&mut known);
            self.news.send_modify(|news| match news {
                Some(news) => news.heads = sealed,
                None => *news = Some(News { heads: sealed, confirmed_at: None }),
            });
        }
    }

    /// All that there was at a moment has been read.
    pub(crate) fn confirmed(&self, heads: &[Head], at: Instant) {
        let mut known = self.known();
        let is_news = known.see(heads);
        let sealed = is_news.then(|| self.seal(&mut known));
        self.news.send_modify(|news| {
            let before = news.take();
            let confirmed_at = before.as_ref().and_then(|before| before.confirmed_at).max(Some(at));
            let heads = sealed.or(before.map(|before| before.heads)).unwrap_or_else(|| self.seal(&mut known));
            *news = Some(News { heads, confirmed_at });
        });
    }

    /// Lines for somebody who asked at `began`, until this node is told to stop.
    pub(crate) fn lines(
        &self,
        began: Instant,
        stop: watch::Receiver<bool>,
    ) -> impl Stream<Item = Bytes> + Send + use<> {
        let news = self.news.subscribe();
        stream::unfold((news, stop, true), move |(mut news, mut stop, is_first)| async move {
            if !is_first {
                let changed = timeout(AT_LEAST_EVERY, news.changed());
                tokio::select! {
                    _ = changed => {}
                    _ = stop.changed() => {}
                }
            }
            if *stop.borrow() {
                return None;
            }
            let line =
                news.borrow_and_update().as_ref().map_or(Bytes::from_static(b"\n"), |news| news.line(began));
            Some((line, (news, stop, false)))
        })
    }

    fn seal(&self, known: &mut Heartbeat) -> Arc<str> {
        known.at = (self.now)();
        String::from_utf8(known.to_json(&self.store)).expect("JSON is text").into()
    }

    fn known(&self) -> MutexGuard<'_, Heartbeat> {
        self.known.lock().expect("what is done under this lock does not panic")
    }
}

impl News {
    fn line(&self, began: Instant) -> Bytes {
        let as_of_ms = self.confirmed_at.map(|at| millis_between(began, at));
        let line = Line { as_of_ms, heads: self.heads.to_string() };
        let mut line = serde_json::to_vec(&line).expect("numbers and text become JSON");
        line.push(b'\n');
        line.into()
    }
}

/// Rounded down, so that nothing looks newer than it is.
fn millis_between(from: Instant, to: Instant) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match to.checked_duration_since(from) {
        Some(after) => millis(after),
        None => -millis(from - to) - 1,
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Board(…)")
    }
}
