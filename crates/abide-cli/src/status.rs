//! `abide status`: what the store holds and how it is.

use std::collections::BTreeMap;

use abide_journal::Reader;
use serde_json::json;

use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Show what the store holds, how current it is, and what it rests on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  abide status --json")]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let replica = opened.replica(now).await?;
    let snapshot = replica.snapshot();
    let reader = Reader::new(&opened.store);
    let (mut objects, mut bytes) = (0_usize, 0);
    for origin in reader.origins().await? {
        let found = reader.objects(&origin).await?;
        objects += found.len();
        bytes += found.iter().map(|object| object.bytes).sum::<u64>();
    }
    let held: BTreeMap<String, u64> = snapshot
        .held()
        .iter()
        .filter(|(_, count)| count.primaries > 0)
        .map(|((kind, form, _), count)| (format!("{kind}.{form}"), count.primaries))
        .collect();
    let open: Vec<&str> = replica.open_batches().collect();
    let newest = replica.manifest();

    if args.json {
        let answer = json!({
            "store": opened.place(),
            "id": opened.store.id().to_string(),
            "phone_region": opened.store.config().phone_region.to_string(),
            "forms": opened.store.config().forms.iter().map(abide_model::Form::as_str).collect::<Vec<_>>(),
            "identities": snapshot.len_identities(),
            "identities_beside_the_index": snapshot.overlay.len(),
            "held": held,
            "position": snapshot.positions.iter().map(|(origin, at)| (origin.to_string(), at)).collect::<BTreeMap<_, _>>(),
            "journal": { "objects": objects, "bytes": bytes },
            "snapshot": newest.map(|newest| json!({
                "number": newest.number, "written_at": newest.written_at.to_string(),
                "identities": newest.identities, "keys": newest.keys,
                "index_bytes": newest.index.bytes, "states_bytes": newest.states.bytes,
            })),
            "sources": snapshot.sources.iter().map(|((mechanism, claimant), at)| json!({
                "mechanism": mechanism.as_str(), "claimant": claimant.as_str(), "refreshed_at": at.to_string(),
            })).collect::<Vec<_>>(),
            "uncommitted_imports": open,
            "ruleset": snapshot.rules.version().to_string(),
            "as_of": snapshot.as_of.to_string(),
        });
        println!("{answer}");
        return Ok(Exit::Clean);
    }
    println!("Store       {} ({})", opened.place(), opened.store.id());
    println!(
        "List        {} identities, {} of them beside the index",
        snapshot.len_identities(),
        snapshot.overlay.len()
    );
    for (what, count) in &held {
        println!("            {count} {what}");
    }
    println!("Journal     {} in {objects} objects, {bytes} bytes", snapshot.positions);
    match newest {
        None => println!("Snapshot    none yet (`abide compact` writes one)"),
        Some(newest) => println!(
            "Snapshot    {} of {}: {} identities, {} keys, index {} bytes",
            newest.number, newest.written_at, newest.identities, newest.keys, newest.index.bytes
        ),
    }
    println!("Ruleset     {}", snapshot.rules.version());
    for ((mechanism, claimant), at) in &snapshot.sources {
        println!("Source      {claimant}: {mechanism}, last delivered {at}");
    }
    if !open.is_empty() {
        println!("Uncommitted {} (imports that were cut off; they have no effect)", open.join(" "));
    }
    Ok(Exit::Clean)
}
