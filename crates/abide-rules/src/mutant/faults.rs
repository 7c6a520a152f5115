//! What faults in one rule would change, without making a ruleset of each: whatever the other rules come to, they come
//! to all the same.

use std::sync::Arc;

use cedar_policy::{Policy, PolicyId, PolicySet};

use super::Mutant;
use crate::{
    cedar::{Posed, failure},
    outcome::Outcome,
    policies::Effect,
    question::Question,
    ruleset::Ruleset,
};

/// A question, and all that the policies of a ruleset come to.
pub struct Settled {
    question: Question,
    posed: Posed,
    outcome: Outcome,
}

impl Settled {
    pub fn question(&self) -> &Question {
        &self.question
    }

    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// The faults of one rule.
pub struct RuleFaults {
    rule: Arc<str>,
    effect: Effect,
    actions: Vec<String>,
    /// What stands in place of the rule's policy, by the mutant's number. Each permits, so that one question to Cedar
    /// answers for all.
    probes: PolicySet,
    count: usize,
}

impl Ruleset {
    /// Asks the policies for everything that [`RuleFaults`] need; nothing where they cannot be asked.
    pub fn settle(&self, question: &Question) -> Option<Settled> {
        let policies = self.cedar.speaking_of(question.action(), &self.manifest)?;
        let mut outcome = Outcome::clone(&*self.cedar.outcome(question, policies).ok()?);
        let posed = self.cedar.pose(question).ok()?;
        if !outcome.forbidding.is_empty() {
            outcome.permitting = Outcome::of(&self.cedar.ask(&policies.permits, &posed)).permitting;
        }
        Some(Settled { question: question.clone(), posed, outcome })
    }

    /// Makes the faults of one rule ready.
    ///
    /// # Panics
    ///
    /// When they are mutants of another ruleset.
    pub fn faults(&self, rule: &str, mutants: &[&Mutant]) -> RuleFaults {
        let spec = self.rule(rule).expect("they are mutants of this ruleset");
        let probe = |(number, mutant): (usize, &&Mutant)| -> Option<Policy> {
            let mut json = mutant.change.policy(PolicyId::new(rule))?.to_json().expect("it was made of JSON");
            json["effect"] = "permit".into();
            let id = PolicyId::new(number.to_string());
            Some(Policy::from_json(Some(id), json).expect("a policy may permit"))
        };
        let probes = PolicySet::from_policies(mutants.iter().enumerate().filter_map(probe));
        RuleFaults {
            rule: spec.id.clone(),
            effect: spec.effect,
            actions: self.actions_of_rule(rule),
            probes: probes.expect("they are numbered"),
            count: mutants.len(),
        }
    }

    /// What each mutant would come to, in the order in which they were given.
    pub fn outcomes_of(&self, faults: &RuleFaults, settled: &Settled) -> Vec<Outcome> {
        let mut without = settled.outcome.clone();
        without.forget(&faults.rule);
        let mut outcomes = vec![without; faults.count];
        let response = self.cedar.ask(&faults.probes, &settled.posed);
        let number = |id: &str| -> usize { id.parse().expect("they are numbered") };
        for id in response.diagnostics().reason() {
            let outcome = &mut outcomes[number(id.as_ref())];
            let applying = match faults.effect {
                Effect::Permit => &mut outcome.permitting,
                Effect::Forbid => &mut outcome.forbidding,
            };
            applying.insert(faults.rule.clone());
        }
        for (id, why) in response.diagnostics().errors().map(failure) {
            outcomes[number(&id)].failing.insert(faults.rule.clone(), why);
        }
        outcomes
    }
}

impl RuleFaults {
    /// Whether the rule speaks of an action; of others a fault changes nothing, since none makes it speak of more.
    pub fn can_touch(&self, question: &Question) -> bool {
        self.actions.iter().any(|action| action == question.action().as_str())
    }
}

impl std::fmt::Debug for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settled").field("question", &self.question).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RuleFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleFaults")
            .field("rule", &self.rule)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
