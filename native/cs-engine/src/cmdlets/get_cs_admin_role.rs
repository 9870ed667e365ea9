//! `Get-CsAdminRole`: all roles, or those of a name, a pattern or a SID.

use std::sync::Arc;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use cs_model::Role;
use serde_json::value::RawValue;

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};
use crate::roles::input::{no_such_identity, no_such_sid};
use crate::roles::{ROLE_TYPE, is_visible};
use crate::wildcard::Wildcard;

/// Bytes of objects in one record.
const BATCH: usize = 256 * 1024;

pub const HANDLER: Handler = Handler { inline: true, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let set = call.engine.roles(call.kind)?;
    let identity = call.parameters.text("Identity");
    let sid = call.parameters.text("Sid");
    let pattern = call.parameters.text("Filter").map(|text| {
        Wildcard::parse(text).map_err(|what| {
            ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", "Filter")
        })
    });
    let pattern = pattern.transpose()?;
    let policy = &set.policy;
    let visible = |role: &Role| is_visible(&call.grant, policy, role);
    let wanted = |role: &Role| {
        identity.is_none_or(|name| role.identity.as_str().eq_ignore_ascii_case(name))
            && sid.is_none_or(|sid| role.sid.eq_ignore_ascii_case(sid))
            && pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(role.identity.as_str()))
            && visible(role)
    };
    let mut batch: Vec<Arc<RawValue>> = Vec::new();
    let mut length = 0;
    let mut found = false;
    for (_, text) in set.iter().filter(|(role, _)| wanted(role)) {
        found = true;
        let bytes = text.get().len();
        if length + bytes > BATCH && !batch.is_empty() {
            let full = std::mem::take(&mut batch);
            call.io.record(objects(full)).map_err(from_stopped)?;
            length = 0;
        }
        length += bytes;
        batch.push(Arc::clone(text));
    }
    if !batch.is_empty() {
        call.io.record(objects(batch)).map_err(from_stopped)?;
    }
    // A pattern that fits nothing is an empty answer; a name that is not there is an error.
    let miss = match (identity, sid) {
        (Some(name), _) if !found => {
            let roles: Vec<Role> = policy
                .roles()
                .iter()
                .filter(|role| visible(role))
                .cloned()
                .collect();
            Some(no_such_identity(name, &roles))
        }
        (_, Some(sid)) if !found => Some(no_such_sid(sid)),
        _ => None,
    };
    if let Some(error) = miss {
        call.io
            .record(Record::Error {
                error: Box::new(error),
            })
            .map_err(from_stopped)?;
    }
    Ok(InvokeResult::default())
}

fn objects(batch: Vec<Arc<RawValue>>) -> Record {
    Record::Object {
        r#type: ROLE_TYPE.to_owned(),
        values: Values::of(batch),
    }
}
