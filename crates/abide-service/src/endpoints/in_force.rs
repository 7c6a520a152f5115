//! `GET /v1/in-force/{token}`: where an accepted signal is in force, and since when.

use abide_model::{Time, Token};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    ask::{Answer, Ask, json},
    problem::Problem,
    worker::Worker,
};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InForceAnswer {
    token: String,
    /// On the node that answers.
    in_force: bool,
    /// Since when, in RFC 3339. After a restart, since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// What all nodes have told, this one among them.
    nodes: Vec<NodeBody>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NodeBody {
    node: String,
    in_force: bool,
    /// When it last told how far it has read, in RFC 3339: since then at the latest, if it is in force there.
    told_at: String,
}

pub(crate) fn in_force(worker: &Worker, ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let token = read(ask.last_of_path())
            .ok_or_else(|| Problem::invalid("a token is an origin and a position, such as main:17"))?;
        let since = worker.shared().list.in_force_since(&token);
        let nodes = worker
            .shared()
            .nodes(worker.now())
            .await
            .map_err(|error| Problem::of_kind(error.kind(), abide_model::causes::chain(&*error)))?;
        let node = |heartbeat: &abide_journal::Heartbeat| NodeBody {
            node: heartbeat.node.to_string(),
            in_force: heartbeat
                .heads()
                .iter()
                .any(|head| head.origin == token.origin && head.position >= token.position),
            told_at: heartbeat.at.to_string(),
        };
        Ok(json(&InForceAnswer {
            token: token.to_string(),
            in_force: since.is_some(),
            since: since.map(|since: Time| since.to_string()),
            nodes: nodes.sound.iter().map(node).collect(),
        }))
    })
}

fn read(text: &str) -> Option<Token> {
    let text = text.replace("%3A", ":").replace("%3a", ":");
    let (origin, position) = text.rsplit_once(':')?;
    let position = position.parse().ok().filter(|position| *position > 0)?;
    Some(Token { origin: origin.parse().ok()?, position })
}
