//! The decision itself.

use std::collections::HashMap;

use cs_model::{CmdletName, ConfigScope, Role, StoreKind};

use crate::{Denial, DenialReason, Grant, Rights};

/// Who calls, as the operating system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How the audit log names the caller, for example `root (uid 0)`.
    pub principal: String,
    /// True when the store's settings name the caller as its owner.
    pub is_owner: bool,
    /// True for the machine's administrator.
    pub is_local_administrator: bool,
    /// What the caller is a member of, or `None` when that could not be read.
    pub member_of: Option<Membership>,
}

/// The SIDs of groups of this machine begin with it. Others, those of a domain that the machine does not know, say nothing here.
const MACHINE_GROUP: &str = "S-1-22-2-";

/// The groups and roles that an account is a member of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// Names of groups of the system, as the system writes them, and those that the settings give their ids.
    pub names: Vec<String>,
    /// Names that the settings give the account itself. They are not bound to a group of the system.
    pub given: Vec<String>,
    /// SIDs of the groups of the system in text form, `S-1-22-2-<gid>` for a Unix group. One group can have several names, and
    /// one whose name the system does not know has none.
    pub sids: Vec<String>,
}

impl Membership {
    /// True when a group or role of that name is among them, in any case of its ASCII letters.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let mut all = self.names.iter().chain(&self.given);
        all.any(|group| group.eq_ignore_ascii_case(name))
    }

    /// True when a group with that SID is among them, in any case of its letters.
    #[must_use]
    pub fn has_sid(&self, sid: &str) -> bool {
        self.sids.iter().any(|own| own.eq_ignore_ascii_case(sid))
    }

    /// True when the group of that name **and** SID is among them. A SID of a group of the system must be the group's own: one
    /// that was deleted and made anew has another, and one that was renamed has lost the name; neither counts. So it is when
    /// the system gives the id of a deleted group to one of another name. A SID that is not one of this machine's groups
    /// (a predefined role's, or one from another deployment's package) is not looked at.
    #[must_use]
    pub fn has_group(&self, name: &str, sid: &str) -> bool {
        let given = self.given.iter();
        let bound = sid
            .get(..MACHINE_GROUP.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(MACHINE_GROUP));
        self.has(name)
            && (!bound
                || self.has_sid(sid)
                || given.clone().any(|group| group.eq_ignore_ascii_case(name)))
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The cmdlet.
    pub cmdlet: &'a CmdletName,
    /// The store it is to work on.
    pub store: StoreKind,
    /// What it would do there.
    pub rights: Rights,
    /// The first door: groups whose members may run it.
    pub groups: &'a [String],
    /// Groups of which one is needed as well for the local store.
    pub local_store_also: &'a [String],
    /// True when the cmdlet works on the deployment as a whole, so that a site's scope is not enough.
    pub whole_deployment: bool,
}

/// The roles in force, indexed by cmdlet, so that a decision costs the same however long the roles' lists are.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    roles: Vec<Role>,
    holders: HashMap<CmdletName, Vec<usize>>,
}

impl Policy {
    /// A policy of all roles of the Central Management store.
    #[must_use]
    pub fn new(roles: Vec<Role>) -> Self {
        let mut holders: HashMap<CmdletName, Vec<usize>> = HashMap::new();
        for (place, role) in roles.iter().enumerate() {
            for cmdlet in &role.cmdlets {
                let places = holders.entry(cmdlet.clone()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        Self { roles, holders }
    }

    /// The roles, in their order.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The roles that hold a cmdlet, in their order.
    pub fn holders(&self, cmdlet: &CmdletName) -> impl Iterator<Item = &Role> {
        let places = self
            .holders
            .get(cmdlet)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places.iter().filter_map(|&place| self.roles.get(place))
    }
}

/// How a caller got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// As owner of the store.
    Owner,
    /// As a member of a group.
    Group(String),
    /// As a member of a role.
    Role(String),
}

/// Decides one question. Adding a role or a group to a caller never takes a right away.
///
/// # Errors
/// [`Denial`] with a sentence that names the cmdlet and who may run it. Unknown membership denies.
pub fn decide(policy: &Policy, caller: &Caller, question: &Question<'_>) -> Result<Grant, Denial> {
    let deny = |reason| denial(reason, question, policy);

    if caller.is_owner {
        return Ok(grant(
            caller,
            question,
            vec![ConfigScope::Global],
            &Door::Owner,
        ));
    }
    let Some(member_of) = &caller.member_of else {
        return Err(deny(DenialReason::MembershipUnknown));
    };
    let mut refused = DenialReason::NotHeld;
    if let Some(group) = question.groups.iter().find(|group| member_of.has(group)) {
        let local_right = question.store == StoreKind::Central
            || question.local_store_also.is_empty()
            || caller.is_local_administrator
            || question
                .local_store_also
                .iter()
                .any(|group| member_of.has(group));
        if local_right {
            let door = Door::Group(group.clone());
            return Ok(grant(caller, question, vec![ConfigScope::Global], &door));
        }
        refused = DenialReason::LocalStoreRight;
    }

    let mut scopes: Vec<ConfigScope> = Vec::new();
    let mut through = None;
    for role in policy
        .holders(question.cmdlet)
        .filter(|role| member_of.has(role.identity.as_str()))
    {
        let usable =
            !question.whole_deployment || role.config_scopes.contains(&ConfigScope::Global);
        if usable {
            through.get_or_insert_with(|| Door::Role(role.identity.to_string()));
            for scope in &role.config_scopes {
                if !scopes.contains(scope) {
                    scopes.push(scope.clone());
                }
            }
        } else if refused == DenialReason::NotHeld {
            refused = DenialReason::ScopeTooNarrow;
        }
    }
    match through {
        Some(door) if !scopes.is_empty() => Ok(grant(caller, question, scopes, &door)),
        _ => Err(deny(refused)),
    }
}

fn grant(caller: &Caller, question: &Question<'_>, scopes: Vec<ConfigScope>, door: &Door) -> Grant {
    Grant {
        cmdlet: question.cmdlet.clone(),
        store: question.store,
        rights: question.rights,
        scopes,
        principal: caller.principal.clone(),
        reason: match door {
            Door::Owner => "owner of the store".to_owned(),
            Door::Group(name) => format!("member of {name}"),
            Door::Role(name) => format!("role {name}"),
        },
    }
}

fn denial(reason: DenialReason, question: &Question<'_>, policy: &Policy) -> Denial {
    let groups = question.groups.iter().cloned();
    let roles = policy
        .holders(question.cmdlet)
        .map(|role| role.identity.to_string());
    let who_may: Vec<String> = groups.chain(roles).collect();
    let cmdlet = question.cmdlet;
    let may = match who_may.as_slice() {
        [] => "nobody but the store's owner may run it".to_owned(),
        names => format!("members of {} may", names.join(", ")),
    };
    let message = match reason {
        DenialReason::NotHeld => format!("you may not run {cmdlet}; {may}"),
        DenialReason::ScopeTooNarrow => format!(
            "you may not run {cmdlet}: it works on the whole deployment and your role covers only a part; {may}"
        ),
        DenialReason::MembershipUnknown => {
            format!("you may not run {cmdlet}: your group memberships could not be read; {may}")
        }
        DenialReason::LocalStoreRight => format!(
            "you may not run {cmdlet} on the local store: it needs local administrator rights or membership of {} as well",
            question.local_store_also.join(" or ")
        ),
    };
    Denial {
        reason,
        message,
        who_may,
    }
}
