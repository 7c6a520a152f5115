//! `abide rules activate`: bring a version into force everywhere.

use abide_journal::{ActivationRecord, Record, Retry};
use abide_model::Time;
use abide_replica::{Pushed, StoredRuleset};
use abide_rules::{RulesetSources, sources::BUILT_IN_CASES};
use abide_trial::Comparison;
use anyhow::{Context as _, bail, ensure};

use super::{push::Author, versions::Versions};
use crate::{
    clock,
    exit::Exit,
    store_flags::{Opened, StoreFlags, remember},
};

/// Bring a stored version into force, on every node, at one position of the journal.
///
/// A version that lets through anybody whom the active one blocks is refused, with examples, unless
/// --allow-weaker says why; the reason is recorded.
///
/// Exit codes: 0 it is in force, 1 it is weaker and was refused, or another came first, 3 the work could not be done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules activate v8
  abide rules activate v8 --allow-weaker 'counsel agreed on 3 May: letters are not marketing'")]
pub(crate) struct Args {
    /// The version, as `abide rules log` shows it, e.g. v8.
    version: String,

    /// Only judge along: the active one goes on answering, and scrub, validate and segment count where the two do
    /// not agree. It ends with the next activation.
    #[arg(long, conflicts_with = "allow_weaker")]
    shadow: bool,

    #[command(flatten)]
    terms: Terms,

    #[command(flatten)]
    store: StoreFlags,
}

/// On which terms something is brought into force.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Terms {
    /// Do it although somebody whom the active ruleset blocks gets through, and record why.
    #[arg(long, value_name = "REASON")]
    allow_weaker: Option<String>,

    /// Only if this version is in force now, so that two who do the same at once do it once.
    #[arg(long, value_name = "VERSION")]
    if_active: Option<String>,

    #[command(flatten)]
    author: Author,

    /// For the log.
    #[arg(short, long)]
    message: Option<String>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let versions = Versions::read(&opened, now).await?;
    let target = versions.named(&args.version)?;
    if args.shadow {
        return args.terms.watch(&args.store, &opened, &versions, target, now).await;
    }
    args.terms.bring_into_force(&args.store, &opened, &versions, target, "activated", now).await
}

/// Shown at the most of whoever would get through.
const EXAMPLES_MAX: usize = 10;

impl Terms {
    /// Lets a version judge along without answering: it lets nobody through, so it may be weaker.
    async fn watch(
        &self,
        flags: &StoreFlags,
        opened: &Opened,
        versions: &Versions,
        target: &StoredRuleset,
        now: Time,
    ) -> anyhow::Result<Exit> {
        self.check_active(versions)?;
        target
            .ruleset()
            .with_context(|| format!("v{} cannot be used by this version of abide", target.number))?;
        let record = ActivationRecord {
            number: versions.next_activation,
            ruleset: target.digest(),
            replaces: Some(versions.active_digest()),
            shadow: true,
            author: self.author.name.as_str().into(),
            message: self.message.as_deref().unwrap_or("watched").into(),
            reason: None,
            at: now,
        };
        let mut writer = opened.writer(now).await?;
        let appended =
            writer.append(&[Record::Activation(record)], now).await.context("nothing was changed")?;
        remember(flags, &opened.store, std::slice::from_ref(writer.head()), now).await;
        let active = versions.name_of(&versions.active_digest());
        println!("v{} judges along from {}; {active} goes on answering.", target.number, appended.token);
        Ok(Exit::Clean)
    }

    /// Refuses where another version is in force than the caller said.
    fn check_active(&self, versions: &Versions) -> anyhow::Result<()> {
        if let Some(expected) = &self.if_active
            && versions.named(expected)?.digest() != versions.active_digest()
        {
            bail!(
                "{expected} is not in force, {} is; nothing was changed",
                versions.name_of(&versions.active_digest())
            );
        }
        Ok(())
    }

    pub(crate) async fn bring_into_force(
        &self,
        flags: &StoreFlags,
        opened: &Opened,
        versions: &Versions,
        target: &StoredRuleset,
        done: &str,
        now: Time,
    ) -> anyhow::Result<Exit> {
        self.check_active(versions)?;
        let name = format!("v{}", target.number);
        if target.digest() == versions.active_digest() && versions.activation.is_some() {
            println!("{name} is in force already; nothing was changed.");
            return Ok(Exit::Clean);
        }
        let rules =
            target.ruleset().with_context(|| format!("{name} cannot be used by this version of abide"))?;
        let comparison = abide_proof::prove(&versions.active, &rules).await.comparison;
        let is_weaker = !comparison.is_no_weaker();
        match &self.allow_weaker {
            Some(reason) => ensure!(!reason.trim().is_empty(), "--allow-weaker says why, in words"),
            None if is_weaker => {
                refuse(&name, versions, &comparison);
                return Ok(Exit::Found);
            }
            None => {}
        }
        keep_replaced(opened, versions, now).await?;
        let record = ActivationRecord {
            number: versions.next_activation,
            ruleset: target.digest(),
            replaces: Some(versions.active_digest()),
            shadow: false,
            author: self.author.name.as_str().into(),
            message: self.message.as_deref().unwrap_or(done).into(),
            reason: self.allow_weaker.as_deref().filter(|_| is_weaker).map(Into::into),
            at: now,
        };
        let mut writer = opened.writer(now).await?;
        let before = Versions::read(opened, now).await?;
        ensure!(
            before.active_digest() == versions.active_digest(),
            "{} came into force meanwhile, so what was compared is out of date; nothing was changed, try again",
            before.name_of(&before.active_digest())
        );
        let record = ActivationRecord { number: before.next_activation, ..record };
        let appended =
            writer.append(&[Record::Activation(record)], now).await.context("nothing was changed")?;
        remember(flags, &opened.store, std::slice::from_ref(writer.head()), now).await;
        let after =
            Versions::read(opened, now).await.context("it is recorded, whether it stands is unknown")?;
        if after.active_digest() != target.digest() {
            let active = after.name_of(&after.active_digest());
            println!("{name} is NOT in force: {active} was activated at the same time, and stands.");
            return Ok(Exit::Found);
        }
        println!(
            "{name} is in force from {}; it replaces {}.",
            appended.token,
            versions.name_of(&versions.active_digest())
        );
        println!("Everybody is judged by it as soon as their node has read that far.");
        Ok(Exit::Clean)
    }
}

fn refuse(name: &str, versions: &Versions, comparison: &Comparison) {
    let active = versions.name_of(&versions.active_digest());
    if let Some(gap) = &comparison.gap {
        println!("It cannot be shown that {name} is no weaker than {active}: {gap}.");
    }
    if !comparison.newly_allowed.is_empty() {
        println!("{name} lets through whom {active} blocks:");
    }
    for example in comparison.newly_allowed.iter().take(EXAMPLES_MAX) {
        println!("  {}", example.sentence);
    }
    if let Some(more) = comparison.newly_allowed.len().checked_sub(EXAMPLES_MAX).filter(|more| *more > 0) {
        println!("  and {more} more");
    }
    println!("Nothing was changed. If that is meant, say why: --allow-weaker 'REASON'");
}

/// The built-in ruleset changes with the program, and what was replaced must be there to go back to.
async fn keep_replaced(opened: &Opened, versions: &Versions, now: Time) -> anyhow::Result<()> {
    let sources = RulesetSources::built_in();
    if versions.of_digest(&versions.active_digest()).is_some() || sources.digest() != versions.active_digest()
    {
        return Ok(());
    }
    let built_in = StoredRuleset {
        number: versions.next_number(),
        author: "abide".to_owned(),
        at: now,
        message: format!("the built-in ruleset of abide {}", env!("CARGO_PKG_VERSION")),
        parent: None,
        test: serde_json::Value::Null,
        sources,
        cases: BUILT_IN_CASES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
    };
    let number = match built_in.push(&opened.store, Retry::default()).await? {
        Pushed::New(version) | Pushed::Known(version) => version.number,
    };
    println!("The built-in ruleset, in force so far, is kept as v{number}.");
    Ok(())
}
