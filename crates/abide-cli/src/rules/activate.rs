//! `abide rules activate`: bring a version into force everywhere.

#[cfg(test)]
mod tests;

use abide_enforce::GuardRule;
use abide_journal::{ActivationRecord, Appended, Record, Retry, Writer};
use abide_model::Time;
use abide_replica::{Pushed, StoredRuleset};
use abide_rules::{Ruleset, RulesetSources, sources::BUILT_IN_CASES};
use abide_trial::Comparison;
use anyhow::{Context as _, ensure};

use super::{
    push::Author,
    versions::{Versions, in_use},
};
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
  abide rules activate v8 --guard 'block_rate change > 50% over 5m'
  abide rules activate v8 --allow-weaker 'counsel agreed on 3 May: letters are not marketing'")]
pub(crate) struct Args {
    /// The version, as `abide rules log` shows it, e.g. v8.
    version: String,

    /// Only judge along: the active one goes on answering, and scrub, validate and segment count where the two do
    /// not agree. It ends with the next activation, or with `abide rules shadow --end`.
    #[arg(long, conflicts_with = "allow_weaker")]
    shadow: bool,

    /// Go back to the version before, at once, where this happens under the new one: METRIC [change] > N% over TIME,
    /// with block_rate or cannot_tell_rate. Every scrub watches for it. Where going back would let somebody through,
    /// that takes --allow-weaker now.
    #[arg(long, value_name = "GUARD", conflicts_with = "shadow")]
    guard: Option<GuardRule>,

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

    /// Only while this version is in force: what was activated over it, even at the same time, is left in force, so
    /// that two who do the same at once do it once.
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
    let how = How { done: "activated", rollback: false, guard: args.guard };
    args.terms.bring_into_force(&args.store, &opened, &versions, target, how, now).await
}

/// Shown at the most of whoever would get through.
const EXAMPLES_MAX: usize = 10;

/// As what something comes into force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// For the log, unless a message was given.
    pub(crate) done: &'static str,
    pub(crate) rollback: bool,
    pub(crate) guard: Option<GuardRule>,
}

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
        let record = self.record(versions, target, "watched", now);
        // What judges along takes nothing's place.
        let number = versions.activations.next_number();
        let record = ActivationRecord { number, shadow: true, only_after: None, ..record };
        let mut writer = opened.writer().await?;
        let appended = append(flags, opened, &mut writer, record, now).await?;
        let active = versions.name_of(&versions.active_digest());
        println!("v{} judges along from {}; {active} goes on answering.", target.number, appended.token);
        Ok(Exit::Clean)
    }

    /// Refuses where another version is in force than the caller said.
    fn check_active(&self, versions: &Versions) -> anyhow::Result<()> {
        let Some(expected) = &self.if_active else { return Ok(()) };
        ensure!(
            versions.place().is_some(),
            "{expected} is not in force: nothing was ever activated, so there is nothing to take the place of; nothing \
             was changed"
        );
        let active = versions.active_digest();
        ensure!(
            versions.is_named(expected, &active)?,
            "{expected} is not in force, {} is; nothing was changed",
            versions.name_of(&active)
        );
        Ok(())
    }

    /// What stands in the journal of a version that comes into force; `done` unless a message was given.
    fn record(&self, versions: &Versions, target: &StoredRuleset, done: &str, now: Time) -> ActivationRecord {
        let only_after = versions.place().filter(|_| self.if_active.is_some());
        let next = || versions.activations.next_number();
        ActivationRecord {
            number: only_after.as_ref().map_or_else(next, |place| place.number),
            ruleset: target.digest(),
            replaces: Some(versions.active_digest()),
            shadow: false,
            only_after,
            rollback: false,
            ends_shadow: false,
            guard: None,
            author: self.author.name.as_str().into(),
            message: self.message.as_deref().unwrap_or(done).into(),
            reason: None,
            at: now,
        }
    }

    pub(crate) async fn bring_into_force(
        &self,
        flags: &StoreFlags,
        opened: &Opened,
        versions: &Versions,
        target: &StoredRuleset,
        how: How,
        now: Time,
    ) -> anyhow::Result<Exit> {
        self.check_active(versions)?;
        let name = format!("v{}", target.number);
        if target.digest() == versions.active_digest() && versions.place().is_some() {
            println!("{name} is in force already; nothing was changed.");
            return Ok(Exit::Clean);
        }
        let rules =
            target.ruleset().with_context(|| format!("{name} cannot be used by this version of abide"))?;
        if let Some(reason) = &self.allow_weaker {
            ensure!(!reason.trim().is_empty(), "--allow-weaker says why, in words");
        }
        let Some(is_weaker) = self.weighed(&name, &rules, versions, how).await? else {
            return Ok(Exit::Found);
        };
        keep_replaced(opened, versions, now).await?;
        let mut writer = opened.writer().await?;
        let before = Versions::read(opened, now).await?;
        ensure!(
            before.active_digest() == versions.active_digest(),
            "{} came into force meanwhile, so what was compared is out of date; nothing was changed, try again",
            before.name_of(&before.active_digest())
        );
        let reason = self.allow_weaker.as_deref().filter(|_| is_weaker).map(Into::into);
        let guard = how.guard.map(|guard| guard.to_string().into());
        let record = self.record(&before, target, how.done, now);
        let record = ActivationRecord { reason, guard, rollback: how.rollback, ..record };
        let entry = Entry { flags, opened, name, rules, is_any_meant: self.allow_weaker.is_some(), now };
        let exit = Box::pin(entry.make(&mut writer, &before, record)).await?;
        if let (Exit::Clean, Some(guard)) = (exit, how.guard) {
            println!("Whoever sees `{guard}` happen goes back to what it replaces.");
        }
        Ok(exit)
    }

    /// Whether somebody gets through, there or on the way back that a guard may take; nothing where that is refused.
    async fn weighed(
        &self,
        name: &str,
        rules: &Ruleset,
        versions: &Versions,
        how: How,
    ) -> anyhow::Result<Option<bool>> {
        let active = versions.name_of(&versions.active_digest());
        let before = match versions.active() {
            Ok(before) => before,
            Err(error) => {
                ensure!(how.guard.is_none(), "a guard would go back to {active}, which cannot be read");
                println!("It cannot be shown that {name} is no weaker than {active}: {error}");
                return Ok(self.meant(true));
            }
        };
        let there = compare(before, rules).await;
        let back = match how.guard {
            Some(_) => Some(compare(rules, before).await),
            None => None,
        };
        let back = back.filter(|back| !back.is_no_weaker());
        let is_weaker = !there.is_no_weaker() || back.is_some();
        if is_weaker && self.allow_weaker.is_none() {
            if !there.is_no_weaker() {
                print_weaker(name, &active, &there);
            }
            if let Some(back) = back {
                println!("The guard may go back to {active}, which is weaker:");
                print_weaker(&active, name, &back);
            }
        }
        Ok(self.meant(is_weaker))
    }

    /// Refuses what is weaker, unless somebody says why it is meant.
    fn meant(&self, is_weaker: bool) -> Option<bool> {
        if is_weaker && self.allow_weaker.is_none() {
            println!("Nothing was changed. If that is meant, say why: --allow-weaker 'REASON'");
            return None;
        }
        Some(is_weaker)
    }
}

async fn compare(before: &Ruleset, after: &Ruleset) -> Comparison {
    abide_proof::prove_no_weaker(before, after).await.comparison
}

/// A version that was weighed and comes into force, unless somebody else is doing the same.
struct Entry<'a> {
    flags: &'a StoreFlags,
    opened: &'a Opened,
    name: String,
    rules: Ruleset,
    /// Whatever it lets through is meant.
    is_any_meant: bool,
    now: Time,
}

impl Entry<'_> {
    /// Records it, and looks what came of it, `before` being what was in force when it was made.
    async fn make(
        &self,
        writer: &mut Writer,
        before: &Versions,
        record: ActivationRecord,
    ) -> anyhow::Result<Exit> {
        let Self { flags, opened, name, rules, is_any_meant, now } = self;
        let place = record.place(writer.origin());
        let appended = append(flags, opened, writer, record, *now).await?;
        let after =
            Versions::read(opened, *now).await.context("it is recorded, whether it stands is unknown")?;
        if after.place().as_ref() != Some(&place) {
            let active = after.name_of(&after.active_digest());
            println!("{name} is NOT in force: {active} was activated at the same time, and stands.");
            return Ok(Exit::Found);
        }
        if let Some(missed) = after.missed(before)
            && !is_any_meant
            && !compare(&*in_use(opened, &missed).await?, rules).await.is_no_weaker()
        {
            self.put_back(writer, &after, missed).await?;
            let missed = after.name_of(&missed);
            println!(
                "{missed} was activated at the same time, and {name} lets through whom that blocks; so {missed} was \
                 put back in force. If {name} is meant, say why: --allow-weaker 'REASON'"
            );
            return Ok(Exit::Found);
        }
        println!(
            "{name} is in force from {}; it replaces {}.",
            appended.token,
            before.name_of(&before.active_digest())
        );
        println!("Everybody is judged by it as soon as their node has read that far.");
        Ok(Exit::Clean)
    }

    /// What was activated at the same time comes into force again, where nothing came after what replaced it.
    async fn put_back(&self, writer: &mut Writer, after: &Versions, missed: [u8; 32]) -> anyhow::Result<()> {
        let reason = "what replaced it was not compared with it, and is weaker";
        let record = after.activations.instead(missed, "abide", "put back", reason, self.now);
        let record = record.context("nothing is in force")?;
        append(self.flags, self.opened, writer, record, self.now).await?;
        Ok(())
    }
}

pub(crate) async fn append(
    flags: &StoreFlags,
    opened: &Opened,
    writer: &mut Writer,
    record: ActivationRecord,
    now: Time,
) -> anyhow::Result<Appended> {
    let appended = writer.append(&[Record::Activation(record)], now).await.context("nothing was changed")?;
    remember(flags, &opened.store, std::slice::from_ref(writer.head()), now).await;
    Ok(appended)
}

fn print_weaker(name: &str, than: &str, comparison: &Comparison) {
    if let Some(gap) = &comparison.gap {
        println!("It cannot be shown that {name} is no weaker than {than}: {gap}.");
    }
    if !comparison.newly_allowed.is_empty() {
        println!("{name} lets through whom {than} blocks:");
    }
    for example in comparison.newly_allowed.iter().take(EXAMPLES_MAX) {
        println!("  {}", example.sentence);
    }
    if let Some(more) = comparison.newly_allowed.len().checked_sub(EXAMPLES_MAX).filter(|more| *more > 0) {
        println!("  and {more} more");
    }
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
