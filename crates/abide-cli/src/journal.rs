//! Walking the whole journal, for what the list does not keep.

use abide_journal::{Reader, Record, Store};
use abide_model::{Positions, Token};

use crate::progress::{self, Unit};

/// Calls `what` with every record of every origin, once, each origin's in order.
pub(crate) async fn walk(
    store: &Store,
    mut what: impl FnMut(Token, Record) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let reader = Reader::new(store);
    let mut bytes = 0;
    for origin in reader.origins().await? {
        bytes += reader.objects(&origin).await?.iter().map(|object| object.bytes).sum::<u64>();
    }
    let bar = progress::bar("reading the journal", Unit::Bytes, Some(bytes));
    let mut follower = Box::pin(reader.follow(&Positions::default())).await?;
    while let Some(followed) = Box::pin(follower.next_or_confirmed()).await? {
        for record in followed.records() {
            let (position, record) = record?;
            what(Token { origin: followed.object.name().origin.clone(), position }, record)?;
        }
        bar.inc(followed.object.bytes().len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
