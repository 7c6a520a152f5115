//! A process that is killed: what it was doing is dropped where it stood.

use std::{future::poll_fn, task::Poll};

use rand_chacha::ChaCha8Rng;

use super::actors::Actor;

/// Lets an actor act for so many polls of its future and then kills it.
pub(super) async fn within(mut polls: u32, actor: &mut dyn Actor, rng: ChaCha8Rng) {
    let killed = {
        let mut act = actor.act(rng);
        poll_fn(|context| match polls.checked_sub(1) {
            None => Poll::Ready(true),
            Some(left) => {
                polls = left;
                act.as_mut().poll(context).map(|()| false)
            }
        })
        .await
    };
    if killed {
        actor.killed();
    }
}
