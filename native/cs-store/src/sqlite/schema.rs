//! The tables, and how a file becomes a store.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use cs_model::{StoreKind, Version};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::head::Head;
use super::{int, unsigned};
use crate::StoreError;

/// Says that a file is a store of this product ("CsVt").
const APPLICATION: i64 = 0x4373_5674;

/// The newest format known here.
pub const FORMAT: u32 = 2;

/// Bytes of a log that is long. It is cut to them once its pages are in the file.
const LONG_LOG: u64 = 64 * 1024 * 1024;

/// Pages in the log from which on a commit copies them into the file; SQLite's own default.
const COPIED_PAGES: u32 = 1000;

/// A row of `document` with `last` NULL belongs to the newest version; every version is the rows with
/// `first <= version` that were not closed before it. An item's `position` is where its lead begins in the document's bytes.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commit_log (version INTEGER PRIMARY KEY, time TEXT NOT NULL, principal TEXT NOT NULL, cmdlet TEXT NOT NULL, message TEXT NOT NULL);
CREATE TABLE request (name TEXT PRIMARY KEY, principal TEXT NOT NULL, cmdlet TEXT NOT NULL, version INTEGER NOT NULL, changed INTEGER NOT NULL, fingerprint BLOB) WITHOUT ROWID;
CREATE TABLE content (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, length INTEGER NOT NULL, data BLOB);
CREATE TABLE piece (content INTEGER NOT NULL, number INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (content, number));
CREATE TABLE part (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, name TEXT NOT NULL, head BLOB, tail BLOB, content INTEGER, first INTEGER NOT NULL, last INTEGER);
CREATE TABLE document (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, length INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER, seal BLOB, head BLOB NOT NULL, tail BLOB NOT NULL);
CREATE UNIQUE INDEX document_key ON document (key) WHERE last IS NULL;
CREATE INDEX document_order ON document (position) WHERE last IS NULL;
CREATE TABLE item (document INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, signature BLOB, content INTEGER NOT NULL, lead BLOB NOT NULL, PRIMARY KEY (document, position)) WITHOUT ROWID;
CREATE UNIQUE INDEX item_key ON item (document, key);
CREATE TABLE run_cache (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, length INTEGER NOT NULL, packed INTEGER NOT NULL, crc INTEGER NOT NULL, packed_crc INTEGER NOT NULL, data BLOB NOT NULL, row_crc INTEGER);
";

/// What makes the next format of each one, from the first on.
const UPGRADES: &[&str] = &[
    // Calls that were remembered before have no fingerprint.
    "ALTER TABLE request ADD COLUMN fingerprint BLOB;",
];

/// Opens the connection that writes, and makes the tables in a new file. True when the file was new.
pub fn open_writer(
    path: &Path,
    kind: StoreKind,
    head: &Head,
) -> Result<(Connection, bool), StoreError> {
    refuse_a_lone_log(path)?;
    if length(path) == 0 {
        head.compare(Version(0))?;
    }
    create_private(path)?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // As long as it may be refused, what is left of its log stays what it is.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    let new = application == 0 && tables == 0;
    if new {
        head.compare(Version(0))?;
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;")?;
    } else if application != APPLICATION {
        return Err(StoreError::Damaged(
            "the file is a database of another program".to_owned(),
        ));
    }
    let mut found = FORMAT;
    if !new {
        found = check(&connection, kind)?;
        let newest: Option<i64> =
            connection.query_row("SELECT max(version) FROM commit_log", [], |row| row.get(0))?;
        head.compare(Version(newest.map_or(0, unsigned)))?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = FILE;",
    )?;
    connection.pragma_update(None, "journal_size_limit", int(LONG_LOG))?;
    if new {
        let kind = kind_text(kind);
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} INSERT INTO meta VALUES ('kind', '{kind}'); PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))?;
    }
    upgrade(&connection, found)?;
    add_seals(&connection)?;
    connection.execute_batch("CREATE TEMP TABLE fresh (position INTEGER PRIMARY KEY, key TEXT NOT NULL, signature BLOB, content INTEGER NOT NULL, lead BLOB NOT NULL);")?;
    Ok((connection, new))
}

/// Opens a connection that reads.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // Without a mutex of its own: every connection is used by one thread at a time.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise a statement is compiled anew whenever its parameters change, to look for a better plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA cache_size = -2048; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// Whether a commit also copies the log into the file once there are enough pages in it.
pub fn copy_log_by_itself(connection: &Connection, copy: bool) -> Result<(), StoreError> {
    let pages = if copy { COPIED_PAGES } else { 0 };
    connection.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))?;
    Ok(())
}

/// Does something whose commits do not copy the log. What is committed is in the log, and safe. That it also goes into the file can
/// wait for the next commit, which is mostly that of an idle service.
pub fn without_copying_the_log<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    copy_log_by_itself(connection, false)?;
    let outcome = work(connection);
    // What was committed stays so, whatever becomes of this.
    let _the_log_only_grows = copy_log_by_itself(connection, true);
    outcome
}

/// True when the log of a store's file holds more than it should keep.
pub fn log_is_long(store: &Path) -> bool {
    length(&log_of(store)) > LONG_LOG
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// A log with content beside a file without any is what is left of a store. SQLite would throw the log away.
fn refuse_a_lone_log(path: &Path) -> Result<(), StoreError> {
    let log = log_of(path);
    if length(path) == 0 && length(&log) > 0 {
        return Err(StoreError::Damaged(format!(
            "there is nothing in it, but its log {} has content",
            log.display()
        )));
    }
    Ok(())
}

/// Nobody but the owner may read a store, whatever the mask of the process.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if path.is_file() {
                Ok(())
            } else {
                Err(StoreError::Failed(format!(
                    "{} is not a file",
                    path.display()
                )))
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the newest format of an older one: whole, or not at all.
fn upgrade(connection: &Connection, found: u32) -> Result<(), StoreError> {
    if found >= FORMAT {
        return Ok(());
    }
    let done = usize::try_from(found).unwrap_or(0).saturating_sub(1);
    let steps: String = UPGRADES.iter().skip(done).copied().collect();
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {steps} PRAGMA user_version = {FORMAT}; COMMIT;"
    ))?;
    Ok(())
}

/// Whether the file is a store of this kind, in a format that is known here; returns the format.
fn check(connection: &Connection, kind: StoreKind) -> Result<u32, StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > FORMAT {
        return Err(StoreError::TooNew {
            found,
            known: FORMAT,
        });
    }
    let stored: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'kind'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if stored.as_deref() != Some(kind_text(kind)) {
        return Err(StoreError::Damaged(format!(
            "the file is not the {}",
            kind.display_name()
        )));
    }
    Ok(found)
}

/// Gives a store of an earlier release the columns of what shows that its rows are as they were written. They are filled by the next
/// import; that release itself could go on with such a store.
fn add_seals(connection: &Connection) -> Result<(), StoreError> {
    let there: bool = connection.query_row(
        "SELECT count(*) > 0 FROM pragma_table_info('document') WHERE name = 'seal'",
        [],
        |row| row.get(0),
    )?;
    if !there {
        connection.execute_batch("BEGIN IMMEDIATE; ALTER TABLE document ADD COLUMN seal BLOB; ALTER TABLE run_cache ADD COLUMN row_crc INTEGER; COMMIT;")?;
    }
    Ok(())
}

fn kind_text(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Central => "central",
        StoreKind::Local => "local",
    }
}
