//! Requests at a rate that does not wait for answers: latency counts from when a request was due, so that a server that
//! stalls is not asked less.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::client::{content_length, request};

const CONNECTIONS: usize = 32;

pub(crate) struct Paced {
    pub(crate) rate: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

struct Connection {
    stream: TcpStream,
    due: Instant,
    read: Vec<u8>,
}

/// One thread that never sleeps, so that no timer blurs what is measured.
pub(crate) fn run(port: u16, bodies: &[String], rate: f64, seconds: u64) -> Result<Paced> {
    let mut idle: VecDeque<Connection> =
        (0..CONNECTIONS).map(|_| Connection::new(port)).collect::<Result<_>>()?;
    let mut busy: Vec<Connection> = Vec::new();
    let between = Duration::from_secs_f64(1.0 / rate);
    let requests: Vec<Vec<u8>> =
        bodies.iter().map(|body| request("POST", "/v1/check", body.as_bytes())).collect();
    let total = (rate * seconds as f64) as usize;
    let mut latencies: Vec<Duration> = Vec::with_capacity(total);
    let (began, mut sent, mut buffer) = (Instant::now(), 0, vec![0; 16 << 10]);
    while latencies.len() < total {
        let now = Instant::now();
        let due = began + between.mul_f64(sent as f64);
        if sent < total
            && due <= now
            && let Some(mut connection) = idle.pop_front()
        {
            connection.stream.write_all(&requests[sent % requests.len()])?;
            connection.due = due;
            connection.read.clear();
            busy.push(connection);
            sent += 1;
        }
        let mut at = 0;
        while at < busy.len() {
            if busy[at].is_answered(&mut buffer)? {
                latencies.push(Instant::now() - busy[at].due);
                idle.push_back(busy.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }
    let elapsed = began.elapsed().as_secs_f64();
    ensure!(elapsed < seconds as f64 * 1.1, "the server did not keep up with half of its own rate");
    latencies.sort_unstable();
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    Ok(Paced { rate: total as f64 / elapsed, median_ms: at(0.5), p99_ms: at(0.99) })
}

impl Connection {
    fn new(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, due: Instant::now(), read: Vec::new() })
    }

    fn is_answered(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("the connection was closed"),
            Ok(length) => self.read.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
        let head = std::str::from_utf8(&self.read[..end])?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(content_length);
        Ok(self.read.len() >= end + 4 + length.context("an answer has a length")?)
    }
}
