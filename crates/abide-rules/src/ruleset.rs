//! A ruleset, checked and ready.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use abide_model::{Action, Context, Fact, signal::Direction};

use crate::{
    cedar::{Cedar, Effort},
    error::RulesetError,
    manifest::{
        Manifest,
        action::ActionSpec,
        context::{self, AttributeSpec, InvalidContext},
        max_age::MaxAge,
        segment::SegmentSpec,
    },
    policies::{self, Compiled, RuleSpec},
    schema,
    sources::RulesetSources,
    version::RulesetVersion,
};

/// What mechanisms mean and what blocks which actions: one version, compiled, immutable.
#[derive(Clone)]
pub struct Ruleset {
    version: RulesetVersion,
    pub(crate) manifest: Manifest,
    schema_text: String,
    pub(crate) rules: BTreeMap<Arc<str>, RuleSpec>,
    /// Shared with rulesets that differ in what makes a segment only.
    pub(crate) cedar: Arc<Cedar>,
}

impl Ruleset {
    /// The default ruleset, which is part of the program. A test keeps it from being wrong.
    pub fn built_in() -> Result<Self, RulesetError> {
        Self::from_sources(&RulesetSources::built_in())
    }

    /// Compiles a ruleset, or says what is wrong with it and where.
    pub fn from_sources(sources: &RulesetSources) -> Result<Self, RulesetError> {
        let manifest = Manifest::parse(&sources.toml)?;
        let schema_text = schema::derive(&manifest);
        let Compiled { policies, schema, rules } = policies::compile(sources, &manifest, &schema_text)?;
        let actions = schema.action_entities().expect("groups were found to be in no circle");
        let cedar = Arc::new(Cedar::new(&manifest, policies, actions));
        let version = RulesetVersion::of(&manifest.name, sources);
        Ok(Self { version, manifest, schema_text, rules, cedar })
    }

    /// Content-addressed: any change of a text is another version.
    pub fn version(&self) -> &RulesetVersion {
        &self.version
    }

    /// The Cedar schema that the policies were checked against.
    pub fn schema(&self) -> &str {
        &self.schema_text
    }

    /// What the ruleset says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All actions, by name.
    pub fn actions(&self) -> impl Iterator<Item = &ActionSpec> {
        self.manifest.actions.iter()
    }

    pub fn action(&self, action: &Action) -> Option<&ActionSpec> {
        self.manifest.actions.iter().find(|spec| spec.name == *action)
    }

    /// All segments, by name.
    pub fn segments(&self) -> impl Iterator<Item = &SegmentSpec> {
        self.manifest.segments.iter()
    }

    /// The segments that opt-outs in force put a person in.
    pub fn segments_of(&self, outs: &[Fact]) -> BTreeSet<Arc<str>> {
        let in_it = |segment: &&SegmentSpec| outs.iter().any(|fact| makes(segment, fact));
        self.segments().filter(in_it).map(|segment| segment.name.clone()).collect()
    }

    /// All policies, by id.
    pub fn rules(&self) -> impl Iterator<Item = &RuleSpec> {
        self.rules.values()
    }

    pub fn rule(&self, id: &str) -> Option<&RuleSpec> {
        self.rules.get(id)
    }

    /// Every attribute that a context may have, by name: together with the action and the facts,
    /// all that a verdict depends on.
    pub fn context_attributes(&self) -> &[AttributeSpec] {
        &self.manifest.attributes
    }

    /// Refuses an attribute or a word that the ruleset does not know.
    pub fn check_context(&self, context: &Context) -> Result<(), InvalidContext> {
        context::check(&self.manifest.attributes, context)
    }

    /// How fresh the sources that an action rests on have to be; see [`MaxAge::applies`].
    pub fn max_ages(&self, action: &Action) -> impl Iterator<Item = &MaxAge> {
        self.manifest.max_ages.iter().filter(|max_age| max_age.actions.contains(action))
    }

    /// How often Cedar had to be asked so far, by whoever holds this ruleset.
    pub fn effort(&self) -> Effort {
        self.cedar.effort()
    }

    pub(crate) fn segment(&self, name: &str) -> Option<&SegmentSpec> {
        self.manifest.segments.iter().find(|segment| &*segment.name == name)
    }
}

/// The version says it all, and the content would fill pages.
impl fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ruleset").field(&self.version).finish()
    }
}

/// Whether a fact puts people into a segment.
pub(crate) fn makes(segment: &SegmentSpec, fact: &Fact) -> bool {
    fact.direction == Direction::Out
        && segment.mechanisms.iter().any(|pattern| pattern.matches(&fact.mechanism))
}
