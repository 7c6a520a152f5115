//! `GET /v1/push`: how far the journals lead, line by line, for other nodes of the store.

use futures::future::LocalBoxFuture;
use hyper::{
    Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use tokio::time::Instant;

use crate::{
    ask::{Answer, Ask, MediaType},
    body::Body,
    problem::Problem,
    worker::Worker,
};

pub(crate) fn push(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    let lines = worker.shared().board.lines(Instant::now(), worker.shared().stopping());
    let mut answer = Response::new(Body::lines(lines));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MediaType::Ndjson.as_str()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Box::pin(async { Ok(answer) })
}
