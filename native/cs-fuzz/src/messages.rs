//! JSON messages of the pipe.

use cs_contract::{ErrorId, FrameHeader, HelloParams, InvokeParams, Limits};
use cs_model::is_hidden;
use csvault::untrusted::{JsonFault, Refusal, check_json, params, parse_message};
use serde_json::Value;

/// A message is refused in a well-formed answer, or it is good JSON with every key once whose members are those that another reader
/// finds; so are its parameters.
pub fn messages(data: &[u8]) {
    let message = match parse_message(data) {
        Ok(message) => message,
        Err(refusal) => {
            assert_eq!(refusal.id, None);
            refused(&refusal, None);
            return;
        }
    };
    let text = check_json(data).expect("a message that is no good JSON was taken");
    let value: Value = serde_json::from_str(text).expect("another reader refuses it");
    assert!(depth(&value) <= Limits::JSON_DEPTH);
    assert_eq!(value["jsonrpc"], "2.0");
    assert_eq!(value["method"], message.method.as_ref());
    assert_eq!(value["id"].as_u64(), message.id);
    let raw = message.params.map(|raw| raw.get());
    if let Some(raw) = raw {
        assert_eq!(serde_json::from_str::<Value>(raw).unwrap(), value["params"]);
    }
    let id = message.id.unwrap_or(1);
    match params::<InvokeParams>(id, message.params) {
        Ok(invoke) => {
            assert_eq!(value["params"]["cmdlet"], invoke.cmdlet);
            assert_eq!(value["params"]["deadlineMs"].as_u64(), invoke.deadline_ms);
            assert_eq!(
                value["params"]["input"].as_bool().unwrap_or_default(),
                invoke.input
            );
            assert_eq!(
                value["params"]["whatIf"].as_bool().unwrap_or_default(),
                invoke.what_if
            );
        }
        Err(refusal) => refused(&refusal, Some(id)),
    }
    match params::<HelloParams>(id, message.params) {
        Ok(hello) => assert_eq!(value["params"]["client"], hello.client),
        Err(refusal) => refused(&refusal, Some(id)),
    }
}

/// A refusal is one frame with a JSON text that the other side can read, and says what to do.
fn refused(refusal: &Refusal, id: Option<u64>) {
    assert_eq!(refusal.id, id);
    let frame = refusal.frame();
    let (header, payload) = frame
        .split_first_chunk::<{ Limits::HEADER_BYTES }>()
        .unwrap();
    let header = FrameHeader::decode(*header).expect("the answer is no frame");
    assert_eq!(header.length, payload.len());
    let answer: Value = serde_json::from_slice(payload).expect("the answer is no JSON");
    match check_json(payload) {
        Ok(_) => {}
        Err(fault) => panic!("the answer is refused: {}", shown(&fault)),
    }
    assert_eq!(answer["id"].as_u64(), id);
    let data = &answer["error"]["data"];
    for member in ["id", "message", "recommendedAction"] {
        assert!(
            data[member].as_str().is_some_and(|text| !text.is_empty()),
            "{member} is missing: {answer}"
        );
    }
    assert!(
        !refusal.report.message.chars().any(is_hidden),
        "hidden characters in {:?}",
        refusal.report.message
    );
    assert!(matches!(
        refusal.report.id,
        ErrorId::FrameMalformed | ErrorId::LimitExceeded
    ));
}

fn shown(fault: &JsonFault) -> String {
    fault.to_string()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
