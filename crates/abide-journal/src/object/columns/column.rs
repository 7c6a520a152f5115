//! Growing columns of the three shapes that occur: words of a small vocabulary, fixed bytes, numbers.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeBinaryArray, Int32Array, PrimitiveArray,
    StringArray,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBufferBuilder, ScalarBuffer};

/// Words by number. Equal neighbours are the usual case and cost one comparison.
#[derive(Debug)]
pub(super) struct Words {
    vocabulary: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, i32>,
    /// Of each row; `ABSENT` for none.
    rows: Vec<i32>,
    nulls: NullBufferBuilder,
    bytes: usize,
}

const ABSENT: i32 = -1;

impl Default for Words {
    fn default() -> Self {
        Self {
            vocabulary: Vec::new(),
            numbers: HashMap::new(),
            rows: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            bytes: 0,
        }
    }
}

impl Words {
    pub(super) fn push(&mut self, word: &str) {
        let number =
            if self.last() == Some(word) { self.rows[self.rows.len() - 1] } else { self.number(word) };
        self.rows.push(number);
        self.nulls.append_non_null();
    }

    pub(super) fn push_optional(&mut self, word: Option<&str>) {
        if let Some(word) = word {
            return self.push(word);
        }
        self.rows.push(ABSENT);
        self.nulls.append_null();
    }

    /// The same word as in the row before.
    pub(super) fn repeat(&mut self) {
        let number = self.rows[self.rows.len() - 1];
        self.rows.push(number);
        self.nulls.append(number != ABSENT);
    }

    pub(super) fn last(&self) -> Option<&str> {
        let number = usize::try_from(*self.rows.last()?).ok()?;
        Some(&self.vocabulary[number])
    }

    /// Of the vocabulary; a row's number is counted with the row.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn number(&mut self, word: &str) -> i32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = i32::try_from(self.vocabulary.len()).expect("an object has fewer than 2^31 words");
        let word: Arc<str> = word.into();
        self.bytes += word.len() + 8;
        self.vocabulary.push(word.clone());
        self.numbers.insert(word, number);
        number
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        // A null row's number is never looked at, but must be one of the vocabulary's.
        self.rows.iter_mut().filter(|number| **number == ABSENT).for_each(|number| *number = 0);
        let numbers = Int32Array::new(self.rows.into(), self.nulls.finish());
        let vocabulary: StringArray = self.vocabulary.iter().map(|word| Some(&**word)).collect();
        Arc::new(DictionaryArray::new(numbers, Arc::new(vocabulary)))
    }
}

/// `N` bytes per row.
#[derive(Debug)]
pub(super) struct Fixed<const N: usize> {
    rows: Vec<u8>,
    nulls: NullBufferBuilder,
    present: usize,
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self { rows: Vec::new(), nulls: NullBufferBuilder::new(0), present: 0 }
    }
}

impl<const N: usize> Fixed<N> {
    pub(super) fn push(&mut self, value: &[u8; N]) {
        self.rows.extend_from_slice(value);
        self.nulls.append_non_null();
        self.present += 1;
    }

    pub(super) fn push_optional(&mut self, value: Option<&[u8; N]>) {
        if let Some(value) = value {
            return self.push(value);
        }
        self.rows.extend_from_slice(&[0; N]);
        self.nulls.append_null();
    }

    /// Of the rows that have a value; the others take next to nothing in a file.
    pub(super) fn bytes(&self) -> usize {
        self.present * N
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        let width = i32::try_from(N).expect("a few bytes");
        Arc::new(FixedSizeBinaryArray::new(width, Buffer::from_vec(self.rows), self.nulls.finish()))
    }
}

#[derive(Debug)]
pub(super) struct Numbers<T> {
    rows: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl<T: ArrowNativeType> Numbers<T> {
    pub(super) fn push(&mut self, value: T) {
        self.rows.push(value);
        self.nulls.append_non_null();
    }

    pub(super) fn push_optional(&mut self, value: Option<T>) {
        self.rows.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    /// The same number as in the row before, which has one.
    pub(super) fn repeat(&mut self) {
        let value = self.rows[self.rows.len() - 1];
        self.push(value);
    }

    pub(super) fn finish<A: ArrowPrimitiveType<Native = T>>(mut self) -> PrimitiveArray<A> {
        PrimitiveArray::new(ScalarBuffer::from(self.rows), self.nulls.finish())
    }
}
