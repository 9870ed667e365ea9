//! `Set-CsAdminRole`: other cmdlets, scripts and scopes for a role.

use cs_contract::{ErrorId, ErrorReport, InvokeResult};
use cs_model::Role;
use serde_json::{Map, Value};

use crate::engine::{Handler, Running};
use crate::fault::Fault;
use crate::parameters::ListEdit;
use crate::retry::remembered;
use crate::roles::change::{Current, Extent, Wanted, change};
use crate::roles::diff::RoleEdit;
use crate::roles::group::tie;
use crate::roles::input::{LISTS, Reading, edit_lists, find, new_name, set_lists};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let extent = Extent::of(call);
    change(call, "A changed role", extent, &mut make)
}

fn make(call: &Running<'_>, current: &Current<'_>) -> Result<Wanted, Fault> {
    let roles = current.policy.roles();
    let instance = call.parameters.instance("Instance");
    let name = match instance {
        Some(instance) => text_of(instance, "Identity"),
        None => call.parameters.text("Identity").unwrap_or_default(),
    };
    let mut reading = Reading::new(current.policy, call.parameters.switch("Force"));
    let edits_lists = LISTS
        .iter()
        .any(|list| call.parameters.list(list).is_some());
    let before = match (find(roles, name), instance) {
        (Ok(before), _) => before,
        // A role that was made in memory.
        (Err(_), Some(instance)) => return kept(call, current, instance, reading),
        (Err(miss), None) => return Err(miss),
    };
    let mut after = before.clone();
    match instance.filter(|_| !edits_lists) {
        Some(instance) => set_lists(&edits_of(instance), &mut after, &mut reading)?,
        None => edit_lists(&call.parameters, &mut after, &mut reading)?,
    }
    if before.is_standard {
        refuse_standard(before, &after)?;
    } else {
        tie(call, &mut after, roles)?;
    }
    let edits = if after == *before {
        Vec::new()
    } else {
        vec![RoleEdit::Change {
            before: before.clone(),
            after,
        }]
    };
    Ok(Wanted {
        edits,
        warnings: reading.warnings,
    })
}

/// A role that is not in the store yet, as an object says it.
fn kept(
    call: &Running<'_>,
    current: &Current<'_>,
    instance: &Map<String, Value>,
    mut reading: Reading<'_>,
) -> Result<Wanted, Fault> {
    let identity = new_name(text_of(instance, "Identity"))?;
    let roles = current.policy.roles();
    let template = find(roles, text_of(instance, "TemplateName"))?;
    let mut role = Role {
        identity,
        is_standard: false,
        template: Some(template.identity.to_string()),
        ..template.clone()
    };
    tie(call, &mut role, roles)?;
    set_lists(&edits_of(instance), &mut role, &mut reading)?;
    edit_lists(&call.parameters, &mut role, &mut reading)?;
    Ok(Wanted {
        edits: vec![RoleEdit::Add(role)],
        warnings: reading.warnings,
    })
}

fn text_of<'a>(instance: &'a Map<String, Value>, name: &str) -> &'a str {
    instance
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The lists of an object, each in the place of the role's own.
fn edits_of(instance: &Map<String, Value>) -> Vec<(&'static str, ListEdit)> {
    LISTS
        .iter()
        .filter_map(|&list| Some((list, ListEdit::read(instance.get(list)?)?)))
        .collect()
}

/// Of a predefined role only the scripts may differ. (The original's help says that nothing may, its planning page that scripts may.)
fn refuse_standard(before: &Role, after: &Role) -> Result<(), Fault> {
    let with_scripts = Role {
        script_modules: after.script_modules.clone(),
        ..before.clone()
    };
    if *after == with_scripts {
        return Ok(());
    }
    let text = format!(
        "{} is a predefined role: its cmdlets and scopes cannot be changed.",
        before.identity
    );
    Err(ErrorReport::new(ErrorId::StandardRoleReadOnly, text).on("Role", before.identity.as_str()))
}
