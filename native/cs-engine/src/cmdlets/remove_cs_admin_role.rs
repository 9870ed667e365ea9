//! `Remove-CsAdminRole`: custom roles go; their groups stay.

use cs_contract::{ErrorId, ErrorReport, InvokeResult};
use cs_model::Role;

use crate::engine::{Handler, Running};
use crate::fault::Fault;
use crate::retry::remembered;
use crate::roles::change::{Current, Extent, Wanted, change};
use crate::roles::diff::RoleEdit;
use crate::roles::input::{find, no_such_sid};
use crate::wildcard::Wildcard;

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let extent = Extent::of(call);
    change(call, "A removed role", extent, &mut make)
}

fn make(call: &Running<'_>, current: &Current<'_>) -> Result<Wanted, Fault> {
    let roles = current.policy.roles();
    let gone: Vec<Role> = if let Some(pattern) = call.parameters.text("Filter") {
        let pattern = Wildcard::parse(pattern).map_err(|what| {
            ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", "Filter")
        })?;
        // A pattern means what can be removed: it passes over the predefined roles.
        let custom = roles.iter().filter(|role| !role.is_standard);
        custom
            .filter(|role| pattern.matches(role.identity.as_str()))
            .cloned()
            .collect()
    } else {
        let role = match call.parameters.text("Sid") {
            Some(sid) => roles
                .iter()
                .find(|role| role.sid.eq_ignore_ascii_case(sid))
                .ok_or_else(|| no_such_sid(sid))?,
            None => find(roles, call.parameters.text("Identity").unwrap_or_default())?,
        };
        if role.is_standard {
            let text = format!(
                "{} is a predefined role and cannot be removed.",
                role.identity
            );
            return Err(ErrorReport::new(ErrorId::StandardRoleReadOnly, text)
                .on("Role", role.identity.as_str())
                .hint("Take people out of the group of its name instead; nothing was changed."));
        }
        vec![role.clone()]
    };
    Ok(Wanted {
        edits: gone.into_iter().map(RoleEdit::Remove).collect(),
        warnings: Vec::new(),
    })
}
