//! From the facts that count to a verdict.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use abide_model::{Action, Context, Fact, Reason, Uncertain, Verdict, facts::Effective};
use cedar_policy::{
    AuthorizationError, Decision, Entity, EntityId, EntityUid, PolicyId, PolicySet, Request, Response,
    RestrictedExpression,
};

use crate::{
    policies::{ENGINE_ERROR, INVALID_CONTEXT, NO_CONSENT, RuleSpec},
    ruleset::{Ruleset, makes},
    schema::CONSENTED,
};

impl Ruleset {
    /// Whether an action on a person of whom these facts count may go ahead.
    ///
    /// Pure and total: equal arguments give equal verdicts, and whatever cannot be evaluated blocks,
    /// under a reason that names it. It asks every policy, so callers keep the answers.
    pub fn decide(&self, effective: &Effective, action: &Action, context: &Context) -> Verdict {
        let Some(action_id) = self.cedar.action_ids.get(action) else {
            return Verdict::CannotTell { why: Uncertain::UnknownAction };
        };
        // A misspelt `purpose` is not marketing, so nothing would forbid it.
        if let Err(error) = self.check_context(context) {
            return blocked_by_engine(INVALID_CONTEXT, &error.to_string());
        }
        let segments = self.segments_of(&effective.outs);
        let consented = !effective.consents.is_empty();
        match self.ask(&self.cedar.policies, &segments, consented, action_id, context) {
            Ok(response) => self.verdict(&response, &segments, &effective.outs, action),
            Err(error) => blocked_by_engine(ENGINE_ERROR, &format!("the rules cannot be evaluated: {error}")),
        }
    }

    /// Those of some policies that permit, where they are asked about the same.
    pub(crate) fn satisfied(
        &self,
        policies: &PolicySet,
        effective: &Effective,
        action: &Action,
        context: &Context,
    ) -> Vec<PolicyId> {
        let segments = self.segments_of(&effective.outs);
        let consented = !effective.consents.is_empty();
        let asked = self.cedar.action_ids.get(action).filter(|_| self.check_context(context).is_ok());
        let response = asked.and_then(|id| self.ask(policies, &segments, consented, id, context).ok());
        response.iter().flat_map(|response| response.diagnostics().reason()).cloned().collect()
    }

    fn ask(
        &self,
        policies: &PolicySet,
        segments: &BTreeSet<Arc<str>>,
        consented: bool,
        action: &EntityUid,
        context: &Context,
    ) -> Result<Response, Box<dyn std::error::Error>> {
        let cedar = &self.cedar;
        let parents: HashSet<_> =
            segments.iter().filter_map(|name| cedar.segment_ids.get(name)).cloned().collect();
        let attributes = HashMap::from([(CONSENTED.to_owned(), RestrictedExpression::new_bool(consented))]);
        let person = Entity::new(cedar.person.clone(), attributes, parents)?;
        let entities = cedar.actions.clone().add_entities([person], None)?;
        let context = self.cedar_context(context)?;
        let request = Request::new(cedar.person.clone(), action.clone(), cedar.item.clone(), context, None)?;
        Ok(cedar.authorizer.is_authorized(&request, policies, &entities))
    }

    fn cedar_context(
        &self,
        context: &Context,
    ) -> Result<cedar_policy::Context, Box<cedar_policy::ContextCreationError>> {
        let pairs = self.context_attributes().iter().filter_map(|attribute| {
            let value = context.get(&attribute.name).or(attribute.default())?;
            let value = match self.cedar.word_types.get(&attribute.name) {
                Some(word) => RestrictedExpression::new_entity_uid(EntityUid::from_type_name_and_id(
                    word.clone(),
                    EntityId::new(value),
                )),
                None => RestrictedExpression::new_string(value.to_owned()),
            };
            Some((attribute.name.to_string(), value))
        });
        cedar_policy::Context::from_pairs(pairs).map_err(Box::new)
    }

    fn verdict(
        &self,
        response: &Response,
        segments: &BTreeSet<Arc<str>>,
        outs: &[Fact],
        action: &Action,
    ) -> Verdict {
        let diagnostics = response.diagnostics();
        let mut reasons = Vec::new();
        // Cedar leaves a policy that fails out of account; here it forbids.
        for AuthorizationError::PolicyEvaluationError(error) in diagnostics.errors() {
            let text = format!("the rule failed, which blocks: {}", error.inner());
            reasons.push(bare_reason(error.policy_id().as_ref(), &text));
        }
        if response.decision() == Decision::Deny {
            let forbidding = diagnostics.reason().filter_map(|id| self.rule(id.as_ref()));
            reasons.extend(forbidding.map(|rule| self.reason(rule, segments, outs)));
            if reasons.is_empty() {
                let text = format!("`{action}` needs a consent of the person, and none applies");
                reasons.push(bare_reason(NO_CONSENT, &text));
            }
        }
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
