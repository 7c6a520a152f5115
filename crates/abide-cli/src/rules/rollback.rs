//! `abide rules rollback`: back to a version that was in force before.

use abide_replica::StoredRuleset;
use anyhow::{Context as _, ensure};

use super::{
    activate::{How, Terms},
    versions::Versions,
};
use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Go back to the version that the active one replaced, or to the one named, everywhere and at once.
///
/// No opt-out is touched: what people said stays, only what it means goes back. Going back to a weaker version
/// needs --allow-weaker like any activation.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules rollback
  abide rules rollback v7 --if-active v8 --allow-weaker 'v8 silences the whole programme'")]
pub(crate) struct Args {
    /// The version to go back to.
    version: Option<String>,

    #[command(flatten)]
    terms: Terms,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, now).await?;
    let target = match &args.version {
        Some(name) => versions.named(name)?,
        None => before(&versions)?,
    };
    println!("Going back to v{}: {}", target.number, target.message);
    let how = How { done: "rolled back", rollback: true, guard: None };
    args.terms.bring_into_force(&args.store, &opened, &versions, target, how, now).await
}

/// What the active version replaced. After a rollback that would be forward, so then it has to be named.
fn before(versions: &Versions) -> anyhow::Result<&StoredRuleset> {
    let (activation, _) = versions
        .activations
        .in_force()
        .context("nothing was ever activated, so there is nothing to go back to")?;
    let kept = |digest: &[u8; 32]| versions.of_digest(digest);
    let replaced = activation.replaces.as_ref().and_then(kept);
    let replaced =
        replaced.context("what was in force before is not kept; name the version to go back to")?;
    let Some(active) = kept(&activation.ruleset) else {
        // Nothing is known of what cannot be read but what it replaced.
        return Ok(replaced);
    };
    // A built-in ruleset that was replaced has no parent and is kept late, under a number that says nothing.
    let is_forward = activation.rollback
        || versions.descends(replaced, active)
        || (replaced.number > active.number
            && replaced.parent.is_some()
            && !versions.descends(active, replaced));
    ensure!(
        !is_forward,
        "v{} replaced v{}, which it was gone back from: going back to that would be going forward; name the version that you mean",
        active.number,
        replaced.number
    );
    Ok(replaced)
}
