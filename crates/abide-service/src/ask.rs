//! A request on its way through an endpoint: its body within bounds, its media type, its query.

use std::{borrow::Cow, pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{
    Response,
    body::{Body as _, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    access::Caller,
    body::Body,
    limits::Limits,
    problem::{Kind, Problem},
};

pub(crate) type Answer = Response<Body>;

/// A request that has found its endpoint.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) caller: Caller,
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
    pub(crate) room: Room,
}

/// Room in memory for large bodies, shared by all requests, and what this one has of it. It is free again when the request
/// is answered.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

/// What every body may have, however many there are; room is taken in pieces of it.
const PIECE_BYTES: usize = 16 << 10;

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        let pieces = (bytes / PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        Self { shared: Arc::new(Semaphore::new(pieces)), taken: None }
    }

    /// Whether there is room for a body of so many bytes.
    fn holds(&mut self, bytes: usize) -> bool {
        let needed = bytes.div_ceil(PIECE_BYTES).saturating_sub(1);
        let missing = needed.saturating_sub(self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return true;
        }
        let Ok(missing) = u32::try_from(missing) else { return false };
        let Ok(more) = self.shared.clone().try_acquire_many_owned(missing) else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}

impl Clone for Room {
    /// The same room, and nothing of it taken.
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), taken: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    Json,
    /// One JSON value a line.
    Ndjson,
    /// A row for each, as an IPC stream.
    Arrow,
}

impl MediaType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

impl Ask {
    /// What the body is; a browser's form or plain text is none of it, so that no page can make one ask.
    pub(crate) fn media_type(&self) -> Result<MediaType, Problem> {
        match self.essence().as_str() {
            "application/json" => Ok(MediaType::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(MediaType::Ndjson),
            _ => Err(Problem::new(
                Kind::WrongType,
                "name the body's type: application/json, or application/x-ndjson where there may be many",
            )),
        }
    }

    /// The same where many may also come in columns.
    pub(crate) fn media_type_of_many(&self) -> Result<MediaType, Problem> {
        if self.essence() == MediaType::Arrow.as_str() { Ok(MediaType::Arrow) } else { self.media_type() }
    }

    fn essence(&self) -> String {
        let named =
            self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn json_only(&self) -> Result<(), Problem> {
        match self.media_type()? {
            MediaType::Json => Ok(()),
            MediaType::Ndjson | MediaType::Arrow => {
                Err(Problem::new(Kind::WrongType, "this takes application/json"))
            }
        }
    }

    /// The path's last part, for a route that ends in a parameter.
    pub(crate) fn last_of_path(&self) -> &str {
        self.head.uri.path().rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.head.uri.query().unwrap_or_default().as_bytes())
    }

    /// The whole body, if it is no larger than `bytes_max` and comes in time.
    pub(crate) async fn read_body(&mut self, bytes_max: usize, limits: &Limits) -> Result<Bytes, Problem> {
        let too_large = || Problem::new(Kind::TooLarge, format!("the body has more than {bytes_max} bytes"));
        if self.body.size_hint().lower() > bytes_max as u64 {
            return Err(too_large());
        }
        // Most often all of it is there already, and no clock is needed.
        let mut reading = pin!(collect(&mut self.body, &mut self.room, bytes_max));
        let read = match futures::poll!(&mut reading) {
            std::task::Poll::Ready(read) => read,
            std::task::Poll::Pending => in_time(limits.body(), reading).await?,
        };
        read.map_err(|unread| match unread {
            Unread::TooLarge => too_large(),
            Unread::NoRoom => {
                Problem::new(Kind::Unavailable, "too many large bodies are being read; try again")
            }
            Unread::Cut => Problem::invalid("the body ended too early"),
        })
    }
}

/// Why there is no whole body.
enum Unread {
    TooLarge,
    NoRoom,
    Cut,
}

async fn in_time<T>(time: Duration, reading: impl Future<Output = T>) -> Result<T, Problem> {
    timeout(time, reading)
        .await
        .map_err(|_| Problem::new(Kind::TooSlow, format!("the body took more than {} s", time.as_secs())))
}

async fn collect(body: &mut Incoming, room: &mut Room, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Cut)?.into_data() else { continue };
        length += data.len();
        if length > bytes_max {
            return Err(Unread::TooLarge);
        }
        if !room.holds(length) {
            return Err(Unread::NoRoom);
        }
        match &first {
            None => first = Some(data),
            Some(first) => {
                if rest.is_empty() {
                    rest.extend_from_slice(first);
                }
                rest.extend_from_slice(&data);
            }
        }
        // A body in one piece is not copied, and its end is not waited for.
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

pub(crate) fn answer(media_type: MediaType, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()));
    answer
}

pub(crate) fn json(body: &impl serde::Serialize) -> Answer {
    answer(MediaType::Json, serde_json::to_vec(body).expect("what is answered becomes JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small bodies always have room; large ones share it, and give it back.
    #[test]
    fn large_bodies_share_room() {
        let all = Room::new(4 * PIECE_BYTES);
        let (mut one, mut other) = (all.clone(), all.clone());
        assert!(one.holds(PIECE_BYTES + 1) && one.holds(4 * PIECE_BYTES));
        assert!(other.holds(2 * PIECE_BYTES) && !other.holds(2 * PIECE_BYTES + 1));
        assert!(other.holds(PIECE_BYTES), "what was refused took nothing");
        drop(one);
        assert!(other.holds(5 * PIECE_BYTES) && !all.clone().holds(PIECE_BYTES + 1));
        assert!(all.clone().holds(PIECE_BYTES));
    }
}
