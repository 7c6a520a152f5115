//! `POST /v1/reload`: what SIGHUP does.

use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::{
    ask::{self, Answer, Ask},
    problem::{Kind, Problem},
    worker::Worker,
};

pub(crate) fn reload(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async {
        match worker.shared().reload() {
            Ok(at_next_start) => {
                Ok(ask::json(&json!({ "status": "reloaded", "at_next_start": at_next_start })))
            }
            Err(why) => {
                tracing::error!(error = why, "could not read the settings anew; those before count");
                // The log says which file it is, which is nobody else's affair.
                Err(Problem::new(
                    Kind::Conflict,
                    "what is to be read anew is not right; what was read before counts",
                ))
            }
        }
    })
}
