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
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}/{}/{})", self.topic, self.partition, self.offset)
    }
}
