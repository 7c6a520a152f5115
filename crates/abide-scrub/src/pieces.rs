//! From words to the rows of each output.

use abide_formats::{Batch, FormatError, Output, Piece};
use abide_model::OnCannotTell;

use crate::{
    judging::{Judged, Word},
    output::{Part, Way},
    ready::Ready,
    report::Role,
    sheet,
};

/// What one batch adds to each output.
pub(crate) fn cut(
    batch: &Batch,
    judged: &Judged,
    ready: &Ready,
    outputs: &[(Role, Way)],
) -> Result<Vec<Part>, FormatError> {
    let part = |(role, way): &(Role, Way)| match way {
        Way::Output(output) => piece(batch, judged, ready.on_cannot_tell, *role, output).map(Part::Piece),
        Way::Sheet => {
            let mask = mask(judged, *role, ready.on_cannot_tell);
            let file = ready.plan.layout().name();
            Ok(Part::Rows(sheet::rows(batch, &mask, file, ready.sheet_columns())))
        }
    };
    outputs.iter().map(part).collect()
}

fn piece(
    batch: &Batch,
    judged: &Judged,
    on_cannot_tell: OnCannotTell,
    role: Role,
    output: &Output,
) -> Result<Piece, FormatError> {
    match role {
        Role::Kept if !output.added().is_empty() => labelled(batch, judged, output),
        Role::Kept => batch.keep(&mask(judged, role, on_cannot_tell), output),
        Role::Blocked | Role::Unjudged => batch.pick(&mask(judged, role, on_cannot_tell), output),
    }
}

/// The rows that an output takes. There is one action, whose word says what becomes of a row.
fn mask(judged: &Judged, role: Role, on_cannot_tell: OnCannotTell) -> Vec<bool> {
    let doubt_passes = on_cannot_tell == OnCannotTell::Allow;
    let takes = |word: &Word| match role {
        Role::Kept => *word == Word::Allow || (doubt_passes && *word == Word::CannotTell),
        Role::Blocked => *word == Word::Block,
        Role::Unjudged => *word == Word::CannotTell,
    };
    judged.words[0].iter().map(takes).collect()
}

/// All rows, with the words of all actions and the segments.
fn labelled(batch: &Batch, judged: &Judged, output: &Output) -> Result<Piece, FormatError> {
    let mut columns: Vec<Vec<&str>> =
        judged.words.iter().map(|words| words.iter().map(|word| word.as_str()).collect()).collect();
    columns.push(judged.segments.iter().map(AsRef::as_ref).collect());
    let columns: Vec<&[&str]> = columns.iter().map(Vec::as_slice).collect();
    batch.keep_with_columns(&vec![true; batch.len()], output, &columns)
}
