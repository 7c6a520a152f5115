//! What an import did, for people and for programs.

use std::{collections::BTreeMap, time::Duration};

use abide_import::Outcome;
use serde_json::json;

pub(super) fn say(sentences: &[String]) {
    for sentence in sentences {
        eprintln!("{sentence}");
    }
}

pub(super) fn text(outcome: &Outcome, taking: Duration) {
    let Outcome { batch, tally, withdrawn, token, published, .. } = outcome;
    println!("{:>12}  rows read", tally.rows);
    println!("{:>12}  taken", tally.taken);
    println!("{:>12}  repeated what their source had said already", tally.repeated);
    if tally.silent > 0 {
        println!("{:>12}  say no opt-out", tally.silent);
    }
    println!("{:>12}  could not be read", tally.unreadable_rows());
    causes(&tally.unreadable);
    if tally.partly > 0 {
        println!("{:>12}  were taken although another of their identifiers could not be read", tally.partly);
    }
    if !tally.undated.is_empty() {
        println!(
            "{:>12}  count from now on, since their date could not be read",
            tally.undated.values().sum::<u64>()
        );
        causes(&tally.undated);
    }
    println!("{:>12}  new opt-outs, {} of them in force", tally.signals, tally.in_force);
    if *withdrawn > 0 {
        println!("{withdrawn:>12}  not on the list any more: withdrawn");
    }
    let seconds = taking.as_secs_f64();
    println!("{seconds:>12.1}  seconds, {:.0} rows a second", rate(outcome, taking));
    match token {
        None => println!("Nothing was written: this was a dry run."),
        Some(token) => {
            if tally.signals == 0 && *withdrawn == 0 {
                println!("Nothing was new; it is noted that the source was heard.");
            }
            println!("Batch {batch}, in force here and at {token}.");
        }
    }
    if let Some(number) = published {
        println!("Snapshot {number} was published.");
    }
}

fn causes(causes: &BTreeMap<String, u64>) {
    for (cause, rows) in causes {
        println!("{:>14}{rows} × {cause}", "");
    }
}

pub(super) fn json(outcome: &Outcome, taking: Duration, store: &str) {
    let Outcome { batch, tally, withdrawn, token, published, sentences } = outcome;
    let report = json!({
        "store": store,
        "batch": batch.as_str(),
        "dry_run": token.is_none(),
        "token": token.as_ref().map(ToString::to_string),
        "rows": tally.rows,
        "taken": tally.taken,
        "repeated": tally.repeated,
        "silent": tally.silent,
        "unreadable": tally.unreadable,
        "partly_unreadable": tally.partly,
        "undated": tally.undated,
        "signals": tally.signals,
        "in_force": tally.in_force,
        "withdrawn": withdrawn,
        "snapshot": published,
        "decided": sentences,
        "seconds": taking.as_secs_f64(),
        "rows_per_second": rate(outcome, taking),
    });
    println!("{report}");
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(outcome: &Outcome, taking: Duration) -> f64 {
    outcome.tally.rows as f64 / taking.as_secs_f64().max(1e-6)
}
