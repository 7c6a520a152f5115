//! `abide rules prove`: does anybody whom the old ruleset blocks get through?

use abide_rules::Ruleset;
use abide_trial::{Comparison, compare};
use serde_json::json;

use super::{diff::in_force, versions::resolve};
use crate::{exit::Exit, store_flags::StoreFlags};

/// Prove that nobody whom a ruleset blocks gets through another, or show who does.
///
/// Everybody is tried who can make a difference: mechanisms that both rulesets put into the same segments are alike,
/// and so are texts that no policy names. Where that is too many, or a policy takes texts apart, it says so and
/// proves nothing.
///
/// Exit codes: 0 proven, 1 there is a counter-example, 2 not proven, 3 a ruleset cannot be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules prove rules/
  abide rules prove rules/ --against v7 --json")]
pub(crate) struct Args {
    /// The new ruleset: a folder, or a version of the store.
    ruleset: String,

    /// The old one [default: the active one].
    #[arg(long, value_name = "RULESET")]
    against: Option<String>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let new = resolve(&args.ruleset, &args.store).await?;
    let old = match &args.against {
        Some(name) => resolve(name, &args.store).await?,
        None => in_force(&args.store).await?,
    };
    let comparison = compare(&old, &new);
    if args.json {
        println!("{}", to_json(&old, &new, &comparison));
    } else {
        print(&old, &new, &comparison);
    }
    Ok(match (comparison.newly_allowed.is_empty(), &comparison.gap) {
        (false, _) => Exit::Found,
        (true, Some(_)) => Exit::CannotTell,
        (true, None) => Exit::Clean,
    })
}

fn print(old: &Ruleset, new: &Ruleset, comparison: &Comparison) {
    println!("from {} to {}: {}", old.version(), new.version(), tried(comparison));
    print_actions("Only the old one has the action", &comparison.gone);
    print_actions("Only the new one has the action", &comparison.added);
    match (&comparison.gap, comparison.newly_allowed.len()) {
        (_, 1..) => println!("Somebody who is blocked gets through:"),
        (Some(gap), _) => println!("Not proven: {gap}."),
        (None, _) => println!("Proven: nobody who is blocked gets through."),
    }
    comparison.newly_allowed.iter().for_each(|example| println!("  {}", example.sentence));
    if comparison.newly_blocked.is_empty() {
        return;
    }
    println!("Newly blocked:");
    comparison.newly_blocked.iter().for_each(|example| println!("  {}", example.sentence));
}

fn tried(comparison: &Comparison) -> String {
    match (comparison.cases, &comparison.gap) {
        (0, None) if comparison.newly_allowed.is_empty() => {
            "nothing differs that a verdict rests on".to_owned()
        }
        (cases, _) => format!("{cases} cases tried"),
    }
}

fn print_actions(what: &str, actions: &[abide_model::Action]) {
    actions.iter().for_each(|action| println!("{what} `{action}`, so that nothing is compared."));
}

fn to_json(old: &Ruleset, new: &Ruleset, comparison: &Comparison) -> serde_json::Value {
    let examples = |list: &[abide_trial::Example]| -> Vec<serde_json::Value> {
        let example = |example: &abide_trial::Example| {
            json!({
                "action": example.action.as_str(),
                "context": example.context.iter().collect::<std::collections::BTreeMap<_, _>>(),
                "mechanisms": example.mechanisms.iter().map(abide_model::Mechanism::as_str).collect::<Vec<_>>(),
                "consented": example.consented,
                "sentence": example.sentence,
            })
        };
        list.iter().map(example).collect()
    };
    json!({
        "old": old.version().to_string(),
        "new": new.version().to_string(),
        "proven": comparison.is_no_weaker(),
        "gap": comparison.gap,
        "cases": comparison.cases,
        "gone": comparison.gone.iter().map(abide_model::Action::as_str).collect::<Vec<_>>(),
        "added": comparison.added.iter().map(abide_model::Action::as_str).collect::<Vec<_>>(),
        "newly_allowed": examples(&comparison.newly_allowed),
        "newly_blocked": examples(&comparison.newly_blocked),
    })
}
