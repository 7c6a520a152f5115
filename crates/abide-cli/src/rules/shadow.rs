//! `abide rules shadow`: what judges along, and ending that.

use abide_journal::ActivationRecord;
use anyhow::Context as _;

use super::{activate::append, push::Author, versions::Versions};
use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Say which version judges along, or end that.
///
/// A version begins to judge along with `abide rules activate v8 --shadow`. What answers is not touched.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From now on nothing judges along.
    #[arg(long)]
    end: bool,

    #[command(flatten)]
    author: Author,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, now).await?;
    let Some((shadow, _)) = versions.activations.shadow() else {
        println!("Nothing judges along.");
        return Ok(Exit::Clean);
    };
    let name = versions.name_of(&shadow.ruleset);
    if !args.end {
        println!("{name} judges along since {}, by {}: {}", shadow.at, shadow.author, shadow.message);
        return Ok(Exit::Clean);
    }
    let record = ActivationRecord {
        number: versions.activations.next_number(),
        replaces: Some(versions.active_digest()),
        ends_shadow: true,
        author: args.author.name.as_str().into(),
        message: "no longer watched".into(),
        at: now,
        ..shadow.clone()
    };
    let mut writer = opened.writer().await.context("nothing was changed")?;
    let appended = append(&args.store, &opened, &mut writer, record, now).await?;
    println!("{name} judges along no more, from {}.", appended.token);
    Ok(Exit::Clean)
}
