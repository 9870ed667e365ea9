//! A consistent view: a connection inside a read transaction.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cs_model::{ContentHash, DocumentId, ItemKey, Uuid, Version};
use cs_rbac::{Grant, Rights};
use rusqlite::{Connection, OptionalExtension};

use super::seal::{DocumentSeal, damaged};
use super::{SPARE_READERS, content, export, layout, schema, unsigned};
use crate::{DocumentInfo, Item, Snapshot, StoreError};

/// A reading connection inside a transaction; it goes back to the others in the end.
pub struct Reader {
    connection: Option<Connection>,
    spare: Arc<Mutex<Vec<Connection>>>,
}

impl Reader {
    pub fn begin(path: &Path, spare: Arc<Mutex<Vec<Connection>>>) -> Result<Self, StoreError> {
        let free = spare.lock().ok().and_then(|mut spare| spare.pop());
        let connection = match free {
            Some(connection) => connection,
            None => schema::open_reader(path)?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self {
            connection: Some(connection),
            spare,
        })
    }

    /// The connection; it is there until the reader is dropped.
    pub fn db(&self) -> Result<&Connection, StoreError> {
        self.connection
            .as_ref()
            .ok_or_else(|| StoreError::Failed("the connection was given back".to_owned()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.execute_batch("ROLLBACK").is_ok()
            && let Ok(mut spare) = self.spare.lock()
            && spare.len() < SPARE_READERS
        {
            spare.push(connection);
        }
    }
}

/// One version.
pub struct SqliteSnapshot {
    reader: Reader,
    folder: PathBuf,
    version: Version,
    grant: Grant,
}

impl SqliteSnapshot {
    pub fn new(reader: Reader, path: &Path, grant: Grant) -> Result<Self, StoreError> {
        let version: i64 = reader
            .db()?
            .prepare_cached("SELECT max(version) FROM commit_log")?
            .query_row([], |row| row.get(0))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            reader,
            folder,
            version: Version(unsigned(version)),
            grant,
        })
    }

    /// The items of a document, checked against its seal.
    fn items(
        &self,
        document: i64,
        key: &str,
        seal: Option<[u8; 32]>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut statement = self.reader.db()?.prepare_cached(
            "SELECT i.key, i.signature, c.hash, c.length FROM item i JOIN content c ON c.id = i.content WHERE i.document = ?1 ORDER BY i.position",
        )?;
        let rows = statement.query_map([document], |row| {
            Ok(Item {
                key: ItemKey(row.get(0)?),
                signature: row.get::<_, Option<[u8; 16]>>(1)?.map(Uuid::from_bytes),
                hash: ContentHash(row.get(2)?),
                length: unsigned(row.get(3)?),
            })
        })?;
        let items: Vec<Item> = rows.collect::<Result<_, _>>()?;
        let mut found = DocumentSeal::default();
        for item in &items {
            found.item(&item.key, item.signature, &item.hash, item.length);
        }
        match seal {
            Some(seal) if seal != found.finish(key) => Err(damaged(key)),
            _ => Ok(items),
        }
    }
}

impl Snapshot for SqliteSnapshot {
    fn version(&self) -> Version {
        self.version
    }

    fn documents(&self, each: &mut dyn FnMut(DocumentInfo) -> bool) -> Result<(), StoreError> {
        layout::check(self.reader.db()?)?;
        let mut statement = self.reader.db()?.prepare_cached(
            "SELECT id, key, seal FROM document WHERE last IS NULL ORDER BY position",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(1)?;
            let items = self.items(row.get(0)?, &key, row.get(2)?)?;
            if !each(DocumentInfo {
                id: DocumentId::parse(&key),
                items,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn document(&self, id: &DocumentId) -> Result<Option<DocumentInfo>, StoreError> {
        let mut statement = self
            .reader
            .db()?
            .prepare_cached("SELECT id, seal FROM document WHERE key = ?1 AND last IS NULL")?;
        let text = id.text();
        let found = statement.query_row([&text], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((row, seal)) = found.optional()? else {
            // It was never there, or it was lost.
            layout::check_absent(self.reader.db()?, &text)?;
            return Ok(None);
        };
        Ok(Some(DocumentInfo {
            id: id.clone(),
            items: self.items(row, &text, seal)?,
        }))
    }

    fn content(&self, hash: &ContentHash, to: &mut dyn Write) -> Result<(), StoreError> {
        let mut statement = self
            .reader
            .db()?
            .prepare_cached("SELECT id, length FROM content WHERE hash = ?1")?;
        let found = statement
            .query_row([&hash.0], |row| {
                Ok((row.get::<_, i64>(0)?, unsigned(row.get(1)?)))
            })
            .optional()?;
        let Some((id, length)) = found else {
            return Err(StoreError::Damaged(format!("content {hash} is missing")));
        };
        // The row itself is asked, not the index that led to it.
        let of_row: [u8; 32] = self
            .reader
            .db()?
            .prepare_cached("SELECT hash FROM content WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        if of_row != hash.0 {
            return Err(StoreError::Damaged(format!(
                "content {hash} is not found where it was"
            )));
        }
        content::read(self.reader.db()?, id, 0, length, &mut |piece| {
            to.write_all(piece).map_err(|_| StoreError::Stopped)
        })
    }

    fn export(
        &self,
        begin: &mut dyn FnMut(u64) -> Result<(), ()>,
        to: &mut dyn Write,
    ) -> Result<(), StoreError> {
        if self.grant.rights() < Rights::Export {
            return Err(StoreError::NotGranted {
                cmdlet: self.grant.cmdlet().to_string(),
            });
        }
        export::run(self.reader.db()?, &self.folder, begin, to)
    }
}
