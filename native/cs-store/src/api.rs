//! The contract that every store fulfils; `tests/contract.rs` runs it on all of them.

use std::io::Write;

use cs_archive::PackageEvent;
use cs_model::{ContentHash, DocumentId, ItemKey, Uuid, Version};
use cs_rbac::Grant;

use crate::StoreError;

/// Who commits, when and why. The principal and the cmdlet come from the grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// UTC, RFC 3339, in whole seconds or finer.
    pub time: String,
    /// One line for the history.
    pub message: String,
    /// Makes a retry return the first result.
    pub idempotency_key: Option<RequestKey>,
}

/// An idempotency key, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The key. Each stands for one call.
    pub key: String,
    /// The hash of everything that the call was asked for with.
    pub fingerprint: [u8; 32],
}

/// One commit, as the history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRecord {
    /// The version it made.
    pub version: Version,
    /// When, UTC.
    pub time: String,
    /// By whom.
    pub principal: String,
    /// With which cmdlet.
    pub cmdlet: String,
    /// Why.
    pub message: String,
}

/// A remembered call: what an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Who made it.
    pub principal: String,
    /// The cmdlet.
    pub cmdlet: String,
    /// The version it left the store at.
    pub version: Version,
    /// True when it made that version.
    pub changed: bool,
    /// [`RequestKey::fingerprint`]; `None` for calls that were remembered before there were fingerprints.
    pub fingerprint: Option<[u8; 32]>,
}

/// How a document would differ after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It would be new.
    Add,
    /// It would differ.
    Change,
    /// It would be gone.
    Remove,
}

/// One difference between the newest version and a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What would happen.
    pub kind: ChangeKind,
    /// The document.
    pub document: DocumentId,
    /// The item, when only one item of the document is concerned (an item added, changed or removed);
    /// `None` when the whole document is added or removed, or its frame changed.
    pub item: Option<ItemKey>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    /// The version afterwards; the old one when nothing changed or nothing was to be committed.
    pub version: Version,
    /// True when a new version was made (or would have been).
    pub changed: bool,
    /// Numbers of documents or items added, changed, removed.
    pub added: u64,
    /// See `added`.
    pub altered: u64,
    /// See `added`.
    pub removed: u64,
}

/// One item of a document at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: ItemKey,
    /// Its concurrency token.
    pub signature: Option<Uuid>,
    /// The hash of its content.
    pub hash: ContentHash,
    /// Length of its content in bytes.
    pub length: u64,
}

/// A last question before a commit, asked while no other commit can come in between: `Err(())` gives up, and the store stays as it was.
/// It is the last step before the commit itself, so `Ok(())` is the point of no return.
#[derive(Clone, Copy)]
pub struct LastCheck<'a>(pub &'a dyn Fn() -> Result<(), ()>);

impl std::fmt::Debug for LastCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LastCheck")
    }
}

/// An item that is to be put.
#[derive(Debug, Clone, Copy)]
pub struct NewItem<'a> {
    /// Its document.
    pub document: &'a DocumentId,
    /// Its key.
    pub key: &'a ItemKey,
    /// Its new concurrency token.
    pub signature: Uuid,
    /// The signature that the item must still have; `None`: whatever it has.
    pub expected: Option<Uuid>,
    /// The whole `Item` element.
    pub content: &'a [u8],
    /// Whether the change may still be made, once it is known that there is one.
    pub last_check: LastCheck<'a>,
}

/// A document at a version, without content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentInfo {
    /// Its id.
    pub id: DocumentId,
    /// Its items, in order.
    pub items: Vec<Item>,
}

/// A store. Every call needs a [`Grant`] for this store's kind; a grant of another kind or with too few
/// rights is refused with [`StoreError::NotGranted`].
pub trait Store: Send + Sync {
    /// The newest version. Cheap: no grant and no disk access needed, safe to call for every request.
    fn version(&self) -> Version;

    /// A consistent view of the newest version. Later commits do not change it.
    ///
    /// # Errors
    /// When the store cannot be read or the grant does not allow it.
    fn snapshot(&self, grant: &Grant) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Makes the store equal to a package, in one new version, or none when it is equal already.
    ///
    /// `next` yields the package's events in order, `Ok(None)` at the end, and `Err(())` to give up, which
    /// leaves the store as it was. From its first call to the commit no other commit comes in between. With `commit` `None` nothing is kept: a dry run for plans.
    /// `on_change` is told of every difference; an error from it gives up as well. `last_check` is asked when there is something to
    /// commit.
    ///
    /// # Errors
    /// Any [`StoreError`]; the store is then exactly as before.
    fn import(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
        on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
        last_check: LastCheck<'_>,
    ) -> Result<ImportOutcome, StoreError>;

    /// Replaces the content of one item, or adds the document or the item at the end of its list. With `commit` `None` only the
    /// outcome is told.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the item has another signature than expected; `Stopped` when the last check gave up; any other
    /// error as usual.
    fn put_item(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        item: &NewItem<'_>,
    ) -> Result<ImportOutcome, StoreError>;

    /// The commits, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read or the grant does not allow it.
    fn history(&self, grant: &Grant, limit: usize) -> Result<Vec<CommitRecord>, StoreError>;

    /// Remembers a call with an idempotency key that found nothing to change. Without a key it does nothing.
    ///
    /// # Errors
    /// [`StoreError::KeyTaken`] when the key stands for a call already; any other error as usual.
    fn remember(&self, grant: &Grant, commit: &CommitInfo) -> Result<(), StoreError>;

    /// The call that an idempotency key stands for, if it was seen. A key stands for one call on whichever store, and nothing of a
    /// configuration is told, so a grant for the other store will do.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn request(&self, grant: &Grant, key: &str) -> Result<Option<StoredRequest>, StoreError>;

    /// Deflates some of the newest version's content for later exports, at most `budget` bytes; returns
    /// how many bytes are still to do. Called from time to time by the service when it is idle. Derived data:
    /// it changes no version and needs no grant.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    fn prepare_exports(&self, budget: u64) -> Result<u64, StoreError>;
}

/// A consistent view of one version.
pub trait Snapshot: Send {
    /// The version.
    fn version(&self) -> Version;

    /// Calls `each` with every document in order, until it returns `false`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn documents(&self, each: &mut dyn FnMut(DocumentInfo) -> bool) -> Result<(), StoreError>;

    /// One document, or `None`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn document(&self, id: &DocumentId) -> Result<Option<DocumentInfo>, StoreError>;

    /// Writes the content of an item, checked against its hash.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the content is not what its hash says; `Stopped` when `to` fails.
    fn content(&self, hash: &ContentHash, to: &mut dyn Write) -> Result<(), StoreError>;

    /// Writes the whole version as a package. `begin` is told the exact length in bytes before the first byte is
    /// written. The same content gives the same bytes on every machine. Memory does not grow with the store.
    ///
    /// # Errors
    /// `Stopped` when `to` or `begin` fails; damage and disk errors as usual.
    fn export(
        &self,
        begin: &mut dyn FnMut(u64) -> Result<(), ()>,
        to: &mut dyn Write,
    ) -> Result<(), StoreError>;
}
