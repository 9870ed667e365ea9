//! Changes of documents: a new document takes the place of the old one, and what differs is told.

use cs_archive::PackageEvent;
use cs_model::{ContentHash, DocumentId, ItemKey, Uuid};
use rusqlite::{Connection, OptionalExtension, params};

use super::content::ContentWriter;
use super::seal::{DocumentRow, DocumentSeal, VersionSeal};
use super::{int, unsigned};
use crate::runs::DocumentDigest;
use crate::{Change, ChangeKind, ImportOutcome, StoreError};

/// The distance between the positions of documents, so that new ones find room between them.
const SPACE: i64 = 1 << 40;

/// Items of a document that are kept in memory before they go to a temporary table.
const ITEMS: usize = 1024;

/// Bytes of items that are kept in memory before they are written.
const WAITING_BYTES: usize = 256 * 1024;

/// What every change of the store shares.
pub struct Edit<'a> {
    pub db: &'a Connection,
    /// The version that is being made.
    pub version: i64,
    pub dry: bool,
    pub outcome: ImportOutcome,
    /// The seal of the version that is being made, as far as it is known.
    pub seal: VersionSeal,
    pub on_change: &'a mut dyn FnMut(&Change) -> Result<(), ()>,
}

/// A document on its way in.
pub struct NewDocument {
    pub id: DocumentId,
    pub head: Vec<u8>,
    pub digest: DocumentDigest,
    pub seal: DocumentSeal,
    pub tail: Vec<u8>,
    pub items: Vec<NewItem>,
    /// Items behind those, whose content is looked up and written only when the document differs from the one that is there.
    waiting: Vec<WaitingItem>,
    waiting_bytes: usize,
    spilled: bool,
    item: Option<(Vec<u8>, ContentWriter)>,
}

/// One of its items.
pub struct NewItem {
    pub position: i64,
    pub key: ItemKey,
    pub signature: Option<Uuid>,
    pub content: i64,
    pub lead: Vec<u8>,
}

/// An item with its content, which is short.
struct WaitingItem {
    item: NewItem,
    writer: ContentWriter,
    hash: ContentHash,
    length: u64,
}

impl NewDocument {
    pub fn new(id: DocumentId, head: Vec<u8>) -> Self {
        let digest = DocumentDigest::new(&head);
        Self {
            id,
            head,
            digest,
            seal: DocumentSeal::default(),
            tail: Vec::new(),
            items: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            spilled: false,
            item: None,
        }
    }

    /// Adds an item to the digest and to the seal; returns where its lead begins.
    pub fn add(
        &mut self,
        key: &ItemKey,
        signature: Option<Uuid>,
        lead: &[u8],
        hash: &ContentHash,
        length: u64,
    ) -> i64 {
        self.seal.item(key, signature, hash, length);
        int(self.digest.item(lead, &hash.0, length))
    }

    /// What its row will say, at a position.
    pub fn row(&self, position: i64) -> DocumentRow {
        let (digest, length) = self.digest.clone().finish(&self.tail);
        DocumentRow {
            position,
            length,
            digest,
            seal: Some(self.seal.clone().finish(&self.id.text())),
        }
    }

    /// The document ends.
    pub fn end(&mut self, tail: Vec<u8>) {
        self.tail = tail;
    }
}

/// The open row of a document.
pub struct OldDocument {
    pub id: i64,
    pub row: DocumentRow,
}

/// A position behind another, at the beginning of the gap so that more find room there; with space behind the last document.
pub fn between(position: i64, next: Option<i64>) -> i64 {
    match next {
        None => position + SPACE,
        Some(next) => position + ((next - position) / 16).clamp(1, SPACE),
    }
}

impl Edit<'_> {
    /// Takes an event inside a document; true when it ended.
    pub fn document(
        &mut self,
        document: &mut NewDocument,
        event: PackageEvent,
    ) -> Result<bool, StoreError> {
        match (event, &mut document.item) {
            (PackageEvent::ItemStart { lead }, None) => {
                document.item = Some((lead, ContentWriter::new(self.dry)))
            }
            (PackageEvent::ItemChunk(chunk), Some((_, content))) => content.take(self.db, chunk)?,
            (
                PackageEvent::ItemEnd {
                    key,
                    signature,
                    hash,
                    length,
                },
                item,
            ) => {
                let Some((lead, content)) = item.take() else {
                    return Err(StoreError::Malformed("an item that did not begin"));
                };
                let mut item = NewItem {
                    position: document.add(&key, signature, &lead, &hash, length),
                    key,
                    signature,
                    content: 0,
                    lead,
                };
                match content.waiting() {
                    Some(bytes) => {
                        document.waiting_bytes += bytes;
                        document.waiting.push(WaitingItem {
                            item,
                            writer: content,
                            hash,
                            length,
                        });
                        if document.waiting_bytes >= WAITING_BYTES {
                            self.settle(document)?;
                        }
                    }
                    // Some of it is written, under the next free id, so it goes in before those that wait.
                    None => {
                        item.content = content.finish(self.db, &hash, length)?;
                        self.settle(document)?;
                        document.items.push(item);
                    }
                }
                if document.items.len() + document.waiting.len() >= ITEMS {
                    self.settle(document)?;
                    self.spill(document)?;
                }
            }
            (PackageEvent::DocumentEnd { tail }, None) => {
                document.end(tail);
                return Ok(true);
            }
            _ => {
                return Err(StoreError::Malformed(
                    "an event at the wrong place in a document",
                ));
            }
        }
        Ok(false)
    }

    /// Writes the content of items that wait for it.
    fn settle(&self, document: &mut NewDocument) -> Result<(), StoreError> {
        document.waiting_bytes = 0;
        for waiting in document.waiting.drain(..) {
            let mut item = waiting.item;
            item.content = waiting
                .writer
                .finish(self.db, &waiting.hash, waiting.length)?;
            document.items.push(item);
        }
        Ok(())
    }

    fn spill(&self, document: &mut NewDocument) -> Result<(), StoreError> {
        document.spilled = true;
        let mut insert = self.db.prepare_cached("INSERT INTO temp.fresh (position, key, signature, content, lead) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for item in document.items.drain(..) {
            let signature = item.signature.map(|signature| signature.into_bytes());
            insert.execute(params![
                item.position,
                item.key.0,
                signature,
                item.content,
                item.lead
            ])?;
        }
        Ok(())
    }

    /// Forgets the items of a document that stays as it is.
    pub fn forget_items(&self, document: &NewDocument) -> Result<(), StoreError> {
        if document.spilled {
            self.db.execute("DELETE FROM temp.fresh", [])?;
        }
        Ok(())
    }

    /// The open row of a document.
    pub fn find(&self, id: &DocumentId) -> Result<Option<OldDocument>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, position, length, digest, seal FROM document WHERE key = ?1 AND last IS NULL",
        )?;
        let found = statement.query_row([id.text()], |row| {
            Ok(OldDocument {
                id: row.get(0)?,
                row: DocumentRow {
                    position: row.get(1)?,
                    length: unsigned(row.get(2)?),
                    digest: row.get(3)?,
                    seal: row.get(4)?,
                },
            })
        });
        Ok(found.optional()?)
    }

    /// A free position behind another.
    pub fn position_after(&self, position: i64) -> Result<i64, StoreError> {
        Ok(between(position, self.position_of_next(position)?))
    }

    /// The position of the next document behind one.
    pub fn position_of_next(&self, position: i64) -> Result<Option<i64>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT position FROM document WHERE last IS NULL AND position > ?1 ORDER BY position LIMIT 1")?;
        Ok(statement
            .query_row([position], |row| row.get(0))
            .optional()?)
    }

    /// Writes a document and its items in place of the old one, and tells what differs. Returns its row.
    pub fn replace(
        &mut self,
        document: &mut NewDocument,
        old: Option<&OldDocument>,
        row: &DocumentRow,
    ) -> Result<i64, StoreError> {
        self.settle(document)?;
        self.seal.document(row);
        if let Some(old) = old {
            self.close_document(old.id)?;
        }
        let id = self
            .db
            .prepare_cached("INSERT INTO document (position, key, digest, length, first, head, tail, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .insert(params![row.position, document.id.text(), row.digest, int(row.length), self.version, document.head, document.tail, row.seal])?;
        let duplicate = |error: rusqlite::Error, key: &str| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::DuplicateItem {
                id: Box::new(document.id.clone()),
                key: key.to_owned(),
            },
            _ => StoreError::from(error),
        };
        if document.spilled {
            let key = |db: &Connection| -> Option<String> {
                let twice = "SELECT key FROM temp.fresh GROUP BY key HAVING count(*) > 1 LIMIT 1";
                db.query_row(twice, [], |row| row.get(0)).ok()
            };
            let copy = "INSERT INTO item (document, position, key, signature, content, lead) SELECT ?1, position, key, signature, content, lead FROM temp.fresh ORDER BY position";
            self.db
                .execute(copy, [id])
                .map_err(|error| duplicate(error, &key(self.db).unwrap_or_default()))?;
            self.db.execute("DELETE FROM temp.fresh", [])?;
        }
        let mut insert = self.db.prepare_cached("INSERT INTO item (document, position, key, signature, content, lead) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for item in &document.items {
            let signature = item.signature.map(|signature| signature.into_bytes());
            insert
                .execute(params![
                    id,
                    item.position,
                    item.key.0,
                    signature,
                    item.content,
                    item.lead
                ])
                .map_err(|error| duplicate(error, &item.key.0))?;
        }
        drop(insert);
        match old {
            None => self.tell(ChangeKind::Add, document.id.clone(), None)?,
            Some(old) => self.tell_items(&document.id, old.id, id)?,
        }
        Ok(id)
    }

    fn tell_items(&mut self, document: &DocumentId, old: i64, new: i64) -> Result<(), StoreError> {
        let mut differences: Vec<(ChangeKind, String)> = Vec::new();
        {
            let mut statement = self.db.prepare_cached(
                "SELECT n.key, o.key IS NULL FROM item n LEFT JOIN item o ON o.document = ?1 AND o.key = n.key
                 WHERE n.document = ?2 AND (o.key IS NULL OR o.content <> n.content) ORDER BY n.position",
            )?;
            let mut rows = statement.query([old, new])?;
            while let Some(row) = rows.next()? {
                let kind = if row.get(1)? {
                    ChangeKind::Add
                } else {
                    ChangeKind::Change
                };
                differences.push((kind, row.get(0)?));
            }
            let mut statement = self.db.prepare_cached(
                "SELECT o.key FROM item o LEFT JOIN item n ON n.document = ?2 AND n.key = o.key WHERE o.document = ?1 AND n.key IS NULL ORDER BY o.position",
            )?;
            let mut rows = statement.query([old, new])?;
            while let Some(row) = rows.next()? {
                differences.push((ChangeKind::Remove, row.get(0)?));
            }
        }
        if differences.is_empty() {
            return self.tell(ChangeKind::Change, document.clone(), None);
        }
        for (kind, key) in differences {
            self.tell(kind, document.clone(), Some(ItemKey(key)))?;
        }
        Ok(())
    }

    /// Counts a difference and tells it.
    pub fn tell(
        &mut self,
        kind: ChangeKind,
        document: DocumentId,
        item: Option<ItemKey>,
    ) -> Result<(), StoreError> {
        self.outcome.changed = true;
        match kind {
            ChangeKind::Add => self.outcome.added += 1,
            ChangeKind::Change => self.outcome.altered += 1,
            ChangeKind::Remove => self.outcome.removed += 1,
        }
        (self.on_change)(&Change {
            kind,
            document,
            item,
        })
        .map_err(|()| StoreError::Stopped)
    }

    /// Ends a row of an earlier version with the one before this; a row of this version is never closed.
    pub fn close_document(&self, id: i64) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE document SET last = ?1 WHERE id = ?2")?
            .execute(params![self.version - 1, id])?;
        Ok(())
    }
}
