//! The package that a store was made equal to last: the same bytes need not be read again while nothing else was committed.

use std::sync::{Arc, Mutex, PoisonError};

use cs_model::{StoreKind, Version};
use cs_rbac::Grant;
use cs_store::Store;

use crate::CallIo;
use crate::roles::RolesInPackage;

/// A package that was read to its end and imported.
pub struct KnownPackage {
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// The version that equals it.
    pub version: Version,
    /// What its reading warned of.
    pub warnings: Vec<String>,
    /// Its roles.
    pub roles: RolesInPackage,
}

/// The last package of each store, for as long as the service runs. Limits do not change meanwhile.
#[derive(Default)]
pub struct KnownPackages {
    central: Mutex<Option<Arc<KnownPackage>>>,
    local: Mutex<Option<Arc<KnownPackage>>>,
}

impl KnownPackages {
    fn of(&self, kind: StoreKind) -> &Mutex<Option<Arc<KnownPackage>>> {
        match kind {
            StoreKind::Central => &self.central,
            StoreKind::Local => &self.local,
        }
    }

    /// Remembers a package in the place of the one before.
    pub fn keep(&self, kind: StoreKind, package: KnownPackage) {
        *self.of(kind).lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(package));
    }

    /// The package of this hash, when the newest version equals it still. The version's rows are checked for that: a store that is
    /// not as it was written does not equal anything.
    pub fn newest(
        &self,
        kind: StoreKind,
        sha256: &[u8; 32],
        store: &dyn Store,
        grant: &Grant,
        io: &dyn CallIo,
    ) -> Option<Arc<KnownPackage>> {
        let known = self
            .of(kind)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .filter(|known| known.sha256 == *sha256 && known.version == store.version())?;
        let snapshot = store.snapshot(grant).ok()?;
        let mut whole = snapshot.version() == known.version;
        let rows = snapshot.documents(&mut |_| {
            whole &= !io.stopped();
            whole
        });
        (whole && rows.is_ok()).then_some(known)
    }
}
