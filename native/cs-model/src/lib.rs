//! The words of the domain: document keys, items, roles, cmdlet names. No input, no output, no clock.
//!
//! Facts about the original (key syntax, scope classes) come from deployment logs of the product;
//! see `docs/format.md`.

mod cmdlet_name;
mod distinguished_name;
mod document;
mod role;
mod shown;

pub use cmdlet_name::{CmdletName, CmdletNameError};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError};
pub use document::{
    Authority, ContentHash, DocumentId, DocumentKey, DocumentKeyError, ItemKey, ScopeClass,
};
pub use role::{ConfigScope, Role, RoleName, RoleNameError, UserScope};
pub use shown::{is_hidden, shown};
pub use uuid::Uuid;

/// Which of the two stores of one home is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoreKind {
    /// The Central Management store.
    Central,
    /// The local replica, which `-LocalStore` reads and bootstraps.
    Local,
}

impl StoreKind {
    /// The name that users read in messages.
    #[must_use]
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Central => "Central Management store",
            Self::Local => "local store",
        }
    }
}

/// The number of a version of a store. Version 1 is what a fresh store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Version(pub u64);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
