//! A store in one SQLite file: write-ahead log, every commit synchronous. One connection writes; each snapshot has a connection of its
//! own, so that reading never waits for writing.

mod commit;
mod content;
mod deflate;
mod edit;
mod export;
mod fault;
mod head;
mod import;
mod layout;
mod put;
mod schema;
mod seal;
mod seen;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use cs_archive::PackageEvent;
use cs_model::{StoreKind, Version};
use cs_rbac::{Grant, Rights};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::{
    Change, CommitInfo, CommitRecord, ImportOutcome, LastCheck, NewItem, Snapshot, Store,
    StoreError, StoredRequest,
};
use commit::Author;
use head::Head;

/// How long a change waits for another one to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections for reading that are kept open.
const SPARE_READERS: usize = 4;

/// The store in a file.
pub struct SqliteStore {
    path: PathBuf,
    kind: StoreKind,
    head: Head,
    writer: Mutex<Connection>,
    readers: Arc<Mutex<Vec<Connection>>>,
    version: AtomicU64,
    /// The version whose runs are known to be deflated, so that an idle service does not look again and again.
    prepared: AtomicU64,
}

impl SqliteStore {
    /// Opens the store in a file. A missing or empty file becomes a store that holds `initial` as version 1; so does one whose
    /// making was cut short. A file beside it, with the ending `head`, remembers the version that was committed last.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] for a newer format, [`StoreError::Damaged`] for a file that is no store or another one,
    /// [`StoreError::Behind`] for one that is older than what was committed, or gone; the file is left as it is then.
    pub fn open(
        path: &Path,
        kind: StoreKind,
        initial: &dyn Fn() -> Vec<PackageEvent>,
        commit: &CommitInfo,
    ) -> Result<Self, StoreError> {
        let head = Head::of(path)?;
        let (writer, _) = schema::open_writer(path, kind, &head)?;
        let newest = |writer: &Connection| -> Result<Option<i64>, StoreError> {
            Ok(writer.query_row("SELECT max(version) FROM commit_log", [], |row| row.get(0))?)
        };
        let store = Self {
            path: path.to_owned(),
            kind,
            head,
            version: AtomicU64::new(newest(&writer)?.map_or(0, unsigned)),
            writer: Mutex::new(writer),
            readers: Arc::default(),
            prepared: AtomicU64::new(0),
        };
        if store.version().0 == 0 {
            let mut events = initial().into_iter();
            let mut writer = store.lock()?;
            let author = Author {
                principal: "csvault",
                cmdlet: "csvault",
                commit,
            };
            let outcome = import::run(
                &mut writer,
                Version(0),
                Some(author),
                &mut || Ok(events.next()),
                &mut |_| Ok(()),
                LastCheck(&|| Ok(())),
            )?;
            drop(writer);
            store.version.store(outcome.version.0, Ordering::Release);
        }
        store.head.remember(store.version());
        Ok(store)
    }

    fn allowed(&self, grant: &Grant, rights: Rights) -> Result<(), StoreError> {
        if grant.store() == self.kind && grant.rights() >= rights {
            return Ok(());
        }
        Err(StoreError::NotGranted {
            cmdlet: grant.cmdlet().to_string(),
        })
    }

    /// The connection that writes, when it is free soon enough.
    fn lock(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        let start = Instant::now();
        loop {
            match self.writer.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                    return Err(StoreError::Busy);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn reader(&self) -> Result<snapshot::Reader, StoreError> {
        snapshot::Reader::begin(&self.path, Arc::clone(&self.readers))
    }

    /// Tells of a commit; the caller still holds the connection that made it.
    fn keep(&self, outcome: &ImportOutcome, commit: Option<&CommitInfo>) {
        if outcome.changed && commit.is_some() {
            self.version.store(outcome.version.0, Ordering::Release);
            self.head.remember(outcome.version);
        }
    }
}

impl Store for SqliteStore {
    fn version(&self) -> Version {
        Version(self.version.load(Ordering::Acquire))
    }

    fn snapshot(&self, grant: &Grant) -> Result<Box<dyn Snapshot>, StoreError> {
        self.allowed(grant, Rights::Read)?;
        Ok(Box::new(snapshot::SqliteSnapshot::new(
            self.reader()?,
            &self.path,
            grant.clone(),
        )?))
    }

    fn import(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
        on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
        last_check: LastCheck<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        self.allowed(grant, Rights::Write)?;
        let mut writer = self.lock()?;
        let cmdlet = grant.cmdlet().to_string();
        let author = commit.map(|commit| Author {
            principal: grant.principal(),
            cmdlet: &cmdlet,
            commit,
        });
        let outcome = import::run(
            &mut writer,
            self.version(),
            author,
            next,
            on_change,
            last_check,
        )?;
        self.keep(&outcome, commit);
        Ok(outcome)
    }

    fn put_item(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        item: &NewItem<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        self.allowed(grant, Rights::Write)?;
        let mut writer = self.lock()?;
        let cmdlet = grant.cmdlet().to_string();
        let author = commit.map(|commit| Author {
            principal: grant.principal(),
            cmdlet: &cmdlet,
            commit,
        });
        let outcome = put::run(&mut writer, self.version(), author, item)?;
        self.keep(&outcome, commit);
        Ok(outcome)
    }

    fn history(&self, grant: &Grant, limit: usize) -> Result<Vec<CommitRecord>, StoreError> {
        self.allowed(grant, Rights::Read)?;
        let reader = self.reader()?;
        let mut statement = reader.db()?.prepare_cached(
            "SELECT version, time, principal, cmdlet, message FROM commit_log ORDER BY version DESC LIMIT ?1",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map([limit], |row| {
            Ok(CommitRecord {
                version: Version(unsigned(row.get(0)?)),
                time: row.get(1)?,
                principal: row.get(2)?,
                cmdlet: row.get(3)?,
                message: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn remember(&self, grant: &Grant, commit: &CommitInfo) -> Result<(), StoreError> {
        self.allowed(grant, Rights::Write)?;
        let mut writer = self.lock()?;
        let cmdlet = grant.cmdlet().to_string();
        let author = Author {
            principal: grant.principal(),
            cmdlet: &cmdlet,
            commit,
        };
        schema::without_copying_the_log(&mut writer, |writer| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let unchanged = ImportOutcome::default();
            let check = LastCheck(&|| Ok(()));
            commit::close(transaction, self.version(), Some(author), unchanged, check).map(drop)
        })
    }

    fn request(&self, _: &Grant, key: &str) -> Result<Option<StoredRequest>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.db()?.prepare_cached(
            "SELECT principal, cmdlet, version, changed, fingerprint FROM request WHERE name = ?1",
        )?;
        let found = statement.query_row(params![key], |row| {
            Ok(StoredRequest {
                principal: row.get(0)?,
                cmdlet: row.get(1)?,
                version: Version(unsigned(row.get(2)?)),
                changed: row.get(3)?,
                fingerprint: row.get(4)?,
            })
        });
        Ok(found.optional()?)
    }

    fn prepare_exports(&self, budget: u64) -> Result<u64, StoreError> {
        let version = self.version().0;
        if self.prepared.load(Ordering::Acquire) == version && !schema::log_is_long(&self.path) {
            return Ok(0);
        }
        let reader = self.reader()?;
        let prepared = deflate::prepare(reader.db()?, budget)?;
        // A change that is being made goes first; there is time.
        let Ok(mut writer) = self.writer.try_lock() else {
            return Ok(prepared.left.max(1));
        };
        drop(reader);
        let left = deflate::keep(&mut writer, prepared)?;
        if left == 0 {
            self.prepared.store(version, Ordering::Release);
        }
        Ok(left)
    }
}

/// SQLite's integers have a sign; no number here comes near its limit.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
