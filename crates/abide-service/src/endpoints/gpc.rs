//! `GET /.well-known/gpc.json`: whoever serves this says that they abide by Global Privacy Control (W3C).

use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::{
    ask::{self, Answer, Ask},
    problem::{Kind, Problem},
    worker::Worker,
};

pub(crate) fn gpc(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async {
        // It is said by whoever answers for the site, never by default.
        let set_up = worker.set_up();
        let since = Some(&set_up.config.gpc_since).filter(|since| !since.is_empty());
        let since = since.ok_or_else(|| Problem::new(Kind::NotFound, "this server has no gpc_since"))?;
        Ok(ask::json(&json!({ "gpc": true, "lastUpdate": since })))
    })
}
