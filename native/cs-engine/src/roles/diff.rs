//! What changes between two states of the roles, as edits and in words.

use cs_contract::Record;
use cs_model::{Role, RoleName};

/// Names of a list that are told one by one.
const TOLD: usize = 10;

/// One change of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleEdit {
    /// It is new.
    Add(Role),
    /// It differs.
    Change {
        /// As it was.
        before: Role,
        /// As it will be.
        after: Role,
    },
    /// It goes.
    Remove(Role),
}

impl RoleEdit {
    /// The edits that lead from some roles to others.
    pub fn between(old: &[Role], new: &[Role]) -> Vec<Self> {
        let find = |roles: &[Role], name: &RoleName| {
            roles.iter().find(|role| role.identity == *name).cloned()
        };
        let mut edits = Vec::new();
        for after in new {
            match find(old, &after.identity) {
                None => edits.push(Self::Add(after.clone())),
                Some(before) if before != *after => edits.push(Self::Change {
                    before,
                    after: after.clone(),
                }),
                Some(_) => {}
            }
        }
        for before in old {
            if find(new, &before.identity).is_none() {
                edits.push(Self::Remove(before.clone()));
            }
        }
        edits
    }

    /// The role's name.
    pub fn identity(&self) -> &RoleName {
        match self {
            Self::Add(role) | Self::Remove(role) | Self::Change { after: role, .. } => {
                &role.identity
            }
        }
    }

    /// The role as it was.
    pub fn before(&self) -> Option<&Role> {
        match self {
            Self::Add(_) => None,
            Self::Remove(role) | Self::Change { before: role, .. } => Some(role),
        }
    }

    /// The role as it will be.
    pub fn after(&self) -> Option<&Role> {
        match self {
            Self::Add(role) | Self::Change { after: role, .. } => Some(role),
            Self::Remove(_) => None,
        }
    }

    /// The roles after this edit.
    pub fn apply(&self, roles: &mut Vec<Role>) {
        match self {
            Self::Add(role) => roles.push(role.clone()),
            Self::Remove(role) => roles.retain(|other| other.identity != role.identity),
            Self::Change { after, .. } => {
                for role in roles
                    .iter_mut()
                    .filter(|role| role.identity == after.identity)
                {
                    *role = after.clone();
                }
            }
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Change { .. } => "change",
            Self::Remove(_) => "remove",
        }
    }

    /// What changes in the role, in words; empty for one that goes.
    pub fn details(&self) -> String {
        let mut parts = Vec::new();
        match self {
            Self::Remove(_) => {}
            Self::Add(role) => {
                if let Some(template) = &role.template {
                    parts.push(format!("from the template {template}"));
                }
                parts.push(match role.cmdlets.len() {
                    1 => "1 cmdlet".to_owned(),
                    count => format!("{count} cmdlets"),
                });
                if !role.script_modules.is_empty() {
                    parts.push(format!("ScriptModules {}", shown(&role.script_modules)));
                }
                parts.push(format!("ConfigScopes {}", shown(&role.config_scopes)));
                parts.push(format!("UserScopes {}", shown(&role.user_scopes)));
                if role.bound {
                    parts.push(format!("the group {}", role.sid));
                }
            }
            Self::Change { before, after } => {
                edited(&mut parts, "Cmdlets", &before.cmdlets, &after.cmdlets);
                edited(
                    &mut parts,
                    "ScriptModules",
                    &before.script_modules,
                    &after.script_modules,
                );
                replaced(
                    &mut parts,
                    "ConfigScopes",
                    &before.config_scopes,
                    &after.config_scopes,
                );
                replaced(
                    &mut parts,
                    "UserScopes",
                    &before.user_scopes,
                    &after.user_scopes,
                );
                if (&before.sid, before.bound) != (&after.sid, after.bound) {
                    parts.push(format!("the group {} -> {}", before.sid, after.sid));
                }
                if before.is_standard != after.is_standard {
                    parts.push(format!(
                        "IsStandardRole {} -> {}",
                        before.is_standard, after.is_standard
                    ));
                }
                if before.template != after.template {
                    parts.push("another template".to_owned());
                }
                if before.identity.as_str() != after.identity.as_str() {
                    parts.push(format!("now written {}", after.identity));
                }
            }
        }
        parts.join("; ")
    }

    /// A line of a plan. What is removed is named and nothing more, so that each role can be asked about.
    pub fn plan(&self, prefix: &str) -> Record {
        let details = self.details();
        let target = if details.is_empty() {
            format!("{prefix}{}", self.identity())
        } else {
            format!("{prefix}{}: {details}", self.identity())
        };
        Record::WhatIf {
            target,
            action: self.action().to_owned(),
        }
    }
}

/// All edits in one line, for the audit log.
pub fn told(edits: &[RoleEdit]) -> String {
    let lines: Vec<String> = edits
        .iter()
        .map(|edit| match edit.details() {
            details if details.is_empty() => format!("{} role {}", edit.action(), edit.identity()),
            details => format!("{} role {}: {details}", edit.action(), edit.identity()),
        })
        .collect();
    lines.join(" | ")
}

fn shown<T: ToString>(list: &[T]) -> String {
    let mut texts: Vec<String> = list.iter().take(TOLD).map(ToString::to_string).collect();
    if list.len() > TOLD {
        texts.push(format!("{} more", list.len() - TOLD));
    }
    texts.join(", ")
}

/// What came to a list and what went.
fn edited<T: Clone + PartialEq + ToString>(
    parts: &mut Vec<String>,
    name: &str,
    old: &[T],
    new: &[T],
) {
    let missing = |from: &[T], other: &[T]| -> Vec<T> {
        let mut rest = other.to_vec();
        from.iter()
            .filter(|one| match rest.iter().position(|other| other == *one) {
                Some(place) => {
                    rest.swap_remove(place);
                    false
                }
                None => true,
            })
            .cloned()
            .collect()
    };
    let (gone, come) = (missing(old, new), missing(new, old));
    if !come.is_empty() {
        parts.push(format!("{name} +{}", shown(&come)));
    }
    if !gone.is_empty() {
        parts.push(format!("{name} -{}", shown(&gone)));
    }
    if gone.is_empty() && come.is_empty() && old != new {
        parts.push(format!("{name} in another order"));
    }
}

fn replaced<T: PartialEq + ToString>(parts: &mut Vec<String>, name: &str, old: &[T], new: &[T]) {
    if old != new {
        parts.push(format!("{name} {} -> {}", shown(old), shown(new)));
    }
}
