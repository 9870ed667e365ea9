//! Accounts and groups: who an account is, and what it is a member of, by the machine's own databases and `settings.json`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cs_engine::{Directory, GroupInfo};
use cs_rbac::{Caller, Group, Membership};

use crate::settings::Settings;

/// How long a membership is remembered.
const REMEMBERED: Duration = Duration::from_secs(2);

/// Accounts beyond this number are looked up each time, so that memory stays bounded.
const REMEMBERED_ACCOUNTS: usize = 256;

/// The kernel's stand-in for accounts that have no place here.
#[cfg(unix)]
const NOBODY: u32 = 65_534;

/// The accounts of this machine, as the settings complete them.
#[derive(Debug)]
pub struct Accounts {
    settings: Arc<Settings>,
    callers: Mutex<HashMap<u32, (Instant, Arc<Caller>)>>,
}

impl Accounts {
    /// Accounts with the groups and members of the settings.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            callers: Mutex::default(),
        }
    }

    /// The caller with a user id, if that was found out less than two seconds ago.
    #[must_use]
    pub fn remembered(&self, uid: u32) -> Option<Arc<Caller>> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = callers.get(&uid)?;
        (since.elapsed() < REMEMBERED).then(|| Arc::clone(caller))
    }

    /// The caller with a user id, asked from the system, which may take a while.
    #[must_use]
    pub fn look_up(&self, uid: u32) -> Arc<Caller> {
        let asked = Instant::now();
        let caller = Arc::new(self.caller(uid));
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= REMEMBERED_ACCOUNTS {
            callers.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        }
        if callers.len() < REMEMBERED_ACCOUNTS {
            callers.insert(uid, (asked, Arc::clone(&caller)));
        }
        caller
    }

    /// The groups that the settings give an account of exactly this name.
    fn given(&self, account: &str) -> Option<Vec<Group>> {
        let group = |name: &String| Group {
            name: name.clone(),
            sid: None,
        };
        let names = self.settings.members.get(account)?;
        Some(names.iter().map(group).collect())
    }

    /// The id that the settings give a group name, with the name as it is written there.
    fn given_id(&self, name: &str) -> Option<(&String, u32)> {
        let mut groups = self.settings.groups.iter();
        groups
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(given, gid)| (given, *gid))
    }

    /// The names that the settings give a group id of this machine.
    #[cfg(unix)]
    fn names_given_to(&self, gid: u32) -> impl Iterator<Item = &String> {
        let groups = self.settings.groups.iter();
        groups
            .filter(move |(_, given)| **given == gid)
            .map(|(name, _)| name)
    }
}

/// The SID of a Unix group, in the well-known form that Samba uses: authority 22 is "Unix",
/// 2 is "group". It is the id that a role remembers, so that a deleted group's successor of the same name is another group.
#[must_use]
pub fn sid_of_group(gid: u32) -> String {
    format!("S-1-22-2-{gid}")
}

#[cfg(unix)]
impl Accounts {
    fn caller(&self, uid: u32) -> Caller {
        let nobody = Caller {
            principal: format!("nobody (uid {uid})"),
            is_owner: false,
            is_local_administrator: false,
            member_of: Some(Membership::default()),
        };
        if uid == NOBODY {
            return nobody;
        }
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
        let (name, member_of) = match user {
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
            is_owner: self.settings.owner.is_some_and(|owner| owner.uid == uid),
            is_local_administrator: uid == 0,
            member_of,
        }
    }

    /// An account's groups: the machine's own, the names that the settings give those, and what the settings give the account.
    fn membership(&self, user: &nix::unistd::User) -> Result<Membership, String> {
        let fail = |error: nix::Error| error.desc().to_owned();
        let name = std::ffi::CString::new(user.name.as_str()).map_err(|error| error.to_string())?;
        let ids = nix::unistd::getgrouplist(&name, user.gid).map_err(fail)?;
        let mut groups = Vec::with_capacity(ids.len());
        for id in ids {
            let id = id.as_raw();
            let group = nix::unistd::Group::from_gid(id.into()).map_err(fail)?;
            let name = group.map(|group| group.name);
            // A name that the settings give another id belongs to that one alone.
            let name = name.filter(|name| self.given_id(name).is_none_or(|(_, given)| given == id));
            let names = name.into_iter().chain(self.names_given_to(id).cloned());
            groups.extend(names.map(|name| Group {
                name,
                sid: Some(sid_of_group(id)),
            }));
        }
        groups.extend(self.given(&user.name).unwrap_or_default());
        Ok(Membership::new(groups))
    }
}

#[cfg(not(unix))]
impl Accounts {
    /// Never called: on this system no caller is identified, and so none is let in.
    fn caller(&self, uid: u32) -> Caller {
        Caller {
            principal: format!("uid {uid}"),
            is_owner: false,
            is_local_administrator: false,
            member_of: None,
        }
    }
}

impl Directory for Accounts {
    fn caller(&self, account: &str) -> Result<Option<Caller>, String> {
        #[cfg(unix)]
        {
            let user =
                nix::unistd::User::from_name(account).map_err(|error| error.desc().to_owned())?;
            if let Some(user) = user {
                return Ok(Some((*self.look_up(user.uid.as_raw())).clone()));
            }
        }
        // Accounts of the settings that the machine does not know; people write their names in any case.
        let mut known = self.settings.members.keys();
        let name = known.find(|name| name.eq_ignore_ascii_case(account));
        let groups = name.and_then(|name| self.given(name));
        Ok(groups.map(|groups| Caller {
            principal: name.cloned().unwrap_or_default(),
            is_owner: false,
            is_local_administrator: false,
            member_of: Some(Membership::new(groups)),
        }))
    }

    fn group(&self, name: &str) -> Result<Option<GroupInfo>, String> {
        if let Some((name, gid)) = self.given_id(name) {
            return Ok(Some(GroupInfo {
                name: name.clone(),
                sid: Some(sid_of_group(gid)),
            }));
        }
        #[cfg(unix)]
        {
            // In small letters too, since many systems take no others for the names of groups.
            for name in [name, &name.to_ascii_lowercase()] {
                let group =
                    nix::unistd::Group::from_name(name).map_err(|error| error.desc().to_owned())?;
                if let Some(group) = group {
                    return Ok(Some(GroupInfo {
                        sid: Some(sid_of_group(group.gid.as_raw())),
                        name: group.name,
                    }));
                }
            }
        }
        let mut given = self.settings.members.values().flatten();
        let given = given.find(|given| given.eq_ignore_ascii_case(name));
        Ok(given.map(|name| GroupInfo {
            name: name.clone(),
            sid: None,
        }))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn accounts(settings: Settings) -> Accounts {
        Accounts::new(Arc::new(settings))
    }

    #[test]
    fn nobody_is_a_member_of_nothing_and_never_the_owner() {
        let settings = Settings {
            owner: Some(crate::settings::Owner { uid: NOBODY }),
            ..Settings::default()
        };
        let caller = accounts(settings).look_up(NOBODY);
        assert_eq!(caller.member_of, Some(Membership::default()));
        assert!(!caller.is_owner && !caller.is_local_administrator);
    }

    #[test]
    fn an_id_without_account_is_a_member_of_nothing() {
        let caller = accounts(Settings::default()).look_up(3_999_999_999);
        assert_eq!(
            (caller.principal.as_str(), &caller.member_of),
            ("uid 3999999999", &Some(Membership::default()))
        );
    }

    #[test]
    fn settings_complete_the_groups_of_the_machine() {
        let root = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(0))
            .unwrap()
            .unwrap();
        let settings = Settings {
            groups: [("RTCUniversalReadOnlyAdmins".to_owned(), root.gid.as_raw())].into(),
            members: [
                (root.name.clone(), vec!["CsHelpDesk".to_owned()]),
                (
                    "kenmyer".to_owned(),
                    vec!["CsVoiceAdministrator".to_owned()],
                ),
            ]
            .into(),
            ..Settings::default()
        };
        let accounts = accounts(settings);
        let caller = accounts.look_up(0);
        assert!(Arc::ptr_eq(&caller, &accounts.remembered(0).unwrap()));
        let groups = caller.member_of.clone().unwrap();
        assert!(groups.has("RTCUniversalReadOnlyAdmins"), "{groups:?}");
        assert!(groups.has("CsHelpDesk"), "{groups:?}");
        let sid = format!("S-1-22-2-{}", root.gid);
        let has_sid = |group: &Group| group.sid.as_deref() == Some(sid.as_str());
        assert!(groups.groups().iter().any(has_sid), "{groups:?}");
        let group = accounts.group("rtcuniversalreadonlyadmins").unwrap();
        assert_eq!(
            group,
            Some(GroupInfo {
                name: "RTCUniversalReadOnlyAdmins".to_owned(),
                sid: Some(sid.clone())
            })
        );
        let given = accounts.group("cshelpdesk").unwrap();
        assert_eq!(
            given,
            Some(GroupInfo {
                name: "CsHelpDesk".to_owned(),
                sid: None
            })
        );
        assert_eq!(accounts.group("no such group").unwrap(), None);
        let named = Directory::caller(&accounts, &root.name).unwrap().unwrap();
        assert_eq!(named.member_of, Some(groups));
        let ken = Directory::caller(&accounts, "KenMyer").unwrap().unwrap();
        assert!(ken.member_of.unwrap().has("CsVoiceAdministrator"));
        assert_eq!(ken.principal, "kenmyer");
        assert_eq!(Directory::caller(&accounts, "0").unwrap(), None);
        assert_eq!(Directory::caller(&accounts, "ken myer").unwrap(), None);
        assert!(accounts.remembered(1).is_none());
    }
}
