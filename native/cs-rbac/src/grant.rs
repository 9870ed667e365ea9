//! The outcome of a decision.

use cs_model::{CmdletName, ConfigScope, DistinguishedName, StoreKind, UserScope};

use crate::decide::{Caller, Door, Question};

/// What a grant allows its holder to do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rights {
    /// Read settings, roles, topology.
    Read,
    /// Read everything at once.
    Export,
    /// Write the configuration, roles excepted.
    Write,
    /// Write the configuration and roles.
    WriteRoles,
}

/// A permission, held in hand by every call into a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    cmdlet: CmdletName,
    store: StoreKind,
    rights: Rights,
    scopes: Vec<ConfigScope>,
    user_scopes: Vec<UserScope>,
    principal: String,
    door: Door,
}

impl Grant {
    /// Only the decision makes one.
    pub(crate) fn new(
        caller: &Caller,
        question: &Question<'_>,
        scopes: Vec<ConfigScope>,
        user_scopes: Vec<UserScope>,
        door: Door,
    ) -> Self {
        Self {
            cmdlet: question.cmdlet.clone(),
            store: question.store,
            rights: question.rights,
            scopes,
            user_scopes,
            principal: caller.principal.clone(),
            door,
        }
    }

    /// The cmdlet that was allowed.
    #[must_use]
    pub fn cmdlet(&self) -> &CmdletName {
        &self.cmdlet
    }

    /// The store that the grant is for.
    #[must_use]
    pub fn store(&self) -> StoreKind {
        self.store
    }

    /// What may be done.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// True when the configuration may be written.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.rights >= Rights::Write
    }

    /// Where in the configuration it may be done, sites by their SiteId. Never empty.
    #[must_use]
    pub fn scopes(&self) -> &[ConfigScope] {
        &self.scopes
    }

    /// For which users it may be done. Never empty.
    #[must_use]
    pub fn user_scopes(&self) -> &[UserScope] {
        &self.user_scopes
    }

    /// True when what belongs to a scope of the configuration may be touched; the scope has its site by SiteId.
    #[must_use]
    pub fn covers(&self, scope: &ConfigScope) -> bool {
        self.scopes.iter().any(|held| held.covers(scope))
    }

    /// True when all users of a scope may be touched.
    #[must_use]
    pub fn covers_users(&self, scope: &UserScope) -> bool {
        self.user_scopes.iter().any(|held| held.covers(scope))
    }

    /// True when a user may be touched, by the user's distinguished name.
    #[must_use]
    pub fn covers_user(&self, name: &DistinguishedName) -> bool {
        self.covers_users(&UserScope::Ou(name.clone()))
    }

    /// Who was allowed, as the audit log names them.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Through which door.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Through which door, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.door {
            Door::Owner => "owner of the store".to_owned(),
            Door::Group(name) => format!("member of {name}"),
            Door::Roles(names) if names.len() == 1 => format!("role {}", names.concat()),
            Door::Roles(names) => format!("roles {}", names.join(", ")),
        }
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialReason {
    /// No group and no role of the caller holds the cmdlet.
    NotHeld,
    /// A role holds it, though not for the whole deployment.
    ScopeTooNarrow,
    /// A role that holds it is tied to another group than the caller's of its name.
    TiedElsewhere,
    /// Membership could not be read.
    MembershipUnknown,
    /// `-LocalStore` needs one more group.
    LocalStoreRight,
}

/// A refusal that can be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denial {
    /// The kind of refusal.
    pub reason: DenialReason,
    /// One sentence that names the cmdlet and who may run it.
    pub message: String,
    /// Groups and roles that would be let in.
    pub who_may: Vec<String>,
}

/// The grant with which the decision itself reads roles and topology. It reads and nothing more, and never leaves the engine.
#[must_use]
pub fn policy_grant(store: StoreKind, cmdlet: CmdletName) -> Grant {
    Grant {
        cmdlet,
        store,
        rights: Rights::Read,
        scopes: vec![ConfigScope::Global],
        user_scopes: vec![UserScope::Global],
        principal: "access decision".to_owned(),
        door: Door::Owner,
    }
}
