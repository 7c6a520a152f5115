//! From words to the rows of each output.

use abide_formats::{Batch, FormatError, Output, Piece};
use abide_model::OnCannotTell;

use crate::{
    judging::{Judged, Word},
    report::Role,
};

/// What one batch adds to each output.
pub(crate) fn cut(
    batch: &Batch,
    judged: &Judged,
    on_cannot_tell: OnCannotTell,
    outputs: &[(Role, Output)],
) -> Result<Vec<Piece>, FormatError> {
    outputs.iter().map(|(role, output)| piece(batch, judged, on_cannot_tell, *role, output)).collect()
}

fn piece(
    batch: &Batch,
    judged: &Judged,
    on_cannot_tell: OnCannotTell,
    role: Role,
    output: &Output,
) -> Result<Piece, FormatError> {
    // With several actions all rows are kept; else there is one action, whose word says what becomes of a row.
    let mask = |is_chosen: &dyn Fn(Word) -> bool| -> Vec<bool> {
        judged.words[0].iter().map(|word| is_chosen(*word)).collect()
    };
    match role {
        Role::Kept if output.added().is_empty() => {
            let lets_doubt_pass = on_cannot_tell == OnCannotTell::Allow;
            let stays = |word| word == Word::Allow || (lets_doubt_pass && word == Word::CannotTell);
            batch.keep(&mask(&stays), output)
        }
        Role::Kept => {
            let mut columns: Vec<Vec<&str>> =
                judged.words.iter().map(|words| words.iter().map(|word| word.as_str()).collect()).collect();
            columns.push(judged.segments.iter().map(AsRef::as_ref).collect());
            let columns: Vec<&[&str]> = columns.iter().map(Vec::as_slice).collect();
            batch.keep_with_columns(&vec![true; batch.len()], output, &columns)
        }
        Role::Blocked => batch.pick(&mask(&|word| word == Word::Block), output),
        Role::Unjudged => batch.pick(&mask(&|word| word == Word::CannotTell), output),
    }
}
