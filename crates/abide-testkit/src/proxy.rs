//! A way to a server on loopback that can be led somewhere, cut, swallow what comes, or be slow.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

#[derive(Clone, Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
}

#[derive(Debug, Default)]
struct Way {
    to: Option<SocketAddr>,
    is_cut: bool,
    swallows: bool,
    delay: Duration,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Closes whoever comes until it leads somewhere. Its threads end with the process.
    #[expect(clippy::new_without_default, reason = "it listens")]
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let proxy = Self { address: listener.local_addr().expect("it is bound"), way: Arc::default() };
        let accepting = proxy.clone();
        thread::spawn(move || {
            listener.incoming().map_while(Result::ok).for_each(|from| accepting.take(from));
        });
        proxy
    }

    fn take(&self, from: TcpStream) {
        let mut way = self.way();
        if way.swallows {
            // Open, and nothing ever comes.
            way.open.push(from);
            return;
        }
        let Some(onward) = way.to.filter(|_| !way.is_cut).and_then(|to| TcpStream::connect(to).ok()) else {
            return;
        };
        for (one, other) in [(&from, &onward), (&onward, &from)] {
            let copy = |stream: &TcpStream| stream.try_clone().expect("there are descriptors left");
            let (mut one, mut other) = (copy(one), copy(other));
            let _ = other.set_nodelay(true);
            way.open.push(copy(&one));
            let proxy = self.clone();
            thread::spawn(move || {
                let mut bytes = [0; 1 << 14];
                while let Ok(length @ 1..) = one.read(&mut bytes) {
                    let delay = proxy.way().delay;
                    thread::sleep(delay);
                    if other.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
                let _ = other.shutdown(Shutdown::Both);
            });
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn lead_to(&self, to: SocketAddr) {
        self.way().to = Some(to);
    }

    pub fn cut(&self) {
        let mut way = self.way();
        way.is_cut = true;
        for stream in way.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn swallow(&self) {
        self.way().swallows = true;
    }

    /// Whatever comes is passed on so much later.
    pub fn delay(&self, delay: Duration) {
        self.way().delay = delay;
    }

    pub fn let_through(&self) {
        let mut way = self.way();
        (way.is_cut, way.delay) = (false, Duration::ZERO);
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().expect("nothing panics under this lock")
    }
}
