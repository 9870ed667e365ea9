//! Messages as they come in and go out.

use std::borrow::Cow;
use std::io::Write as _;

use cs_contract::{ErrorId, ErrorReport, FrameHeader, FrameKind, Limits, Notification, Record};
use cs_model::shown;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::words;
use crate::precheck::{self, JsonFault};

/// The highest id: every JSON reader holds whole numbers up to it exactly.
const HIGHEST_ID: u64 = (1 << 53) - 1;

/// JSON-RPC: not a JSON text, or not a frame.
pub const NOT_JSON: i32 = -32700;
/// JSON-RPC: not a request.
pub const NOT_A_REQUEST: i32 = -32600;
/// JSON-RPC: no such method.
pub const UNKNOWN_METHOD: i32 = -32601;
/// JSON-RPC: wrong parameters.
pub const WRONG_PARAMS: i32 = -32602;
/// JSON-RPC: everything else.
pub const FAILED: i32 = -32000;

/// A message that was understood as far as its envelope.
#[derive(Debug)]
pub struct Message<'a> {
    /// The id of a request, from 1 to 2^53 - 1; a notification has none.
    pub id: Option<u64>,
    /// The method.
    pub method: Cow<'a, str>,
    /// Its parameters, checked for depth and duplicate keys; not yet for their shape.
    pub params: Option<&'a RawValue>,
}

/// A message, or a frame, that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The id of the request, when it could be trusted.
    pub id: Option<u64>,
    /// The code of JSON-RPC.
    pub code: i32,
    /// What is wrong.
    pub report: Box<ErrorReport>,
}

impl Refusal {
    /// A refusal.
    pub fn new(id: Option<u64>, code: i32, report: ErrorReport) -> Self {
        Self {
            id,
            code,
            report: Box::new(report),
        }
    }

    /// A refusal with `FrameMalformed`. What the client sent may be part of the text, so hidden characters are escaped.
    pub fn malformed(id: Option<u64>, code: i32, what: impl Into<String>) -> Self {
        let report = ErrorReport::new(ErrorId::FrameMalformed, shown(&what.into()));
        Self::new(id, code, report)
    }

    /// The answer's frame.
    pub fn frame(&self) -> Vec<u8> {
        error_frame(self.id, self.code, &self.report)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "given")]
    params: Option<&'a RawValue>,
}

/// A member that is `null` is there, and not absent.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(member: D) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(member).map(Some)
}

/// Reads one message.
///
/// # Errors
/// What is wrong with it. The connection may go on.
pub fn parse(payload: &[u8]) -> Result<Message<'_>, Refusal> {
    // A good message is read once; what is wrong with a bad one is found out afterwards.
    let envelope = envelope(payload).ok_or_else(|| refusal(payload))?;
    if envelope.jsonrpc != "2.0" {
        let text = "The member jsonrpc must be \"2.0\".";
        return Err(Refusal::malformed(None, NOT_A_REQUEST, text));
    }
    let id = match envelope.id {
        None => None,
        Some(raw) => Some(whole_number(raw.get()).ok_or_else(|| {
            let text = format!("The id must be a whole number from 1 to {HIGHEST_ID}.");
            Refusal::malformed(None, NOT_A_REQUEST, text)
        })?),
    };
    Ok(Message {
        id,
        method: envelope.method,
        params: envelope.params,
    })
}

/// The envelope of a text that is good in every way.
fn envelope(payload: &[u8]) -> Option<Envelope<'_>> {
    let text = std::str::from_utf8(payload).ok()?;
    // Its members have no members of their own but for the parameters, so these alone need a second look.
    let envelope: Envelope<'_> = is_object(text).then(|| serde_json::from_str(text).ok())??;
    let checked = envelope
        .params
        .is_none_or(|raw| precheck::check_member(raw.get()).is_ok());
    checked.then_some(envelope)
}

fn is_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
}

/// What is wrong with a payload that has no good envelope.
fn refusal(payload: &[u8]) -> Refusal {
    let text = match precheck::check(payload) {
        Ok(text) => text,
        Err(fault) => {
            let what = format!("The message is refused: {fault}.");
            return match fault {
                JsonFault::TooDeep => {
                    let report = ErrorReport::new(ErrorId::LimitExceeded, what);
                    Refusal::new(None, NOT_JSON, report.hint("Send a flatter message."))
                }
                _ => Refusal::malformed(None, NOT_JSON, what),
            };
        }
    };
    if text.trim_ascii_start().starts_with('[') {
        let what = "Batches are not accepted; send one message in a frame.";
        return Refusal::malformed(None, NOT_A_REQUEST, what);
    }
    let what = format!(
        "The message is not a request: {}.",
        words::of_envelope(text)
    );
    Refusal::malformed(None, NOT_A_REQUEST, what)
}

/// A number in digits alone: `1.0` and `1e3` are not ids.
fn whole_number(text: &str) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|number| (1..=HIGHEST_ID).contains(number))
}

/// Reads parameters into their type.
///
/// # Errors
/// What is wrong with them.
pub fn params<'a, T: Deserialize<'a>>(id: u64, raw: Option<&'a RawValue>) -> Result<T, Refusal> {
    let text = raw.map_or("{}", RawValue::get);
    if !is_object(text) {
        let text = "The params are refused: they must be an object.";
        return Err(Refusal::malformed(Some(id), WRONG_PARAMS, text));
    }
    serde_json::from_str(text).map_err(|error| {
        let member = member_at(text, &error);
        let what = words::of_params(&error, member.as_deref());
        let what = format!("The params are refused: {what}.");
        Refusal::malformed(Some(id), WRONG_PARAMS, what)
    })
}

/// The member of an object that an error is about, by the error's place in the text.
fn member_at(text: &str, error: &serde_json::Error) -> Option<String> {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().checked_sub(1)?);
    let place = lines.map(str::len).sum::<usize>() + error.column();
    let members: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let found = members.into_iter().find(|(_, value)| {
        let value = value.get();
        let start = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        (start..=start + value.len()).contains(&place)
    });
    found.map(|(name, _)| name)
}

/// Parameters of a method that has none.
///
/// # Errors
/// When there are some.
pub fn no_params(id: u64, raw: Option<&RawValue>) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    params::<Nothing>(id, raw).map(|_| ())
}

/// Room that most frames do with.
const USUAL_BYTES: usize = 256;

/// A frame of JSON: the header, and what `write` puts behind it. `more` is how much longer than usual it may become.
fn frame(more: usize, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES + more);
    bytes.extend_from_slice(&[0; Limits::HEADER_BYTES]);
    if write(&mut bytes).is_err() {
        // Our own types always can be put into JSON; an empty object shows it if that changes.
        bytes.truncate(Limits::HEADER_BYTES);
        bytes.extend_from_slice(b"{}");
    }
    let header = FrameHeader {
        kind: FrameKind::Json,
        length: bytes.len() - Limits::HEADER_BYTES,
    };
    if let Some(place) = bytes.get_mut(..Limits::HEADER_BYTES) {
        place.copy_from_slice(&header.encode());
    }
    bytes
}

/// The frame of a good answer.
pub fn result_frame<T: Serialize>(id: u64, result: &T) -> Vec<u8> {
    frame(0, |bytes| {
        let _always_room = write!(bytes, "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":");
        serde_json::to_writer(&mut *bytes, result)?;
        bytes.push(b'}');
        Ok(())
    })
}

/// The frame of an error.
pub fn error_frame(id: Option<u64>, code: i32, report: &ErrorReport) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        jsonrpc: &'static str,
        id: Option<u64>,
        error: Member<'a>,
    }
    #[derive(Serialize)]
    struct Member<'a> {
        code: i32,
        message: &'a str,
        data: &'a ErrorReport,
    }
    let error = Member {
        code,
        message: &report.message,
        data: report,
    };
    frame(0, |bytes| {
        serde_json::to_writer(
            bytes,
            &Answer {
                jsonrpc: "2.0",
                id,
                error,
            },
        )
    })
}

/// The frame of a notification.
pub fn notification_frame(notification: &Notification) -> Vec<u8> {
    #[derive(Serialize)]
    struct Said<'a> {
        jsonrpc: &'static str,
        #[serde(flatten)]
        notification: &'a Notification,
    }
    let values = match notification {
        Notification::Record {
            record: Record::Object { values, .. },
            ..
        } => values.bytes(),
        _ => 0,
    };
    frame(values, |bytes| {
        serde_json::to_writer(
            bytes,
            &Said {
                jsonrpc: "2.0",
                notification,
            },
        )
    })
}

/// Ids of a connection, so that each is used once. Ids that count up cost nothing however many there are.
#[derive(Debug, Default)]
pub struct UsedIds {
    /// First and last of each run, in order of the first.
    runs: std::collections::BTreeMap<u64, u64>,
}

/// So many gaps may a client leave before it must connect anew.
const RUNS: usize = 4096;

impl UsedIds {
    /// True when the id was used before.
    pub fn contains(&self, id: u64) -> bool {
        self.runs
            .range(..=id)
            .next_back()
            .is_some_and(|(_, &last)| id <= last)
    }

    /// Takes a new id; false when it was used before, or there are too many gaps to remember.
    pub fn insert(&mut self, id: u64) -> bool {
        if self.contains(id) {
            return false;
        }
        let before = self
            .runs
            .range(..id)
            .next_back()
            .map(|(&first, &last)| (first, last));
        let first = match before {
            Some((first, last)) if last + 1 == id => first,
            _ => id,
        };
        let last = self.runs.remove(&(id + 1)).unwrap_or(id);
        self.runs.insert(first, last);
        self.runs.len() <= RUNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (i32, String) {
        let refusal = parse(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.id, None);
        (refusal.code, refusal.report.message)
    }

    #[test]
    fn envelopes_are_checked() {
        let message = parse(br#"{"jsonrpc":"2.0","id":9007199254740991,"method":"ping"}"#).unwrap();
        assert_eq!(
            (message.id, message.method.as_ref()),
            (Some(HIGHEST_ID), "ping")
        );
        let bad = [
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":-1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":"1","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","user":"root"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            "7",
        ];
        for text in bad {
            assert_eq!(refused(text).0, NOT_A_REQUEST, "{text}");
        }
        assert_eq!(
            refused(r#"{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}"#).0,
            NOT_JSON
        );
        let refusal = parse("[".repeat(70).as_bytes()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.report.id),
            (NOT_JSON, ErrorId::LimitExceeded)
        );
    }

    #[test]
    fn notifications_have_the_documented_shape() {
        let record = Record::Verbose {
            text: "x".to_owned(),
        };
        let frame = notification_frame(&Notification::Record { call: 7, record });
        let text = std::str::from_utf8(&frame[5..]).unwrap();
        assert_eq!(
            text,
            r#"{"jsonrpc":"2.0","method":"record","params":{"call":7,"stream":"verbose","text":"x"}}"#
        );
        assert_eq!(
            result_frame(3, &serde_json::json!({}))[5..],
            *br#"{"jsonrpc":"2.0","id":3,"result":{}}"#
        );
    }

    #[test]
    fn wrong_params_are_named() {
        let refused = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            let refusal = params::<cs_contract::InvokeParams>(7, Some(&raw)).unwrap_err();
            assert_eq!((refusal.id, refusal.code), (Some(7), WRONG_PARAMS));
            refusal.report.message
        };
        for (text, name) in [
            ("{\"cmdlet\": 7}", "'cmdlet'"),
            (
                "{\"cmdlet\": \"x\", \"deadlineMs\": 1.0, \"input\": true}",
                "'deadlineMs'",
            ),
            (
                "{\"cmdlet\": \"x\", \"deadlineMs\": 18446744073709551616}",
                "'deadlineMs'",
            ),
            (
                "{\"cmdlet\": \"x\",\n \"whatIf\": \"true\",\n \"input\": true}",
                "'whatIf'",
            ),
            ("{\"cmdlet\": \"x\", \"input\": null}", "'input'"),
            ("{\"deadlineMs\": 1}", "`cmdlet`"),
            ("{\"cmdlet\": \"x\", \"user\": \"root\"}", "`user`"),
        ] {
            let message = refused(text);
            assert!(message.contains(name), "{text}: {message}");
        }
        assert!(refused("{\"\u{7f}\u{9b}31m\": 1}").contains("`\\u{7f}\\u{9b}31m`"));
    }

    #[test]
    fn ids_are_used_once_in_any_order() {
        let mut ids = UsedIds::default();
        for id in [5, 1, 3, 4, 2, 9, 7] {
            assert!(ids.insert(id), "{id}");
        }
        for id in [1, 2, 3, 4, 5, 7, 9] {
            assert!(!ids.insert(id), "{id}");
        }
        assert!(ids.insert(6) && ids.insert(8));
        assert_eq!(ids.runs.len(), 1);
        assert!(!ids.contains(10));
    }

    proptest::proptest! {
        /// The quick way to read a message takes nothing that the thorough check refuses.
        #[test]
        fn what_is_taken_is_good_json(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..14)) {
            let text = pieces.concat();
            for text in [text.clone(), format!("{{{text}}}"), format!("{{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{{{text}}}}}")] {
                if let Ok(message) = parse(text.as_bytes()) {
                    proptest::prop_assert!(precheck::check(text.as_bytes()).is_ok(), "{}", text);
                    proptest::prop_assert!(message.id.is_none_or(|id| (1..=HIGHEST_ID).contains(&id)));
                }
            }
        }

        #[test]
        fn no_bytes_are_too_bad_to_be_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _taken_or_refused = parse(&bytes);
        }
    }

    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"jsonrpc\":\"2.0\"",
        "\"id\":7",
        "\"ID\":7",
        "\"method\":\"ping\"",
        "\"params\":{}",
        "\"a\":1",
        "\"A\":2",
        "\"a\":",
        "\"\\u0061\":3",
        "\"\\ud800\"",
        "\"\u{e4}\"",
        "1e999",
        "-0",
        "null",
        " ",
        "\u{feff}",
        "\"params\":[{\"b\":1,\"B\":2}]",
        "\"params\":{\"b\":{\"c\":[[]]}}",
    ];
}
