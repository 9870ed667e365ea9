//! The JSON-RPC messages. Names on the wire are camelCase; parameters and properties of cmdlets keep
//! the PascalCase that users see.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::ErrorReport;

/// The version of the protocol. A different number is a [`crate::ErrorId::ProtocolMismatch`].
pub const PROTOCOL_VERSION: u32 = 1;

/// The id of a request: a whole number from 1 to 2^53 - 1, used once in a connection.
pub type CallId = u64;

/// The requests of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Says who speaks which version; the first request of every connection.
    Hello,
    /// Answers.
    Ping,
    /// Tells the state of the service.
    Status,
    /// Runs a cmdlet.
    Invoke,
    /// Ends the service.
    Stop,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [
        Self::Hello,
        Self::Ping,
        Self::Status,
        Self::Invoke,
        Self::Stop,
    ];

    /// The method of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Ping => "ping",
            Self::Status => "status",
            Self::Invoke => "invoke",
            Self::Stop => "stop",
        }
    }

    /// True for what every account may use without a decision, because it tells nothing and changes nothing. The list may only
    /// become shorter.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Hello | Self::Ping => true,
            Self::Status | Self::Invoke | Self::Stop => false,
        }
    }
}

/// Parameters of `hello`, the first request of every connection.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelloParams {
    /// The protocol version that the client speaks.
    pub protocol: u32,
    /// Name and version of the client, for the log.
    pub client: String,
    /// The client's manifest hash; when given it must equal the server's.
    #[serde(default)]
    pub manifests: Option<String>,
}

/// Answer to `hello`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelloResult {
    /// The protocol version that the server speaks.
    pub protocol: u32,
    /// Name and version of the server.
    pub server: String,
    /// What the server can do beyond the base; unknown entries are to be ignored.
    pub features: Vec<String>,
    /// Hash of the embedded manifests.
    pub manifests: String,
    /// Process id of the server.
    pub pid: u32,
}

/// Parameters of `invoke`: run one cmdlet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeParams {
    /// The cmdlet, `Verb-CsNoun`.
    pub cmdlet: String,
    /// Parameters by name; those that the client resolves by itself (paths) are not sent.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub parameters: Option<Box<RawValue>>,
    /// Plan only: report what would change and change nothing.
    #[serde(default)]
    pub what_if: bool,
    /// Names the call, so that a retry after a lost reply returns the first result. 8 to 64 visible characters; not with `whatIf`.
    #[serde(default, deserialize_with = "given")]
    pub idempotency_key: Option<String>,
    /// The longest time the call may take, in milliseconds.
    #[serde(default, deserialize_with = "given")]
    pub deadline_ms: Option<u64>,
    /// True when chunks of bytes follow, ended by an `endInput` notification.
    #[serde(default)]
    pub input: bool,
}

/// A member that is `null` is there, and not absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

/// Answer to `invoke`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeResult {
    /// The version that the call made, when it changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Bytes sent as chunks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// SHA-256 of the bytes sent, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// True when this is the remembered result of an earlier call with the same idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Answer to `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusResult {
    /// Process id of the server.
    pub pid: u32,
    /// The pipe's rooted name.
    pub pipe: String,
    /// The data folder.
    pub home: String,
    /// Version of the executable.
    pub version: String,
    /// The newest version in the Central Management store.
    pub store_version: u64,
    /// The newest version in the local store.
    pub local_store_version: u64,
    /// Bytes of the newest central version that are not yet kept in deflated form.
    pub pending_bytes: u64,
}

/// Values that are JSON text already, so that what was put into JSON once is sent many times as it is.
#[derive(Debug, Clone)]
pub struct Values(Vec<Arc<RawValue>>);

impl Values {
    /// Values that were not put into JSON yet.
    #[must_use]
    pub fn new(values: &[serde_json::Value]) -> Self {
        Self(values.iter().map(Self::raw).collect())
    }

    /// Values that were put into JSON by [`Self::raw`].
    #[must_use]
    pub fn of(values: Vec<Arc<RawValue>>) -> Self {
        Self(values)
    }

    /// Puts one value into JSON.
    #[must_use]
    pub fn raw(value: &serde_json::Value) -> Arc<RawValue> {
        serde_json::value::to_raw_value(value)
            .unwrap_or_else(|_| RawValue::NULL.to_owned())
            .into()
    }

    /// Length of the array as JSON text, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .map(|value| value.get().len() + 1)
            .sum::<usize>()
            + 2
    }

    /// The array as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        let values: Vec<&str> = self.0.iter().map(|value| value.get()).collect();
        format!("[{}]", values.join(","))
    }

    /// The values one by one.
    #[must_use]
    pub fn parse(&self) -> Vec<serde_json::Value> {
        let values = self.0.iter();
        values
            .filter_map(|value| serde_json::from_str(value.get()).ok())
            .collect()
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.parse() == other.parse()
    }
}

impl Serialize for Values {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(AsRef::as_ref))
    }
}

impl<'de> Deserialize<'de> for Values {
    // Not through RawValue: inside a tagged record the text itself is gone by then.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<serde_json::Value>::deserialize(deserializer).map(|values| Self::new(&values))
    }
}

/// One record of a running call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "stream", rename_all = "camelCase")]
pub enum Record {
    /// Objects for the success stream, all of one type.
    Object {
        /// The type, a key of the output type manifests; `System.String` for plain texts.
        r#type: String,
        /// The values, properties in the order of the type.
        #[schemars(with = "Vec<serde_json::Value>")]
        values: Values,
    },
    /// Text for -Verbose.
    Verbose {
        /// One sentence.
        text: String,
    },
    /// Text for the warning stream.
    Warning {
        /// One sentence.
        text: String,
    },
    /// Text for -Debug.
    Debug {
        /// One sentence.
        text: String,
    },
    /// How far the call is.
    Progress {
        /// What is being done.
        activity: String,
        /// Where it stands.
        status: String,
        /// 0 to 100, or absent when unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<u8>,
    },
    /// One line of a plan, for -WhatIf.
    WhatIf {
        /// The thing.
        target: String,
        /// What would happen to it: `add`, `change`, `remove`.
        action: String,
    },
    /// An error that does not end the call.
    Error {
        /// What went wrong.
        error: Box<ErrorReport>,
    },
}

/// What the server or the client says without expecting an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", content = "params", rename_all = "camelCase")]
pub enum Notification {
    /// Server to client: a record of a call.
    Record {
        /// The call.
        call: CallId,
        /// The record.
        #[serde(flatten)]
        record: Record,
    },
    /// Server to client: chunks of input were taken.
    Ack {
        /// The call.
        call: CallId,
        /// How many chunks more may be sent.
        chunks: u32,
    },
    /// Client to server: all chunks of input were sent.
    EndInput {
        /// The call.
        call: CallId,
    },
    /// Client to server: stop a call.
    Cancel {
        /// The call.
        call: CallId,
    },
}

/// The error member of a JSON-RPC answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RpcError {
    /// -32700 not JSON, -32600 not a request, -32601 unknown method, -32602 wrong parameters, -32000 everything else.
    pub code: i32,
    /// One sentence.
    pub message: String,
    /// The whole error.
    pub data: ErrorReport,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_survive_the_wire() {
        let record = Record::Object {
            r#type: "System.String".to_owned(),
            values: Values::new(&[json!("a"), json!({"B": [1, null]})]),
        };
        let sent = serde_json::to_string(&Notification::Record {
            call: 7,
            record: record.clone(),
        })
        .unwrap();
        let Notification::Record { call, record: got } = serde_json::from_str(&sent).unwrap()
        else {
            panic!("{sent}");
        };
        assert_eq!((call, &got), (7, &record), "{sent}");
        let pieces = vec![
            Values::raw(&json!("a")),
            Values::raw(&json!({"B": [1, null]})),
        ];
        assert_eq!(Values::of(pieces).text(), r#"["a",{"B":[1,null]}]"#);
    }
}
