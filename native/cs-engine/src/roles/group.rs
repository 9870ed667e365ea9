//! The group that a role stands for: its members are the role's members.

use cs_contract::{ErrorId, ErrorReport};
use cs_model::Role;

use crate::engine::Running;
use crate::fault::{Fault, unreadable_accounts};

/// The first relative id of custom roles whose group has no SID of its own.
const FIRST_RID: u32 = 2_000;

/// Ties a role to the group that has its name now. A group that only the settings know has no SID; the role gets one of the
/// store's own and is a matter of the name.
pub fn tie(call: &Running<'_>, role: &mut Role, roles: &[Role]) -> Result<(), Fault> {
    let name = role.identity.as_str();
    let group = call
        .engine
        .parts
        .directory
        .group(name)
        .map_err(|what| unreadable_accounts(&what))?;
    let Some(group) = group else {
        return Err(ErrorReport::new(
            ErrorId::GroupNotFound,
            format!("There is no group '{name}', which the role {name} would stand for."),
        )
        .on("Group", name));
    };
    match group.sid {
        Some(sid) => (role.sid, role.bound) = (sid, true),
        None if role.bound || !is_own(role, roles) => {
            (role.sid, role.bound) = (free_sid(roles), false);
        }
        None => {}
    }
    Ok(())
}

/// Ties a role to the group of its name when there is one.
pub fn tie_if_there(call: &Running<'_>, role: &mut Role) -> Result<(), Fault> {
    let directory = &call.engine.parts.directory;
    let group = directory
        .group(role.identity.as_str())
        .map_err(|what| unreadable_accounts(&what))?;
    if let Some(sid) = group.and_then(|group| group.sid) {
        (role.sid, role.bound) = (sid, true);
    }
    Ok(())
}

/// True when the role is in the store with this very SID.
fn is_own(role: &Role, roles: &[Role]) -> bool {
    roles
        .iter()
        .any(|other| other.identity == role.identity && other.sid == role.sid)
}

/// The domain part of the SIDs that the store made itself.
pub fn domain_of(roles: &[Role]) -> String {
    roles
        .iter()
        .filter(|role| !role.bound)
        .find_map(|role| role.sid.rsplit_once('-'))
        .map_or_else(
            || "S-1-5-21-0-0-0".to_owned(),
            |(domain, _)| domain.to_owned(),
        )
}

/// A SID of the store's own domain that no role has.
fn free_sid(roles: &[Role]) -> String {
    let domain = domain_of(roles);
    let taken = |rid: u32| {
        roles
            .iter()
            .any(|role| role.sid == format!("{domain}-{rid}"))
    };
    let rid = (FIRST_RID..).find(|&rid| !taken(rid)).unwrap_or(FIRST_RID);
    format!("{domain}-{rid}")
}
