//! `GET /v1/rules`: which ruleset is in force on this node, and which versions the store keeps.

use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ask::{Answer, Ask, json},
    problem::Problem,
    worker::Worker,
};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RulesAnswer {
    /// As it stands in every verdict.
    active: String,
    /// SHA-256 of what its rules say, 64 hex digits.
    digest: String,
    /// All that were pushed, by number; the built-in one is none of them as long as nothing took its place.
    versions: Vec<VersionBody>,
    /// Digests of those that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct VersionBody {
    /// As in `v8`.
    number: u64,
    digest: String,
    is_active: bool,
    author: String,
    message: String,
    /// When it was pushed, in RFC 3339.
    at: String,
}

pub(crate) fn rules(worker: &Worker, _: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let published = worker.list()?;
        let active = published.snapshot.rules.version();
        let kept = abide_replica::rulesets::all(worker.shared().store())
            .await
            .map_err(|error| Problem::of_kind(error.kind(), abide_model::causes::chain(&error)))?;
        let version = |version: &abide_replica::StoredRuleset| VersionBody {
            number: version.number,
            digest: hex::encode(version.digest()),
            is_active: version.digest() == active.digest(),
            author: version.author.clone(),
            message: version.message.clone(),
            at: version.at.to_string(),
        };
        Ok(json(&RulesAnswer {
            active: active.to_string(),
            digest: active.digest_hex(),
            versions: kept.versions.iter().map(version).collect(),
            unreadable: kept.unreadable.iter().map(|(digest, _)| hex::encode(digest)).collect(),
        }))
    })
}
