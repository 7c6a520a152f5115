//! Case runner, generators and a faulty object store.
