//! The decision itself.

use std::collections::HashMap;

use cs_model::{CmdletName, ConfigScope, DistinguishedName, Role, StoreKind, UserScope};

use crate::{Denial, DenialReason, Grant, Membership, Rights};

/// Who calls, as the operating system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How the audit log names the caller, for example `root (uid 0)`.
    pub principal: String,
    /// True when the store's settings name the caller as its owner.
    pub is_owner: bool,
    /// True for the machine's administrator.
    pub is_local_administrator: bool,
    /// The groups that the caller is a member of, or `None` when that could not be read.
    pub member_of: Option<Membership>,
}

/// What a cmdlet is to work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// The deployment as a whole, so that a role for a part of it is not enough.
    Deployment,
    /// Objects that the cmdlet finds by itself, each of which it checks against the grant.
    Some,
    /// What belongs to one scope of the configuration.
    Config(&'a ConfigScope),
    /// Users of one place in the directory.
    Users(&'a DistinguishedName),
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
    /// What it is to work on.
    pub object: Object<'a>,
}

/// A site of the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its SiteId.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The roles in force, indexed by cmdlet, so that a decision costs the same however long the roles' lists are.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    roles: Vec<Role>,
    sites: Vec<Site>,
    /// The configuration scopes of each role, sites by their SiteId.
    reach: Vec<Vec<ConfigScope>>,
    holders: HashMap<CmdletName, Vec<usize>>,
}

impl Policy {
    /// A policy of all roles of the Central Management store, with the sites that their scopes may name.
    #[must_use]
    pub fn new(roles: Vec<Role>, sites: Vec<Site>) -> Self {
        let mut holders: HashMap<CmdletName, Vec<usize>> = HashMap::new();
        for (place, role) in roles.iter().enumerate() {
            for cmdlet in &role.cmdlets {
                let places = holders.entry(cmdlet.clone()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        let reach = roles
            .iter()
            .map(|role| {
                role.config_scopes
                    .iter()
                    .map(|scope| by_id(&sites, scope))
                    .collect()
            })
            .collect();
        Self {
            roles,
            sites,
            reach,
            holders,
        }
    }

    /// The roles, in their order.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// A scope with its site by SiteId. A scope may also name a site, as the examples of the original's help do; a SiteId
    /// goes before a name, and a name that several sites have stands for none.
    #[must_use]
    pub fn site_by_id(&self, scope: &ConfigScope) -> ConfigScope {
        by_id(&self.sites, scope)
    }

    /// The sites that scopes may name.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The roles that hold a cmdlet, in their order, each with its configuration scopes, sites by their SiteId.
    pub(crate) fn held(
        &self,
        cmdlet: &CmdletName,
    ) -> impl Iterator<Item = (&Role, &[ConfigScope])> {
        let places = self
            .holders
            .get(cmdlet)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places.iter().filter_map(|&place| {
            let reach = self.reach.get(place)?;
            Some((self.roles.get(place)?, reach.as_slice()))
        })
    }
}

fn by_id(sites: &[Site], scope: &ConfigScope) -> ConfigScope {
    let ConfigScope::Site(text) = scope else {
        return scope.clone();
    };
    if sites.iter().any(|site| site.id.eq_ignore_ascii_case(text)) {
        return scope.clone();
    }
    let mut named = sites
        .iter()
        .filter(|site| site.name.eq_ignore_ascii_case(text));
    match (named.next(), named.next()) {
        (Some(site), None) => ConfigScope::Site(site.id.clone()),
        _ => scope.clone(),
    }
}

/// How a caller got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// As owner of the store.
    Owner,
    /// As a member of a group.
    Group(String),
    /// As a member of one or several roles.
    Roles(Vec<String>),
}

/// Decides one question. Adding a role or a group to a caller never takes a right away.
///
/// # Errors
/// [`Denial`] with a sentence that names the cmdlet and who may run it. Unknown membership denies.
pub fn decide(policy: &Policy, caller: &Caller, question: &Question<'_>) -> Result<Grant, Denial> {
    let deny = |reason, held| denial(reason, held, question, policy);

    if caller.is_owner {
        return Ok(everything(caller, question, Door::Owner));
    }
    let Some(member_of) = &caller.member_of else {
        return Err(deny(DenialReason::MembershipUnknown, &[]));
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
            return Ok(everything(caller, question, Door::Group(group.clone())));
        }
        refused = DenialReason::LocalStoreRight;
    }

    let wanted = wanted(policy, question.object);
    let mut scopes: Vec<ConfigScope> = Vec::new();
    let mut user_scopes: Vec<UserScope> = Vec::new();
    let mut through = Vec::new();
    let mut too_narrow: Vec<String> = Vec::new();
    for (role, reach) in policy
        .held(question.cmdlet)
        .filter(|(role, _)| member_of.is_in(role))
    {
        if !reaches(role, reach, question.object, wanted.as_ref()) {
            let shown = match question.object {
                Object::Users(_) => join(&role.user_scopes),
                _ => join(&role.config_scopes),
            };
            too_narrow.push(format!("{} ({shown})", role.identity));
            continue;
        }
        through.push(role.identity.to_string());
        add_new(&mut scopes, reach);
        add_new(&mut user_scopes, &role.user_scopes);
    }
    if !through.is_empty() && !scopes.is_empty() && !user_scopes.is_empty() {
        return Ok(Grant::new(
            caller,
            question,
            scopes,
            user_scopes,
            Door::Roles(through),
        ));
    }
    if refused == DenialReason::NotHeld && !too_narrow.is_empty() {
        refused = DenialReason::ScopeTooNarrow;
    }
    if refused == DenialReason::NotHeld {
        let elsewhere = tied_elsewhere(policy, member_of, question.cmdlet);
        if !elsewhere.is_empty() {
            return Err(deny(DenialReason::TiedElsewhere, &elsewhere));
        }
    }
    Err(deny(refused, &too_narrow))
}

/// The roles that a caller would be in by their names alone, each with the identifier of the group that it is tied to.
fn tied_elsewhere(policy: &Policy, member_of: &Membership, cmdlet: &CmdletName) -> Vec<String> {
    let held = policy.held(cmdlet).map(|(role, _)| role);
    held.filter(|role| !member_of.is_in(role) && member_of.has(role.identity.as_str()))
        .map(|role| format!("{} ({})", role.identity, role.sid))
        .collect()
}

/// The scope of the configuration that is asked about, a site by its SiteId.
fn wanted(policy: &Policy, object: Object<'_>) -> Option<ConfigScope> {
    match object {
        Object::Config(scope) => Some(policy.site_by_id(scope)),
        _ => None,
    }
}

/// Whether the scopes of a role cover what is asked about; `wanted` is what [`wanted`] returns.
fn reaches(
    role: &Role,
    reach: &[ConfigScope],
    object: Object<'_>,
    wanted: Option<&ConfigScope>,
) -> bool {
    match (object, wanted) {
        (Object::Deployment, _) => reach.contains(&ConfigScope::Global),
        (Object::Config(_), Some(wanted)) => reach.iter().any(|scope| scope.covers(wanted)),
        (Object::Config(_), None) => false,
        (Object::Users(name), _) => {
            let users = UserScope::Ou(name.clone());
            role.user_scopes.iter().any(|scope| scope.covers(&users))
        }
        (Object::Some, _) => true,
    }
}

fn everything(caller: &Caller, question: &Question<'_>, door: Door) -> Grant {
    let (config, users) = (vec![ConfigScope::Global], vec![UserScope::Global]);
    Grant::new(caller, question, config, users, door)
}

fn add_new<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !list.contains(one) {
            list.push(one.clone());
        }
    }
}

pub(crate) fn join<T: ToString>(list: &[T]) -> String {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn denial(
    reason: DenialReason,
    roles_at_fault: &[String],
    question: &Question<'_>,
    policy: &Policy,
) -> Denial {
    let groups = question.groups.iter().cloned();
    // A role that holds the cmdlet for less would send people to those who may not either.
    let wanted = wanted(policy, question.object);
    let roles = policy
        .held(question.cmdlet)
        .filter(|(role, reach)| reaches(role, reach, question.object, wanted.as_ref()))
        .map(|(role, _)| role.identity.to_string());
    let who_may: Vec<String> = groups.chain(roles).collect();
    let cmdlet = question.cmdlet;
    let may = match who_may.as_slice() {
        [] => "nobody but the store's owner may run it".to_owned(),
        names => format!("members of {} may", names.join(", ")),
    };
    let message = match reason {
        DenialReason::NotHeld => format!("you may not run {cmdlet}; {may}"),
        DenialReason::ScopeTooNarrow => {
            let object = match question.object {
                Object::Config(scope) => format!("{scope} is outside"),
                Object::Users(name) => format!("OU:{name} is outside"),
                Object::Deployment | Object::Some => {
                    "it works on the whole deployment, which is more than".to_owned()
                }
            };
            format!(
                "you may not run {cmdlet}: {object} the scopes of {}; {may}",
                roles_at_fault.join(", ")
            )
        }
        DenialReason::TiedElsewhere => format!(
            "you may not run {cmdlet}: the group of that name is now another one than that of {}, until Set-CsAdminRole or Update-CsAdminRole ties the role to it; {may}",
            roles_at_fault.join(", ")
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
