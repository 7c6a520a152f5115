//! The schema in which two rulesets are written together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Common, Side, attribute_of, group_name, named, words};
use crate::{
    manifest::{action::GroupSpec, context::AttributeSpec},
    schema::{CONSENTED, ITEM, PERSON, SEGMENT, quoted, type_name},
};

pub(super) fn text(common: &Common<'_>) -> String {
    let sides = [Side::Old, Side::New];
    let segments: BTreeSet<&str> =
        sides.iter().flat_map(|side| common.side(*side).segments()).map(|segment| &*segment.name).collect();
    let facts: String =
        common.facts.iter().map(|fact| format!(", \"{}\": Bool", attribute_of(fact))).collect();
    let mut lines = vec![
        format!("entity {SEGMENT} enum [{}];", quoted(segments.into_iter())),
        format!("entity {PERSON} {{ {CONSENTED}: Bool{facts} }};"),
        format!("entity {ITEM};"),
    ];
    let mut attributes: BTreeMap<&str, &AttributeSpec> = BTreeMap::new();
    for side in sides {
        let all = common.side(side).context_attributes();
        attributes.extend(all.iter().map(|attribute| (&*attribute.name, attribute)));
    }
    let mut context = Vec::new();
    for (name, attribute) in attributes {
        if attribute.default().is_none() {
            context.push(format!("{name}?: String"));
            continue;
        }
        // The attribute is the new ruleset's where both have it.
        let words = words(attribute, named(common.old, name));
        lines.push(format!(
            "entity {} enum [{}];",
            type_name(attribute),
            quoted(words.iter().map(String::as_str))
        ));
        context.push(format!("{name}: {}", type_name(attribute)));
    }
    let mut actions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for side in sides {
        let manifest = &common.side(side).manifest;
        let prefixed =
            |parents: &[String]| parents.iter().map(|parent| group_name(side, parent)).collect::<Vec<_>>();
        for GroupSpec { name, parents, .. } in &manifest.groups {
            lines.push(format!("action \"{}\"{};", group_name(side, name), within(&prefixed(parents))));
        }
        for action in &manifest.actions {
            actions.entry(action.name.as_str()).or_default().extend(prefixed(&action.parents));
        }
    }
    for (action, groups) in actions {
        lines.push(format!(
            "action \"{action}\"{} appliesTo {{ principal: {PERSON}, resource: {ITEM}, context: {{ {} }} }};",
            within(&groups),
            context.join(", ")
        ));
    }
    lines.join("\n")
}

fn within(groups: &[String]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    format!(" in [{}]", quoted(groups.iter().map(String::as_str)))
}
