//! `abide signals try`: what would come of an event.

use std::{io::Read as _, path::PathBuf};

use abide_model::{Claimant, IdentifierKind, Normaliser, PhoneRegion};
use abide_signals::mapping::{Mapped, Mapping};
use anyhow::Context as _;

use crate::exit::Exit;

/// Show what a mapping file would make of an event. Nothing is recorded, and no store is needed.
///
/// Identifiers are shown by their first and last characters. Exits with 2 if something of the event could not be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide signals try --map examples/signals/shop.toml examples/signals/shop.json
  curl -s https://api.example.com/event/1 | abide signals try --map map.toml -")]
pub(crate) struct Args {
    /// The mapping file.
    #[arg(long, value_name = "FILE")]
    map: PathBuf,
    /// The event, JSON as it is posted; `-` is standard input.
    event: PathBuf,
    /// The phone region of the store, for numbers without a country code.
    #[arg(long, value_name = "REGION", default_value = "US")]
    region: PhoneRegion,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let map = std::fs::read_to_string(&args.map)
        .with_context(|| format!("could not read the mapping {}", args.map.display()))?;
    let mapping = Mapping::parse(&map).with_context(|| format!("{} is no mapping", args.map.display()))?;
    let results = mapping.read(&event(args)?).unwrap_or_else(|fault| vec![Err(fault)]);
    let mut exit = Exit::Clean;
    for result in &results {
        match result {
            Ok(mapped) => {
                println!("{}", described(mapped));
                if let Err(why) = mapped.identifier.normalised(&Normaliser::new(args.region)) {
                    println!("  but the identifier cannot be read: {why}");
                    exit = Exit::CannotTell;
                }
            }
            Err(fault) => {
                println!("{}: {fault}", args.map.display());
                exit = Exit::CannotTell;
            }
        }
    }
    if results.is_empty() {
        println!("nothing: no signal of the mapping applies to this event");
    }
    Ok(exit)
}

fn event(args: &Args) -> anyhow::Result<Vec<u8>> {
    if args.event.as_os_str() == "-" {
        let mut event = Vec::new();
        std::io::stdin().read_to_end(&mut event).context("could not read the event from standard input")?;
        return Ok(event);
    }
    std::fs::read(&args.event).with_context(|| format!("could not read the event {}", args.event.display()))
}

/// `email j…m: out email.list for list:weekly, says shop, at 2026-11-20T08:00:00.000Z, event e-1 (line 6)`
fn described(mapped: &Mapped) -> String {
    let Mapped { identifier, statement, event_id, line } = mapped;
    let says = match (&statement.claimant, statement.proof) {
        (Claimant::Person, Some(proof)) => format!("the person says, by {}", proof.as_str()),
        (Claimant::Person, None) => "the person says".to_owned(),
        (Claimant::Source(name), _) => format!("{name} says"),
    };
    let at = statement.stated_at.map_or("undated".to_owned(), |at| format!("at {at}"));
    let id = event_id.as_ref().map_or("no event id".to_owned(), |id| format!("event {id}"));
    format!(
        "{} {}: {} {} for {}, {says}, {at}, {id} (line {line})",
        identifier.kind,
        masked(identifier.kind, identifier.expose_text()),
        statement.direction.as_str(),
        statement.mechanism,
        statement.scope,
    )
}

/// The first and the last character, and the `@` of an address: enough to see whether it is the right field.
fn masked(kind: IdentifierKind, text: &str) -> String {
    let ends = |text: &str| match (text.chars().next(), text.chars().next_back()) {
        (Some(first), Some(last)) if text.chars().count() > 4 => format!("{first}…{last}"),
        _ => "…".to_owned(),
    };
    match text.split_once('@') {
        Some((local, domain)) if kind == IdentifierKind::Email => format!("{}@{}", ends(local), ends(domain)),
        _ => ends(text),
    }
}
