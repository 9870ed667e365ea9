//! A client that sends whatever a test wants, well formed or not.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use cs_contract::{FrameHeader, FrameKind, Limits, PROTOCOL_VERSION, manifest_hash};
use serde_json::{Value, json};

/// No answer within this time fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came from the service.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A message.
    Json(Value),
    /// A chunk of a call.
    Bytes(u64, Vec<u8>),
    /// The service closed the connection.
    Closed,
}

/// A raw connection.
#[derive(Debug)]
pub struct RawClient {
    stream: UnixStream,
    next_id: u64,
    /// Bytes received, by call.
    pub received: BTreeMap<u64, Vec<u8>>,
}

impl RawClient {
    /// Connects.
    #[must_use]
    pub fn connect(pipe: &Path) -> Self {
        Self::over(UnixStream::connect(pipe).unwrap())
    }

    /// Speaks over a stream that somebody else connected.
    #[must_use]
    pub fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            next_id: 1,
            received: BTreeMap::new(),
        }
    }

    /// The stream itself.
    #[must_use]
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Sends bytes as they are; false when the service does not take them any more.
    pub fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a frame of kind J with any payload.
    pub fn send_text(&mut self, payload: &[u8]) -> bool {
        let mut frame = FrameHeader {
            kind: FrameKind::Json,
            length: payload.len(),
        }
        .encode()
        .to_vec();
        frame.extend_from_slice(payload);
        self.send_raw(&frame)
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) -> bool {
        self.send_text(message.to_string().as_bytes())
    }

    /// Sends a chunk of a call.
    pub fn send_chunk(&mut self, call: u64, bytes: &[u8]) -> bool {
        let length = Limits::CALL_ID_BYTES + bytes.len();
        let mut frame = FrameHeader {
            kind: FrameKind::Bytes,
            length,
        }
        .encode()
        .to_vec();
        frame.extend_from_slice(&call.to_le_bytes());
        frame.extend_from_slice(bytes);
        self.send_raw(&frame)
    }

    /// Reads one frame.
    pub fn read(&mut self) -> Frame {
        let mut header = [0; Limits::HEADER_BYTES];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ) =>
            {
                return Frame::Closed;
            }
            Err(error) => panic!("nothing came from the service: {error}"),
        }
        let header = FrameHeader::decode(header).unwrap();
        let mut payload = vec![0; header.length];
        self.stream.read_exact(&mut payload).unwrap();
        match header.kind {
            FrameKind::Json => Frame::Json(serde_json::from_slice(&payload).unwrap()),
            FrameKind::Bytes => {
                let bytes = payload.split_off(Limits::CALL_ID_BYTES);
                Frame::Bytes(u64::from_le_bytes(payload.try_into().unwrap()), bytes)
            }
        }
    }

    /// Reads and forgets one frame; false when the connection is closed, also in the middle of it.
    pub fn read_or_closed(&mut self) -> bool {
        let mut header = [0; Limits::HEADER_BYTES];
        if self.stream.read_exact(&mut header).is_err() {
            return false;
        }
        let header = FrameHeader::decode(header).unwrap();
        let mut payload = vec![0; header.length];
        self.stream.read_exact(&mut payload).is_ok()
    }

    /// The next message; chunks on the way are kept.
    ///
    /// # Panics
    /// When the connection is closed instead.
    pub fn message(&mut self) -> Value {
        loop {
            match self.read() {
                Frame::Json(message) => return message,
                Frame::Bytes(call, bytes) => self.received.entry(call).or_default().extend(bytes),
                Frame::Closed => panic!("the service closed the connection"),
            }
        }
    }

    /// The answer to a request; records on the way are returned with it.
    pub fn answer(&mut self, id: u64) -> (Value, Vec<Value>) {
        let mut records = Vec::new();
        loop {
            let message = self.message();
            if message.get("method").is_none() && message["id"] == json!(id) {
                return (message, records);
            }
            assert!(
                message.get("method").is_some(),
                "an answer that nobody waits for: {message}"
            );
            records.push(message["params"].clone());
        }
    }

    /// A new id.
    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sends a request and returns its id.
    pub fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.id();
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() {
            message["params"] = params;
        }
        assert!(self.send(&message), "the service does not take {message}");
        id
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, call: u64) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": {"call": call}}));
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id).0
    }

    /// Says hello.
    ///
    /// # Panics
    /// When the service does not like it.
    pub fn hello(&mut self) {
        let id = self.next_id;
        let params = json!({"protocol": PROTOCOL_VERSION, "client": "cs-testkit", "manifests": manifest_hash()});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "hello", "params": params}));
        let (answer, _) = self.answer(id);
        assert!(answer.get("result").is_some(), "{answer}");
    }

    /// Runs a cmdlet to its answer.
    pub fn invoke(&mut self, cmdlet: &str, parameters: Value) -> (Value, Vec<Value>) {
        let id = self.request(
            "invoke",
            json!({"cmdlet": cmdlet, "parameters": parameters}),
        );
        self.answer(id)
    }

    /// Begins a call with input.
    pub fn begin_upload(&mut self, cmdlet: &str, extra: Value) -> u64 {
        let mut params = json!({"cmdlet": cmdlet, "input": true});
        for (name, value) in extra.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
        self.request("invoke", params)
    }

    /// Runs a cmdlet with input to its answer. The input must fit into the window.
    pub fn upload(&mut self, cmdlet: &str, extra: Value, input: &[u8]) -> (Value, Vec<Value>) {
        let id = self.begin_upload(cmdlet, extra);
        let chunks = input.chunks(Limits::CHUNK_BYTES);
        assert!(
            chunks.len() <= Limits::WINDOW_CHUNKS as usize,
            "use a smaller input"
        );
        for chunk in chunks {
            self.send_chunk(id, chunk);
        }
        self.notify("endInput", id);
        let (answer, mut records) = self.answer(id);
        records.retain(|record| record.get("stream").is_some());
        (answer, records)
    }

    /// The whole package of the Central Management store.
    ///
    /// # Panics
    /// When it cannot be had.
    pub fn export(&mut self) -> Vec<u8> {
        let id = self.request("invoke", json!({"cmdlet": "Export-CsConfiguration"}));
        let (answer, _) = self.answer(id);
        assert!(answer.get("result").is_some(), "{answer}");
        self.received.remove(&id).unwrap_or_default()
    }

    /// True when the service answers, whatever it says of running calls before.
    pub fn is_served_during_calls(&mut self) -> bool {
        let id = self.request("ping", Value::Null);
        loop {
            let message = self.message();
            if message["id"] == json!(id) {
                return message.get("result").is_some();
            }
        }
    }

    /// True when the service answers.
    pub fn is_served(&mut self) -> bool {
        self.ask("ping", Value::Null).get("result").is_some()
    }

    /// The error of the next message, and that the connection is closed behind it.
    pub fn last_words(&mut self) -> Value {
        let message = self.message();
        assert_eq!(self.read(), Frame::Closed, "{message}");
        message
    }
}
