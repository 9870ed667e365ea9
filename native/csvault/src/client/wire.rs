//! Calls over an open connection, one at a time.

use std::io::{self, Read, Write};
use std::time::Duration;

use cs_contract::{
    ErrorId, ErrorReport, FrameHeader, FrameKind, HelloParams, InvokeResult, Limits, Notification,
    PROTOCOL_VERSION, Record, RpcError, manifest_hash,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::connect::{Connection, PipeStream};

/// A call.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The cmdlet.
    pub cmdlet: String,
    /// Its parameters.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Plan only.
    pub what_if: bool,
    /// For a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Bytes follow.
    pub input: bool,
}

/// What takes a call's records and bytes.
pub trait Receiver {
    /// Takes a record.
    fn record(&mut self, record: Record);

    /// Takes bytes.
    ///
    /// # Errors
    /// When they cannot be kept; the call is given up then.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), ErrorReport>;
}

/// How a call ended without a result.
#[derive(Debug)]
pub enum CallFault {
    /// The connection was closed before the call was taken up; nothing of it happened.
    NotTaken,
    /// The connection was lost in mid-call.
    Lost,
    /// An error.
    Report(ErrorReport),
}

impl CallFault {
    /// The report of it.
    #[must_use]
    pub fn report(self) -> ErrorReport {
        match self {
            Self::Report(report) => report,
            Self::NotTaken | Self::Lost => {
                ErrorReport::new(ErrorId::HostLost, "The service went away during the call.")
            }
        }
    }
}

#[derive(Serialize)]
struct Sent<'a, T> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<T>,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
}

/// How long a service may be silent before it answered anything.
const PATIENCE: Duration = Duration::from_secs(15);

const HELLO: u64 = 1;
const CALL: u64 = 2;

impl Connection {
    /// Says hello and makes one request without parameters.
    ///
    /// # Errors
    /// [`CallFault`].
    pub fn ask<T: serde::de::DeserializeOwned>(&mut self, method: &str) -> Result<T, CallFault> {
        // Without the manifests: whatever build runs, it can be asked and ended.
        let mut frames = hello(None);
        push_json(
            &mut frames,
            &Sent::<()> {
                jsonrpc: "2.0",
                id: Some(CALL),
                method,
                params: None,
            },
        );
        be_patient(&self.stream, Some(PATIENCE));
        let mut call = Running {
            stream: &mut self.stream,
            greeted: false,
            window: 0,
            frame: Vec::new(),
        };
        call.send(&frames)?;
        let result = call.until_answer(&mut Ignored)?;
        serde_json::from_str(result.get()).map_err(|_| malformed())
    }

    /// Says hello and runs one call.
    ///
    /// # Errors
    /// [`CallFault`].
    pub fn invoke(
        &mut self,
        request: &Request,
        input: Option<&mut dyn Read>,
        receiver: &mut dyn Receiver,
    ) -> Result<InvokeResult, CallFault> {
        let mut frames = hello(Some(manifest_hash()));
        push_json(
            &mut frames,
            &Sent {
                jsonrpc: "2.0",
                id: Some(CALL),
                method: "invoke",
                params: Some(request),
            },
        );
        be_patient(&self.stream, Some(PATIENCE));
        let mut call = Running {
            stream: &mut self.stream,
            greeted: false,
            window: Limits::WINDOW_CHUNKS,
            frame: Vec::new(),
        };
        call.send(&frames)?;
        call.step(receiver)?;
        // From here on the work takes as long as it takes.
        be_patient(call.stream, None);
        let early = match input {
            Some(input) => call.upload(input, receiver)?,
            None => None,
        };
        let answer = match early {
            Some(answer) => answer,
            None => call.until_answer(receiver)?,
        };
        serde_json::from_str(answer.get()).map_err(|_| malformed())
    }
}

/// A call under way.
struct Running<'a> {
    stream: &'a mut PipeStream,
    greeted: bool,
    /// Chunks that may be sent before the next acknowledgement.
    window: u32,
    frame: Vec<u8>,
}

impl Running<'_> {
    /// Sends the request. A service that closed its end before it came has not taken it, and may have said why: that there are
    /// too many connections, for one.
    fn send(&mut self, frames: &[u8]) -> Result<(), CallFault> {
        if self.stream.write_all(frames).is_ok() {
            return Ok(());
        }
        match self.until_answer(&mut Ignored) {
            Err(CallFault::Report(report)) => Err(CallFault::Report(report)),
            Err(CallFault::NotTaken | CallFault::Lost) | Ok(_) => Err(CallFault::NotTaken),
        }
    }

    /// Sends the input. An answer that comes before its end is returned.
    fn upload(
        &mut self,
        input: &mut dyn Read,
        receiver: &mut dyn Receiver,
    ) -> Result<Option<Box<RawValue>>, CallFault> {
        let mut chunk =
            Vec::with_capacity(Limits::HEADER_BYTES + Limits::CALL_ID_BYTES + Limits::CHUNK_BYTES);
        loop {
            while self.window == 0 {
                if let Some(answer) = self.step(receiver)? {
                    return Ok(Some(answer));
                }
            }
            chunk.clear();
            chunk.extend_from_slice(&[0; Limits::HEADER_BYTES]);
            chunk.extend_from_slice(&CALL.to_le_bytes());
            let read = (&mut *input)
                .take(Limits::CHUNK_BYTES as u64)
                .read_to_end(&mut chunk);
            let count = match read {
                Ok(count) => count,
                Err(error) => {
                    self.cancel();
                    return Err(CallFault::Report(ErrorReport::new(
                        ErrorId::FileReadFailed,
                        format!("The input cannot be read: {error}."),
                    )));
                }
            };
            if count == 0 {
                break;
            }
            let header = FrameHeader {
                kind: FrameKind::Bytes,
                length: chunk.len() - Limits::HEADER_BYTES,
            };
            if let Some(place) = chunk.get_mut(..Limits::HEADER_BYTES) {
                place.copy_from_slice(&header.encode());
            }
            self.window -= 1;
            // A service that closed its end may have said why.
            if self.stream.write_all(&chunk).is_err() {
                return self.until_answer(receiver).map(Some);
            }
        }
        let mut frame = Vec::new();
        push_json(
            &mut frame,
            &Said {
                jsonrpc: "2.0",
                said: &Notification::EndInput { call: CALL },
            },
        );
        let _what_it_said_comes_next = self.stream.write_all(&frame);
        Ok(None)
    }

    fn cancel(&mut self) {
        let mut frame = Vec::new();
        push_json(
            &mut frame,
            &Said {
                jsonrpc: "2.0",
                said: &Notification::Cancel { call: CALL },
            },
        );
        let _closing_says_the_same = self.stream.write_all(&frame);
    }

    fn until_answer(&mut self, receiver: &mut dyn Receiver) -> Result<Box<RawValue>, CallFault> {
        loop {
            if let Some(answer) = self.step(receiver)? {
                return Ok(answer);
            }
        }
    }

    /// Takes one frame.
    fn step(&mut self, receiver: &mut dyn Receiver) -> Result<Option<Box<RawValue>>, CallFault> {
        let lost = |error: io::Error| {
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) {
                CallFault::Report(silent())
            } else if self.greeted {
                CallFault::Lost
            } else {
                CallFault::NotTaken
            }
        };
        let kind = read_frame(self.stream, &mut self.frame).map_err(lost)?;
        if kind == FrameKind::Bytes {
            let bytes = self.frame.get(Limits::CALL_ID_BYTES..).unwrap_or_default();
            if let Err(report) = receiver.bytes(bytes) {
                self.cancel();
                return Err(CallFault::Report(report));
            }
            return Ok(None);
        }
        let incoming: Incoming<'_> =
            serde_json::from_slice(&self.frame).map_err(|_| malformed())?;
        if let Some(error) = incoming.error {
            return Err(CallFault::Report(error.data));
        }
        if incoming.method.is_some() {
            match serde_json::from_slice(&self.frame).map_err(|_| malformed())? {
                Notification::Record { record, .. } => receiver.record(record),
                Notification::Ack { chunks, .. } => {
                    self.window = self.window.saturating_add(chunks)
                }
                Notification::EndInput { .. } | Notification::Cancel { .. } => {}
            }
            return Ok(None);
        }
        match (incoming.id, incoming.result) {
            (Some(HELLO), Some(_)) => {
                self.greeted = true;
                Ok(None)
            }
            (Some(CALL), Some(result)) => Ok(Some(result.to_owned())),
            _ => Err(malformed()),
        }
    }
}

#[derive(Serialize)]
struct Said<'a> {
    jsonrpc: &'static str,
    #[serde(flatten)]
    said: &'a Notification,
}

fn hello(manifests: Option<&str>) -> Vec<u8> {
    let params = HelloParams {
        protocol: PROTOCOL_VERSION,
        client: concat!("csvault run ", env!("CARGO_PKG_VERSION")).to_owned(),
        manifests: manifests.map(str::to_owned),
    };
    let mut frames = Vec::with_capacity(1024);
    push_json(
        &mut frames,
        &Sent {
            jsonrpc: "2.0",
            id: Some(HELLO),
            method: "hello",
            params: Some(params),
        },
    );
    frames
}

/// Appends a frame of JSON.
fn push_json<T: Serialize>(frames: &mut Vec<u8>, message: &T) {
    let text = serde_json::to_vec(message).unwrap_or_default();
    frames.extend_from_slice(
        &FrameHeader {
            kind: FrameKind::Json,
            length: text.len(),
        }
        .encode(),
    );
    frames.extend_from_slice(&text);
}

fn read_frame(stream: &mut PipeStream, payload: &mut Vec<u8>) -> io::Result<FrameKind> {
    let mut header = [0; Limits::HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let header = FrameHeader::decode(header).map_err(io::Error::other)?;
    payload.resize(header.length, 0);
    stream.read_exact(payload)?;
    Ok(header.kind)
}

/// How long the next read may take; nothing means for ever.
#[cfg(unix)]
fn be_patient(stream: &PipeStream, patience: Option<Duration>) {
    let _waits_for_ever_then = stream.set_read_timeout(patience);
}

#[cfg(not(unix))]
fn be_patient(_: &PipeStream, _: Option<Duration>) {}

fn silent() -> ErrorReport {
    ErrorReport::new(
        ErrorId::HostUnavailable,
        "The service took the connection and does not answer.",
    )
    .hint("Find out what keeps its process (csvault) busy, or end that process, and repeat.")
}

fn malformed() -> CallFault {
    CallFault::Report(ErrorReport::new(
        ErrorId::FrameMalformed,
        "The service answered something that is not of the protocol.",
    ))
}

struct Ignored;

impl Receiver for Ignored {
    fn record(&mut self, _: Record) {}

    fn bytes(&mut self, _: &[u8]) -> Result<(), ErrorReport> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const REFUSAL: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Too many.","data":{"id":"TooManyCalls","category":"LimitsExceeded","message":"Too many.","recommendedAction":"Wait."}}}"#;

    /// A connection whose other end said something and was closed before anything was asked.
    fn closed(said: &str) -> io::Result<Connection> {
        let (stream, mut other) = PipeStream::pair()?;
        if !said.is_empty() {
            let header = FrameHeader {
                kind: FrameKind::Json,
                length: said.len(),
            };
            other.write_all(&header.encode())?;
            other.write_all(said.as_bytes())?;
        }
        Ok(Connection { stream })
    }

    #[test]
    fn what_was_said_before_the_end_is_read_when_nothing_can_be_sent() {
        let request = Request {
            cmdlet: "Get-CsAdminRole".to_owned(),
            parameters: serde_json::Map::new(),
            what_if: false,
            idempotency_key: None,
            input: false,
        };
        let asked = closed(REFUSAL).unwrap().ask::<serde_json::Value>("stop");
        let called = closed(REFUSAL)
            .unwrap()
            .invoke(&request, None, &mut Ignored);
        for fault in [asked.unwrap_err(), called.unwrap_err()] {
            assert_eq!(fault.report().id, ErrorId::TooManyCalls);
        }
        let asked = closed("").unwrap().ask::<serde_json::Value>("stop");
        assert!(matches!(asked, Err(CallFault::NotTaken)), "{asked:?}");
        let called = closed("").unwrap().invoke(&request, None, &mut Ignored);
        assert!(matches!(called, Err(CallFault::NotTaken)), "{called:?}");
    }
}
