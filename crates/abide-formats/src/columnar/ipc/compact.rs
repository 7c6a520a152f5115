//! Columns without the values that none of their rows has.
//!
//! Filtering copies the rows that stay, but a dictionary, the texts behind views and the items behind list views stay whole,
//! with the values of those who went. In go columns after filtering; out come columns that hold what their rows have.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::ArrowDictionaryKeyType;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, GenericListViewArray, OffsetSizeTrait, PrimitiveArray, RecordBatch,
    RecordBatchOptions, UInt64Array, downcast_dictionary_array, make_array,
};
use arrow_buffer::ArrowNativeType as _;
use arrow_schema::{ArrowError, DataType};
use arrow_select::take::take;

/// What was written of the dictionaries in the columns of earlier batches.
#[derive(Default)]
pub(super) struct Written {
    dictionary: Option<Used>,
    /// Of the columns inside of this one.
    inner: Vec<Written>,
}

/// The entries of a dictionary that some row has used, in the order of their first use.
///
/// A file has one dictionary for all of its batches, of which a later batch can only say more. So each dictionary begins
/// with the one before, and what it has beyond that is written.
struct Used {
    /// The dictionary of the input.
    whole: ArrayRef,
    /// Where each of its entries is in `entries`.
    places: Vec<Option<usize>>,
    entries: Vec<u64>,
    /// The entries themselves, unless there are new ones.
    values: Option<ArrayRef>,
}

/// The batch without what its rows do not have. One `Written` goes with all batches of an output.
pub(super) fn compact(batch: &RecordBatch, written: &mut Written) -> Result<RecordBatch, ArrowError> {
    let columns = each(batch.columns().iter(), written)?;
    // Without columns nothing else says how many rows there are.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn each<'a>(
    columns: impl ExactSizeIterator<Item = &'a ArrayRef>,
    written: &mut Written,
) -> Result<Vec<ArrayRef>, ArrowError> {
    written.inner.resize_with(columns.len(), Written::default);
    columns.zip(&mut written.inner).map(|(column, written)| compact_column(column, written)).collect()
}

fn compact_column(column: &ArrayRef, written: &mut Written) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Utf8View => Ok(Arc::new(column.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(column.as_binary_view().gc())),
        DataType::Dictionary(..) => {
            let column: &dyn Array = column;
            downcast_dictionary_array!(
                column => Ok(Arc::new(compact_dictionary(column, written)?)),
                _ => unreachable!("it is a dictionary"),
            )
        }
        DataType::ListView(_) => compact_inner(&list_view(column.as_list_view::<i32>())?, written),
        DataType::LargeListView(_) => compact_inner(&list_view(column.as_list_view::<i64>())?, written),
        kind if kind.is_nested() => compact_inner(column, written),
        _ => Ok(Arc::clone(column)),
    }
}

/// Structs, lists, maps and so on: the columns inside.
fn compact_inner(column: &ArrayRef, written: &mut Written) -> Result<ArrayRef, ArrowError> {
    let data = column.to_data();
    let inner: Vec<ArrayRef> = data.child_data().iter().cloned().map(make_array).collect();
    let inner = each(inner.iter(), written)?.iter().map(Array::to_data).collect();
    Ok(make_array(data.into_builder().child_data(inner).build()?))
}

/// One row's items after the other's.
fn list_view<O: OffsetSizeTrait>(list: &GenericListViewArray<O>) -> Result<ArrayRef, ArrowError> {
    let (mut items, mut offsets, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..list.len() {
        let size = if list.is_valid(row) { list.value_size(row) } else { O::zero() };
        let start = list.value_offset(row).as_usize() as u64;
        offsets.push(O::from_usize(items.len()).ok_or(ArrowError::OffsetOverflowError(items.len()))?);
        sizes.push(size);
        items.extend(start..start + size.as_usize() as u64);
    }
    let (DataType::ListView(field) | DataType::LargeListView(field)) = list.data_type() else {
        unreachable!("it is a list view")
    };
    let items = take(list.values(), &UInt64Array::from(items), None)?;
    let nulls = list.nulls().cloned();
    let list = GenericListViewArray::try_new(Arc::clone(field), offsets.into(), sizes.into(), items, nulls)?;
    Ok(Arc::new(list))
}

fn compact_dictionary<K: ArrowDictionaryKeyType>(
    column: &DictionaryArray<K>,
    written: &mut Written,
) -> Result<DictionaryArray<K>, ArrowError> {
    let goes_on = |used: &Used| used.whole.to_data().ptr_eq(&column.values().to_data());
    if !written.dictionary.as_ref().is_some_and(goes_on) {
        *written = Written { dictionary: Some(Used::new(column.values())), inner: vec![Written::default()] };
    }
    let used = written.dictionary.as_mut().expect("it was just set");
    let keys = column.keys().iter();
    let keys = keys.map(|key| {
        let place = used.place(key?.as_usize());
        Some(K::Native::from_usize(place).expect("no place is beyond those that the dictionary had"))
    });
    let keys: PrimitiveArray<K> = keys.collect();
    DictionaryArray::try_new(keys, used.values(&mut written.inner[0])?)
}

impl Used {
    fn new(whole: &ArrayRef) -> Self {
        let places = vec![None; whole.len()];
        Self { whole: Arc::clone(whole), places, entries: Vec::new(), values: None }
    }

    fn place(&mut self, entry: usize) -> usize {
        *self.places[entry].get_or_insert_with(|| {
            self.values = None;
            self.entries.push(entry as u64);
            self.entries.len() - 1
        })
    }

    fn values(&mut self, written: &mut Written) -> Result<ArrayRef, ArrowError> {
        if let Some(values) = &self.values {
            return Ok(Arc::clone(values));
        }
        let values = take(&self.whole, &UInt64Array::from(self.entries.clone()), None)?;
        let values = compact_column(&values, written)?;
        self.values = Some(Arc::clone(&values));
        Ok(values)
    }
}
