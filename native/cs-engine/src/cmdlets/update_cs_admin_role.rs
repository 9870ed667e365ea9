//! `Update-CsAdminRole`: the predefined roles as this release ships them.

use cs_contract::InvokeResult;
use cs_model::Role;

use crate::engine::{Handler, Running};
use crate::fault::Fault;
use crate::retry::remembered;
use crate::roles::change::{Current, Extent, Wanted, change};
use crate::roles::diff::RoleEdit;
use crate::roles::group::{domain_of, tie_if_there};
use crate::roles::predefined;

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let extent = Extent::of(call);
    change(call, "The predefined roles as shipped", extent, &mut make)
}

fn make(call: &Running<'_>, current: &Current<'_>) -> Result<Wanted, Fault> {
    let roles = current.policy.roles();
    let mut edits = Vec::new();
    for shipped in predefined(&domain_of(roles)) {
        let before = roles.iter().find(|role| role.identity == shipped.identity);
        let mut after = match before {
            // What it had and this release does not ship stays: its scripts, and the group that it stands for.
            Some(before) => Role {
                sid: before.sid.clone(),
                bound: before.bound,
                script_modules: before.script_modules.clone(),
                ..shipped
            },
            None => shipped,
        };
        tie_if_there(call, &mut after)?;
        match before {
            Some(before)
                if *before == after && before.identity.as_str() == after.identity.as_str() => {}
            Some(before) => edits.push(RoleEdit::Change {
                before: before.clone(),
                after,
            }),
            None => edits.push(RoleEdit::Add(after)),
        }
    }
    Ok(Wanted {
        edits,
        warnings: Vec::new(),
    })
}
