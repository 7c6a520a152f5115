//! One thread that answers: it serves its connections, finds endpoints, and counts.

use std::{
    cell::{RefCell, RefMut},
    convert::Infallible,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use abide_model::Time;
use hyper::{
    Request, body::Incoming, header::HOST, http::request::Parts, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc, watch},
    task::{JoinSet, LocalSet},
    time::{Instant, timeout},
};

use crate::{
    access::Caller,
    ask::{Answer, Ask},
    deadline::Deadline,
    desk::Desk,
    in_turn::InTurn,
    list::Published,
    problem::{Kind, Problem},
    routes::{self, Route},
    server::Shared,
    set_up::SetUp,
};

/// A connection that was accepted, and its place among those that there may be.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) place: OwnedSemaphorePermit,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    desk: RefCell<Desk>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let desk = RefCell::new(Desk::new(shared.keyring.clone(), shared.normaliser));
        Self { shared, desk }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn now(&self) -> Time {
        (self.shared.now)()
    }

    /// Nobody else has it meanwhile: what holds it never waits.
    pub(crate) fn desk(&self) -> RefMut<'_, Desk> {
        self.desk.borrow_mut()
    }

    pub(crate) fn set_up(&self) -> Arc<SetUp> {
        self.shared.set_up()
    }

    /// The list, once it is complete.
    pub(crate) fn list(&self) -> Result<Arc<Published>, Problem> {
        let not_yet = || Problem::new(Kind::NotReady, "this node is still reading the list; try again");
        self.shared.list.current().ok_or_else(not_yet)
    }

    async fn answer(&self, request: Request<Incoming>, is_certified: bool) -> Answer {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let tracer = self.shared.tracer.as_ref();
        let traced = tracer.and_then(|tracer| tracer.begin(&head, self.now()).map(|begun| (tracer, begun)));
        let (name, answered) = match routes::find(&head.method, head.uri.path()) {
            Ok(route) => {
                let answered = match self.admit(route, &head, is_certified) {
                    Ok(caller) => {
                        let is_open = route.rights.is_empty();
                        let room = if is_open { &self.shared.room_of_strangers } else { &self.shared.room };
                        let room = room.clone();
                        (route.endpoint)(self, Ask { caller, head, body, room }).await
                    }
                    Err(problem) => Err(problem),
                };
                (route.path, answered)
            }
            Err(problem) => ("none", Err(problem)),
        };
        let response = answered.unwrap_or_else(|problem| problem.respond());
        self.shared.metrics.answered(name, response.status().as_u16(), began.elapsed());
        if let Some((tracer, begun)) = traced {
            tracer.end(begun, name, response.status().as_u16(), began.elapsed());
        }
        response
    }

    fn admit(&self, route: &Route, head: &Parts, is_certified: bool) -> Result<Caller, Problem> {
        if route.rights.is_empty() {
            return Ok(Caller::Anyone);
        }
        if !is_certified {
            return Err(Problem::new(
                Kind::NoCertificate,
                "show a certificate of an authority that is known here",
            ));
        }
        let caller = self.shared.access.caller(&head.headers, self.now())?;
        if matches!(caller, Caller::Anyone) {
            refuse_other_names(head)?;
        }
        route.admit(&caller)?;
        Ok(caller)
    }
}

/// On a loopback address without tokens everybody on this machine may ask, but no web page that a browser shows
/// there: those send a name of their own as the host.
fn refuse_other_names(head: &Parts) -> Result<(), Problem> {
    let named = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_local = named.is_none_or(|host| {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
        });
        name == "localhost"
            || name.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    });
    if is_local {
        return Ok(());
    }
    Err(Problem::new(Kind::Forbidden, "without tokens this server answers its own machine only"))
}

/// Serves what it is handed until nothing more comes; then lets what was begun end, within bounds.
pub(crate) fn run(
    shared: Arc<Shared>,
    mut connections: mpsc::UnboundedReceiver<Connection>,
    stop: &watch::Receiver<bool>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a thread can wait for sockets");
    let drain = Duration::from_secs(shared.config.drain_s);
    let worker = Rc::new(Worker::new(shared));
    LocalSet::new().block_on(&runtime, async {
        let mut serving = JoinSet::new();
        loop {
            tokio::select! {
                connection = connections.recv() => match connection {
                    Some(connection) => {
                        serving.spawn_local(serve(worker.clone(), connection, stop.clone()));
                    }
                    None => break,
                },
                Some(_) = serving.join_next() => {}
            }
        }
        let ended = timeout(drain, async { while serving.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(connections = serving.len(), "closed connections whose requests did not end");
        }
    });
}

async fn serve(worker: Rc<Worker>, connection: Connection, stop: watch::Receiver<bool>) {
    let Connection { stream, place: _place } = connection;
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let Some(encryption) = &worker.shared.encryption else {
        return speak(&worker, stream, true, stop).await;
    };
    // Whoever does not speak TLS, or not in time, is no client.
    let greeting = timeout(worker.set_up().limits().head(), encryption.acceptor().accept(stream)).await;
    let Ok(Ok(stream)) = greeting else { return };
    let is_certified = !encryption.demands_certificates() || stream.get_ref().1.peer_certificates().is_some();
    speak(&worker, stream, is_certified, stop).await;
}

async fn speak(
    worker: &Rc<Worker>,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    is_certified: bool,
    mut stop: watch::Receiver<bool>,
) {
    let set_up = worker.set_up();
    let limits = set_up.limits();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head()).max_header_size(limits.head_bytes);
    worker.shared.metrics.connected();
    let service = service_fn(|request| {
        let worker = worker.clone();
        async move { Ok::<_, Infallible>(worker.answer(request, is_certified).await) }
    });
    let stream = InTurn::new(Deadline::new(stream, limits.write()));
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    // What a client does to its connection is its own affair.
    let mut stopping = *stop.borrow();
    if stopping {
        serving.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            biased;
            _ = serving.as_mut() => break,
            changed = stop.changed(), if !stopping => {
                stopping = true;
                let _ = changed;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    worker.shared.metrics.disconnected();
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker(…)")
    }
}
