//! Cells of Arrow columns as text: a path through structs and lists to a column of values, and each value's text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array as _, ArrayRef, FixedSizeBinaryArray, LargeStringArray, StringArray, StringViewArray,
};
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

use crate::batch::Cell;
use crate::plan::only_match;
use crate::text::json::steps;
use crate::{Column, FormatError};

/// Where a wanted column is: an outermost column, and then the child of each struct on the way.
#[derive(Debug)]
pub(crate) struct Path {
    root: usize,
    children: Vec<usize>,
    uuid: bool,
}

/// Finds the column that the user means. A name that is an outermost column's wins over a path.
pub(crate) fn resolve(
    file: &str,
    schema: &Schema,
    uuids: &[String],
    column: &Column,
) -> Result<Path, FormatError> {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let (root, inner) = match column {
        Column::At(at) if *at == 0 || *at > schema.fields().len() => {
            return Err(FormatError::PositionMissing {
                name: file.to_owned(),
                position: *at,
                width: schema.fields().len(),
            });
        }
        Column::At(at) => (at - 1, Vec::new()),
        Column::Named(name) => match only_match(file, name, names.clone()) {
            Ok(root) => (root, Vec::new()),
            Err(missing @ FormatError::ColumnMissing { .. }) => {
                let mut path = steps(name).map_err(|_| missing)?;
                let inner = path.split_off(1);
                (only_match(file, &path[0], names)?, inner)
            }
            Err(other) => return Err(other),
        },
    };
    let mut field: &Field = schema.field(root);
    let mut dotted = field.name().clone();
    let mut children = Vec::new();
    for step in inner {
        let Some(fields) = members(field.data_type()) else {
            return Err(unreadable(file, &dotted, field.data_type()));
        };
        let child = only_match(file, &step, fields.iter().map(|field| field.name().as_str()))?;
        field = &fields[child];
        let _ = write!(dotted, ".{step}");
        children.push(child);
    }
    if !is_text(field.data_type()) {
        return Err(unreadable(file, &dotted, field.data_type()));
    }
    let extension = field.extension_type_name() == Some("arrow.uuid");
    Ok(Path { root, children, uuid: extension || uuids.contains(&dotted) })
}

fn unreadable(file: &str, column: &str, data_type: &DataType) -> FormatError {
    // Only the outermost word: the type of a struct repeats all of its members.
    let data_type = match data_type {
        DataType::Struct(_) => "a struct (name one of its members)".to_owned(),
        DataType::Map(..) => "a map".to_owned(),
        other => other.to_string(),
    };
    FormatError::ColumnType { name: file.to_owned(), column: column.to_owned(), data_type }
}

/// The members of a struct, or of the structs in a list.
fn members(data_type: &DataType) -> Option<&Fields> {
    match data_type {
        DataType::Struct(fields) => Some(fields),
        DataType::List(field) | DataType::LargeList(field) => members(field.data_type()),
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    use DataType as D;
    match data_type {
        D::Dictionary(_, values) => is_text(values),
        D::List(field) | D::LargeList(field) => is_text(field.data_type()),
        other => {
            other.is_integer()
                || matches!(
                    other,
                    D::Null
                        | D::Boolean
                        | D::Float32
                        | D::Float64
                        | D::Utf8
                        | D::LargeUtf8
                        | D::Utf8View
                        | D::Binary
                        | D::LargeBinary
                        | D::BinaryView
                        | D::FixedSizeBinary(_)
                        | D::Date32
                        | D::Date64
                        | D::Timestamp(..)
                        | D::Decimal128(..)
                )
        }
    }
}

impl Path {
    pub(crate) fn root(&self) -> usize {
        self.root
    }

    pub(crate) fn leaf(&self, root: &ArrayRef) -> Leaf {
        Leaf::new(root, &self.children, self.uuid)
    }
}

/// One wanted column of some rows.
pub(crate) enum Leaf {
    Values(Values),
    /// Keys into few values.
    Dictionary {
        array: ArrayRef,
        keys: Vec<usize>,
        values: Box<Leaf>,
    },
    /// A member of a struct: absent where the struct is.
    Member {
        parent: ArrayRef,
        member: Box<Leaf>,
    },
    List {
        array: ArrayRef,
        starts: Vec<usize>,
        elements: Box<Leaf>,
    },
}

/// Arrays of text as what they are, since a look behind an [`ArrayRef`] costs more than the value that is there.
pub(crate) enum Values {
    Utf8(StringArray),
    LargeUtf8(LargeStringArray),
    Utf8View(StringViewArray),
    Uuid(FixedSizeBinaryArray),
    Other(ArrayRef),
}

impl Leaf {
    fn new(array: &ArrayRef, children: &[usize], uuid: bool) -> Self {
        let array = Arc::clone(array);
        match (array.data_type(), children) {
            (DataType::List(_), _) => {
                let list = array.as_list::<i32>();
                let starts = list
                    .offsets()
                    .iter()
                    .map(|at| usize::try_from(*at).expect("offsets are positive"))
                    .collect();
                let elements = Box::new(Self::new(list.values(), children, uuid));
                Self::List { array, starts, elements }
            }
            (DataType::LargeList(_), _) => {
                let list = array.as_list::<i64>();
                let starts = list
                    .offsets()
                    .iter()
                    .map(|at| usize::try_from(*at).expect("offsets are positive"))
                    .collect();
                let elements = Box::new(Self::new(list.values(), children, uuid));
                Self::List { array, starts, elements }
            }
            (DataType::Struct(_), [child, rest @ ..]) => {
                let member = Box::new(Self::new(array.as_struct().column(*child), rest, uuid));
                Self::Member { parent: array, member }
            }
            (DataType::Dictionary(..), _) => {
                let dictionary = array.as_any_dictionary();
                let values = Box::new(Self::new(dictionary.values(), children, uuid));
                // Without values every key is null.
                let keys =
                    if dictionary.values().is_empty() { Vec::new() } else { dictionary.normalized_keys() };
                Self::Dictionary { array, keys, values }
            }
            (data_type, _) => Self::Values(match data_type {
                DataType::Utf8 => Values::Utf8(array.as_string().clone()),
                DataType::LargeUtf8 => Values::LargeUtf8(array.as_string().clone()),
                DataType::Utf8View => Values::Utf8View(array.as_string_view().clone()),
                DataType::FixedSizeBinary(16) if uuid => Values::Uuid(array.as_fixed_size_binary().clone()),
                _ => Values::Other(array),
            }),
        }
    }

    #[inline]
    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Values(values) => values.cell(row),
            Self::Dictionary { array, .. } | Self::List { array, .. } if array.is_null(row) => Cell::Absent,
            Self::Member { parent, .. } if parent.is_null(row) => Cell::Absent,
            Self::Dictionary { keys, values, .. } => {
                keys.get(row).map_or(Cell::Absent, |key| values.cell(*key))
            }
            Self::Member { member, .. } => member.cell(row),
            Self::List { starts, elements, .. } => {
                together((starts[row]..starts[row + 1]).map(|at| elements.cell(at)))
            }
        }
    }
}

/// The cells of a list as one.
fn together<'a>(cells: impl Iterator<Item = Cell<'a>>) -> Cell<'a> {
    let mut texts = Vec::new();
    for cell in cells {
        match cell {
            Cell::Absent => {}
            Cell::Text(text) => texts.push(text),
            Cell::List(more) => texts.extend(more),
            Cell::Undecodable => return Cell::Undecodable,
        }
    }
    match texts.len() {
        0 => Cell::Absent,
        1 => Cell::Text(texts.swap_remove(0)),
        _ => Cell::List(texts),
    }
}

impl Values {
    #[inline]
    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Utf8(array) if array.is_valid(row) => borrowed(array.value(row)),
            Self::LargeUtf8(array) if array.is_valid(row) => borrowed(array.value(row)),
            Self::Utf8View(array) if array.is_valid(row) => borrowed(array.value(row)),
            Self::Uuid(array) if array.is_valid(row) => owned(Some(uuid(array.value(row)))),
            Self::Other(array) if array.is_valid(row) => other(array, row),
            _ => Cell::Absent,
        }
    }
}

fn borrowed(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Absent } else { Cell::Text(Cow::Borrowed(text)) }
}

fn owned(text: Option<String>) -> Cell<'static> {
    text.map_or(Cell::Undecodable, |text| Cell::Text(Cow::Owned(text)))
}

/// Old writers mark text as bytes.
fn bytes(bytes: &[u8]) -> Cell<'_> {
    str::from_utf8(bytes).map_or(Cell::Undecodable, borrowed)
}

fn other(array: &ArrayRef, row: usize) -> Cell<'_> {
    macro_rules! plain {
        ($type:ty) => {
            owned(Some(array.as_primitive::<$type>().value(row).to_string()))
        };
    }
    macro_rules! date {
        ($type:ty) => {
            owned(array.as_primitive::<$type>().value_as_date(row).map(|date| date.to_string()))
        };
    }
    // RFC 3339; without a zone where the column has none.
    macro_rules! time {
        ($type:ty, $zone:expr) => {
            owned(
                array
                    .as_primitive::<$type>()
                    .value_as_datetime(row)
                    .map(|time| format!("{time:?}{}", if $zone.is_some() { "Z" } else { "" })),
            )
        };
    }
    match array.data_type() {
        DataType::Boolean => owned(Some(array.as_boolean().value(row).to_string())),
        DataType::Int8 => plain!(Int8Type),
        DataType::Int16 => plain!(Int16Type),
        DataType::Int32 => plain!(Int32Type),
        DataType::Int64 => plain!(Int64Type),
        DataType::UInt8 => plain!(UInt8Type),
        DataType::UInt16 => plain!(UInt16Type),
        DataType::UInt32 => plain!(UInt32Type),
        DataType::UInt64 => plain!(UInt64Type),
        DataType::Float32 => plain!(Float32Type),
        DataType::Float64 => plain!(Float64Type),
        DataType::Decimal128(..) => owned(Some(array.as_primitive::<Decimal128Type>().value_as_string(row))),
        DataType::Date32 => date!(Date32Type),
        DataType::Date64 => date!(Date64Type),
        DataType::Timestamp(TimeUnit::Second, zone) => time!(TimestampSecondType, zone),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => time!(TimestampMillisecondType, zone),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => time!(TimestampMicrosecondType, zone),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => time!(TimestampNanosecondType, zone),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => owned(Some(hex::encode(array.as_fixed_size_binary().value(row)))),
        DataType::Null => Cell::Absent,
        _ => Cell::Undecodable,
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
