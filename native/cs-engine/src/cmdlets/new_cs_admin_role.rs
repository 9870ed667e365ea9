//! `New-CsAdminRole`: a custom role from a template.

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use cs_model::Role;

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};
use crate::retry::remembered;
use crate::roles::change::{Current, Extent, Wanted, change};
use crate::roles::diff::RoleEdit;
use crate::roles::group::tie;
use crate::roles::input::{Reading, edit_lists, find, new_name};
use crate::roles::{ROLE_TYPE, object};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        let roles = call.engine.roles(call.kind)?;
        let name = call.parameters.text("Identity").unwrap_or_default();
        show(call, find(roles.policy.roles(), name)?)?;
        return Ok(result);
    }
    let extent = match Extent::of(call) {
        Extent::Commit if call.parameters.switch("InMemory") => Extent::Check,
        extent => extent,
    };
    let mut made = None;
    let result = change(call, "A new role", extent, &mut |call, current| {
        let (role, warnings) = make(call, current)?;
        made = Some(role.clone());
        Ok(Wanted {
            edits: vec![RoleEdit::Add(role)],
            warnings,
        })
    })?;
    match made {
        Some(role) if extent == Extent::Commit => call.tell_of_change(record(&role)),
        Some(role) if extent == Extent::Check => show(call, &role)?,
        _ => {}
    }
    Ok(result)
}

fn make(call: &Running<'_>, current: &Current<'_>) -> Result<(Role, Vec<String>), Fault> {
    let identity = new_name(call.parameters.text("Identity").unwrap_or_default())?;
    let roles = current.policy.roles();
    if let Some(other) = roles.iter().find(|role| role.identity == identity) {
        let text = format!("There is a role {} already.", other.identity);
        return Err(ErrorReport::new(ErrorId::RoleExists, text).on("Role", identity.as_str()));
    }
    let template = find(roles, call.parameters.text("Template").unwrap_or_default())?;
    let mut role = Role {
        identity,
        is_standard: false,
        template: Some(template.identity.to_string()),
        ..template.clone()
    };
    tie(call, &mut role, roles)?;
    let mut reading = Reading::new(current.policy, call.parameters.switch("Force"));
    edit_lists(&call.parameters, &mut role, &mut reading)?;
    Ok((role, reading.warnings))
}

fn show(call: &mut Running<'_>, role: &Role) -> Result<(), Fault> {
    call.io.record(record(role)).map_err(from_stopped)
}

fn record(role: &Role) -> Record {
    Record::Object {
        r#type: ROLE_TYPE.to_owned(),
        values: Values::new(&[object(role)]),
    }
}
