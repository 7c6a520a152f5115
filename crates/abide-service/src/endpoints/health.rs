//! `GET /healthz`: the process answers. `GET /readyz`: its list is complete, and it takes more requests.

use futures::future::LocalBoxFuture;

use crate::{
    ask::{Answer, Ask, json},
    problem::{Kind, Problem},
    worker::Worker,
};

pub(crate) fn healthz(_: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async { Ok(json(&serde_json::json!({ "status": "ok" }))) })
}

pub(crate) fn readyz(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async {
        if worker.shared().is_stopping() {
            return Err(Problem::new(Kind::Unavailable, "the server stops"));
        }
        worker.list().map(|_| json(&serde_json::json!({ "status": "ready" })))
    })
}
