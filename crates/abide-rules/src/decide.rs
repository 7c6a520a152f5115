//! From the facts that count to a verdict.

use std::{collections::BTreeSet, sync::Arc};

use abide_model::{Action, Context, Fact, Reason, Uncertain, Verdict, facts::Effective};

use crate::{
    cedar::ActionPolicies,
    outcome::Outcome,
    policies::{ENGINE_ERROR, INVALID_CONTEXT, NO_CONSENT, RuleSpec},
    question::Question,
    ruleset::{Ruleset, makes},
};

impl Ruleset {
    /// Whether an action on a person of whom these facts count may go ahead.
    ///
    /// Pure and total: equal arguments give equal verdicts, and whatever cannot be evaluated blocks,
    /// under a reason that names it. Policies are asked once about what they cannot tell apart; what they came to is
    /// kept, for all threads.
    pub fn decide(&self, effective: &Effective, action: &Action, context: &Context) -> Verdict {
        let Some(policies) = self.cedar.speaking_of(action, &self.manifest) else {
            return Verdict::CannotTell { why: Uncertain::UnknownAction };
        };
        // A misspelt `purpose` is not marketing, so nothing would forbid it.
        if let Err(error) = self.check_context(context) {
            return blocked_by_engine(INVALID_CONTEXT, &error.to_string());
        }
        let segments = self.segments_of(&effective.outs);
        let question = self.put(policies, effective, &segments, action, context);
        match self.cedar.outcome(&question, policies) {
            Ok(outcome) => self.verdict(&outcome, &segments, &effective.outs, action),
            Err(error) => blocked_by_engine(ENGINE_ERROR, &format!("the rules cannot be evaluated: {error}")),
        }
    }

    /// What policies are asked about somebody; nothing where they are not, since the action or the context is unknown.
    pub fn question(&self, effective: &Effective, action: &Action, context: &Context) -> Option<Question> {
        let policies = self.cedar.speaking_of(action, &self.manifest)?;
        self.check_context(context).ok()?;
        Some(self.put(policies, effective, &self.segments_of(&effective.outs), action, context))
    }

    /// The rules that a verdict on what is asked would name, in its order; none where the policies allow it.
    pub fn blocking(&self, question: &Question) -> Option<Vec<Arc<str>>> {
        let policies = self.cedar.speaking_of(question.action(), &self.manifest);
        match policies.map(|policies| self.cedar.outcome(question, policies)) {
            Some(Ok(outcome)) => outcome.blocking(),
            Some(Err(_)) | None => Some(vec![ENGINE_ERROR.into()]),
        }
    }

    /// The segments of which policies that speak of an action ask; no other one makes a difference to it.
    pub fn segments_asked_for(&self, action: &Action) -> BTreeSet<Arc<str>> {
        let policies = self.cedar.speaking_of(action, &self.manifest);
        policies.map(|policies| policies.segments().clone()).unwrap_or_default()
    }

    fn put(
        &self,
        policies: &ActionPolicies,
        effective: &Effective,
        segments: &BTreeSet<Arc<str>>,
        action: &Action,
        context: &Context,
    ) -> Question {
        let consented = !effective.consents.is_empty();
        policies.question(action, (segments, consented), context, self.context_attributes())
    }

    fn verdict(
        &self,
        outcome: &Outcome,
        segments: &BTreeSet<Arc<str>>,
        outs: &[Fact],
        action: &Action,
    ) -> Verdict {
        if outcome.lacks_consent() {
            let text = format!("`{action}` needs a consent of the person, and none applies");
            return Verdict::Block { reasons: vec![bare_reason(NO_CONSENT, &text)] };
        }
        // Cedar leaves a policy that fails out of account; here it forbids.
        let failing = outcome
            .failing
            .iter()
            .map(|(id, why)| bare_reason(id, &format!("the rule failed, which blocks: {why}")));
        let forbidding = outcome.forbidding.iter().filter_map(|id| self.rule(id));
        let forbidding = forbidding.map(|rule| self.reason(rule, segments, outs));
        let mut reasons: Vec<Reason> = failing.chain(forbidding).collect();
        if reasons.is_empty() {
            return Verdict::Allow;
        }
        reasons.sort();
        Verdict::Block { reasons }
    }

    /// What of the person's segments and facts a policy rests on.
    fn reason(&self, rule: &RuleSpec, segments: &BTreeSet<Arc<str>>, outs: &[Fact]) -> Reason {
        let segments: Vec<_> =
            rule.segments.iter().filter(|name| segments.contains(*name)).cloned().collect();
        let specs: Vec<_> = segments.iter().filter_map(|name| self.segment(name)).collect();
        let resting_on = || outs.iter().filter(|fact| specs.iter().any(|segment| makes(segment, fact)));
        let mechanisms: BTreeSet<_> = resting_on().map(|fact| fact.mechanism.clone()).collect();
        let claimants: BTreeSet<_> = resting_on().map(|fact| Arc::from(fact.claimant.as_str())).collect();
        Reason {
            rule: rule.id.clone(),
            text: rule.reason.clone(),
            segments,
            mechanisms: mechanisms.into_iter().collect(),
            claimants: claimants.into_iter().collect(),
        }
    }
}

fn blocked_by_engine(rule: &str, text: &str) -> Verdict {
    Verdict::Block { reasons: vec![bare_reason(rule, text)] }
}

fn bare_reason(rule: &str, text: &str) -> Reason {
    Reason {
        rule: rule.into(),
        text: text.into(),
        segments: Vec::new(),
        mechanisms: Vec::new(),
        claimants: Vec::new(),
    }
}
