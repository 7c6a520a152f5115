//! Following journals that grow while they are read.

use abide_journal::Reader;
use abide_model::Positions;

use crate::world::{NOW, in_memory, signals, writer};

/// More is written for each object that is read, so there is no end: who follows is told nevertheless that all is in
/// that there was when it began, in bounded time, and finds the rest the next time.
#[tokio::test]
async fn an_end_that_runs_ahead_is_not_waited_for() {
    let (_, store) = in_memory().await;
    let mut writers = [writer(&store, "eu-1").await, writer(&store, "us-1").await];
    let mut person = 0;
    let mut append = async |nth: usize| {
        person += 1;
        writers[nth % 2].append(&signals(person..person + 1), NOW).await.unwrap().token
    };
    let mut last = Vec::new();
    for nth in 0..10 {
        last.push(append(nth).await);
    }
    let mut follower = Reader::new(&store).follow(&Positions::default()).await.unwrap();
    let mut handed_out = 0;
    for _ in 0..3 {
        let before = handed_out;
        while follower.next_or_confirmed().await.unwrap().is_some() {
            handed_out += 1;
            for nth in 0..2 {
                append(nth).await;
            }
            assert!(handed_out - before < 10_000, "it waits for the end");
        }
        assert!(handed_out > before);
        for token in &last {
            assert!(follower.positions().of(&token.origin) >= token.position);
        }
        last = vec![append(0).await, append(1).await];
        follower.confirm().await.unwrap();
    }
    // Nobody writes any more: now it is the end, and nothing was left out.
    while follower.next_or_confirmed().await.unwrap().is_some() {}
    for token in last {
        assert_eq!(follower.positions().of(&token.origin), token.position);
    }
}
