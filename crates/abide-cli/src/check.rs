//! `abide check`: may this be done to this person?

use abide_enforce::{Asked, Judge, Judgement, Options, Panel, Part, Snapshot, Uncovered};
use abide_model::{Action, Context, Verdict};
use anyhow::Context as _;
use serde_json::json;

use crate::{
    clock,
    exit::Exit,
    identifiers::{Given, IdentifierFlags},
    scrub::list::watched,
    store_flags::StoreFlags,
};

/// Ask whether something may be done to one person.
///
/// All identifiers given are taken as one person's; the action goes to the one of its kind. What
/// cannot be judged is said, never passed: exit 0 is allow, 1 is block, 2 is cannot tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide check --action contact.email --email 'Jane@Example.com'
  abide check --action contact.sms --phone - --context purpose=transactional --json < number.txt
  abide check --action target.ad --email jane@example.com --maid 4b61639e-47cc-4056-a16a-c8217e029462 --explain")]
pub(crate) struct Args {
    /// What is about to be done, e.g. contact.email.
    #[arg(long)]
    action: Action,

    #[command(flatten)]
    identifiers: IdentifierFlags,

    /// The circumstances, e.g. purpose=transactional, brand=acme, list=weekly.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    context: Vec<(String, String)>,

    /// An identifier that cannot be read makes the answer `cannot tell`, even if another can be.
    #[arg(long)]
    strict: bool,

    /// Hashed identifiers that cannot be matched with every statement: accept or cannot-tell.
    #[arg(long, default_value = "cannot-tell", value_parser = ["accept", "cannot-tell"])]
    uncovered: String,

    /// Also print what is known and what was made of it.
    #[arg(long)]
    explain: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is given as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let context: Context = args.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = args.identifiers.read(&opened.normaliser)?;
    let replica = opened.replica(now).await?;
    let snapshot = replica.snapshot();
    let shadow = match replica.activations().shadow() {
        Some((record, _)) => watched(&opened, &record.ruleset, &snapshot).await,
        None => None,
    };
    snapshot.rules.check_context(&context).context("could not use the context")?;

    let panel = Panel(given.iter().map(|given| Part { kind: given.kind, to: false }).collect());
    let uncovered = if args.uncovered == "accept" { Uncovered::Accept } else { Uncovered::CannotTell };
    let mut asked = Asked::new(panel, snapshot.held(), opened.keyring.clone(), true);
    asked.begin();
    for (part, given) in given.iter().enumerate() {
        asked.note(part, given.read.as_ref());
    }
    let options = Options { strict: args.strict, uncovered, list_age_max_micros: None, now };
    let mut judge = Judge::new(&snapshot, options);
    let known = judge.look_up(&asked).context("could not read the list")?;
    let judgement = judge.verdict(&asked, &known, 0, &args.action, &context);
    let beside = shadow.as_ref().map(|shadow| {
        let judgement = Judge::new(shadow, options).verdict(&asked, &known, 0, &args.action, &context);
        Beside { rules: shadow.rules.version().to_string(), word: judgement.verdict.as_str() }
    });
    let beside = beside.filter(|beside| beside.word != judgement.verdict.as_str());
    let segments: Vec<String> =
        judge.segments(&asked, &known, 0, &context).iter().map(ToString::to_string).collect();

    if args.json {
        let mut answer = to_json(&args.action, &judgement, &snapshot);
        if let Some(Beside { rules, word }) = &beside {
            answer["beside"] = json!({ "ruleset": rules, "verdict": word });
        }
        if args.explain {
            answer["segments"] = json!(segments);
            answer["identifiers"] = given.iter().map(identifier_json).collect();
        }
        println!("{answer}");
    } else {
        print(&args.action, &judgement, &snapshot);
        if let Some(Beside { rules, word }) = &beside {
            println!("  {rules}, which only judges along, says {word}");
        }
        if args.explain {
            explain(&given, &segments, &context, &snapshot);
        }
    }
    Ok(match judgement.verdict {
        Verdict::Allow => Exit::Clean,
        Verdict::Block { .. } => Exit::Found,
        Verdict::CannotTell { .. } => Exit::CannotTell,
    })
}

/// What a ruleset that only judges along says instead.
struct Beside {
    rules: String,
    word: &'static str,
}

fn print(action: &Action, judgement: &Judgement, snapshot: &Snapshot) {
    match &judgement.verdict {
        Verdict::Allow => println!("allow: no objection to {action} is known"),
        Verdict::CannotTell { why } => println!("cannot tell: {why}"),
        Verdict::Block { reasons } => {
            println!("block: {action}");
            for reason in reasons {
                println!("  {} ({})", reason.text, reason.rule);
                for (mechanism, claimant) in reason.mechanisms.iter().zip(&reason.claimants) {
                    println!("    {mechanism}, said by {claimant}");
                }
            }
        }
    }
    if judgement.partly {
        println!("  another identifier could not be judged; this rests on the others");
    }
    println!("  ruleset {}, list at {}", snapshot.rules.version(), snapshot.positions);
}

fn to_json(action: &Action, judgement: &Judgement, snapshot: &Snapshot) -> serde_json::Value {
    let mut answer = json!({
        "action": action.as_str(),
        "verdict": judgement.verdict.as_str(),
        "partly_judged": judgement.partly,
        "ruleset": snapshot.rules.version().to_string(),
        "position": snapshot.positions.iter().map(|(origin, at)| (origin.to_string(), at)).collect::<std::collections::BTreeMap<_, _>>(),
        "as_of": snapshot.as_of.to_string(),
    });
    match &judgement.verdict {
        Verdict::Allow => {}
        Verdict::CannotTell { why } => {
            answer["cause"] = json!(why.cause());
            answer["why"] = json!(why.to_string());
        }
        Verdict::Block { reasons } => {
            let reason = |reason: &abide_model::Reason| {
                json!({
                    "rule": &*reason.rule,
                    "text": &*reason.text,
                    "segments": reason.segments.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
                    "mechanisms": reason.mechanisms.iter().map(abide_model::Mechanism::as_str).collect::<Vec<_>>(),
                    "claimants": reason.claimants.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
                })
            };
            answer["reasons"] = reasons.iter().map(reason).collect();
        }
    }
    answer
}

fn identifier_json(given: &Given) -> serde_json::Value {
    match &given.read {
        Ok(identifier) => json!({ "kind": given.kind.as_str(), "hashed": identifier.is_hashed() }),
        Err(error) => json!({ "kind": given.kind.as_str(), "error": error.to_string() }),
    }
}

fn explain(given: &[Given], segments: &[String], context: &Context, snapshot: &Snapshot) {
    for given in given {
        match &given.read {
            Ok(identifier) if identifier.is_hashed() => {
                println!("  {}: read, as a {} digest", given.kind, identifier.primary().form);
            }
            Ok(_) => println!("  {}: read", given.kind),
            Err(error) => println!("  {}: not read: {error}", given.kind),
        }
    }
    let named: Vec<String> = context.iter().map(|(name, value)| format!("{name}={value}")).collect();
    println!(
        "  context: {}",
        if named.is_empty() { "none given; judged the strictest".to_owned() } else { named.join(" ") }
    );
    println!("  segments: {}", if segments.is_empty() { "none".to_owned() } else { segments.join(" ") });
    println!("  list of {} identities, read at {}", snapshot.len_identities(), snapshot.as_of);
}
