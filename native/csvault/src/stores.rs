//! The two stores of a home.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use cs_contract::{ErrorId, ErrorReport};
use cs_engine::{Clock, Ids, initial_content};
use cs_model::StoreKind;
use cs_store::{CommitInfo, SqliteStore, Store, StoreError};

/// Both stores, open.
pub struct Stores {
    /// The Central Management store.
    pub central: Arc<dyn Store>,
    /// The local store.
    pub local: Arc<dyn Store>,
}

/// Opens the stores of a home; new ones hold the predefined roles and an empty topology.
///
/// # Errors
/// When a store cannot be opened or was written by a newer release.
pub fn open(home: &Path, clock: &dyn Clock, ids: &dyn Ids) -> Result<Stores, ErrorReport> {
    let (central, local) = (home.join("central.db"), home.join("local.db"));
    // Only a new store needs it; both get the same, so that the roles have the same SIDs.
    let content = OnceCell::new();
    let initial = || content.get_or_init(|| initial_content(ids)).clone();
    let commit = CommitInfo {
        time: clock.now(),
        message: "A new store".to_owned(),
        idempotency_key: None,
    };
    let open = |path: &Path, kind| {
        SqliteStore::open(path, kind, &initial, &commit)
            .map(|store| Arc::new(store) as Arc<dyn Store>)
            .map_err(|error| fault(&error).on("File", path.display().to_string()))
    };
    Ok(Stores {
        central: open(&central, StoreKind::Central)?,
        local: open(&local, StoreKind::Local)?,
    })
}

/// The report of a store that keeps the service from starting.
#[must_use]
pub fn fault(error: &StoreError) -> ErrorReport {
    let id = match error {
        StoreError::Damaged(_) => ErrorId::StoreDamaged,
        _ => ErrorId::StoreFailed,
    };
    ErrorReport::new(id, format!("The store cannot be opened: {error}."))
}
