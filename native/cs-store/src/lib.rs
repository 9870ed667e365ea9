//! The Central Management store: numbered versions of one configuration.
//!
//! A version is an ordered list of parts; the part `DocItemSet.xml` is an ordered list of documents, and
//! a document an ordered list of items, each named by the hash of its content. Every change is one
//! commit, and what was committed is on disk when the call returns. Reading never waits for writing.

mod api;
mod error;
mod memory;
mod runs;
mod sqlite;

pub use api::{
    Change, ChangeKind, CommitInfo, CommitRecord, DocumentInfo, ImportOutcome, Item, LastCheck,
    NewItem, RequestKey, Snapshot, Store, StoredRequest,
};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
