//! `GET /openapi.json`: made from the table of routes, so that it cannot tell of others.

use futures::future::LocalBoxFuture;

use crate::{
    ask::{Answer, Ask, MediaType, answer},
    problem::Problem,
    routes,
    worker::Worker,
};

pub(crate) fn openapi(_: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async { Ok(answer(MediaType::Json, routes::openapi().to_string())) })
}
