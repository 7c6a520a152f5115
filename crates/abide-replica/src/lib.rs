//! Follows the journal, compacts it, publishes each new snapshot.
