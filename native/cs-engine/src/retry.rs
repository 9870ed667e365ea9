//! A retry after a lost reply returns the first result.

use cs_contract::{ErrorId, ErrorReport, InvokeResult};

use crate::engine::Running;
use crate::fault::{Fault, from_store};

/// The result of an earlier call with the same idempotency key, when there was one that changed something.
pub fn remembered(call: &Running<'_>) -> Result<Option<InvokeResult>, Fault> {
    let Some(key) = call.idempotency_key else {
        return Ok(None);
    };
    if !(8..=64).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = "An idempotency key is 8 to 64 visible ASCII characters.";
        return Err(
            ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", "idempotencyKey")
        );
    }
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
