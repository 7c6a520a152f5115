//! The boundary: remembered or asked afresh, from memory or from an index, the verdict is the same.

mod laws;
