//! `Get-CsAdminRole`: all roles, or those of a name, a pattern or a SID.

use std::sync::Arc;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use cs_model::Role;
use serde_json::value::RawValue;

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};
use crate::roles::ROLE_TYPE;
use crate::wildcard::Wildcard;

/// Bytes of objects in one record.
const BATCH: usize = 256 * 1024;

pub const HANDLER: Handler = Handler {
    inline: true,
    whole_deployment: false,
    run,
};

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
    let wanted = |role: &Role| {
        identity.is_none_or(|name| role.identity.as_str().eq_ignore_ascii_case(name))
            && sid.is_none_or(|sid| role.sid.eq_ignore_ascii_case(sid))
            && pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(role.identity.as_str()))
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
        (Some(name), _) if !found => Some(no_such_identity(name, set.policy.roles())),
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

fn no_such_identity(name: &str, roles: &[Role]) -> Fault {
    let shown = name.escape_debug();
    let error = ErrorReport::new(
        ErrorId::RoleNotFound,
        format!("There is no role '{shown}'."),
    )
    .on("Role", name);
    if name.contains(['*', '?', '[']) {
        return error.hint("Identity takes no wildcards; use -Filter for a pattern.");
    }
    match nearest(name, roles) {
        Some(role) => error.hint(format!(
            "Did you mean {role}? Run Get-CsAdminRole to see all roles."
        )),
        None => error,
    }
}

fn no_such_sid(sid: &str) -> Fault {
    ErrorReport::new(
        ErrorId::RoleNotFound,
        format!("No role has the SID '{}'.", sid.escape_debug()),
    )
    .on("Role", sid)
}

/// The role whose name is at most three letters away.
fn nearest(name: &str, roles: &[Role]) -> Option<String> {
    let name = name.to_ascii_lowercase();
    roles
        .iter()
        .map(|role| {
            (
                distance(&name, &role.identity.as_str().to_ascii_lowercase()),
                role,
            )
        })
        .filter(|(distance, _)| *distance <= 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, role)| role.identity.to_string())
}

/// How many letters must be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().take(64).enumerate() {
        let mut left = line + 1;
        let mut next = vec![left];
        for (above, wanted) in row.windows(2).zip(&other) {
            let &[diagonal, above] = above else { continue };
            left = (diagonal + usize::from(letter != *wanted))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance("cshelpdesk", "cshelpdesk"), 0);
        assert_eq!(distance("cshelpdsk", "cshelpdesk"), 1);
        assert_eq!(distance("helpdesk", "cshelpdesk"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}
