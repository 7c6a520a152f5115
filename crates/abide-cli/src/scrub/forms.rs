//! In which forms the files' people come: of an --against list only keys that they could match are made.

use abide_model::{Form, Forms, PhoneRegion};

use super::{
    columns,
    flags::FileFlags,
    inputs::{Inputs, Named},
    sample::Sample,
};

/// Every form, where the files do not tell before they are read.
const ALL: Forms = Forms { md5: true, sha1: true };

/// The forms beyond SHA-256 that a raw list has to be hashed in. A digest costs as much as all else that is done for a
/// row of the list, and nearly all files hold raw identifiers.
pub(crate) fn needed(inputs: &Inputs, flags: &FileFlags, region: PhoneRegion) -> Forms {
    let forms: Vec<Form> = if flags.ids.is_empty() {
        let mut found = Vec::new();
        for named in &inputs.0 {
            let Some(forms) = of_file(named, flags, region) else { return ALL };
            found.extend(forms);
        }
        found
    } else {
        flags.ids.iter().filter_map(|id| id.role.form).collect()
    };
    Forms { md5: forms.contains(&Form::Md5), sha1: forms.contains(&Form::Sha1) }
}

/// `None` of what can be read only once, and of what cannot be read: that is complained about when its turn comes.
fn of_file(named: &Named, flags: &FileFlags, region: PhoneRegion) -> Option<Vec<Form>> {
    if !matches!(named, Named::File(path) if path.is_file()) {
        return None;
    }
    let (input, head) = named.open(flags).ok()?;
    let sample = Sample::of(&input, head.as_deref()).ok()?;
    let (people, _) = columns::people(&sample, flags, region).ok()?;
    Some(people.iter().filter_map(|person| person.role.form).collect())
}
