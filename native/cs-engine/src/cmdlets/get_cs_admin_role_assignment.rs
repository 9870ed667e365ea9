//! `Get-CsAdminRoleAssignment`: the names of the roles that an account holds.

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use cs_model::StoreKind;
use serde_json::Value;

use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped, sentence};

pub const HANDLER: Handler = Handler {
    inline: true,
    whole_deployment: false,
    run,
};

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let account = call.parameters.text("Identity").unwrap_or_default();
    let groups = call
        .engine
        .parts
        .directory
        .member_of(account)
        .map_err(|what| {
            ErrorReport::new(
                ErrorId::CallerUnidentified,
                sentence(&format!("the accounts cannot be read: {what}")),
            )
            .hint("Check the accounts and groups of this machine, or the groups in settings.json.")
        })?;
    let record = match groups {
        None => Record::Error {
            error: Box::new(
                ErrorReport::new(
                    ErrorId::AccountNotFound,
                    format!("There is no account '{}'.", account.escape_debug()),
                )
                .on("Account", account),
            ),
        },
        Some(groups) => {
            let roles = call.engine.roles(StoreKind::Central)?;
            let names = roles
                .policy
                .roles()
                .iter()
                .map(|role| role.identity.as_str());
            let held = names.filter(|name| groups.has(name));
            let held: Vec<Value> = held.map(Value::from).collect();
            if held.is_empty() {
                return Ok(InvokeResult::default());
            }
            Record::Object {
                r#type: "System.String".to_owned(),
                values: Values::new(&held),
            }
        }
    };
    call.io.record(record).map_err(from_stopped)?;
    Ok(InvokeResult::default())
}
