//! A retry after a lost reply returns the first result.

use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cs_contract::{CmdletManifest, ErrorId, ErrorReport, InvokeResult, Transfer};
use cs_model::StoreKind;
use cs_rbac::Grant;
use cs_store::RequestKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::engine::Running;
use crate::fault::{Fault, from_stopped, from_store};
use crate::parameters::Parameters;
use crate::{Call, CallIo, Stopped};

/// How often a call that waits for its turn looks whether it was stopped.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Which keys are in use: calls of one principal with one key run one after the other, so that the later ones find what the first one
/// left.
#[derive(Default)]
pub struct Turns {
    /// Principal and key of each call that has its turn.
    taken: Mutex<HashSet<(String, String)>>,
    ended: Condvar,
}

/// The turn of a call; it ends when this is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    name: (String, String),
}

impl Turns {
    fn taken(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other call of this principal has its turn with this key, or the call is stopped.
    pub fn take(&self, principal: &str, key: &str, io: &dyn CallIo) -> Result<Turn<'_>, Fault> {
        let name = (principal.to_owned(), key.to_owned());
        let mut taken = self.taken();
        while taken.contains(&name) {
            if io.stopped() {
                return Err(from_stopped(Stopped));
            }
            (taken, _) = self
                .ended
                .wait_timeout(taken, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner);
        }
        taken.insert(name.clone());
        Ok(Turn { turns: self, name })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken().remove(&self.name);
        self.turns.ended.notify_all();
    }
}

/// What must be right about a call beside its parameters.
pub fn check_call(manifest: &CmdletManifest, call: &Call<'_>) -> Result<(), Fault> {
    if call.input && manifest.transfer != Some(Transfer::Upload) {
        let what = format!("{} takes no bytes.", manifest.name());
        return Err(ErrorReport::new(ErrorId::ParameterInvalid, what)
            .on("Parameter", "input")
            .hint("Leave \"input\" away; see docs/protocol.md section 4."));
    }
    let Some(key) = call.idempotency_key else {
        return Ok(());
    };
    let refused = |what: &str| {
        Err(ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", "idempotencyKey"))
    };
    if !(8..=64).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused("An idempotency key is 8 to 64 visible ASCII characters.");
    }
    if call.what_if {
        return refused("A plan changes nothing, so it has no idempotency key.");
    }
    Ok(())
}

/// The hash of what a call was asked for with: two calls that have the same one are the same call.
pub fn fingerprint(grant: &Grant, parameters: &Parameters, input: Option<&[u8; 32]>) -> [u8; 32] {
    let mut given = String::from("{");
    let sorted: BTreeMap<&String, &Value> = parameters.given().collect();
    push_members(sorted, &mut given);
    let cmdlet = grant.cmdlet().as_str().to_ascii_lowercase();
    let mut hash = Sha256::new();
    for text in [cmdlet.as_str(), grant.store().display_name(), &given] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    // Nothing sent differs from an empty input.
    if let Some(input) = input {
        hash.update(input);
    }
    hash.finalize().into()
}

/// A value in a form that is the same for equal values, whatever the order of the members.
fn push_canonical(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            to.push('{');
            push_members(members.iter().collect(), to);
        }
        Value::Array(values) => {
            to.push('[');
            for value in values {
                push_canonical(value, to);
                to.push(',');
            }
            to.push(']');
        }
        plain => to.push_str(&plain.to_string()),
    }
}

fn push_members(members: BTreeMap<&String, &Value>, to: &mut String) {
    for (name, value) in members {
        to.push_str(&Value::from(name.as_str()).to_string());
        to.push(':');
        push_canonical(value, to);
        to.push(',');
    }
    to.push('}');
}

/// The result of an earlier call with the same idempotency key, when there was one that ended well.
pub fn remembered(call: &Running<'_>) -> Result<Option<InvokeResult>, Fault> {
    let Some(RequestKey { key, fingerprint }) = &call.request else {
        return Ok(None);
    };
    let of = |kind| call.engine.store(kind).request(&call.grant, key);
    let found = of(call.kind).map_err(|error| from_store(&error))?;
    let same = match &found {
        Some(first) => {
            first.principal == call.grant.principal()
                && first.cmdlet == call.grant.cmdlet().as_str()
                && first.fingerprint.as_ref() == Some(fingerprint)
        }
        // Damage of the other store must not keep this one from being mended.
        None => !matches!(of(other(call.kind)), Ok(Some(_))),
    };
    if !same {
        return Err(ErrorReport::new(
            ErrorId::KeyReused,
            "The idempotency key belongs to another call; nothing was changed.",
        ));
    }
    Ok(found.map(|first| InvokeResult {
        version: first.changed.then_some(first.version.0),
        repeated: true,
        ..InvokeResult::default()
    }))
}

fn other(kind: StoreKind) -> StoreKind {
    match kind {
        StoreKind::Central => StoreKind::Local,
        StoreKind::Local => StoreKind::Central,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cs_contract::Record;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Waiting<'a>(&'a AtomicBool);

    impl CallIo for Waiting<'_> {
        fn record(&mut self, _: Record) -> Result<(), Stopped> {
            Ok(())
        }

        fn stopped(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }

        fn output(&mut self, _: &[u8]) -> Result<(), Stopped> {
            Ok(())
        }

        fn input(&mut self) -> Result<crate::Received, ErrorReport> {
            Err(from_stopped(Stopped))
        }
    }

    #[test]
    fn a_turn_is_waited_for_until_the_call_is_stopped_and_leaves_nothing_behind() {
        let turns = Turns::default();
        let (never, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
        let first = turns.take("ken", "key-0001", &Waiting(&never)).unwrap();
        // Other keys, and other principals with the same one, do not wait.
        drop(turns.take("ken", "key-0002", &Waiting(&never)).unwrap());
        drop(turns.take("pat", "key-0001", &Waiting(&never)).unwrap());
        std::thread::scope(|scope| {
            let given_up =
                scope.spawn(|| turns.take("ken", "key-0001", &Waiting(&stopped)).is_err());
            let waiting = scope.spawn(|| turns.take("ken", "key-0001", &Waiting(&never)).is_ok());
            stopped.store(true, Ordering::Relaxed);
            assert!(given_up.join().unwrap());
            assert!(!waiting.is_finished());
            drop(first);
            assert!(waiting.join().unwrap());
        });
        assert!(turns.taken().is_empty());
    }

    #[test]
    fn equal_values_have_one_form() {
        let form = |text: &str| {
            let mut form = String::new();
            push_canonical(&serde_json::from_str(text).unwrap(), &mut form);
            form
        };
        let one = form(r#"{"a": [1, {"c": "\u0041", "b": null}], "d": true}"#);
        assert_eq!(one, form(r#"{"d":true,"a":[1,{"b":null,"c":"A"}]}"#));
        for other in [
            r#"{"a":[1,{"b":null,"c":"A"}]}"#,
            r#"{"a":[{"b":null,"c":"A"},1],"d":true}"#,
        ] {
            assert_ne!(one, form(other));
        }
        assert_ne!(form(r#"["a","b"]"#), form(r#"["a\",\"b"]"#));
    }
}
