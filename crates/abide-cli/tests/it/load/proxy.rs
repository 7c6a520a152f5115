//! A way to the bucket, or to a node, that can be cut: then connections are closed, and new ones come to nothing.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    to: Mutex<Option<SocketAddr>>,
    is_cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Leads nowhere at first. Its threads end with the process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), inner: Arc::default() };
        let inner = proxy.inner.clone();
        thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                // Whoever comes while it is cut is closed by being dropped.
                if inner.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let to = *inner.to.lock().unwrap();
                let Some(onward) = to.and_then(|to| TcpStream::connect(to).ok()) else { continue };
                let both = [from.try_clone(), onward.try_clone()];
                inner.open.lock().unwrap().extend(both.into_iter().flatten());
                for (mut one, mut other) in [(from.try_clone(), onward.try_clone()), (Ok(onward), Ok(from))]
                    .into_iter()
                    .filter_map(|(one, other)| Some((one.ok()?, other.ok()?)))
                {
                    thread::spawn(move || {
                        let _ = io::copy(&mut one, &mut other);
                        let _ = other.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        proxy
    }

    pub(crate) fn lead_to(&self, to: &str) {
        *self.inner.to.lock().unwrap() = Some(to.parse().unwrap());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn cut(&self) {
        self.inner.is_cut.store(true, Ordering::SeqCst);
        for stream in self.inner.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn let_through(&self) {
        self.inner.is_cut.store(false, Ordering::SeqCst);
    }
}
