//! Questions to the solver: does whatever one side allows count as allowed by the other?

use std::collections::BTreeSet;

use abide_model::{Action, Context, Mechanism};
use abide_rules::{Common, Given, Side};
use cedar_policy::{
    EntityId, EntityTypeName, EntityUid, EvalResult, Policy, PolicyId, PolicySet, RequestEnv, Schema,
};
use cedar_policy_symcc::{CompiledPolicy, CompiledPolicySet, Env};
use serde_json::Value;

use crate::{
    failing::may_fail,
    solver::{Effort, Solver, Unsettled},
};

/// Two rulesets before the solver.
#[derive(Debug)]
pub(crate) struct Questions<'r> {
    common: Common<'r>,
    schema: Schema,
    effort: Effort,
    solver: Option<Solver>,
    /// Of each action the policies that could fail and do for nobody, as text.
    never_failing: BTreeSet<(Action, String)>,
    /// How often the solver was needed; equal policies judge equally without it.
    pub(crate) asked: usize,
}

/// Somebody and an act, as the solver made them up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) mechanisms: Vec<Mechanism>,
    pub(crate) consented: bool,
    pub(crate) context: Context,
}

/// A side, and what is given.
pub(crate) type Judging<'a> = (Side, Given<'a>);

impl<'r> Questions<'r> {
    pub(crate) fn new(common: Common<'r>, effort: Effort) -> Result<Self, Unsettled> {
        let (schema, _) = Schema::from_cedarschema_str(&common.schema())
            .map_err(|error| Unsettled::Failed(error.to_string()))?;
        let solver = Some(Solver::start(effort)?);
        Ok(Self { common, schema, effort, solver, never_failing: BTreeSet::new(), asked: 0 })
    }

    fn facts(&self) -> Vec<Mechanism> {
        self.common.facts().map(|(mechanism, _)| mechanism.clone()).collect()
    }

    /// Whether both sides have the same policies for an action, so that nothing has to be asked.
    pub(crate) fn is_alike(&self, action: &Action) -> Result<bool, Unsettled> {
        let [old, new] =
            [Side::Old, Side::New].map(|side| self.common.policies(side, action, Given::Nothing));
        Ok(old? == new?)
    }

    /// Of facts that are given one after the other, those that make the policies of an action another than every one
    /// before: whatever is settled of one is settled of all that are alike.
    pub(crate) fn telling_facts(&self, action: &Action) -> Result<Vec<Mechanism>, Unsettled> {
        let mut known = vec![self.common.policies(Side::New, action, Given::Nothing)?];
        let mut telling = Vec::new();
        for mechanism in self.facts() {
            let policies = self.common.policies(Side::New, action, Given::InForce(&mechanism))?;
            if !known.contains(&policies) {
                known.push(policies);
                telling.push(mechanism);
            }
        }
        Ok(telling)
    }

    /// Somebody whom `one` blocks from an action and `other` does not, or the certainty that there is nobody.
    pub(crate) async fn lets_through(
        &mut self,
        action: &Action,
        one: Judging<'_>,
        other: Judging<'_>,
    ) -> Result<Option<Found>, Unsettled> {
        let [blocking, allowing] =
            [one, other].map(|(side, given)| self.common.policies(side, action, given));
        let (blocking, allowing) = (blocking?, allowing?);
        if blocking == allowing {
            return Ok(None);
        }
        self.asked += 1;
        let environment = environment(action)?;
        let mut solver = match self.solver.take() {
            Some(solver) => solver,
            None => Solver::start(self.effort)?,
        };
        // What fails blocks, but not for the solver: where the blocking side may fail, its answer says nothing.
        for policy in blocking.iter().filter(|policy| may_fail(policy)) {
            let known = (action.clone(), policy.to_string());
            if self.never_failing.contains(&known) {
                continue;
            }
            let policy = CompiledPolicy::compile(&cedar(0, policy)?, &environment, &self.schema)?;
            if !solver.ask(|compiler| compiler.check_never_errors_opt(&policy)).await? {
                self.solver = Some(solver);
                return Err(Unsettled::MayFail);
            }
            self.never_failing.insert(known);
        }
        let [blocking, allowing] = [&blocking, &allowing].map(|policies| {
            let policies = policies.iter().enumerate().map(|(nth, policy)| cedar(nth, policy));
            let policies = policies.collect::<Result<Vec<_>, _>>()?;
            let set = PolicySet::from_policies(policies).map_err(|e| Unsettled::Failed(e.to_string()))?;
            Ok::<_, Unsettled>(CompiledPolicySet::compile(&set, &environment, &self.schema)?)
        });
        let (blocking, allowing) = (blocking?, allowing?);
        let found = solver
            .ask(|compiler| compiler.check_implies_with_counterexample_opt(&allowing, &blocking))
            .await?;
        self.solver = Some(solver);
        found.map(|found| self.read(&found)).transpose()
    }

    /// What a request of the solver's says in our words.
    fn read(&self, found: &Env) -> Result<Found, Unsettled> {
        let strange = || Unsettled::Failed("its counter-example is no request".to_owned());
        let person = found.request.principal().ok_or_else(strange)?;
        let person = found.entities.get(person).ok_or_else(strange)?;
        let holds = |attribute: &str| match person.attr(attribute) {
            Some(Ok(EvalResult::Bool(holds))) => Ok(holds),
            _ => Err(strange()),
        };
        let mut mechanisms = Vec::new();
        for (mechanism, attribute) in self.common.facts() {
            if holds(&attribute)? {
                mechanisms.push(mechanism.clone());
            }
        }
        let context = found.request.context().ok_or_else(strange)?;
        let mut words = Vec::new();
        for name in self.common.attributes() {
            match context.get(&name) {
                Some(EvalResult::EntityUid(word)) => words.push((name, word.id().unescaped().to_owned())),
                Some(EvalResult::String(text)) => words.push((name, text)),
                None => {}
                Some(_) => return Err(strange()),
            }
        }
        Ok(Found { mechanisms, consented: holds("consented")?, context: self.common.context(words) })
    }
}

fn cedar(nth: usize, policy: &Value) -> Result<Policy, Unsettled> {
    Policy::from_json(Some(PolicyId::new(format!("{nth}"))), policy.clone())
        .map_err(|error| Unsettled::Failed(error.to_string()))
}

fn environment(action: &Action) -> Result<RequestEnv, Unsettled> {
    let named =
        |name: &str| name.parse::<EntityTypeName>().map_err(|error| Unsettled::Failed(error.to_string()));
    let action = EntityUid::from_type_name_and_id(named("Action")?, EntityId::new(action.as_str()));
    Ok(RequestEnv::new(named("Person")?, action, named("Item")?))
}
