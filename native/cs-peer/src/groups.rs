//! What a token says about its groups, and which of them count.

/// The group is in force (`SE_GROUP_ENABLED` of the Windows SDK).
const ENABLED: u32 = 0x0000_0004;
/// The group may only deny (`SE_GROUP_USE_FOR_DENY_ONLY`): that of an administrator who did not elevate, for example.
const DENY_ONLY: u32 = 0x0000_0010;
/// The entry is the integrity level (`SE_GROUP_INTEGRITY`), no group.
const INTEGRITY: u32 = 0x0000_0020;
/// The entry names the logon (`SE_GROUP_LOGON_ID`), no group.
const LOGON_ID: u32 = 0xC000_0000;

/// The group of the machine's administrators, on every Windows.
const ADMINISTRATORS: &str = "S-1-5-32-544";

/// Who somebody is, by an access token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account's SID in text form.
    pub sid: String,
    /// All groups of the token, also those that do not count.
    pub groups: Vec<Group>,
    /// True for tokens that stand for less than their account: restricted ones and those of an app container.
    pub is_reduced: bool,
}

/// One entry in a token's list of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its SID in text form.
    pub sid: String,
    /// Its attributes, as the Windows SDK numbers them.
    pub attributes: u32,
}

impl Identity {
    /// The SIDs of the groups that may grant something. A reduced token is a member of nothing: what its restrictions leave is not
    /// a list of groups but the outcome of two checks for each object, and none of ours is one of the system's.
    pub fn member_of(&self) -> impl Iterator<Item = &str> {
        let groups = self.groups.iter().filter(|_| !self.is_reduced);
        groups
            .filter(|group| counts(group.attributes))
            .map(|group| group.sid.as_str())
    }

    /// True when it may act as an administrator of the machine, and not only could after elevating.
    #[must_use]
    pub fn is_local_administrator(&self) -> bool {
        self.member_of().any(|sid| sid == ADMINISTRATORS)
    }
}

/// True when an entry with these attributes makes its holder a member of a group.
#[must_use]
pub fn counts(attributes: u32) -> bool {
    attributes & ENABLED != 0
        && attributes & (DENY_ONLY | INTEGRITY) == 0
        && attributes & LOGON_ID != LOGON_ID
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANDATORY: u32 = 0x7;

    fn identity(attributes: u32, is_reduced: bool) -> Identity {
        Identity {
            sid: "S-1-5-21-1-2-3-1001".to_owned(),
            groups: vec![
                Group {
                    sid: "S-1-1-0".to_owned(),
                    attributes: MANDATORY,
                },
                Group {
                    sid: ADMINISTRATORS.to_owned(),
                    attributes,
                },
            ],
            is_reduced,
        }
    }

    #[test]
    fn an_administrator_who_did_not_elevate_is_none() {
        assert!(identity(MANDATORY | 0x8, false).is_local_administrator());
        for (what, attributes) in [
            ("for denying only", DENY_ONLY),
            (
                "for denying only, and enabled by mistake",
                MANDATORY | DENY_ONLY,
            ),
            ("not enabled", 0),
            ("enabled by default and then disabled", 0x2),
            ("an integrity level", INTEGRITY | 0x40 | ENABLED),
            ("a logon", LOGON_ID | MANDATORY),
        ] {
            let identity = identity(attributes, false);
            assert!(!identity.is_local_administrator(), "{what}");
            assert_eq!(
                identity.member_of().collect::<Vec<_>>(),
                ["S-1-1-0"],
                "{what}"
            );
        }
        // A domain's groups carry SE_GROUP_RESOURCE, one bit of the logon's two.
        assert!(counts(0x2000_0000 | MANDATORY));
        assert!(counts(0x4000_0000 | MANDATORY));
    }

    #[test]
    fn a_reduced_token_is_a_member_of_nothing() {
        let identity = identity(MANDATORY, true);
        assert_eq!(identity.member_of().count(), 0);
        assert!(!identity.is_local_administrator());
    }
}
