//! What a caller is a member of.

use std::cmp::Ordering;

use cs_model::Role;

/// One group that an account is a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its security identifier; `None` when a name is all that there is, as in a settings file that gives an account its groups.
    pub sid: Option<String>,
}

/// The groups of one account, to be asked by name without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// In the order of their names.
    groups: Vec<Group>,
}

impl Membership {
    /// A membership of these groups.
    #[must_use]
    pub fn new(mut groups: Vec<Group>) -> Self {
        groups.sort_by(|one, two| compare(&one.name, &two.name));
        Self { groups }
    }

    /// A membership of groups that are known by their names alone.
    #[must_use]
    pub fn of_names<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        let group = |name: T| Group {
            name: name.into(),
            sid: None,
        };
        Self::new(names.into_iter().map(group).collect())
    }

    /// The groups, in the order of their names.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// True when one of the groups has this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// True when one of the groups has this name and this identifier, or this name and none.
    #[must_use]
    pub fn has_group(&self, name: &str, sid: &str) -> bool {
        self.named(name).any(|group| {
            let own = group.sid.as_ref();
            own.is_none_or(|own| own.eq_ignore_ascii_case(sid))
        })
    }

    /// True when the account is a member of a role: of the group of its name and, when the role is tied to a group, of that very
    /// group. A group that was made anew under the name of a deleted one has another identifier and makes nobody a member.
    #[must_use]
    pub fn is_in(&self, role: &Role) -> bool {
        let name = role.identity.as_str();
        match role.bound {
            true => self.has_group(name, &role.sid),
            false => self.has(name),
        }
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Group> {
        let start = self
            .groups
            .partition_point(|group| compare(&group.name, name) == Ordering::Less);
        let rest = self.groups.get(start..).unwrap_or_default();
        rest.iter()
            .take_while(move |group| group.name.eq_ignore_ascii_case(name))
    }
}

fn compare(one: &str, two: &str) -> Ordering {
    fn lower(text: &str) -> impl Iterator<Item = u8> {
        text.bytes().map(|byte| byte.to_ascii_lowercase())
    }
    lower(one).cmp(lower(two))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cs_model::{ConfigScope, RoleName, UserScope};

    fn role(name: &str, sid: &str, bound: bool) -> Role {
        Role {
            identity: RoleName::parse(name).unwrap(),
            sid: sid.to_owned(),
            bound,
            is_standard: false,
            cmdlets: Vec::new(),
            script_modules: Vec::new(),
            config_scopes: vec![ConfigScope::Global],
            user_scopes: vec![UserScope::Global],
            template: None,
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_any_order() {
        let held = Membership::of_names([
            "users",
            "CSHelpDesk",
            "adm",
            "Zeta",
            "RTCUniversalServerAdmins",
        ]);
        for name in [
            "USERS",
            "cshelpdesk",
            "adm",
            "zeta",
            "rtcuniversalserveradmins",
        ] {
            assert!(held.has(name), "{name}");
        }
        for name in ["user", "userss", "", "CSHelpDesk ", "CSHelp"] {
            assert!(!held.has(name), "{name}");
        }
    }

    #[test]
    fn a_role_that_is_tied_to_a_group_takes_no_other_of_that_name() {
        let group = |sid: Option<&str>| {
            Membership::new(vec![Group {
                name: "operators".to_owned(),
                sid: sid.map(str::to_owned),
            }])
        };
        let tied = role("Operators", "S-1-22-2-2001", true);
        assert!(group(Some("S-1-22-2-2001")).is_in(&tied));
        assert!(
            !group(Some("S-1-22-2-2002")).is_in(&tied),
            "a recycled name"
        );
        assert!(group(None).is_in(&tied), "the settings say so by name");
        let renamed = role("Others", "S-1-22-2-2001", true);
        assert!(
            !group(Some("S-1-22-2-2001")).is_in(&renamed),
            "a renamed group"
        );
        assert!(group(Some("S-1-22-2-2002")).is_in(&role("Operators", "S-1-5-21-1-2-3-4", false)));
    }
}
