//! `abide rules prove`: does anybody whom the old ruleset blocks get through?

use abide_proof::{By, Proof};
use abide_rules::Ruleset;
use serde_json::json;

use super::{diff::in_force, versions::resolve};
use crate::{exit::Exit, store_flags::StoreFlags};

/// Prove that nobody whom a ruleset blocks gets through another, or show who does.
///
/// A solver is asked about everybody at once: every action, every context, every set of mechanisms in force. It is
/// cvc5: the program that CVC5 names, else the one on the path. Where there is none, or it cannot settle something,
/// everybody is tried who can make a difference; where that is too many, it says so and proves nothing. Whoever is
/// shown as getting through was judged by both rulesets.
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
    let proof = abide_proof::prove(&old, &new).await;
    if args.json {
        println!("{}", to_json(&old, &new, &proof));
    } else {
        print(&old, &new, &proof);
    }
    let comparison = &proof.comparison;
    Ok(match (comparison.newly_allowed.is_empty(), &comparison.gap) {
        (false, _) => Exit::Found,
        (true, Some(_)) => Exit::CannotTell,
        (true, None) => Exit::Clean,
    })
}

fn print(old: &Ruleset, new: &Ruleset, proof: &Proof) {
    let comparison = &proof.comparison;
    println!("from {} to {}", old.version(), new.version());
    if let By::Trying { instead } = &proof.by {
        println!("Not proven by the solver: {instead}.");
    }
    print_actions("Only the old one has the action", &comparison.gone);
    print_actions("Only the new one has the action", &comparison.added);
    match (&comparison.gap, comparison.newly_allowed.len()) {
        (_, 1..) => println!("Somebody who is blocked gets through:"),
        (Some(gap), _) => println!("Not proven: {gap}."),
        (None, _) => println!("Proven by {}: nobody who is blocked gets through.", way(proof)),
    }
    comparison.newly_allowed.iter().for_each(|example| println!("  {}", example.sentence));
    if comparison.newly_blocked.is_empty() {
        return;
    }
    println!("Newly blocked:");
    comparison.newly_blocked.iter().for_each(|example| println!("  {}", example.sentence));
}

fn way(proof: &Proof) -> String {
    match (&proof.by, proof.comparison.cases) {
        (By::Solver { actions, questions: 0 }, _) => {
            format!("the same policies for each of {actions} actions")
        }
        (By::Solver { actions, questions }, _) => {
            format!("the solver ({actions} actions, {questions} questions)")
        }
        (By::Trying { .. }, 0) => "trying: nothing differs that a verdict rests on".to_owned(),
        (By::Trying { .. }, cases) => format!("trying all {cases} cases"),
    }
}

fn print_actions(what: &str, actions: &[abide_model::Action]) {
    actions.iter().for_each(|action| println!("{what} `{action}`, so that nothing is compared."));
}

fn to_json(old: &Ruleset, new: &Ruleset, proof: &Proof) -> serde_json::Value {
    let comparison = &proof.comparison;
    let (by, questions, instead) = match &proof.by {
        By::Solver { questions, .. } => ("solver", *questions, None),
        By::Trying { instead } => ("trying", 0, Some(instead.to_string())),
    };
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
        "by": by,
        "questions": questions,
        "solver_failed": instead,
        "gap": comparison.gap,
        "cases": comparison.cases,
        "gone": comparison.gone.iter().map(abide_model::Action::as_str).collect::<Vec<_>>(),
        "added": comparison.added.iter().map(abide_model::Action::as_str).collect::<Vec<_>>(),
        "newly_allowed": examples(&comparison.newly_allowed),
        "newly_blocked": examples(&comparison.newly_blocked),
    })
}
