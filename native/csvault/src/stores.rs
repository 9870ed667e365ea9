//! The two stores of a home.

use std::cell::OnceCell;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cs_contract::{ErrorId, ErrorReport};
use cs_engine::{Clock, Ids, initial_content};
use cs_model::StoreKind;
use cs_store::{CommitInfo, SqliteStore, Store, StoreError};

use crate::private;

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
    for store in [&central, &local] {
        check_files(store)?;
    }
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

/// Checks the files of a store, as far as they are there: SQLite itself opens what it finds.
fn check_files(store: &Path) -> Result<(), ErrorReport> {
    let beside = |ending: &str| {
        let mut name = store.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let head = store.with_extension("head");
    for path in [beside(""), beside("-wal"), beside("-shm"), head] {
        let path = path.as_path();
        match private::open(path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let text = format!("The store cannot be opened: {error}.");
                return Err(ErrorReport::new(ErrorId::StoreFailed, text)
                    .on("File", path.display().to_string())
                    .hint("See who could write to it since when, and restore the store from a backup if you are not sure."));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// The report of a store that keeps the service from starting.
#[must_use]
pub fn fault(error: &StoreError) -> ErrorReport {
    let id = match error {
        StoreError::Damaged(_) | StoreError::Behind { .. } => ErrorId::StoreDamaged,
        _ => ErrorId::StoreFailed,
    };
    let report = ErrorReport::new(id, format!("The store cannot be opened: {error}."));
    match error {
        StoreError::Behind { head, .. } => report.hint(format!(
            "Restore the data folder from a backup. If what is there shall count nevertheless, remove {}; what it lost is lost then.",
            head.display()
        )),
        _ => report,
    }
}
