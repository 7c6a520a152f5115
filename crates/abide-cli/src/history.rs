//! `abide history`: everything that was said about one person.

use std::collections::BTreeSet;

use abide_journal::{Reader, Record};
use abide_model::{
    Direction, IdentityState, Key, Signal,
    facts::{Judged, Standing, judge},
};
use anyhow::Context as _;
use serde_json::json;

use crate::{
    clock,
    exit::Exit,
    identifiers::IdentifierFlags,
    progress::{self, Unit},
    store_flags::StoreFlags,
};

/// Show every statement about one person: when, how, from where, by whom, in force or not and why.
///
/// What stands now comes from the list; the statements themselves are read from the journal, which
/// takes some seconds for every ten million records.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide history --email jane@example.com
  abide history --phone - --json < number.txt")]
pub(crate) struct Args {
    #[command(flatten)]
    identifiers: IdentifierFlags,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let identifiers = args.identifiers.read_all(&opened.normaliser)?;
    let snapshot = opened.replica(now).await?.snapshot();

    let held = snapshot.held();
    let mut keys = Vec::new();
    identifiers.iter().for_each(|identifier| opened.keyring.lookup_keys(identifier, &held, &mut keys));
    let mut states: Vec<IdentityState> = Vec::new();
    for key in &keys {
        if let Some(state) = snapshot.state(key).context("could not read the list")?
            && !states.contains(&state)
        {
            states.push(state);
        }
    }
    let ours: BTreeSet<Key> = states.iter().flat_map(IdentityState::keys).map(|typed| typed.key).collect();
    let statements =
        if ours.is_empty() { Vec::new() } else { statements_about(&opened.store, &ours).await? };
    let standing: Vec<Judged> = states.iter().flat_map(|state| judge(state, &snapshot.retractions)).collect();

    if args.json {
        let lines: Vec<_> = statements.iter().map(|told| to_json(told, &standing)).collect();
        println!("{}", json!({ "statements": lines }));
    } else if statements.is_empty() {
        println!("Nothing was ever said about this person here.");
    } else {
        statements.iter().for_each(|told| print(told, &standing));
    }
    Ok(Exit::Clean)
}

/// A statement and where it stands in the journal.
struct Told {
    token: String,
    signal: Signal,
}

async fn statements_about(store: &abide_journal::Store, keys: &BTreeSet<Key>) -> anyhow::Result<Vec<Told>> {
    let reader = Reader::new(store);
    let mut objects = Vec::new();
    for origin in reader.origins().await? {
        objects.extend(reader.objects(&origin).await?);
    }
    let bar = progress::bar(
        "reading the journal",
        Unit::Bytes,
        Some(objects.iter().map(|object| object.bytes).sum()),
    );
    let mut told = Vec::new();
    for entry in objects {
        let object = reader
            .read(&entry.name)
            .await?
            .with_context(|| format!("journal object `{}` is missing", entry.name))?;
        for record in object.records() {
            if let (position, Record::Signal(signal)) = record?
                && keys.contains(&signal.keys.primary.key)
            {
                told.push(Told { token: format!("{}:{position}", entry.name.origin), signal });
            }
        }
        bar.inc(entry.bytes);
    }
    bar.finish_and_clear();
    told.sort_by_key(|told| told.signal.at);
    Ok(told)
}

/// How the claim that a statement belongs to stands now.
fn standing_of(told: &Told, standing: &[Judged]) -> String {
    let signal = &told.signal;
    let claim = standing.iter().find(|judged| {
        judged.fact.direction == signal.direction
            && judged.fact.mechanism == signal.mechanism
            && judged.fact.scope == signal.scope
            && judged.fact.claimant == signal.claimant
    });
    match claim {
        None => "taken back, or of an import that was never completed".to_owned(),
        Some(judged) if judged.at > signal.at => format!("repeated at {}", judged.at),
        Some(judged) => match judged.standing {
            Standing::InForce => "in force".to_owned(),
            Standing::Withdrawn { at } => format!("ended at {at}: the same claimant said the opposite"),
            Standing::EndedByPerson { at } => {
                format!("ended at {at}: a proven opt-in of the person covers it")
            }
            Standing::Overtaken { at } => format!("ended at {at}: a later opt-out covers it"),
            Standing::Reassigned { at } => format!("void since {at}: the number was reassigned"),
            Standing::SourcesWord => "a source's word: ends that source's own claim, no consent".to_owned(),
        },
    }
}

fn print(told: &Told, standing: &[Judged]) {
    let signal = &told.signal;
    let stated = if signal.stated_at.is_some() { "" } else { " (undated)" };
    println!(
        "{}{stated}  {} by {} for {}, said by {}",
        signal.at,
        signal.direction.as_str(),
        signal.mechanism,
        signal.scope,
        signal.claimant
    );
    println!("    {}", standing_of(told, standing));
    let recorded = signal.recorded_by.as_deref().map(|by| format!(", recorded by {by}")).unwrap_or_default();
    let proof = signal.proof.map(|proof| format!(", proof {}", proof.as_str())).unwrap_or_default();
    println!(
        "    {} at {}, batch {}, received {}{recorded}{proof}",
        signal.keys.kind, told.token, signal.batch, signal.received_at
    );
}

fn to_json(told: &Told, standing: &[Judged]) -> serde_json::Value {
    let signal = &told.signal;
    let stands = standing_of(told, standing);
    json!({
        "at": signal.at.to_string(),
        "stated_at": signal.stated_at.map(|at| at.to_string()),
        "received_at": signal.received_at.to_string(),
        "direction": signal.direction.as_str(),
        "mechanism": signal.mechanism.as_str(),
        "scope": signal.scope.to_string(),
        "claimant": signal.claimant.as_str(),
        "kind": signal.keys.kind.as_str(),
        "form": signal.keys.primary.form.as_str(),
        "batch": signal.batch.as_str(),
        "token": told.token,
        "proof": signal.proof.map(abide_model::Proof::as_str),
        "recorded_by": signal.recorded_by.as_deref(),
        "in_force": stands == "in force",
        "consent": signal.direction == Direction::In && stands == "in force",
        "standing": stands,
    })
}
