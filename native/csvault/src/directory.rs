//! Accounts and groups: who an account is, and what it is a member of, by the machine's own databases and `settings.json`.

mod asking;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cs_engine::{Directory, GroupInfo};
use cs_rbac::{Caller, Group, Membership};

use crate::peer::PrincipalId;
use crate::settings::{GroupId, Settings};
use asking::Asking;

/// How long a membership is remembered.
const REMEMBERED: Duration = Duration::from_secs(2);

/// Accounts beyond this number are looked up each time, so that memory stays bounded.
const REMEMBERED_ACCOUNTS: usize = 256;

/// How long the system may take to say what an account is a member of.
const PATIENCE: Duration = Duration::from_secs(10);

/// The accounts of this machine, as the settings complete them.
#[derive(Debug)]
pub struct Accounts {
    settings: Arc<Settings>,
    callers: Mutex<HashMap<PrincipalId, (Instant, Arc<Caller>)>>,
    asking: Asking,
    /// The kernel's stand-in for accounts that have no place here.
    #[cfg(unix)]
    nobody: u32,
}

/// An account of which nothing is known, not even its groups: it is denied everything, for that reason.
#[must_use]
pub fn unknown(id: &PrincipalId) -> Caller {
    Caller {
        principal: id.to_string(),
        is_owner: false,
        is_local_administrator: false,
        member_of: None,
    }
}

impl Accounts {
    /// Accounts with the groups and members of the settings.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            callers: Mutex::default(),
            asking: Asking::default(),
            #[cfg(unix)]
            nobody: unix::nobody(),
        }
    }

    /// The caller with an id, as it is now or was at most two seconds ago. Denied everything when the system takes too long.
    pub async fn caller(self: &Arc<Self>, id: &PrincipalId) -> Arc<Caller> {
        if let Some(caller) = self.remembered(id) {
            return caller;
        }
        let accounts = Arc::clone(self);
        let asked = self
            .asking
            .ask(id, PATIENCE, move |id| accounts.look_up(id));
        asked.await.unwrap_or_else(|| Arc::new(unknown(id)))
    }

    /// The same for a thread that may wait for as long as the system takes.
    #[must_use]
    pub fn caller_now(&self, id: &PrincipalId) -> Arc<Caller> {
        self.remembered(id).unwrap_or_else(|| self.look_up(id))
    }

    /// The caller with an id, if that was found out less than two seconds ago.
    fn remembered(&self, id: &PrincipalId) -> Option<Arc<Caller>> {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = callers.get(id)?;
        (since.elapsed() < REMEMBERED).then(|| Arc::clone(caller))
    }

    /// The caller with an id, asked from the system, which may take a while.
    fn look_up(&self, id: &PrincipalId) -> Arc<Caller> {
        // What is true now may change while the system looks: the two seconds begin before.
        let asked = Instant::now();
        let caller = Arc::new(self.ask_system(id));
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= REMEMBERED_ACCOUNTS {
            callers.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        }
        if callers.len() < REMEMBERED_ACCOUNTS {
            callers.insert(id.clone(), (asked, Arc::clone(&caller)));
        }
        caller
    }

    fn is_owner(&self, id: &PrincipalId) -> bool {
        let owner = self.settings.owner.as_ref();
        owner.is_some_and(|owner| owner.is(id))
    }

    /// The groups that the settings give an account of exactly this name.
    fn given(&self, account: &str) -> Vec<Group> {
        let group = |name: &String| Group {
            name: name.clone(),
            sid: None,
        };
        let names = self.settings.members.get(account);
        names.into_iter().flatten().map(group).collect()
    }

    /// What the settings give a group name, with the name as it is written there.
    fn given_id(&self, name: &str) -> Option<(&String, &GroupId)> {
        let mut groups = self.settings.groups.iter();
        groups.find(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    /// The names that the settings give a group of this machine.
    fn names_given_to(&self, id: &GroupId) -> impl Iterator<Item = &String> {
        let groups = self.settings.groups.iter();
        groups
            .filter(move |(_, given)| *given == id)
            .map(|(name, _)| name)
    }
}

/// The SID of a group that the settings give an id.
fn sid_of(group: &GroupId) -> String {
    match group {
        GroupId::Gid(gid) => sid_of_gid(*gid),
        GroupId::Sid(sid) => sid.clone(),
    }
}

/// The SID of a Unix group, in the well-known form that Samba uses: authority 22 is "Unix", 2 is "group". It is the id that a role
/// remembers, so that a deleted group's successor of the same name is another group.
fn sid_of_gid(gid: u32) -> String {
    format!("S-1-22-2-{gid}")
}

impl Directory for Accounts {
    fn caller(&self, account: &str) -> Result<Option<Caller>, String> {
        if let Some(caller) = self.caller_of(account)? {
            return Ok(Some(caller));
        }
        // Accounts of the settings that the machine does not know; people write their names in any case.
        let mut known = self.settings.members.keys();
        let name = known.find(|name| name.eq_ignore_ascii_case(account));
        Ok(name.map(|name| Caller {
            principal: name.clone(),
            is_owner: false,
            is_local_administrator: false,
            member_of: Some(Membership::new(self.given(name))),
        }))
    }

    fn group(&self, name: &str) -> Result<Option<GroupInfo>, String> {
        if let Some((name, group)) = self.given_id(name) {
            return Ok(Some(GroupInfo {
                name: name.clone(),
                sid: Some(sid_of(group)),
            }));
        }
        if let Some(group) = self.group_of_the_system(name)? {
            return Ok(Some(group));
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

    fn has_sid(membership: &Membership, sid: &str) -> bool {
        let mut groups = membership.groups().iter();
        groups.any(|group| group.sid.as_deref() == Some(sid))
    }

    fn accounts(settings: Settings) -> Accounts {
        Accounts::new(Arc::new(settings))
    }

    #[test]
    fn nobody_is_a_member_of_nothing_and_never_the_owner() {
        let settings = Settings {
            owner: Some(crate::settings::Owner {
                uid: Some(65_534),
                sid: None,
            }),
            ..Settings::default()
        };
        let caller = accounts(settings).look_up(&PrincipalId::Uid(65_534));
        assert_eq!(caller.member_of, Some(Membership::default()));
        assert!(!caller.is_owner && !caller.is_local_administrator);
    }

    #[test]
    fn an_id_without_account_is_a_member_of_nothing() {
        let caller = accounts(Settings::default()).look_up(&PrincipalId::Uid(3_999_999_999));
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
            groups: [(
                "RTCUniversalReadOnlyAdmins".to_owned(),
                GroupId::Gid(root.gid.as_raw()),
            )]
            .into(),
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
        let caller = accounts.look_up(&PrincipalId::Uid(0));
        let groups = caller.member_of.clone().unwrap();
        assert!(groups.has("RTCUniversalReadOnlyAdmins"), "{groups:?}");
        assert!(groups.has("CsHelpDesk"), "{groups:?}");
        let sid = format!("S-1-22-2-{}", root.gid);
        assert!(has_sid(&groups, &sid), "{groups:?}");
        let group = accounts.group("rtcuniversalreadonlyadmins").unwrap();
        assert_eq!(
            group,
            Some(GroupInfo {
                name: "RTCUniversalReadOnlyAdmins".to_owned(),
                sid: Some(sid)
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
        let named = |name: &str| Directory::caller(&accounts, name).unwrap();
        assert_eq!(named(&root.name).unwrap().member_of, Some(groups));
        let ken = named("KenMyer").unwrap();
        assert!(ken.principal == "kenmyer" && ken.member_of.unwrap().has("CsVoiceAdministrator"));
        assert!(named("0").is_none() && named("ken myer").is_none());
        assert!(Arc::ptr_eq(
            &caller,
            &accounts.remembered(&PrincipalId::Uid(0)).unwrap()
        ));
        assert!(accounts.remembered(&PrincipalId::Uid(1)).is_none());
    }

    /// What an account of the machine is a member of, asked anew.
    fn asked(accounts: &Accounts, uid: u32) -> Membership {
        let caller = accounts.look_up(&PrincipalId::Uid(uid));
        caller.member_of.clone().unwrap_or_default()
    }

    #[test]
    fn the_group_of_ids_that_have_no_place_here_is_none() {
        let settings = Settings {
            groups: [("CSHelpDesk".to_owned(), GroupId::Gid(65_534))].into(),
            ..Settings::default()
        };
        let accounts = accounts(settings);
        // Accounts of services are members of it, on systems that call it `nogroup`.
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut members = passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(3) == Some(&"65534") && fields.get(2) != Some(&"65534"))
                .then(|| fields[2].parse().unwrap())
        });
        let Some(uid) = members.next() else {
            let test = "the_group_of_ids_that_have_no_place_here_is_none";
            cs_testkit::skipped(test, "no account is in that group");
            return;
        };
        assert_eq!(asked(&accounts, uid), Membership::default());
        let group = nix::unistd::Group::from_gid(65_534.into()).unwrap();
        let name = group.map_or("nogroup".to_owned(), |group| group.name);
        assert_eq!(accounts.group(&name).unwrap(), None);
    }

    #[test]
    fn a_group_made_anew_or_renamed_is_another_one() {
        let Some(mut machine) =
            cs_testkit::Accounts::new("a_group_made_anew_or_renamed_is_another_one")
        else {
            return;
        };
        let name = machine.name("Operators");
        let gid = machine.group("Operators");
        machine.group("others");
        let uid = machine.user("ken", "others", &["Operators"]);
        let accounts = accounts(Settings::default());
        // What New-CsAdminRole keeps in the role.
        let group = accounts.group(&name).unwrap().unwrap();
        let sid = group.sid.clone().unwrap();
        assert_eq!(sid, format!("S-1-22-2-{gid}"));
        assert!(asked(&accounts, uid).has_group(&name, &sid));
        assert!(asked(&accounts, uid).has_group(&name.to_ascii_uppercase(), &sid));

        machine.rename_group("Operators", "Renamed");
        assert!(!asked(&accounts, uid).has_group(&name, &sid));
        assert!(!asked(&accounts, uid).has_group(&machine.name("Renamed"), "S-1-22-2-1"));
        machine.rename_group("Renamed", "Operators");
        assert!(asked(&accounts, uid).has_group(&name, &sid));

        // The same name again, under another id.
        machine.remove_group("Operators");
        assert!(!asked(&accounts, uid).has_group(&name, &sid));
        machine.group_with_id("Operators", gid + 1_000_000);
        machine.join("ken", "Operators");
        assert!(asked(&accounts, uid).has(&name));
        assert!(!asked(&accounts, uid).has_group(&name, &sid));
        // The same id again, under another name.
        machine.group_with_id("Guests", gid);
        machine.join("ken", "Guests");
        machine.remove_group("Operators");
        assert!(has_sid(&asked(&accounts, uid), &sid));
        assert!(!asked(&accounts, uid).has_group(&name, &sid));
    }

    #[test]
    fn a_name_that_the_settings_give_is_no_group_of_the_machine() {
        let Some(mut machine) =
            cs_testkit::Accounts::new("a_name_that_the_settings_give_is_no_group_of_the_machine")
        else {
            return;
        };
        // A group of the machine is called like a role, and the settings say that the role's members are in another one.
        let name = machine.name("Operators");
        machine.group("Operators");
        let meant = machine.group("meant");
        let like = machine.user("like", "Operators", &[]);
        let real = machine.user("real", "meant", &[]);
        let settings = |name: String| Settings {
            groups: [(name, GroupId::Gid(meant))].into(),
            ..Settings::default()
        };
        for given in [name.clone(), name.to_ascii_uppercase()] {
            let accounts = accounts(settings(given.clone()));
            assert!(!asked(&accounts, like).has(&name), "{given}");
            assert!(asked(&accounts, real).has(&name), "{given}");
            let group = accounts.group(&name).unwrap().unwrap();
            assert_eq!(group.sid, Some(format!("S-1-22-2-{meant}")));
        }
    }

    #[test]
    fn a_group_is_found_in_small_letters_too() {
        let Some(mut machine) = cs_testkit::Accounts::new("a_group_is_found_in_small_letters_too")
        else {
            return;
        };
        let gid = machine.group("helpdesk");
        let accounts = accounts(Settings::default());
        let name = machine.name("HelpDesk");
        let group = accounts.group(&name).unwrap().unwrap();
        assert_eq!(group.name, machine.name("helpdesk"));
        assert_eq!(group.sid, Some(format!("S-1-22-2-{gid}")));
        for other in [
            format!("{name} "),
            name.replace('e', "е"),
            format!("{name}\0"),
        ] {
            assert_eq!(accounts.group(&other).unwrap(), None, "{other:?}");
        }
    }
}
