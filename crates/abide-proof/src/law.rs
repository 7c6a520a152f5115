//! Laws that every ruleset has to keep, proven of everybody at once.

use abide_model::{Action, Mechanism};
use abide_rules::{Common, Given, Ruleset, Side};
use abide_trial::{Finding, kinds, lifted, looser_unsaid, strict_attributes};

use crate::{
    ask::{Found, Questions},
    solver::{Effort, Unsettled},
};

/// Whether nobody breaks the laws, by the solver.
#[derive(Debug)]
pub struct LawProof {
    /// Of each action and law the first that was found.
    pub findings: Vec<Finding>,
    /// How often the solver was needed.
    pub questions: usize,
}

/// Proves that one opt-out more never turns a block into an allow, and that what a context leaves open is judged as the
/// strictest; or finds who shows otherwise.
pub async fn laws(rules: &Ruleset) -> Result<LawProof, Unsettled> {
    let mut questions = Questions::new(Common::new(rules, rules, kinds(rules, rules))?, Effort::Short)?;
    let mut findings = Vec::new();
    for spec in rules.actions() {
        for more in questions.telling_facts(&spec.name)? {
            if let Some(finding) = lifting(&mut questions, rules, &spec.name, &more).await? {
                findings.push(finding);
                break;
            }
        }
        for name in strict_attributes(rules) {
            if let Some(finding) = lenient(&mut questions, rules, &spec.name, &name).await? {
                findings.push(finding);
                break;
            }
        }
    }
    Ok(LawProof { findings, questions: questions.asked })
}

/// Somebody who is blocked, and with one mechanism more is not.
async fn lifting(
    questions: &mut Questions<'_>,
    rules: &Ruleset,
    action: &Action,
    more: &Mechanism,
) -> Result<Option<Finding>, Unsettled> {
    let (few, all) = ((Side::Old, Given::Nothing), (Side::New, Given::InForce(more)));
    let Some(found) = questions.lets_through(action, few, all).await? else { return Ok(None) };
    let Found { mechanisms, consented, context } = found;
    lifted(rules, (action, &context), (&mechanisms, consented), more).map(Some).ok_or(Unsettled::Refuted)
}

/// Somebody who is blocked, and where the context leaves something open is not.
async fn lenient(
    questions: &mut Questions<'_>,
    rules: &Ruleset,
    action: &Action,
    name: &str,
) -> Result<Option<Finding>, Unsettled> {
    let (said, unsaid) = ((Side::Old, Given::Nothing), (Side::New, Given::Unsaid(name)));
    let Some(found) = questions.lets_through(action, said, unsaid).await? else { return Ok(None) };
    let Found { mechanisms, consented, context } = found;
    looser_unsaid(rules, (action, &context), (&mechanisms, consented), name)
        .map(Some)
        .ok_or(Unsettled::Refuted)
}
