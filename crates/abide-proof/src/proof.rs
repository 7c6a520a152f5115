//! A proof that one ruleset lets nobody through whom another blocks.

use abide_model::Action;
use abide_rules::{Common, Given, Ruleset, Side};
use abide_trial::{Comparison, Differs, Example, compare, example, kinds, outline, shared_actions};

use crate::{
    ask::{Found, Questions},
    solver::{Effort, Unsettled},
};

/// What comparing two rulesets came to, and by which way.
#[derive(Debug)]
pub struct Proof {
    pub comparison: Comparison,
    pub by: By,
}

/// The way to a result.
#[derive(Debug)]
pub enum By {
    /// Everybody at once. Of each action there is at most one example of each kind.
    Solver { actions: usize, questions: usize },
    /// Everybody who can make a difference, one after the other, and why not the solver.
    Trying { instead: Unsettled },
}

/// Proves that nobody whom `old` blocks gets through `new`, or finds somebody, or says why neither; and finds who is
/// newly blocked.
pub async fn prove(old: &Ruleset, new: &Ruleset) -> Proof {
    settle(old, new, &[Differs::LetsThrough, Differs::Blocks]).await
}

/// [`prove`] without a look for who is newly blocked, for those who only have to know that nobody gets through.
pub async fn prove_no_weaker(old: &Ruleset, new: &Ruleset) -> Proof {
    settle(old, new, &[Differs::LetsThrough]).await
}

async fn settle(old: &Ruleset, new: &Ruleset, ways: &[Differs]) -> Proof {
    let mut found = outline(old, new);
    let instead = match by_solver(old, new, ways, &mut found).await {
        Ok(by) => return Proof { comparison: found, by },
        Err(instead) => instead,
    };
    let mut comparison = compare(old, new);
    if let Some(gap) = comparison.gap.take() {
        // Whoever was found is found, even if nobody can say that there are no others.
        comparison =
            Comparison { gap: Some(format!("{instead}; and {gap}")), cases: comparison.cases, ..found };
    }
    Proof { comparison, by: By::Trying { instead } }
}

/// Asks about each action, and of those that cannot be settled keeps the first reason.
async fn by_solver(
    old: &Ruleset,
    new: &Ruleset,
    ways: &[Differs],
    into: &mut Comparison,
) -> Result<By, Unsettled> {
    let actions = shared_actions(old, new);
    let mut questions = Questions::new(Common::new(old, new, kinds(old, new))?, Effort::Long)?;
    let mut unsettled = None;
    for action in &actions {
        if questions.is_alike(action)? {
            continue;
        }
        for &differs in ways {
            match difference(&mut questions, (old, new), action, differs).await {
                Ok(None) => {}
                Ok(Some(example)) if differs == Differs::LetsThrough => into.newly_allowed.push(example),
                Ok(Some(example)) => into.newly_blocked.push(example),
                Err(why) => unsettled = unsettled.or(Some(why)),
            }
        }
    }
    match unsettled {
        Some(why) => Err(why),
        None => Ok(By::Solver { actions: actions.len(), questions: questions.asked }),
    }
}

async fn difference(
    questions: &mut Questions<'_>,
    (old, new): (&Ruleset, &Ruleset),
    action: &Action,
    differs: Differs,
) -> Result<Option<Example>, Unsettled> {
    let [one, other] = [Side::Old, Side::New].map(|side| (side, Given::Nothing));
    let (blocking, allowing) = if differs == Differs::LetsThrough { (one, other) } else { (other, one) };
    let Some(found) = questions.lets_through(action, blocking, allowing).await? else { return Ok(None) };
    let Found { mechanisms, consented, context } = found;
    example(old, new, differs, (action, &context), (&mechanisms, consented))
        .map(Some)
        .ok_or(Unsettled::Refuted)
}
