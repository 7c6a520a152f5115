//! A column as its runs of equal values.

use std::{collections::HashMap, hash::Hash};

use arrow_array::{
    Array as _, ArrayRef, ArrowPrimitiveType, StringArray,
    cast::AsArray as _,
    types::{Int8Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type},
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

/// Values by number, and how often each comes in a row.
#[derive(Debug)]
pub(super) struct Runs {
    pub(super) values: Values,
    /// `None` stands for null.
    pub(super) runs: Vec<(Option<u32>, usize)>,
}

/// As Parquet knows them.
#[derive(Debug)]
pub(super) enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bytes(Vec<Vec<u8>>),
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }

    fn pick(&self, numbers: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Int32(values) => Self::Int32(numbers.map(|number| values[number]).collect()),
            Self::Int64(values) => Self::Int64(numbers.map(|number| values[number]).collect()),
            Self::Bytes(values) => Self::Bytes(numbers.map(|number| values[number].clone()).collect()),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Int32(values) => size_of_val(&**values),
            Self::Int64(values) => size_of_val(&**values),
            Self::Bytes(values) => values.iter().map(Vec::len).sum(),
        }
    }
}

/// Values that are larger are compressed, by Parquet's own writer.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Rows that one run has to stand for on average, lest numbers of a few bits each take less room.
const ROWS_PER_RUN: usize = 16;

/// So few rows may have a run each: what Parquet's own writer sets up for a column costs more than it would save.
const FEW_ROWS: usize = 1024;

impl Runs {
    /// `None` if there are many, their values are large, or the type is not one of those that occur.
    pub(super) fn of(column: &ArrayRef) -> Option<Self> {
        Self::of_any_size(column).filter(|runs| runs.values.bytes() <= VALUE_BYTES_MAX)
    }

    fn of_any_size(column: &ArrayRef) -> Option<Self> {
        let runs_max = if column.len() <= FEW_ROWS { column.len() } else { column.len() / ROWS_PER_RUN + 1 };
        let nulls = column.logical_nulls();
        match column.data_type() {
            DataType::Int8 => int32(column.as_primitive::<Int8Type>().values(), nulls, runs_max),
            DataType::Int32 => int32(column.as_primitive::<Int32Type>().values(), nulls, runs_max),
            DataType::UInt32 => {
                // Parquet keeps the bits.
                let found = find(column.as_primitive::<UInt32Type>().values(), nulls, runs_max)?;
                Some(
                    found.into_runs(|values| {
                        Values::Int32(values.into_iter().map(u32::cast_signed).collect())
                    }),
                )
            }
            DataType::Int64 => int64::<Int64Type>(column, nulls, runs_max),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                int64::<TimestampMicrosecondType>(column, nulls, runs_max)
            }
            DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => {
                let words = column.as_dictionary::<Int32Type>();
                let vocabulary: &StringArray = words.values().as_string();
                let found = find(words.keys().values(), nulls, runs_max)?;
                let text = |number: i32| {
                    let number = usize::try_from(number).expect("numbers of words are not negative");
                    vocabulary.value(number).as_bytes().to_vec()
                };
                Some(found.into_runs(|numbers| Values::Bytes(numbers.into_iter().map(text).collect())))
            }
            DataType::Utf8 => {
                let texts: &StringArray = column.as_string();
                if texts.len() - texts.null_count() > runs_max {
                    return None;
                }
                let rows: Vec<usize> = (0..texts.len()).collect();
                let found = find(&rows, nulls, 2 * runs_max)?;
                let text = |row: usize| texts.value(row).as_bytes().to_vec();
                Some(found.into_runs(|rows| Values::Bytes(rows.into_iter().map(text).collect())))
            }
            _ => None,
        }
    }

    /// The values of all rows, one after the other, if a dictionary of them would be larger.
    pub(super) fn spelt_out(&self) -> Option<Values> {
        let rows = self.rows() - self.nulls();
        if self.values.len() * 2 <= rows {
            return None;
        }
        let numbers = self.runs.iter().flat_map(|(number, len)| number.iter().copied().cycle().take(*len));
        Some(self.values.pick(numbers.map(|number| number as usize)))
    }

    pub(super) fn rows(&self) -> usize {
        self.runs.iter().map(|(_, len)| len).sum()
    }

    pub(super) fn nulls(&self) -> usize {
        self.runs.iter().filter(|(number, _)| number.is_none()).map(|(_, len)| len).sum()
    }
}

fn int32<T: Copy + Eq + Hash + Into<i32>>(
    values: &[T],
    nulls: Option<NullBuffer>,
    runs_max: usize,
) -> Option<Runs> {
    let found = find(values, nulls, runs_max)?;
    Some(found.into_runs(|values| Values::Int32(values.into_iter().map(Into::into).collect())))
}

fn int64<T: ArrowPrimitiveType<Native = i64>>(
    column: &ArrayRef,
    nulls: Option<NullBuffer>,
    runs_max: usize,
) -> Option<Runs> {
    Some(find(column.as_primitive::<T>().values(), nulls, runs_max)?.into_runs(Values::Int64))
}

/// Runs of values of any type, and the different ones among them.
struct Found<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
    runs: Vec<(Option<u32>, usize)>,
}

impl<T> Found<T> {
    fn into_runs(self, values: impl FnOnce(Vec<T>) -> Values) -> Runs {
        Runs { values: values(self.values), runs: self.runs }
    }
}

fn find<T: Copy + Eq + Hash>(rows: &[T], nulls: Option<NullBuffer>, runs_max: usize) -> Option<Found<T>> {
    let mut found = Found { values: Vec::new(), numbers: HashMap::new(), runs: Vec::new() };
    let mut at = 0;
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let valid: Box<dyn Iterator<Item = (usize, usize)>> = match &nulls {
        None => Box::new(std::iter::once((0, rows.len()))),
        Some(nulls) => Box::new(nulls.valid_slices()),
    };
    for (start, end) in valid {
        found.push_nulls(start - at);
        for run in rows[start..end].chunk_by(|one, other| one == other) {
            found.push(run[0], run.len());
            if found.runs.len() > runs_max {
                return None;
            }
        }
        at = end;
    }
    found.push_nulls(rows.len() - at);
    (found.runs.len() <= runs_max).then_some(found)
}

impl<T: Copy + Eq + Hash> Found<T> {
    fn push(&mut self, value: T, len: usize) {
        let number = *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            u32::try_from(self.values.len() - 1).expect("there are fewer runs than rows")
        });
        self.runs.push((Some(number), len));
    }

    fn push_nulls(&mut self, len: usize) {
        if len > 0 {
            self.runs.push((None, len));
        }
    }
}
