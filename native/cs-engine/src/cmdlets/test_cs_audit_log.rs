//! `Test-CsAuditLog`: whether the audit log is as it was written, and what is the first thing that is not.

use cs_contract::{InvokeResult, Record, Values};
use serde_json::json;

use super::get_cs_audit_record::unreadable;
use crate::Stopped;
use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let io = &mut *call.io;
    let state = call
        .engine
        .parts
        .audit
        .verify(&|| io.stopped())
        .map_err(|what| match io.stopped() {
            true => from_stopped(Stopped),
            false => unreadable(&what),
        })?;
    let fault = state.fault.as_ref();
    let value = json!({
        "IsValid": fault.is_none(),
        "Records": state.records,
        "FirstRecord": state.first,
        "FirstInvalid": fault.map(|fault| fault.number),
        "File": fault.map(|fault| fault.file.as_str()),
        "Line": fault.and_then(|fault| fault.line),
        "Reason": fault.map(ToString::to_string),
        "Files": state.files,
        "Repaired": state.repaired,
        "LastHash": state.last_hash,
    });
    io.record(Record::Object {
        r#type: "CsVault.AuditLogState".to_owned(),
        values: Values::new(&[value]),
    })
    .map_err(from_stopped)?;
    Ok(InvokeResult::default())
}
