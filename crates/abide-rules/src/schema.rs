//! The Cedar schema that follows from a manifest.
//!
//! Segments and the words of context attributes are enumerated entity types rather than strings, so
//! that Cedar itself refuses a policy which compares with a word that does not exist.

use std::fmt::Write as _;

use crate::manifest::{
    Manifest,
    context::{AttributeKind, AttributeSpec},
};

/// The types that stand in every schema.
pub(crate) const PERSON: &str = "Person";
pub(crate) const SEGMENT: &str = "Segment";
pub(crate) const ITEM: &str = "Item";
pub(crate) const ACTION: &str = "Action";

/// The one attribute of a person: whether a consent applies to what is about to be done.
pub(crate) const CONSENTED: &str = "consented";

/// The schema in Cedar's own language. Nothing in it needs escaping: a manifest's names have
/// letters, digits, `_` and `.` only.
pub(crate) fn derive(manifest: &Manifest) -> String {
    let mut schema = String::new();
    let names = manifest.segments.iter().map(|segment| &*segment.name);
    write(&mut schema, format_args!("entity {SEGMENT} enum [{}];\n", quoted(names)));
    write(&mut schema, format_args!("entity {PERSON} in [{SEGMENT}] {{ {CONSENTED}: Bool }};\n"));
    write(&mut schema, format_args!("entity {ITEM};\n"));
    for attribute in &manifest.attributes {
        if let AttributeKind::Words { values, .. } = &attribute.kind {
            let values = quoted(values.iter().map(|value| &**value));
            write(&mut schema, format_args!("entity {} enum [{values}];\n", type_name(attribute)));
        }
    }
    for group in &manifest.groups {
        write(&mut schema, format_args!("action \"{}\"{};\n", group.name, parents(&group.parents)));
    }
    let context = context(&manifest.attributes);
    for action in &manifest.actions {
        write(
            &mut schema,
            format_args!(
                "action \"{}\"{} appliesTo {{ principal: {PERSON}, resource: {ITEM}, context: {{ {context} }} }};\n",
                action.name,
                parents(&action.parents),
            ),
        );
    }
    schema
}

/// `purpose` → `Purpose`, `first_seen` → `FirstSeen`.
pub(crate) fn type_name(attribute: &AttributeSpec) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    attribute.name.split('_').map(upper).collect()
}

fn context(attributes: &[AttributeSpec]) -> String {
    let attribute = |attribute: &AttributeSpec| match attribute.kind {
        AttributeKind::Words { .. } => format!("{}: {}", attribute.name, type_name(attribute)),
        AttributeKind::Text => format!("{}?: String", attribute.name),
    };
    attributes.iter().map(attribute).collect::<Vec<_>>().join(", ")
}

fn parents(groups: &[String]) -> String {
    if groups.is_empty() {
        String::new()
    } else {
        format!(" in [{}]", quoted(groups.iter().map(String::as_str)))
    }
}

pub(crate) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn write(schema: &mut String, line: std::fmt::Arguments<'_>) {
    schema.write_fmt(line).expect("a String takes everything");
}
