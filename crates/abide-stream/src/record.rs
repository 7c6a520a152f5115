//! A record as it came from a topic. Nothing of it is copied.

/// Personal data: `Debug` shows where it stands, not what.
#[derive(Clone)]
pub struct Record<'r> {
    pub topic: &'r str,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970, as its producer or its broker says.
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    pub headers: Vec<(&'r str, Option<&'r [u8]>)>,
    /// A header's name is no UTF-8, so that none of them is above.
    pub has_unreadable_headers: bool,
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Record<'_> {
    pub(crate) fn at(&self) -> At {
        At { topic: self.topic.to_owned(), partition: self.partition, offset: self.offset }
    }
}

impl At {
    pub(crate) fn is_of(&self, record: &Record<'_>) -> bool {
        self.topic == record.topic && self.partition == record.partition && self.offset == record.offset
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}/{}/{})", self.topic, self.partition, self.offset)
    }
}
