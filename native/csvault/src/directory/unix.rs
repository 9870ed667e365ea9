//! Accounts and groups of a Unix system, through its name service.

use std::ffi::CString;

use cs_engine::GroupInfo;
use cs_rbac::{Caller, Group, Membership};
use nix::unistd::{Uid, User, getgrouplist};

use super::{Accounts, sid_of_gid, unknown};
use crate::peer::PrincipalId;
use crate::settings::GroupId;

/// What the kernel shows for user ids that are not mapped here, unless it is told otherwise.
const NOBODY: u32 = 65_534;

/// The user id that stands for those that have no place here: of another user namespace, for example.
pub fn nobody() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
    text.trim().parse().unwrap_or(NOBODY)
}

/// True for the group id that stands for those that have no place here: often it is called `nogroup`, and accounts of services share it.
fn is_unmapped(gid: u32) -> bool {
    gid == NOBODY
}

fn fault(error: nix::Error) -> String {
    error.desc().to_owned()
}

impl Accounts {
    pub(super) fn ask_system(&self, id: &PrincipalId) -> Caller {
        let PrincipalId::Uid(uid) = *id else {
            return unknown(id);
        };
        if uid == self.nobody || uid == NOBODY {
            return Caller {
                principal: format!("nobody (uid {uid})"),
                is_owner: false,
                is_local_administrator: false,
                member_of: Some(Membership::default()),
            };
        }
        let (name, member_of) = match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => {
                let member_of = self.membership(&user).ok();
                (Some(user.name), member_of)
            }
            // An id without an account: a person perhaps, but a member of nothing.
            Ok(None) => (None, Some(Membership::default())),
            Err(_) => (None, None),
        };
        Caller {
            principal: match name {
                Some(name) => format!("{name} (uid {uid})"),
                None => format!("uid {uid}"),
            },
            is_owner: self.is_owner(id),
            is_local_administrator: uid == 0,
            member_of,
        }
    }

    pub(super) fn caller_of(&self, account: &str) -> Result<Option<Caller>, String> {
        // A text that can be no name, for the system would take it for another one.
        if account.contains('\0') {
            return Ok(None);
        }
        let user = User::from_name(account).map_err(fault)?;
        Ok(user.map(|user| self.ask_system(&PrincipalId::Uid(user.uid.as_raw()))))
    }

    /// An account's groups: the machine's own, the names that the settings give those, and what the settings give the account.
    fn membership(&self, user: &User) -> Result<Membership, String> {
        let name = CString::new(user.name.as_str()).map_err(|error| error.to_string())?;
        let ids = getgrouplist(&name, user.gid).map_err(fault)?;
        let mut groups = Vec::with_capacity(ids.len());
        for gid in ids.into_iter().filter(|gid| !is_unmapped(gid.as_raw())) {
            let id = GroupId::Gid(gid.as_raw());
            let group = nix::unistd::Group::from_gid(gid).map_err(fault)?;
            let name = group.map(|group| group.name);
            // A name that the settings give another id belongs to that one alone.
            let name =
                name.filter(|name| self.given_id(name).is_none_or(|(_, given)| *given == id));
            let names = name.into_iter().chain(self.names_given_to(&id).cloned());
            groups.extend(names.map(|name| Group {
                name,
                sid: Some(sid_of_gid(gid.as_raw())),
            }));
        }
        groups.extend(self.given(&user.name));
        Ok(Membership::new(groups))
    }

    pub(super) fn group_of_the_system(&self, name: &str) -> Result<Option<GroupInfo>, String> {
        if name.contains('\0') {
            return Ok(None);
        }
        // In small letters too, since many systems take no others for the names of groups.
        for name in [name, &name.to_ascii_lowercase()] {
            let found = nix::unistd::Group::from_name(name).map_err(fault)?;
            if let Some(group) = found.filter(|group| !is_unmapped(group.gid.as_raw())) {
                return Ok(Some(GroupInfo {
                    sid: Some(sid_of_gid(group.gid.as_raw())),
                    name: group.name,
                }));
            }
        }
        Ok(None)
    }
}
