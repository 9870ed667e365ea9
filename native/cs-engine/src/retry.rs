//! A retry after a lost reply returns the first result.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cs_contract::{ErrorId, ErrorReport, InvokeResult};

use crate::engine::Running;
use crate::fault::{Fault, from_stopped, from_store};
use crate::{CallIo, Stopped};

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

/// What an idempotency key must look like.
pub fn check_key(key: &str) -> Result<(), Fault> {
    if (8..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let what = "An idempotency key is 8 to 64 visible ASCII characters.";
    Err(ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", "idempotencyKey"))
}

/// The result of an earlier call with the same idempotency key, when there was one that changed something.
pub fn remembered(call: &Running<'_>) -> Result<Option<InvokeResult>, Fault> {
    let Some(key) = call.idempotency_key else {
        return Ok(None);
    };
    let Some(first) = call
        .store()
        .request(&call.grant, key)
        .map_err(|error| from_store(&error))?
    else {
        return Ok(None);
    };
    if first.principal != call.grant.principal() || first.cmdlet != call.grant.cmdlet().as_str() {
        return Err(ErrorReport::new(
            ErrorId::KeyReused,
            "The idempotency key belongs to another call.",
        ));
    }
    Ok(Some(InvokeResult {
        version: first.changed.then_some(first.version.0),
        repeated: true,
        ..InvokeResult::default()
    }))
}
