//! What can go wrong in a store, folded from the drivers' codes into a few kinds.

use std::path::PathBuf;

use cs_model::{DocumentId, Version};

/// A store's error. Nothing was changed when one is returned.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the store.
    #[error("the store is busy")]
    Busy,
    /// The disk is full.
    #[error("the disk of the data folder is full")]
    DiskFull,
    /// The grant in hand does not allow this.
    #[error("the grant for {cmdlet} does not allow this")]
    NotGranted {
        /// The cmdlet of the grant.
        cmdlet: String,
    },
    /// The package names one document twice.
    #[error("the document {id} is in the package twice")]
    DuplicateDocument {
        /// Its id.
        id: Box<DocumentId>,
    },
    /// A document holds two items of one key.
    #[error("the item {key} is in the document {id} twice")]
    DuplicateItem {
        /// The document.
        id: Box<DocumentId>,
        /// The item's key.
        key: String,
    },
    /// The version or the signature that a change was based on is no longer the newest.
    #[error("the document {id} was changed meanwhile")]
    Stale {
        /// The document.
        id: Box<DocumentId>,
    },
    /// The idempotency key of a commit stands for another call.
    #[error("the idempotency key belongs to another call")]
    KeyTaken,
    /// The version does not exist.
    #[error("version {0} does not exist")]
    NoSuchVersion(u64),
    /// Content contradicts its checksum.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store ends before the version that was committed last.
    #[error("version {expected} was committed last, and what is there is {}", there(*found))]
    Behind {
        /// The version that was committed last.
        expected: Version,
        /// The newest version in the store; 0 when there is none.
        found: Version,
        /// The file that remembers it. Without it what is there counts.
        head: PathBuf,
    },
    /// The store was written by a newer release.
    #[error("the store has format {found}; this release knows formats up to {known}")]
    TooNew {
        /// Format in the file.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// The events that make up an import come in a wrong order.
    #[error("the import is malformed: {0}")]
    Malformed(&'static str),
    /// The caller's source of events failed or was cancelled; its own error is kept by the caller.
    #[error("the import was stopped by its source")]
    Stopped,
    /// Anything else, in the driver's words.
    #[error("the store failed: {0}")]
    Failed(String),
}

fn there(found: Version) -> String {
    match found {
        Version(0) => "empty or gone".to_owned(),
        Version(version) => format!("version {version}"),
    }
}
