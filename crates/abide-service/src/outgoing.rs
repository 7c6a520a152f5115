//! Requests of this server to others.

use std::pin::pin;

/// Drives a connection while something is asked on it. What came before the connection ended still counts, so its end ends
/// nothing: who asks sees it where there is no more to be read.
pub(crate) async fn drive<T>(connection: impl Future, asking: impl Future<Output = T>) -> T {
    let (mut connection, mut asking) = (pin!(connection), pin!(asking));
    tokio::select! {
        biased;
        asked = asking.as_mut() => asked,
        _ = connection.as_mut() => asking.await,
    }
}
