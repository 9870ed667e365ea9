//! Roles of the role-based access control.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::{CmdletName, DistinguishedName, shown};

/// The name of a role: the account name of its group. Compared without regard to ASCII case.
#[derive(Debug, Clone)]
pub struct RoleName(String);

/// Why a text is not a role name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a role name; use letters, digits, `.`, `_`, `-` and single blanks inside, at most 64", shown(.text))]
pub struct RoleNameError {
    /// The text as given, shortened.
    pub text: String,
}

impl RoleName {
    /// Reads a name: 1 to 64 ASCII letters, digits, `.`, `_`, `-`, blanks only inside.
    ///
    /// # Errors
    /// [`RoleNameError`] for anything else, look-alike letters among it.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
        if text.is_empty() || text.len() > 64 || text.trim() != text || !text.chars().all(allowed) {
            return Err(RoleNameError {
                text: text.chars().take(64).collect(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for RoleName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for RoleName {}

impl Hash for RoleName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which part of the configuration a role covers: everything, or one site. Compared without regard to case.
#[derive(Debug, Clone)]
pub enum ConfigScope {
    /// The whole deployment.
    Global,
    /// One site, by its SiteId.
    Site(String),
}

impl ConfigScope {
    /// Reads `Global` or `site:<SiteId>`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("global") {
            return Some(Self::Global);
        }
        let (kind, site) = text.split_once(':')?;
        let site = site.trim();
        let plain = !site.is_empty() && site.len() <= 256 && !site.chars().any(char::is_control);
        let wildcard = site.contains(['*', '?']);
        (kind.trim_end().eq_ignore_ascii_case("site") && plain && !wildcard)
            .then(|| Self::Site(site.to_owned()))
    }

    /// True when this scope is everything, or is the other one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        *self == Self::Global || self == other
    }
}

impl PartialEq for ConfigScope {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Global, Self::Global) => true,
            (Self::Site(one), Self::Site(two)) => one.eq_ignore_ascii_case(two),
            _ => false,
        }
    }
}

impl Eq for ConfigScope {}

impl fmt::Display for ConfigScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("Global"),
            Self::Site(site) => write!(f, "site:{site}"),
        }
    }
}

/// Which users a role covers: all, or those below one organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserScope {
    /// All users.
    Global,
    /// The users below a distinguished name, at any depth.
    Ou(DistinguishedName),
}

impl UserScope {
    /// Reads `Global` or `OU:<distinguished name>`, in any case; a blank after `OU:` is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("global") {
            return Some(Self::Global);
        }
        let (kind, name) = text.split_once(':')?;
        if !kind.trim_end().eq_ignore_ascii_case("ou") {
            return None;
        }
        DistinguishedName::parse(name).ok().map(Self::Ou)
    }

    /// True when this scope is everything, or the other one is the same place or below it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Global, _) => true,
            (Self::Ou(one), Self::Ou(two)) => one.contains(two),
            (Self::Ou(_), Self::Global) => false,
        }
    }
}

impl fmt::Display for UserScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("Global"),
            Self::Ou(name) => write!(f, "OU:{name}"),
        }
    }
}

/// One role, as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name, which is also the account name of the group.
    pub identity: RoleName,
    /// The SID of the group, in text form.
    pub sid: String,
    /// True when the SID was read from the group itself, so that only that very group makes members; false for a SID that stands
    /// for a group that was not there yet, where the name of the group decides.
    pub bound: bool,
    /// True for the predefined roles.
    pub is_standard: bool,
    /// The cmdlets that members may run, in the order that they are shown.
    pub cmdlets: Vec<CmdletName>,
    /// Scripts that members may run.
    pub script_modules: Vec<String>,
    /// Where in the configuration.
    pub config_scopes: Vec<ConfigScope>,
    /// For which users.
    pub user_scopes: Vec<UserScope>,
    /// The role that this one was made from, for custom roles.
    pub template: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_print_as_scripts_match_them() {
        let scope = ConfigScope::parse("SITE:Redmond").unwrap();
        assert_eq!(scope.to_string(), "site:Redmond");
        let scope = UserScope::parse("ou: ou=Redmond,dc=litwareinc,dc=com").unwrap();
        assert_eq!(scope.to_string(), "OU:ou=Redmond,dc=litwareinc,dc=com");
        assert_eq!(ConfigScope::parse("global"), Some(ConfigScope::Global));
        assert_eq!(ConfigScope::parse("site:"), None);
        assert_eq!(ConfigScope::parse("site:*"), None);
        assert_eq!(ConfigScope::parse("OU:ou=x"), None);
        assert_eq!(UserScope::parse("OU:Redmond"), None);
        assert_eq!(
            ConfigScope::parse("site:RED"),
            ConfigScope::parse("Site: red")
        );
    }

    #[test]
    fn a_scope_covers_itself_and_what_is_below() {
        let user = |text: &str| UserScope::parse(text).unwrap();
        assert!(user("global").covers(&user("OU:ou=a,dc=b")));
        assert!(!user("OU:ou=a,dc=b").covers(&user("global")));
        assert!(user("OU:dc=b").covers(&user("OU:ou=a,dc=b")));
        assert!(!user("OU:ou=a,dc=b").covers(&user("OU:dc=b")));
        let site = |text: &str| ConfigScope::parse(text).unwrap();
        assert!(site("global").covers(&site("site:1")) && !site("site:1").covers(&site("global")));
        assert!(!site("site:1").covers(&site("site:11")));
    }

    #[test]
    fn look_alike_role_names_are_refused() {
        for text in ["CsHelpDеsk", "CsHelpDesk ", "", "Cs\nHelpDesk", "Cs*"] {
            assert!(RoleName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(RoleName::parse("cshelpdesk"), RoleName::parse("CsHelpDesk"));
    }
}
