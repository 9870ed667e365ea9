//! Accounts and groups of a Windows machine. What a caller is a member of is in its token and comes with each connection.

use cs_engine::GroupInfo;
use cs_peer::{AccountKind, Identity};
use cs_rbac::{Caller, Group, Membership};

use super::{Accounts, unknown};
use crate::peer::PrincipalId;
use crate::settings::GroupId;

impl Accounts {
    /// Nothing: an id alone says no more here than that it is one.
    pub(super) fn ask_system(&self, id: &PrincipalId) -> Caller {
        unknown(id)
    }

    /// The caller that a token stands for.
    ///
    /// Groups count by their SIDs. Their names count for groups of this machine itself, and for those whose SID the settings give
    /// a name: a group of a domain is not known by its name, since every trusted domain may have one of that name.
    #[must_use]
    pub fn of_token(&self, identity: &Identity) -> Caller {
        let id = PrincipalId::Sid(identity.sid.as_str().into());
        let account = cs_peer::account_of(&identity.sid).ok().flatten();
        let local = machine_sid().map(|sid| format!("{sid}-"));
        let mut groups = Vec::new();
        for sid in identity.member_of() {
            let group = GroupId::Sid(sid.to_owned());
            let is_local = local.as_ref().is_some_and(|local| sid.starts_with(local));
            let name = is_local
                .then(|| cs_peer::account_of(sid).ok().flatten())
                .flatten()
                .map(|account| account.name)
                .filter(|name| self.given_id(name).is_none_or(|(_, given)| *given == group));
            let names = name.into_iter().chain(self.names_given_to(&group).cloned());
            groups.extend(names.map(|name| Group {
                name,
                sid: Some(sid.to_owned()),
            }));
        }
        let full_name = account.map(|account| format!("{}\\{}", account.domain, account.name));
        if let Some(name) = full_name.as_ref().filter(|_| !identity.is_reduced) {
            let mut members = self.settings.members.keys();
            let given = members.find(|given| given.eq_ignore_ascii_case(name));
            groups.extend(given.into_iter().flat_map(|name| self.given(name)));
        }
        Caller {
            principal: match full_name {
                Some(name) => format!("{name} ({})", identity.sid),
                None => identity.sid.clone(),
            },
            is_owner: !identity.is_reduced && self.is_owner(&id),
            is_local_administrator: identity.is_local_administrator(),
            member_of: Some(Membership::new(groups)),
        }
    }

    /// Only those who call have a token, so that of others only the settings tell.
    pub(super) fn caller_of(&self, _: &str) -> Result<Option<Caller>, String> {
        Ok(None)
    }

    pub(super) fn group_of_the_system(&self, name: &str) -> Result<Option<GroupInfo>, String> {
        let local = machine_sid().map(|sid| format!("{sid}-"));
        let account = cs_peer::account_named(name).map_err(|error| error.to_string())?;
        let group = account.filter(|account| {
            let is_local = local.is_some_and(|local| account.sid.starts_with(&local));
            account.kind == AccountKind::Group && is_local
        });
        Ok(group.map(|account| GroupInfo {
            name: account.name,
            sid: Some(account.sid),
        }))
    }
}

/// What the SIDs of this machine's own accounts and groups begin with.
fn machine_sid() -> Option<String> {
    let account = cs_peer::account_named(&cs_peer::computer().ok()?).ok()??;
    (account.kind == AccountKind::Domain).then_some(account.sid)
}
