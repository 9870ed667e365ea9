//! Roles, callers and questions in few words.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

use cs_model::{CmdletName, ConfigScope, Role, RoleName, StoreKind, UserScope};
use cs_rbac::{Caller, Membership, Object, Question, Rights};

pub const GROUP: &str = "RTCUniversalServerAdmins";

/// A custom role: scopes as they are typed, `site:...` and `OU:...` mixed; what is not named is Global.
pub fn role(name: &str, cmdlets: &[&str], scopes: &[&str]) -> Role {
    let mut config_scopes: Vec<ConfigScope> = scopes
        .iter()
        .filter_map(|scope| ConfigScope::parse(scope))
        .collect();
    let mut user_scopes: Vec<UserScope> = scopes
        .iter()
        .filter(|scope| scope.starts_with("OU:"))
        .map(|scope| UserScope::parse(scope).unwrap())
        .collect();
    if config_scopes.is_empty() {
        config_scopes.push(ConfigScope::Global);
    }
    if user_scopes.is_empty() {
        user_scopes.push(UserScope::Global);
    }
    Role {
        identity: RoleName::parse(name).unwrap(),
        sid: "S-1-5-21-1-2-3-1000".to_owned(),
        bound: false,
        is_standard: false,
        cmdlets: cmdlets
            .iter()
            .map(|name| CmdletName::parse(name).unwrap())
            .collect(),
        script_modules: Vec::new(),
        config_scopes,
        user_scopes,
        template: None,
    }
}

pub fn member_of(groups: &[&str]) -> Caller {
    Caller {
        principal: "someone (uid 1000)".to_owned(),
        is_owner: false,
        is_local_administrator: false,
        member_of: Some(Membership::of_names(groups.iter().copied())),
    }
}

/// A question about the Central Management store, with the group of server administrators as the first door.
pub fn question<'a>(
    cmdlet: &'a CmdletName,
    groups: &'a [String],
    object: Object<'a>,
) -> Question<'a> {
    Question {
        cmdlet,
        store: StoreKind::Central,
        rights: Rights::Export,
        groups,
        local_store_also: &[],
        object,
    }
}
