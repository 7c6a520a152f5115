//! The layouts are those of the reference; vectors of whole strings are in `tests/it/consent.rs`.

use serde_json::{Value as Json, json};

use super::{
    fields::Layout,
    gpp::{STATES, Section},
};

#[test]
fn the_tables_of_sections_are_those_of_the_reference() {
    let reference: Json =
        serde_json::from_str(include_str!("../../tests/vectors/gpp_us_section_layouts.json")).unwrap();
    let reference = reference["sections"].as_object().unwrap();
    assert_eq!(STATES.len(), reference.len());
    for (name, expected) in reference {
        let id = u8::try_from(expected["section_id"].as_u64().unwrap()).unwrap();
        let section = Section::by_id(id).unwrap();
        assert_eq!(section.name, name);
        let ours: Vec<Json> = section.layouts().into_iter().map(fields).collect();
        let theirs: Vec<&Json> =
            expected["segments"].as_array().unwrap().iter().map(|segment| &segment["fields"]).collect();
        assert_eq!(ours.iter().collect::<Vec<_>>(), theirs, "{name}");
    }
}

fn fields(layout: Layout) -> Json {
    layout.iter().map(|field| json!(field.described())).collect()
}
