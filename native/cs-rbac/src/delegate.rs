//! What a caller may give to others: never more than they hold.

use cs_model::{CmdletName, ConfigScope, Role, UserScope};

use crate::decide::join;
use crate::{Caller, Policy};

/// The group whose members administer everything.
const SERVER_ADMINS: &str = "RTCUniversalServerAdmins";

/// The predefined role whose members administer everything.
const ADMINISTRATOR: &str = "CSAdministrator";

/// Looks at a role before and after a change, and returns what the change gives that the caller does not hold, in words; `None`
/// when there is nothing of that kind.
///
/// The owner, members of RTCUniversalServerAdmins and members of CSAdministrator may give everything. Others may give a cmdlet
/// within a scope when their own roles hold that cmdlet within that scope. To take away, nothing must be held. A role that is tied to
/// another group than before is given to other people, and so counts as new.
#[must_use]
pub fn excess(
    policy: &Policy,
    caller: &Caller,
    before: Option<&Role>,
    after: &Role,
) -> Option<String> {
    if caller.is_owner {
        return None;
    }
    let Some(member_of) = &caller.member_of else {
        return Some("everything, because your group memberships could not be read".to_owned());
    };
    let own: Vec<&Role> = policy
        .roles()
        .iter()
        .filter(|role| member_of.is_in(role))
        .collect();
    let administrator = |role: &&Role| {
        role.is_standard && role.identity.as_str().eq_ignore_ascii_case(ADMINISTRATOR)
    };
    if member_of.has(SERVER_ADMINS) || own.iter().any(administrator) {
        return None;
    }
    let same_group =
        |before: &&Role| before.bound == after.bound && (!after.bound || before.sid == after.sid);
    let before = before.filter(same_group);
    let kept = |cmdlet: &CmdletName| {
        before.is_some_and(|before| {
            before.cmdlets.contains(cmdlet) && covered(policy, &[before], after)
        })
    };
    for cmdlet in &after.cmdlets {
        if kept(cmdlet) {
            continue;
        }
        let holders: Vec<&Role> = own
            .iter()
            .copied()
            .filter(|role| role.cmdlets.contains(cmdlet))
            .collect();
        if holders.is_empty() {
            return Some(format!("the cmdlet {cmdlet}"));
        }
        if !covered(policy, &holders, after) {
            let (config, users) = (join(&after.config_scopes), join(&after.user_scopes));
            return Some(format!(
                "the cmdlet {cmdlet} for {config} and the users of {users}"
            ));
        }
    }
    let kept_script = |script: &String| {
        let held = |role: &Role| role.script_modules.contains(script);
        before.is_some_and(held) || own.iter().any(|role| held(role))
    };
    after
        .script_modules
        .iter()
        .find(|script| !kept_script(script))
        .map(|script| format!("the script {script}"))
}

/// True when the scopes of some roles taken together reach as far as those of another one.
fn covered(policy: &Policy, roles: &[&Role], after: &Role) -> bool {
    let config = |wanted: &ConfigScope| {
        let wanted = policy.site_by_id(wanted);
        roles
            .iter()
            .flat_map(|role| &role.config_scopes)
            .any(|scope| policy.site_by_id(scope).covers(&wanted))
    };
    let users = |wanted: &UserScope| {
        roles
            .iter()
            .flat_map(|role| &role.user_scopes)
            .any(|scope| scope.covers(wanted))
    };
    after.config_scopes.iter().all(config) && after.user_scopes.iter().all(users)
}

/// True when the roles leave somebody who may change roles: the predefined CSAdministrator, for everything, with its cmdlets for roles.
#[must_use]
pub fn keeps_an_administrator(roles: &[Role]) -> bool {
    let needed = [
        "New-CsAdminRole",
        "Set-CsAdminRole",
        "Remove-CsAdminRole",
        "Update-CsAdminRole",
    ];
    roles.iter().any(|role| {
        role.is_standard
            && role.identity.as_str().eq_ignore_ascii_case(ADMINISTRATOR)
            && role.config_scopes.contains(&ConfigScope::Global)
            && role.user_scopes.contains(&UserScope::Global)
            && needed.iter().all(|name| {
                role.cmdlets
                    .iter()
                    .any(|held| held.as_str().eq_ignore_ascii_case(name))
            })
    })
}
