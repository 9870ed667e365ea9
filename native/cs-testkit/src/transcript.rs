//! The transcripts of `tests/wire/`: what is sent and what must come, played here and by the PowerShell tests.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use cs_contract::{Limits, manifest_hash};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::pattern::{Saved, matches};
use crate::{Frame, Home, RawClient};

/// One transcript; `tests/wire/README.md` describes its members.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Transcript {
    /// What it shows.
    pub about: String,
    /// Members of settings.json.
    #[serde(default)]
    settings: Value,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct Step {
    /// The connection; opened when it is used first.
    on: String,
    action: Action,
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = serde_json::Error;

    fn try_from(mut members: Map<String, Value>) -> Result<Self, Self::Error> {
        let on = members
            .remove("on")
            .map(serde_json::from_value)
            .transpose()?
            .unwrap_or_default();
        members.remove("why");
        // What is left is one action.
        Ok(Self {
            on,
            action: serde_json::from_value(Value::Object(members))?,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Action {
    Send(Value),
    SendText(String),
    SendHex(String),
    SendRepeated(Repeated),
    SendInput(Input),
    Expect(Value),
    ExpectRecords(Records),
    ExpectBytes(Bytes),
    ExpectClosed(True),
}

/// A frame of kind J whose text is one text so many times, between two others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    #[serde(default)]
    before: String,
    text: String,
    times: usize,
    #[serde(default)]
    after: String,
}

/// The input of a call, cut into chunks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    call: u64,
    #[serde(default)]
    text: String,
    /// Bytes that an earlier `expectBytes` kept.
    saved: Option<String>,
    /// A file, from the root of the repository.
    file: Option<PathBuf>,
    /// False: `endInput` is not sent.
    #[serde(default = "yes")]
    end: bool,
}

fn yes() -> bool {
    true
}

/// `true`, because a step needs a value.
#[derive(Debug, Deserialize)]
#[serde(try_from = "bool")]
struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(Self)
        } else {
            Err("expectClosed is true")
        }
    }
}

/// Records of one stream, one behind the other; what follows them is left for the next step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Records {
    call: u64,
    stream: String,
    at_least: usize,
}

/// The bytes that came for a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Bytes {
    call: u64,
    /// Text that they begin with.
    #[serde(default)]
    begin: String,
    save: Option<String>,
    /// Kept bytes that they must equal.
    equal: Option<String>,
}

/// The transcripts of a folder, in the order of their names.
#[must_use]
pub fn transcripts(folder: &Path) -> Vec<(String, Transcript)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let transcript =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, transcript)
        })
        .collect()
}

struct Line {
    client: RawClient,
    /// Messages that came while something else was awaited.
    early: VecDeque<Value>,
    window: BTreeMap<u64, u32>,
    last: Value,
}

/// Plays a transcript on a new service.
///
/// # Panics
/// At the first step that does not go as written.
pub fn play(name: &str, transcript: &Transcript, home: &Home, root: &Path) {
    let settings = if transcript.settings.is_null() {
        json!({})
    } else {
        transcript.settings.clone()
    };
    home.settings(settings);
    let host = home.start();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut saved = Saved::new();
    let mut kept: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (index, step) in transcript.steps.iter().enumerate() {
        let place = format!("{name}, step {}", index + 1);
        let line = lines.entry(step.on.clone()).or_insert_with(|| Line {
            client: host.connect(),
            early: VecDeque::new(),
            window: BTreeMap::new(),
            last: Value::Null,
        });
        match &step.action {
            Action::Send(message) => {
                line.client.send(&filled(message, &saved));
            }
            Action::SendText(text) => {
                line.client.send_text(text.as_bytes());
            }
            Action::SendHex(text) => {
                line.client.send_raw(&unhex(text));
            }
            Action::SendRepeated(repeated) => {
                let text = format!(
                    "{}{}{}",
                    repeated.before,
                    repeated.text.repeat(repeated.times),
                    repeated.after
                );
                line.client.send_text(text.as_bytes());
            }
            Action::SendInput(input) => {
                let bytes = match (&input.saved, &input.file) {
                    (Some(name), _) => kept[name].clone(),
                    (None, Some(file)) => std::fs::read(root.join(file)).unwrap(),
                    (None, None) => input.text.as_bytes().to_vec(),
                };
                line.send_input(input.call, &bytes, input.end);
            }
            Action::Expect(pattern) => {
                let found = line.next(pattern, &place);
                if let Err(difference) = matches(&filled(pattern, &saved), &found, &mut saved) {
                    panic!("{place}: {difference}\nin {found}");
                }
                line.last = found;
            }
            Action::ExpectRecords(expected) => {
                let wanted = json!({"method": "record", "params": {"call": expected.call, "stream": expected.stream}});
                let mut count = 0;
                let behind = loop {
                    let found = line.next(&wanted, &place);
                    if matches(&wanted, &found, &mut saved).is_err() {
                        break found;
                    }
                    count += 1;
                };
                line.early.push_front(behind);
                assert!(
                    count >= expected.at_least,
                    "{place}: {count} records of {}",
                    expected.stream
                );
            }
            Action::ExpectBytes(expected) => {
                let bytes = line
                    .client
                    .received
                    .remove(&expected.call)
                    .unwrap_or_default();
                assert!(
                    bytes.starts_with(expected.begin.as_bytes()),
                    "{place}: they begin otherwise"
                );
                let hash: String = Sha256::digest(&bytes)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                assert_eq!(line.last["result"]["bytes"], json!(bytes.len()), "{place}");
                assert_eq!(line.last["result"]["sha256"], json!(hash), "{place}");
                if let Some(name) = &expected.equal {
                    assert!(
                        kept[name] == bytes,
                        "{place}: the bytes are not those of {name}"
                    );
                }
                if let Some(name) = &expected.save {
                    kept.insert(name.clone(), bytes);
                }
            }
            Action::ExpectClosed(True) => {
                assert!(line.early.is_empty(), "{place}: {:?}", line.early);
                assert_eq!(line.client.read(), Frame::Closed, "{place}");
                lines.remove(&step.on);
            }
        }
    }
    assert!(
        host.client().is_served(),
        "{name}: the service does not answer any more"
    );
}

impl Line {
    /// The next message. What comes at its own times is passed over unless it is what the pattern wants.
    fn next(&mut self, pattern: &Value, place: &str) -> Value {
        loop {
            let found = match self.early.pop_front() {
                Some(found) => found,
                None => match self.client.read() {
                    Frame::Json(found) => found,
                    Frame::Bytes(call, bytes) => {
                        self.client.received.entry(call).or_default().extend(bytes);
                        continue;
                    }
                    Frame::Closed => {
                        panic!("{place}: the connection is closed and {pattern} was expected")
                    }
                },
            };
            if found["method"] == json!("ack") {
                self.acknowledged(&found);
            }
            let kind = |message: &Value| {
                (
                    message["method"].clone(),
                    message["params"]["stream"].clone(),
                )
            };
            let optional = found["method"] == json!("ack")
                || ["progress", "verbose", "debug"]
                    .iter()
                    .any(|stream| found["params"]["stream"] == json!(stream));
            if optional && kind(&found) != kind(pattern) {
                continue;
            }
            return found;
        }
    }

    fn acknowledged(&mut self, ack: &Value) {
        let call = ack["params"]["call"].as_u64().unwrap();
        let chunks = u32::try_from(ack["params"]["chunks"].as_u64().unwrap()).unwrap();
        *self.window.entry(call).or_insert(Limits::WINDOW_CHUNKS) += chunks;
    }

    fn send_input(&mut self, call: u64, bytes: &[u8], end: bool) {
        for chunk in bytes.chunks(Limits::CHUNK_BYTES) {
            while *self.window.entry(call).or_insert(Limits::WINDOW_CHUNKS) == 0 {
                let message = self.client.message();
                if message["method"] == json!("ack") {
                    self.acknowledged(&message);
                } else {
                    self.early.push_back(message);
                }
            }
            *self.window.entry(call).or_default() -= 1;
            self.client.send_chunk(call, chunk);
        }
        if end {
            self.client.notify("endInput", call);
        }
    }
}

/// A message with its placeholders filled in.
fn filled(message: &Value, saved: &Saved) -> Value {
    match message {
        Value::String(text) if text == "$manifests" => json!(manifest_hash()),
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => saved
                .get(name)
                .unwrap_or_else(|| panic!("{text} was not saved"))
                .clone(),
            None => message.clone(),
        },
        Value::Array(values) => values.iter().map(|value| filled(value, saved)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, saved)))
            .collect(),
        other => other.clone(),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
