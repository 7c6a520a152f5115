//! `abide verify`: is everything there, and unchanged?

use abide_index::list::List;
use abide_journal::{DamageKind, Head, Heartbeat, Store, heartbeats};
use abide_replica::Manifest;
use serde_json::json;

use crate::{
    clock,
    exit::{self, Exit},
    store_flags::StoreFlags,
};

/// Check that nothing of the store was changed, cut off or lost.
///
/// Recomputes the chain of every record in the journal, in roll-ups and in what they were made of,
/// compares it with what the snapshots, this machine and others remember of it, and checks the newest
/// snapshot's own parts. Exit 0 when all is well, 3 when there is damage, as every command that meets it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  abide verify || alert 'the opt-out list was tampered with'")]
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
    let newest = abide_replica::newest(&opened.store).await?;
    let memory = opened.memory()?;
    let heartbeats = heartbeats(&opened.store).await?;
    let of_snapshot = newest.as_ref().map(|manifest| manifest.heads.clone()).unwrap_or_default();
    let of_nodes = heartbeats.sound.iter().flat_map(Heartbeat::heads);
    let remembered: Vec<Head> = of_nodes.chain(memory.heads()).cloned().chain(of_snapshot).collect();
    let report = abide_journal::verify(&opened.store, &remembered).await?;
    let mut damage: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
    damage.extend(
        heartbeats.damaged.iter().map(|name| format!("`{name}` is not what a node wrote; remove it")),
    );
    if let Some(manifest) = &newest {
        damage.extend(check_parts(&opened.store, manifest).await?);
        // The copy that this machine answers from.
        if let Ok(replica) = opened.replica(now).await
            && let Some(base) = &replica.snapshot().base
            && let Err(error) = check_index(base)
        {
            let error = exit::chain(&error);
            damage.push(format!("this machine's copy of the list: {error}; remove the cache folder"));
        }
    }
    if args.json {
        let origins: Vec<_> = report
            .origins
            .iter()
            .map(|origin| json!({
                "origin": origin.head.origin.as_str(), "position": origin.head.position,
                "link": origin.head.link.to_string(), "objects": origin.objects,
                "rolled_up": origin.rolled_up, "signals": origin.signals,
                "batches": origin.batches, "retractions": origin.retractions, "activations": origin.activations,
            }))
            .collect();
        println!(
            "{}",
            json!({
                "origins": origins, "snapshot": newest.map(|newest| newest.number), "damage": damage,
                "strays": report.strays.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        );
    } else {
        for origin in &report.origins {
            println!(
                "journal {}: {} records in {} objects, {} bytes; head {}",
                origin.head.origin, origin.head.position, origin.objects, origin.bytes, origin.head.link
            );
            if origin.rolled_up > 0 {
                println!("  and {} objects that were rolled up into these", origin.rolled_up);
            }
        }
        if let Some(manifest) = &newest {
            println!("snapshot {}: {} identities", manifest.number, manifest.identities);
        }
        report.foreign.iter().for_each(|name| println!("not the journal's: {name}"));
        report.strays.iter().for_each(|name| {
            println!("nobody's: {name} (of a writer that slept, never acknowledged; will be deleted)");
        });
        damage.iter().for_each(|damage| println!("DAMAGED: {damage}"));
        if report.damages.iter().any(|damage| damage.what == DamageKind::BehindMemory) {
            println!(
                "If the store was restored from an older copy on purpose, remove what remembers more: `{}` and its nodes/*.json.",
                memory.path().display()
            );
        }
        println!(
            "{}",
            if damage.is_empty() {
                "All of it is there and unchanged."
            } else {
                "Restore what is damaged from a backup; nothing was changed by this check."
            }
        );
    }
    Ok(if damage.is_empty() { Exit::Clean } else { Exit::Failed })
}

fn check_index(list: &List) -> anyhow::Result<()> {
    Ok(list.index().verify()?)
}

async fn check_parts(store: &Store, manifest: &Manifest) -> anyhow::Result<Vec<String>> {
    let mut damage = Vec::new();
    for part in [&manifest.index, &manifest.states] {
        if let Err(error) = abide_replica::check_part(store, part).await? {
            damage.push(error);
        }
    }
    Ok(damage)
}
