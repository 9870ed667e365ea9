//! How a call runs to its answer: a quick one on the thread of the pipe, any other on its own.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use cs_contract::{CallId, ErrorId, ErrorReport, InvokeParams, InvokeResult};
use cs_engine::Call;
use cs_rbac::Caller;

use super::call::CallState;
use super::call_io::{InlineIo, PipeIo};
use super::message::{FAILED, error_frame, result_frame};
use super::service::{CallSlot, Service};

/// The calls of a connection that were not answered yet.
pub type Calls = Arc<Mutex<HashMap<CallId, Arc<CallState>>>>;

/// A call's place among those of its connection; given back when it is dropped.
pub struct Calling {
    pub calls: Calls,
    pub id: CallId,
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

/// Runs a quick call on the thread of the pipe; the frames of its records and its answer go out together.
pub fn run_inline(
    service: &Service,
    caller: &Caller,
    id: CallId,
    params: &InvokeParams,
) -> Vec<u8> {
    let mut io = InlineIo {
        id,
        ..InlineIo::default()
    };
    let invoked = catch_unwind(AssertUnwindSafe(|| {
        service
            .parts
            .engine
            .invoke(caller, call_of(params), &mut io)
    }));
    let outcome = match (invoked, io.fault.take()) {
        (_, Some(fault)) => Err(fault),
        (Ok(outcome), None) => outcome,
        (Err(_), None) => Err(fault_of_ours(id)),
    };
    let mut frames = io.frames;
    let answer = answer(id, outcome);
    if frames.is_empty() {
        return answer;
    }
    frames.extend_from_slice(&answer);
    frames
}

/// Runs a call on its own thread, to its answer.
pub fn run_on_thread(
    service: &Service,
    caller: &Caller,
    params: &InvokeParams,
    mut io: PipeIo<'_>,
    calling: Calling,
    slot: CallSlot,
) {
    let (call, outbox) = io.of();
    let invoked = catch_unwind(AssertUnwindSafe(|| {
        service
            .parts
            .engine
            .invoke(caller, call_of(params), &mut io)
    }));
    let outcome = match invoked {
        Err(_) => Err(fault_of_ours(call.id)),
        // What the engine reports as stopped has its reason here.
        Ok(Err(report)) if report.id == ErrorId::CallCancelled => Err(match io.finish() {
            Err(fault) => fault,
            Ok(()) if call.is_stopped() => call.stop_report(),
            Ok(()) => report,
        }),
        Ok(Err(report)) => Err(report),
        // What was committed is answered with its result, whatever of it could be said.
        Ok(Ok(result)) if call.is_committing() => Ok(result),
        Ok(Ok(result)) => io.finish().map(|()| result),
    };
    // A call with a key is remembered, whether it changed something or not.
    let wrote =
        |result: &InvokeResult| result.version.is_some() || params.idempotency_key.is_some();
    if outcome.as_ref().is_ok_and(wrote) {
        service.changed.notify_one();
    }
    let frame = answer(call.id, outcome);
    // Before the answer, so that a client that has it may send the next call.
    drop(calling);
    outbox.push(frame);
    drop(slot);
}

/// The report of a panic; what it was is in `service.log`.
pub fn fault_of_ours(id: CallId) -> ErrorReport {
    let process = std::process::id();
    let text = format!(
        "The service (process {process}) met a fault of its own in call {id}, which was not finished."
    );
    ErrorReport::new(ErrorId::InternalFault, text)
        .hint("Report it with the lines of service.log in the data folder; nothing was changed, or the change is whole.")
}

fn call_of(params: &InvokeParams) -> Call<'_> {
    Call {
        cmdlet: &params.cmdlet,
        parameters: params.parameters.as_deref(),
        what_if: params.what_if,
        idempotency_key: params.idempotency_key.as_deref(),
        input: params.input,
    }
}

fn answer(id: CallId, outcome: Result<InvokeResult, ErrorReport>) -> Vec<u8> {
    match outcome {
        Ok(result) => result_frame(id, &result),
        Err(report) => error_frame(Some(id), FAILED, &report),
    }
}
