//! `Get-CsAdminRoleAssignment`: the names of the roles that an account holds.

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use cs_model::{StoreKind, shown};
use cs_rbac::Caller;
use serde_json::Value;

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped, unreadable_accounts};
use crate::roles::is_visible;

pub const HANDLER: Handler = Handler {
    // The system may take its time to tell an account's groups.
    inline: false,
    run,
};

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let account = call.parameters.text("Identity").unwrap_or_default();
    let member_of = account_of(call, account)?
        .member_of
        .ok_or_else(|| unreadable_accounts("its groups are not known"))?;
    let roles = call.engine.roles(StoreKind::Central)?;
    let held: Vec<Value> = roles
        .policy
        .roles()
        .iter()
        .filter(|role| member_of.is_in(role) && is_visible(&call.grant, &roles.policy, role))
        .map(|role| Value::from(role.identity.as_str()))
        .collect();
    if !held.is_empty() {
        let record = Record::Object {
            r#type: "System.String".to_owned(),
            values: Values::new(&held),
        };
        call.io.record(record).map_err(from_stopped)?;
    }
    Ok(InvokeResult::default())
}

/// An account by its name.
pub fn account_of(call: &Running<'_>, account: &str) -> Result<Caller, Fault> {
    call.engine
        .parts
        .directory
        .caller(account)
        .map_err(|what| unreadable_accounts(&what))?
        .ok_or_else(|| {
            ErrorReport::new(
                ErrorId::AccountNotFound,
                format!("There is no account '{}'.", shown(account)),
            )
            .on("Account", account)
        })
}
