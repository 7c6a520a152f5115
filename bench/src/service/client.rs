//! Clients that wait for each answer before they ask again, each on a connection and a thread of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<String> {
        self.ask("GET", path, b"")
    }

    /// JSON in, JSON out.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Result<String> {
        self.ask("POST", path, body)
    }

    /// The body of the answer; an error unless it is a success.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<String> {
        self.stream.get_mut().write_all(&request(method, path, body))?;
        let (mut status, mut length, mut line) = (String::new(), 0, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the connection was closed");
            }
            if status.is_empty() {
                status.clone_from(&line);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            length = content_length(line).unwrap_or(length);
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body)?;
        if status.split(' ').nth(1) != Some("200") {
            bail!("{}: {body}", status.trim_end());
        }
        Ok(body)
    }
}

/// The bytes of a request, with JSON in it.
pub(crate) fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The length of a body, if that is what a line of an answer's head says.
pub(crate) fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
}

pub(crate) fn opt_out_of(email: &str) -> String {
    format!(r#"{{"mechanism":"email.unsubscribe","subject":{{"email":"{email}"}}}}"#)
}

fn opt_outs_of(people: &[String]) -> String {
    match people {
        [one] => opt_out_of(one),
        many => format!("[{}]", many.iter().map(|one| opt_out_of(one)).collect::<Vec<_>>().join(",")),
    }
}

fn person(phase: &str, client: usize, nth: usize) -> String {
    format!("{phase}.{client}.{nth}@example.com")
}

/// May somebody be contacted?
pub(crate) fn verdict(client: &mut Client, email: &str) -> Result<String> {
    let question = json!({ "action": "contact.email", "subject": { "email": email } });
    let answer: Value = serde_json::from_str(&client.post("/v1/check", question.to_string().as_bytes())?)?;
    Ok(answer["verdict"].as_str().context("a verdict")?.to_owned())
}

/// How many a second were accepted, so many in a request, and whose: each a person of whom nothing was known.
pub(crate) fn opt_out(
    port: u16,
    clients: usize,
    together: usize,
    seconds: u64,
) -> Result<(f64, Vec<String>)> {
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let each = |client: usize| -> Result<Vec<String>> {
        let mut connection = Client::new(port)?;
        let mut accepted = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let first = accepted.len();
            let people = (first..first + together).map(|nth| person(&format!("out{together}"), client, nth));
            let people: Vec<String> = people.collect();
            connection.post("/v1/signals", opt_outs_of(&people).as_bytes())?;
            accepted.extend(people);
        }
        Ok(accepted)
    };
    let accepted = thread::scope(|scope| -> Result<Vec<Vec<String>>> {
        let each = &each;
        let clients: Vec<_> = (0..clients).map(|client| scope.spawn(move || each(client))).collect();
        thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    })?;
    let elapsed = began.elapsed().as_secs_f64();
    let accepted = accepted.concat();
    Ok((accepted.len() as f64 / elapsed, accepted))
}

/// Each client checks whom it has just opted out, on a connection that another thread of the server may hold. How many
/// of them were seen, and how many not.
pub(crate) fn check_after_each(port: u16, clients: usize, seconds: u64) -> Result<(usize, usize)> {
    let each = |client: usize| -> Result<(usize, usize)> {
        let (mut says, mut asks) = (Client::new(port)?, Client::new(port)?);
        let (began, mut seen, mut unseen) = (Instant::now(), 0, 0);
        while began.elapsed().as_secs() < seconds {
            let email = person("after", client, seen + unseen);
            says.post("/v1/signals", opt_out_of(&email).as_bytes())?;
            if verdict(&mut asks, &email)? == "block" { seen += 1 } else { unseen += 1 }
        }
        Ok((seen, unseen))
    };
    thread::scope(|scope| {
        let each = &each;
        let clients: Vec<_> = (0..clients).map(|client| scope.spawn(move || each(client))).collect();
        let mut sum = (0, 0);
        for client in clients {
            let (seen, unseen) = client.join().expect("a client does not panic")?;
            sum = (sum.0 + seen, sum.1 + unseen);
        }
        Ok(sum)
    })
}

/// How many of these may not be contacted.
pub(crate) fn blocked(port: u16, people: &[String]) -> Result<usize> {
    let mut client = Client::new(port)?;
    let mut blocked = 0;
    for some in people.chunks(10_000) {
        let subjects: Vec<Value> = some.iter().map(|email| json!({ "email": email })).collect();
        let question = json!({ "action": "contact.email", "subjects": subjects });
        let answer: Value =
            serde_json::from_str(&client.post("/v1/filter", question.to_string().as_bytes())?)?;
        blocked += answer["tally"]["blocked"].as_u64().context("a tally")? as usize;
    }
    Ok(blocked)
}
