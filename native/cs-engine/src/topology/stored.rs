//! The topology document of a store.

use cs_contract::{ErrorId, ErrorReport};
use cs_model::{DocumentId, DocumentKey, ItemKey, Uuid};
use cs_store::Snapshot;

use crate::fault::{Fault, from_store};
use crate::item;

/// The only item of the topology document.
pub struct Stored {
    /// Its key.
    pub key: ItemKey,
    /// Its concurrency token.
    pub signature: Option<Uuid>,
    /// The whole item.
    pub item: String,
}

impl Stored {
    /// The `Topology` element.
    pub fn payload(&self) -> Result<&str, Fault> {
        item::payload(&self.item).map_err(|fault| damaged(&fault.to_string()))
    }
}

/// The topology of a version; `None` when it has none.
pub fn stored(snapshot: &dyn Snapshot) -> Result<Option<Stored>, Fault> {
    let document = snapshot
        .document(&DocumentId::Keyed(DocumentKey::topology()))
        .map_err(|error| from_store(&error))?;
    let Some(first) = document.and_then(|document| document.items.into_iter().next()) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    snapshot
        .content(&first.hash, &mut bytes)
        .map_err(|error| from_store(&error))?;
    let item = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
    Ok(Some(Stored {
        key: first.key,
        signature: first.signature,
        item,
    }))
}

fn damaged(what: &str) -> Fault {
    ErrorReport::new(
        ErrorId::StoreDamaged,
        format!("The stored topology cannot be read: {what}."),
    )
    .on("Document", "Topology")
    .hint("Import or publish a sound topology.")
}
