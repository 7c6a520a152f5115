//! `abide mechanisms`: the catalogue, as a table.

use abide_model::mechanism::{CATALOGUE, EndedBy, Reach, SaidBy};
use serde_json::json;

use crate::exit::Exit;

/// List the ways in which a choice can have been stated, and what is peculiar to each.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    let rows = CATALOGUE.iter().map(|spec| {
        let said_by = match spec.said_by {
            SaidBy::Person => "person",
            SaidBy::Source => "source",
        };
        let reach = match spec.reach {
            Reach::Address => "address",
            Reach::Person => "person",
            Reach::Device => "device",
        };
        let ended_by = match spec.ended_by {
            EndedBy::Person => "person",
            EndedBy::Same => "same",
            EndedBy::Source => "source",
            EndedBy::Nobody => "nobody",
        };
        [spec.path, said_by, reach, ended_by, spec.what]
    });
    if args.json {
        let rows: Vec<_> = rows
            .map(|[path, said_by, reach, ended_by, what]| {
                json!({ "mechanism": path, "said_by": said_by, "reach": reach, "ended_by": ended_by, "what": what })
            })
            .collect();
        println!("{}", serde_json::Value::from(rows));
        return Exit::Clean;
    }
    let header = ["MECHANISM", "SAID BY", "REACH", "ENDED BY", "WHAT WAS DONE"];
    for [path, said_by, reach, ended_by, what] in std::iter::once(header).chain(rows) {
        println!("{path:<20} {said_by:<8} {reach:<8} {ended_by:<9} {what}");
    }
    Exit::Clean
}
