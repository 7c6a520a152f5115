//! `abide rules push`: store a version.

use std::path::PathBuf;

use abide_journal::Retry;
use abide_replica::{Pushed, StoredRuleset};
use anyhow::ensure;

use super::{
    folder::Folder,
    test::{self, TrialFlags},
    versions::Versions,
};
use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Store a ruleset as a version that can be activated. What does not pass `abide rules test` is refused.
///
/// A version is never changed: the same rules pushed again are the version that is there. Nothing comes into
/// force by this.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  abide rules push rules/ -m 'brand B gets its own list'")]
pub(crate) struct Args {
    /// The folder with ruleset.toml.
    folder: PathBuf,

    /// What is different, for whoever reads the log.
    #[arg(short, long)]
    message: String,

    #[command(flatten)]
    author: Author,

    #[command(flatten)]
    trial: TrialFlags,

    #[command(flatten)]
    store: StoreFlags,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Author {
    /// Who does this, for the log.
    #[arg(long = "by", env = "USER", default_value = "unknown", value_name = "NAME")]
    pub(crate) name: String,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    ensure!(!args.message.trim().is_empty(), "an empty message tells nobody anything");
    let folder = Folder::read(&args.folder)?;
    let trial = args.trial.of(&folder).await;
    if !trial.is_passed() {
        test::print(&trial);
        println!("Nothing was stored.");
        return Ok(Exit::Found);
    }
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, now).await?;
    let version = StoredRuleset {
        number: versions.next_number(),
        author: args.author.name.clone(),
        at: now,
        message: args.message.clone(),
        parent: Some(versions.active_digest()),
        test: test::to_json(&trial),
        sources: folder.sources,
        cases: folder.case_texts,
    };
    let digest = hex::encode(&version.digest()[..4]);
    match version.push(&opened.store, Retry::default()).await? {
        Pushed::New(version) => {
            println!("Stored v{} ({digest}).", version.number);
            println!("It is not in force; that takes: abide rules activate v{}", version.number);
        }
        Pushed::Known(version) => {
            println!("These rules are v{} already ({digest}); nothing was stored.", version.number);
        }
    }
    Ok(Exit::Clean)
}
