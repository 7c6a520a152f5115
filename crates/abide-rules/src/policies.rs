//! The policies of a ruleset: read, named, checked against the schema.

mod code;
mod depth;
mod tables;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use cedar_policy::{EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use crate::{
    error::{Nearest, Place, Problem, RulesetError},
    manifest::{Manifest, action::Basis, context::AttributeKind},
    schema::{ACTION, CONSENTED, SEGMENT, type_name},
    sources::{MANIFEST_FILE, RulesetSources},
};

/// A policy as people refer to it.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// Its `@id`.
    pub id: Arc<str>,
    pub effect: Effect,
    /// Its `@reason`: a sentence for people.
    pub reason: Arc<str>,
    /// The segments that it names.
    pub segments: Vec<Arc<str>>,
    /// The file that it stands in.
    pub file: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Permit,
    Forbid,
}

/// Ids that reasons carry which come from no policy.
pub(crate) const NO_CONSENT: &str = "no-consent";
pub(crate) const INVALID_CONTEXT: &str = "invalid-context";
pub(crate) const ENGINE_ERROR: &str = "engine-error";

const BASIS_OPT_OUT: &str = "basis-opt-out";
const BASIS_OPT_IN: &str = "basis-opt-in";

const RESERVED_IDS: [&str; 5] = [NO_CONSENT, INVALID_CONTEXT, ENGINE_ERROR, BASIS_OPT_OUT, BASIS_OPT_IN];

pub(crate) struct Compiled {
    /// Those of the ruleset and those that follow from the basis of each action.
    pub(crate) policies: PolicySet,
    pub(crate) schema: Schema,
    /// Those of the ruleset, by id.
    pub(crate) rules: BTreeMap<Arc<str>, RuleSpec>,
}

/// Reads all policies and checks each against the schema.
pub(crate) fn compile(
    sources: &RulesetSources,
    manifest: &Manifest,
    schema_text: &str,
) -> Result<Compiled, RulesetError> {
    let (schema, _) = Schema::from_cedarschema_str(schema_text).map_err(|error| {
        let message = with_help(&error.to_string(), error.help());
        RulesetError { place: Place::at(MANIFEST_FILE, &sources.toml, 0), problem: Problem::Cedar(message) }
    })?;
    let validator = Validator::new(schema.clone());
    let mut all = basis_policies(manifest);
    let mut rules = BTreeMap::new();
    for table in &manifest.tables {
        let (policy, rule) = tables::policy(table, manifest, &validator)?;
        if rules.insert(rule.id.clone(), rule).is_some() || RESERVED_IDS.contains(&&*table.rule_id()) {
            let problem = Problem::TableId { segment: table.segment.clone(), name: table.rule_id() };
            return Err(RulesetError { place: table.place.clone(), problem });
        }
        all.add(policy).expect("ids are distinct, as the line before has checked");
    }
    for (file, text) in sources.sorted_policies() {
        let file = PolicyFile { file, text };
        for (start, policy) in file.parse()? {
            let (policy, rule) = file.name(start, &policy)?;
            file.check_names(start, &policy, manifest)?;
            file.validate(start, &policy, &validator)?;
            let id = rule.id.clone();
            if rules.insert(id.clone(), rule).is_some() {
                return Err(file.error(start, Problem::Twice { what: "the policy", name: id.to_string() }));
            }
            all.add(policy).expect("ids are distinct, as the line before has checked");
        }
    }
    Ok(Compiled { policies: all, schema, rules })
}

/// What the basis of each action permits.
fn basis_policies(manifest: &Manifest) -> PolicySet {
    let mut policies = PolicySet::new();
    for (id, basis, when) in [
        (BASIS_OPT_OUT, Basis::OptOut, String::new()),
        (BASIS_OPT_IN, Basis::OptIn, format!("when {{ principal.{CONSENTED} }}")),
    ] {
        let actions = manifest.actions.iter().filter(|action| action.basis == basis);
        let actions: Vec<_> = actions.map(|action| format!("{ACTION}::\"{}\"", action.name)).collect();
        let text = format!("permit (principal, action in [{}], resource) {when};", actions.join(", "));
        let policy = Policy::parse(Some(PolicyId::new(id)), text).expect("names need no escaping");
        policies.add(policy).expect("the two ids are distinct");
    }
    policies
}

/// One file of policies, for naming places in it.
struct PolicyFile<'a> {
    file: &'a str,
    text: &'a str,
}

impl PolicyFile<'_> {
    /// The policies in the order of the file, each with the place where it begins.
    fn parse(&self) -> Result<Vec<(usize, Policy)>, RulesetError> {
        if let Some(at) = depth::too_deep(self.text) {
            return Err(self.error(at, Problem::TooDeep(depth::DEPTH_MAX)));
        }
        let set: PolicySet = self.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
            let first = errors.iter().next().expect("parse errors are never empty");
            let message = with_help(&first.to_string(), first.help());
            self.error(label(first).map_or(0, |span| span.start), Problem::Cedar(message))
        })?;
        let starts: Vec<usize> = starts(self.text).collect();
        if let Some(template) = set.templates().next() {
            let id = template.annotation("id").unwrap_or("without an id").to_owned();
            return Err(self.error(start_of(template.id(), &starts), Problem::Template(id)));
        }
        let mut policies: Vec<_> =
            set.policies().map(|policy| (start_of(policy.id(), &starts), policy.clone())).collect();
        policies.sort_by_key(|(start, _)| *start);
        Ok(policies)
    }

    fn name(&self, start: usize, policy: &Policy) -> Result<(Policy, RuleSpec), RulesetError> {
        let id = policy.annotation("id").ok_or_else(|| self.error(start, Problem::NoRuleId))?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if id.is_empty() || id.len() > 128 || !id.bytes().all(plain) || RESERVED_IDS.contains(&id) {
            return Err(self.error(start, Problem::InvalidRuleId(id.to_owned())));
        }
        let reason = policy.annotation("reason").unwrap_or_default();
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid if reason.trim().is_empty() => {
                return Err(self.error(start, Problem::NoReason(id.to_owned())));
            }
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        let rule = RuleSpec {
            id: id.into(),
            effect,
            reason: reason.into(),
            segments: segments_named(policy),
            file: self.file.to_owned(),
        };
        Ok((policy.new_id(PolicyId::new(id)), rule))
    }

    /// Cedar would refuse an unknown name too, but without saying which one was meant.
    fn check_names(&self, start: usize, policy: &Policy, manifest: &Manifest) -> Result<(), RulesetError> {
        let Some((problem, name)) = unknown_name(policy, manifest) else { return Ok(()) };
        let at = self.text[start..].find(&format!("\"{name}\"")).map_or(start, |at| start + at);
        Err(self.error(at, problem))
    }

    /// Warnings are errors: a policy that can never apply is a choice of somebody that nobody keeps.
    fn validate(&self, start: usize, policy: &Policy, validator: &Validator) -> Result<(), RulesetError> {
        let Some((message, at)) = first_complaint(policy, validator) else { return Ok(()) };
        Err(self.error(at.unwrap_or(start), Problem::Cedar(message)))
    }

    fn error(&self, offset: usize, problem: Problem) -> RulesetError {
        RulesetError { place: Place::at(&format!("policies/{}", self.file), self.text, offset), problem }
    }
}

/// The first name in a policy that nothing declares.
fn unknown_name(policy: &Policy, manifest: &Manifest) -> Option<(Problem, String)> {
    policy.entity_literals().iter().find_map(|uid| {
        let (what, known) = known_names(&uid.type_name().to_string(), manifest)?;
        let name: &str = uid.id().unescaped();
        if known.contains(&name) {
            return None;
        }
        let nearest = Nearest::of(name, known);
        Some((Problem::Unknown { what, name: name.to_owned(), nearest }, name.to_owned()))
    })
}

/// What Cedar's validator has to say of one policy, and where in its text.
fn first_complaint(policy: &Policy, validator: &Validator) -> Option<(String, Option<usize>)> {
    let alone = PolicySet::from_policies([policy.clone()]).expect("one policy clashes with none");
    let result = validator.validate(&alone, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| error as &dyn Diagnostic);
    let warnings = result.validation_warnings().map(|warning| warning as &dyn Diagnostic);
    let first = errors.chain(warnings).next()?;
    Some((with_help(&first.to_string(), first.help()), label(first).map(|span| span.start)))
}

pub(crate) fn segments_named(policy: &Policy) -> Vec<Arc<str>> {
    let is_segment = |uid: &EntityUid| uid.type_name().to_string() == SEGMENT;
    let mut names: Vec<Arc<str>> = policy
        .entity_literals()
        .iter()
        .filter(|uid| is_segment(uid))
        .map(|uid| uid.id().unescaped().into())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the entities of a type are, and which there are; `None` for a type that nobody enumerates.
fn known_names<'a>(type_text: &str, manifest: &'a Manifest) -> Option<(&'static str, Vec<&'a str>)> {
    if type_text == SEGMENT {
        return Some(("segment", manifest.segments.iter().map(|segment| &*segment.name).collect()));
    }
    if type_text == ACTION {
        let actions = manifest.actions.iter().map(|action| action.name.as_str());
        let groups = manifest.groups.iter().map(|group| group.name.as_str());
        return Some(("action", actions.chain(groups).collect()));
    }
    manifest.attributes.iter().find_map(|attribute| match &attribute.kind {
        AttributeKind::Words { values, .. } if type_name(attribute) == type_text => {
            Some(("value", values.iter().map(AsRef::as_ref).collect()))
        }
        _ => None,
    })
}

/// Cedar counts the policies of a text: `policy0`, `policy1`, …
fn start_of(id: &PolicyId, starts: &[usize]) -> usize {
    let id: &str = id.as_ref();
    let nth: Option<usize> = id.strip_prefix("policy").and_then(|nth| nth.parse().ok());
    nth.and_then(|nth| starts.get(nth)).copied().unwrap_or(0)
}

/// Where each policy of a text begins: with the first thing after a `;`, or after nothing, that is no white space.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let mut between = true;
    code::code(text).filter_map(move |(at, letter)| match letter {
        ';' => {
            between = true;
            None
        }
        _ if between && !letter.is_whitespace() => {
            between = false;
            Some(at)
        }
        _ => None,
    })
}

fn label(diagnostic: &dyn Diagnostic) -> Option<Range<usize>> {
    let first = diagnostic.labels()?.next()?;
    Some(first.offset()..first.offset() + first.len())
}

fn with_help(message: &str, help: Option<Box<dyn std::fmt::Display + '_>>) -> String {
    match help {
        Some(help) => format!("{message}; {help}"),
        None => message.to_owned(),
    }
}
