//! `abide history`: everything that was said about one person.

use std::collections::BTreeSet;

use abide_journal::{Record, Store};
use abide_model::{
    Claim, Direction, IdentityState, Key, Retractions, Signal, Token,
    facts::{Judged, Standing, judge},
};
use anyhow::Context as _;
use serde_json::json;

use crate::{
    batches::TakenBack, clock, exit::Exit, identifiers::IdentifierFlags, imports, journal,
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

    let forms = snapshot.held().forms();
    let mut keys = Vec::new();
    identifiers.iter().for_each(|identifier| opened.keyring.lookup_keys(identifier, &forms, &mut keys));
    let mut states: Vec<IdentityState> = Vec::new();
    for key in &keys {
        if let Some(state) = snapshot.state(key).context("could not read the list")?
            && !states.contains(&state)
        {
            states.push(state);
        }
    }
    let ours: BTreeSet<Key> = states.iter().flat_map(IdentityState::keys).map(|typed| typed.key).collect();
    let found = if ours.is_empty() { None } else { Some(read_journal(&opened.store, &ours).await?) };
    let statements = found.map(|found| found.told(&states, &snapshot.retractions)).unwrap_or_default();

    if args.json {
        let lines: Vec<_> = statements.iter().map(to_json).collect();
        println!("{}", json!({ "statements": lines }));
    } else if statements.is_empty() {
        println!("Nothing was ever said about this person here.");
    } else {
        statements.iter().for_each(print);
    }
    Ok(Exit::Clean)
}

/// A statement, where it stands in the journal, and what it has come to.
struct Told {
    token: Token,
    signal: Signal,
    stands: String,
}

/// What the journal says about some keys, and what was taken back.
struct Found {
    statements: Vec<(Token, Signal)>,
    taken_back: Vec<TakenBack>,
}

async fn read_journal(store: &Store, keys: &BTreeSet<Key>) -> anyhow::Result<Found> {
    let mut found = Found { statements: Vec::new(), taken_back: Vec::new() };
    journal::walk(store, |token, record| {
        match record {
            Record::Signal(signal) if keys.contains(&signal.keys.primary.key) => {
                found.statements.push((token, signal));
            }
            Record::Retraction(record) => found.taken_back.push(TakenBack { record, token }),
            _ => {}
        }
        Ok(())
    })
    .await?;
    found.statements.sort_by_key(|(_, signal)| signal.at);
    Ok(found)
}

impl Found {
    fn told(self, states: &[IdentityState], retractions: &Retractions) -> Vec<Told> {
        let judged: Vec<Vec<Judged>> = states.iter().map(|state| judge(state, retractions)).collect();
        let tell = |(token, signal): (Token, Signal)| {
            let own = states
                .iter()
                .position(|state| state.keys().any(|known| known.key == signal.keys.primary.key));
            let own = own.expect("only statements of these states were looked for");
            let stands = standing_of(&signal, &states[own], &self.taken_back, &judged[own]);
            Told { token, signal, stands }
        };
        self.statements.into_iter().map(tell).collect()
    }
}

/// What a statement has come to.
fn standing_of(
    signal: &Signal,
    state: &IdentityState,
    taken_back: &[TakenBack],
    standing: &[Judged],
) -> String {
    if let Some(taken) = taken_back.iter().find(|taken| taken.record.what.takes_back(signal, state.domain)) {
        return format!("taken back {}", imports::why(taken));
    }
    let claim = standing.iter().find(|judged| {
        judged.fact.direction == signal.direction
            && judged.fact.mechanism == signal.mechanism
            && judged.fact.scope == signal.scope
            && judged.fact.claimant == signal.claimant
    });
    match claim {
        // The list holds all of a batch or, while it is not completed, nothing.
        _ if !state.claims.contains_key(&Claim::of(signal)) => {
            "without effect: its import was never completed".to_owned()
        }
        None => "a later statement of its batch, which hid it, was taken back".to_owned(),
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

fn print(told: &Told) {
    let Told { token, signal, stands } = told;
    let stated = if signal.stated_at.is_some() { "" } else { " (undated)" };
    println!(
        "{}{stated}  {} by {} for {}, said by {}",
        signal.at,
        signal.direction.as_str(),
        signal.mechanism,
        signal.scope,
        signal.claimant
    );
    println!("    {stands}");
    let recorded = signal.recorded_by.as_deref().map(|by| format!(", recorded by {by}")).unwrap_or_default();
    let proof = signal.proof.map(|proof| format!(", proof {}", proof.as_str())).unwrap_or_default();
    println!(
        "    {} at {token}, batch {}, received {}{recorded}{proof}",
        signal.keys.kind, signal.batch, signal.received_at
    );
}

fn to_json(told: &Told) -> serde_json::Value {
    let Told { token, signal, stands } = told;
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
        "token": token.to_string(),
        "proof": signal.proof.map(abide_model::Proof::as_str),
        "recorded_by": signal.recorded_by.as_deref(),
        "in_force": stands == "in force",
        "consent": signal.direction == Direction::In && stands == "in force",
        "standing": stands,
    })
}
