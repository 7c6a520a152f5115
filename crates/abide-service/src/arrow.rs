//! People as an Arrow IPC stream, and the answers to it: a column for each kind of identifier, a row for each person.
//!
//! A stream is small and can stand for much: compressed buffers, a long text in a dictionary that every row names, rows of
//! a column without values. So compression is refused, rows are counted before they are read, and texts as they are taken.

use std::{io::Cursor, sync::Arc};

use abide_formats::{Cell, Column, Compression, Detected, Format, Options, Plan, Reader};
use abide_model::{Written, contained::contained, kind_and_form};
use arrow_array::{
    ArrayRef, BooleanArray, RecordBatch,
    builder::{ListBuilder, StringBuilder},
};
use arrow_ipc::{root_as_message, writer::StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;

use crate::{
    problem::{Kind, Problem},
    wire::{Effect, Subject, VerdictBody, VerdictWord},
};

/// What a stream may come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) subjects: usize,
    /// Of all texts together.
    pub(crate) bytes: usize,
}

fn unreadable() -> Problem {
    Problem::invalid("the body is no Arrow IPC stream that can be read")
}

pub(crate) fn read(body: &Bytes, bounds: Bounds) -> Result<Vec<Subject<'static>>, Problem> {
    refuse_compressed(body)?;
    // The library panics at some streams that no writer makes.
    contained(|| read_contained(body, bounds)).unwrap_or_else(|_| Err(unreadable()))
}

fn read_contained(body: &Bytes, bounds: Bounds) -> Result<Vec<Subject<'static>>, Problem> {
    let detected =
        Detected { format: Format::ArrowStream, compression: Compression::None, has_header: false };
    let options = Options::new("the body", detected);
    let mut reader =
        Reader::from_read(Box::new(Cursor::new(body.clone())), &options).map_err(|_| unreadable())?;
    let layout = reader.layout().clone();
    let names = layout.columns().unwrap_or_default();
    let kinds: Option<Vec<_>> = names.iter().map(|name| kind_and_form(name)).collect();
    let kinds = kinds.ok_or_else(|| {
        Problem::invalid(
            "a column is named by no kind or form of identifier that there is (see /openapi.json)",
        )
    })?;
    let columns: Vec<Column> = (1..=kinds.len()).map(Column::At).collect();
    let plan = Plan::new(&layout, &columns)
        .map_err(|_| Problem::invalid("a column is of a type that is no text, number or list of them"))?;
    let (mut subjects, mut bytes) = (Vec::new(), 0);
    while let Some(chunk) = reader.next_chunk().map_err(|_| unreadable())? {
        let rows = chunk.len();
        if rows.saturating_add(subjects.len()) > bounds.subjects {
            let detail = format!("there are more than {} subjects", bounds.subjects);
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        let batch = plan.parse(chunk).map_err(|_| unreadable())?;
        for row in 0..rows {
            let mut subject = Subject::default();
            for (column, (kind, form)) in kinds.iter().enumerate() {
                let mut take = |text: &str| {
                    bytes += text.len();
                    if bytes <= bounds.bytes {
                        let text = text.to_owned().into();
                        subject.written.push(Written { kind: *kind, form: *form, text });
                    }
                };
                match batch.cell(row, column) {
                    Cell::Absent => {}
                    Cell::Text(text) => take(&text),
                    Cell::List(texts) => texts.iter().for_each(|text| take(text)),
                    Cell::Undecodable => subject.is_undecodable = true,
                }
            }
            if bytes > bounds.bytes {
                let detail = format!("its texts have more than {} bytes", bounds.bytes);
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            let is_undecodable = subject.is_undecodable;
            subjects.push(Subject { is_undecodable, ..Subject::of(subject.written) });
        }
    }
    Ok(subjects)
}

/// Looks at the head of each message. What cannot be made sense of is for the reader to complain about.
fn refuse_compressed(body: &[u8]) -> Result<(), Problem> {
    let mut rest = body;
    while let Some((word, after)) = rest.split_first_chunk::<4>() {
        // Before version 5 of the format the length came first.
        let (word, after) = match after.split_first_chunk::<4>() {
            Some((length, after)) if *word == [0xff; 4] => (length, after),
            _ => (word, after),
        };
        let Some(head) =
            usize::try_from(u32::from_le_bytes(*word)).ok().and_then(|length| after.get(..length))
        else {
            break;
        };
        let Ok(message) = root_as_message(head) else { break };
        let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
        let batch = message.header_as_record_batch().or(dictionary);
        if batch.is_some_and(|batch| batch.compression().is_some()) {
            return Err(Problem::invalid("send the Arrow stream without compression"));
        }
        let next =
            usize::try_from(message.bodyLength()).ok().and_then(|length| length.checked_add(head.len()));
        let Some(next) = next.and_then(|next| after.get(next..)) else { break };
        rest = next;
    }
    Ok(())
}

/// The answers in columns, in the order of the questions.
#[derive(Default)]
pub(crate) struct Answers {
    verdicts: StringBuilder,
    effects: StringBuilder,
    partly: Vec<bool>,
    causes: StringBuilder,
    rules: ListBuilder<StringBuilder>,
}

impl Answers {
    pub(crate) fn push(&mut self, body: &VerdictBody<'_>) {
        self.verdicts.append_value(match body.verdict {
            VerdictWord::Allow => "allow",
            VerdictWord::Block => "block",
            VerdictWord::CannotTell => "cannot_tell",
        });
        self.effects.append_value(match body.effect {
            Effect::Allow => "allow",
            Effect::Block => "block",
        });
        self.partly.push(body.partly_judged);
        self.causes.append_option(body.cause);
        self.rules.append_value(body.rules.iter().map(|rule| Some(*rule)));
    }

    /// The stream; what is said of all of them stands in the schema's metadata.
    pub(crate) fn finish(mut self, metadata: [(&str, &str); 2]) -> Vec<u8> {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let fields = vec![
            Field::new("verdict", DataType::Utf8, false),
            Field::new("effect", DataType::Utf8, false),
            Field::new("partly_judged", DataType::Boolean, false),
            Field::new("cause", DataType::Utf8, true),
            Field::new("rules", DataType::List(item), false),
        ];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.verdicts.finish()),
            Arc::new(self.effects.finish()),
            Arc::new(BooleanArray::from(self.partly)),
            Arc::new(self.causes.finish()),
            Arc::new(self.rules.finish()),
        ];
        let batch =
            RecordBatch::try_new(schema.clone(), columns).expect("columns of the schema, equally long");
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a vector takes everything");
        writer.write(&batch).expect("a vector takes everything");
        writer.into_inner().expect("a vector takes everything")
    }
}
