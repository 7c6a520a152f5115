//! `GET /v1/hook-events`: events of webhooks that nobody knows the meaning of, by name.

use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ask::{Answer, Ask, json},
    problem::Problem,
    worker::Worker,
};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AsideAnswer {
    /// On this node, since it was started.
    unknown: Vec<EventBody>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EventBody {
    account: String,
    /// `?` for a request that could not be read, `…` for all beyond a thousand names.
    event: String,
    count: u64,
    /// In RFC 3339.
    first_at: String,
    last_at: String,
}

pub(crate) fn aside(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async {
        let unknown = worker.shared().aside.list().into_iter().map(|(account, event, kept)| EventBody {
            account: account.to_string(),
            event: event.to_string(),
            count: kept.count,
            first_at: kept.first_at.to_string(),
            last_at: kept.last_at.to_string(),
        });
        Ok(json(&AsideAnswer { unknown: unknown.collect() }))
    })
}
