//! Requests one after the other, and how long each took.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Outcome;

/// What to send, how often, to whom.
#[derive(clap::Args)]
pub struct Options {
    /// The socket
    socket: PathBuf,
    /// What is at the other end
    #[arg(long, value_enum)]
    to: Peer,
    /// Requests of each connection
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// Connections at once
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Bytes of an echoed frame
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// The parameters of Get-CsAdminRole, as JSON
    #[arg(long, default_value = "{}")]
    parameters: String,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Peer {
    /// The echo of this program
    Echo,
    /// The service: pings
    Ping,
    /// The service: Get-CsAdminRole
    Role,
}

struct Connection {
    stream: UnixStream,
    buffer: Vec<u8>,
    id: u64,
}

impl Connection {
    fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.buffer.clear();
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.push(b'J');
        self.buffer.extend_from_slice(text.as_bytes());
        self.stream.write_all(&self.buffer)
    }

    /// Reads one frame; true when it is an answer and not a record.
    fn receive(&mut self) -> std::io::Result<bool> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header)?;
        let [a, b, c, d, _] = header;
        self.buffer.resize(
            usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0),
            0,
        );
        self.stream.read_exact(&mut self.buffer)?;
        Ok(!self.buffer.starts_with(br#"{"jsonrpc":"2.0","method""#))
    }

    fn call(&mut self, options: &Options) -> std::io::Result<()> {
        self.id += 1;
        let id = self.id;
        let text = match options.to {
            Peer::Echo => "x".repeat(options.size),
            // As long as the echoed frame, so that both carry the same.
            Peer::Ping => format!(
                "{:200}",
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)
            ),
            Peer::Role => format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"invoke","params":{{"cmdlet":"Get-CsAdminRole","parameters":{}}}}}"#,
                options.parameters
            ),
        };
        self.send(&text)?;
        while !self.receive()? {}
        Ok(())
    }
}

fn connect(socket: &Path, to: Peer) -> std::io::Result<Connection> {
    let mut connection = Connection {
        stream: UnixStream::connect(socket)?,
        buffer: Vec::new(),
        id: 1,
    };
    if to != Peer::Echo {
        connection.send(r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1,"client":"cs-bench"}}"#)?;
        connection.receive()?;
    }
    Ok(connection)
}

/// Prints p50 and p99 in seconds, messages a second, the slowest client's share of the median, and the bytes of the last frame.
pub fn run(options: &Options) -> Outcome {
    let start = Instant::now();
    let threads: Vec<_> = (0..options.clients)
        .map(|_| connect(&options.socket, options.to))
        .collect::<Result<Vec<_>, _>>()?;
    let results: Vec<std::io::Result<(Vec<Duration>, f64, usize)>> = std::thread::scope(|scope| {
        let running: Vec<_> = threads
            .into_iter()
            .map(|mut connection| {
                scope.spawn(move || {
                    let begin = Instant::now();
                    let mut times = Vec::with_capacity(options.count);
                    for _ in 0..options.count {
                        let one = Instant::now();
                        connection.call(options)?;
                        times.push(one.elapsed());
                    }
                    let rate = f64::from(u32::try_from(options.count).unwrap_or(u32::MAX))
                        / begin.elapsed().as_secs_f64();
                    Ok((times, rate, connection.buffer.len()))
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(std::io::Error::other("a thread ended")))
            })
            .collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let mut times = Vec::new();
    let mut rates = Vec::new();
    let mut bytes = 0;
    for result in results {
        let (some, rate, length) = result?;
        times.extend(some);
        rates.push(rate);
        bytes = length;
    }
    times.sort_unstable();
    rates.sort_by(f64::total_cmp);
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .map_or(0.0, Duration::as_secs_f64)
    };
    let total = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX));
    let median = rates.get(rates.len() / 2).copied().unwrap_or(1.0);
    let slowest = rates.first().copied().unwrap_or(0.0) / median;
    println!(
        "{}",
        serde_json::json!({"p50": at(50), "p99": at(99), "rate": total / elapsed, "slowest": slowest, "bytes": bytes})
    );
    Ok(())
}

/// The least that a client can do.
pub fn once(socket: &Path) -> Outcome {
    let mut connection = connect(socket, Peer::Echo)?;
    connection.send("{}")?;
    connection.receive()?;
    Ok(())
}
