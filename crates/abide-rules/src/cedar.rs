//! Cedar with all that it is asked with: the policies by action, and the names of things as it knows them.

mod action_policies;
mod memory;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use abide_model::{Action, Context};
use cedar_policy::{
    AuthorizationError, Authorizer, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, Response, RestrictedExpression,
};

use crate::{
    manifest::Manifest,
    outcome::Outcome,
    question::Question,
    schema::{self, ACTION, CONSENTED, ITEM, PERSON, SEGMENT},
};
pub(crate) use action_policies::ActionPolicies;
pub(crate) use memory::Answer;
pub use memory::Effort;
use memory::Memory;

/// The policies of a ruleset, compiled; with what they came to. Names are parsed once, since that costs more than deciding.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    pub(crate) policies: PolicySet,
    names: Arc<Names>,
    /// Of each action, when it is first asked about.
    by_action: BTreeMap<Action, OnceLock<ActionPolicies>>,
    memory: Memory,
}

/// What of a ruleset Cedar knows by a name of its own.
struct Names {
    /// The actions with their groups.
    actions: Entities,
    action_ids: BTreeMap<Action, EntityUid>,
    segment_ids: BTreeMap<Arc<str>, EntityUid>,
    /// The type of each context attribute that has words.
    word_types: BTreeMap<Arc<str>, EntityTypeName>,
    person: EntityUid,
    /// What is acted on; of no account so far.
    item: EntityUid,
}

/// A question as Cedar takes it, so that several sets of policies can be asked.
pub(crate) struct Posed {
    request: Request,
    entities: Entities,
}

/// Why Cedar could not be asked at all. No checked ruleset was ever seen to come to that.
pub(crate) type Unaskable = Box<dyn std::error::Error>;

impl Cedar {
    pub(crate) fn new(manifest: &Manifest, policies: PolicySet, actions: Entities) -> Self {
        Self::of(Arc::new(Names::new(manifest, actions)), policies)
    }

    /// The same with other policies, which nobody has been asked about.
    pub(crate) fn with_policies(&self, policies: PolicySet) -> Self {
        Self::of(self.names.clone(), policies)
    }

    fn of(names: Arc<Names>, policies: PolicySet) -> Self {
        let by_action = names.action_ids.keys().map(|action| (action.clone(), OnceLock::new())).collect();
        Self { authorizer: Authorizer::new(), policies, names, by_action, memory: Memory::default() }
    }

    /// A policy that the ruleset has.
    pub(crate) fn policy(&self, id: &str) -> &Policy {
        self.policies.policy(&PolicyId::new(id)).expect("every rule is a policy")
    }

    /// The policies that speak of an action; none for an action that there is not.
    pub(crate) fn speaking_of(&self, action: &Action, manifest: &Manifest) -> Option<&ActionPolicies> {
        let id = self.names.action_ids.get(action)?;
        let cell = self.by_action.get(action)?;
        Some(cell.get_or_init(|| ActionPolicies::of(&self.policies, id, manifest)))
    }

    /// Asks once, however often and by however many it is called.
    pub(crate) fn outcome(&self, question: &Question, policies: &ActionPolicies) -> Answer {
        self.memory.answer(question, || match self.pose(question) {
            Ok(posed) => Ok(Arc::new(Outcome::of(&self.ask(&policies.all, &posed)))),
            Err(error) => Err(error.to_string().into()),
        })
    }

    /// How often [`Self::outcome`] asked.
    pub(crate) fn effort(&self) -> Effort {
        self.memory.effort()
    }

    pub(crate) fn pose(&self, question: &Question) -> Result<Posed, Unaskable> {
        let names = &self.names;
        let parents: HashSet<_> =
            question.segments().filter_map(|name| names.segment_ids.get(name)).cloned().collect();
        let consented = RestrictedExpression::new_bool(question.consented());
        let person =
            Entity::new(names.person.clone(), HashMap::from([(CONSENTED.to_owned(), consented)]), parents)?;
        let entities = names.actions.clone().add_entities([person], None)?;
        let action = names.action_ids.get(question.action()).ok_or("there is no such action")?;
        let context = names.context(question.context())?;
        let request = Request::new(names.person.clone(), action.clone(), names.item.clone(), context, None)?;
        Ok(Posed { request, entities })
    }

    pub(crate) fn ask(&self, policies: &PolicySet, posed: &Posed) -> Response {
        self.authorizer.is_authorized(&posed.request, policies, &posed.entities)
    }
}

impl Outcome {
    /// What Cedar says of some policies.
    pub(crate) fn of(response: &Response) -> Self {
        let diagnostics = response.diagnostics();
        let applying = || diagnostics.reason().map(|id| Arc::from(AsRef::<str>::as_ref(id))).collect();
        let mut outcome = Self::default();
        match response.decision() {
            Decision::Allow => outcome.permitting = applying(),
            Decision::Deny => outcome.forbidding = applying(),
        }
        outcome.failing = diagnostics.errors().map(failure).collect();
        outcome
    }
}

/// The id of a policy that failed, and why.
pub(crate) fn failure(error: &AuthorizationError) -> (Arc<str>, Arc<str>) {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    let id: &str = error.policy_id().as_ref();
    (id.into(), error.inner().to_string().into())
}

impl Names {
    fn new(manifest: &Manifest, actions: Entities) -> Self {
        let type_of =
            |name: &str| -> EntityTypeName { name.parse().expect("the schema has a type of that name") };
        let uid =
            |of: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id));
        let (action, segment) = (type_of(ACTION), type_of(SEGMENT));
        Self {
            actions,
            action_ids: manifest
                .actions
                .iter()
                .map(|spec| (spec.name.clone(), uid(&action, spec.name.as_str())))
                .collect(),
            segment_ids: manifest
                .segments
                .iter()
                .map(|spec| (spec.name.clone(), uid(&segment, &spec.name)))
                .collect(),
            word_types: manifest
                .attributes
                .iter()
                .filter(|attribute| attribute.default().is_some())
                .map(|attribute| (attribute.name.clone(), type_of(&schema::type_name(attribute))))
                .collect(),
            // Nobody's name: a verdict is about whoever has these facts.
            person: uid(&type_of(PERSON), "subject"),
            item: uid(&type_of(ITEM), "record"),
        }
    }

    fn context(
        &self,
        context: &Context,
    ) -> Result<cedar_policy::Context, Box<cedar_policy::ContextCreationError>> {
        let pairs = context.iter().map(|(name, value)| {
            let value = match self.word_types.get(name) {
                Some(word) => RestrictedExpression::new_entity_uid(EntityUid::from_type_name_and_id(
                    word.clone(),
                    EntityId::new(value),
                )),
                None => RestrictedExpression::new_string(value.to_owned()),
            };
            (name.to_owned(), value)
        });
        cedar_policy::Context::from_pairs(pairs).map_err(Box::new)
    }
}
