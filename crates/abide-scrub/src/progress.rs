//! How far a run is, for those who wait for it.

/// Told about work done, piece by piece, from the thread that called [`run`](crate::run).
pub trait Progress {
    /// `rows` more are judged and written, and `bytes` more of the input are read. Of Parquet and Arrow IPC files, which
    /// are read in any order, the bytes stay 0.
    fn advance(&self, rows: u64, bytes: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn advance(&self, _rows: u64, _bytes: u64) {}
}
