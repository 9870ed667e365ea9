//! The outcome of a decision.

use cs_model::{CmdletName, ConfigScope, StoreKind};

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
    pub(crate) cmdlet: CmdletName,
    pub(crate) store: StoreKind,
    pub(crate) rights: Rights,
    pub(crate) scopes: Vec<ConfigScope>,
    pub(crate) principal: String,
    pub(crate) reason: String,
}

impl Grant {
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

    /// Where it may be done. Empty never happens.
    #[must_use]
    pub fn scopes(&self) -> &[ConfigScope] {
        &self.scopes
    }

    /// Who was allowed, as the audit log names them.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Through which door, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialReason {
    /// No group and no role of the caller holds the cmdlet.
    NotHeld,
    /// A role holds it, though not for the whole deployment.
    ScopeTooNarrow,
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

/// The grant with which the decision itself reads the roles. It reads and nothing more, and never leaves the engine.
#[must_use]
pub fn policy_grant(store: StoreKind, cmdlet: CmdletName) -> Grant {
    Grant {
        cmdlet,
        store,
        rights: Rights::Read,
        scopes: vec![ConfigScope::Global],
        principal: "access decision".to_owned(),
        reason: "reads the roles".to_owned(),
    }
}
