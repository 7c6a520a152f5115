//! Answers the scrapes of a Prometheus on a listener of its own, whoever asks; whoever may reach it is the operator's
//! choice.
//!
//! Who counts keeps a registry and says what is answered to which path; an answer is made of what stands in memory, so
//! nothing here waits but for whoever asks.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::sleep};

/// One more is closed at once.
const SCRAPERS_MAX: usize = 16;

/// Answers by path, one request a connection, until told to stop.
pub async fn tell<B>(
    listener: TcpListener,
    answer: impl Fn(&str) -> Response<B> + Clone + Send + Sync + 'static,
    mut stop: watch::Receiver<bool>,
) where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut telling = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = telling.join_next() => continue,
            _ = stop.changed() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, say. Those in use will come free.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        if telling.len() >= SCRAPERS_MAX {
            continue;
        }
        let answer = answer.clone();
        telling.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = answer(request.uri().path());
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(false);
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// All that a registry counts, as OpenMetrics.
pub fn exposition<B: From<String>>(registry: &Registry) -> Response<B> {
    let mut text = String::new();
    encode(&mut text, registry).expect("a string takes everything");
    let mut answer = Response::new(B::from(text));
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(open_metrics));
    answer
}
