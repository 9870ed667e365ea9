//! An import: one transaction in which documents are compared with what is there as they stream by. Documents that are the same to the
//! byte are left alone; nothing is kept in memory but one document's short items.

use cs_archive::{PackageEvent, PartRole};
use cs_model::{ContentHash, DocumentId, ItemKey, Uuid, Version};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::content::ContentWriter;
use super::seen::Seen;
use super::{int, schema};
use crate::runs::DocumentDigest;
use crate::{Change, ChangeKind, CommitInfo, ImportOutcome, StoreError};

/// The distance between the positions of documents, so that new ones find room between them.
const SPACE: i64 = 1 << 40;

/// Items of a document that are kept in memory before they go to a temporary table.
const ITEMS: usize = 1024;

/// Bytes of items that are kept in memory before they are written.
const WAITING_BYTES: usize = 256 * 1024;

/// Who commits, for a commit that is to be kept.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    pub principal: &'a str,
    pub cmdlet: &'a str,
    pub commit: &'a CommitInfo,
}

/// Runs an import; without an author nothing is kept.
pub fn run(
    connection: &mut Connection,
    newest: Version,
    author: Option<Author<'_>>,
    next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
    on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
) -> Result<ImportOutcome, StoreError> {
    // What is committed is in the log, and safe. That it also goes into the file can wait for the next commit, which is mostly that of
    // an idle service.
    let long = schema::log_is_long(connection);
    schema::copy_log_by_itself(connection, false)?;
    let outcome = transact(connection, newest, author, long, next, on_change);
    // What was committed stays so, whatever becomes of this.
    let _the_log_only_grows = schema::copy_log_by_itself(connection, true);
    outcome
}

fn transact(
    connection: &mut Connection,
    newest: Version,
    author: Option<Author<'_>>,
    log_is_long: bool,
    next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
    on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
) -> Result<ImportOutcome, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("DELETE FROM temp.fresh;")?;
    let mut import = Import {
        edit: Edit {
            db: &transaction,
            version: int(newest.0 + 1),
            dry: author.is_none(),
            outcome: ImportOutcome::default(),
            on_change,
        },
        place: Place::Between,
        last_position: 0,
        at_end: false,
        seen: Seen::default(),
        parts: Vec::new(),
    };
    while let Some(event) = next().map_err(|()| StoreError::Stopped)? {
        import.event(event)?;
    }
    import.finish()?;
    let outcome = import.edit.outcome;
    // A log that was long before is not made longer and longer.
    if log_is_long && outcome.changed {
        schema::copy_log_by_itself(&transaction, true)?;
    }
    close(transaction, newest, author, outcome)
}

/// Commits what changed, or rolls back.
pub fn close(
    transaction: Transaction<'_>,
    newest: Version,
    author: Option<Author<'_>>,
    mut outcome: ImportOutcome,
) -> Result<ImportOutcome, StoreError> {
    outcome.version = if outcome.changed {
        Version(newest.0 + 1)
    } else {
        newest
    };
    let Some(Author {
        principal,
        cmdlet,
        commit,
    }) = author
    else {
        transaction.rollback()?;
        outcome.version = newest;
        return Ok(outcome);
    };
    if !outcome.changed && commit.idempotency_key.is_none() {
        transaction.rollback()?;
        return Ok(outcome);
    }
    let version = int(outcome.version.0);
    if outcome.changed {
        transaction
            .prepare_cached("INSERT INTO commit_log (version, time, principal, cmdlet, message) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![version, commit.time, principal, cmdlet, commit.message])?;
    }
    if let Some(key) = &commit.idempotency_key {
        transaction
            .prepare_cached("INSERT INTO request (name, principal, cmdlet, version, changed) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![key, principal, cmdlet, version, outcome.changed])?;
    }
    transaction.commit()?;
    Ok(outcome)
}

/// What every change of the store shares.
pub struct Edit<'a> {
    pub db: &'a Connection,
    /// The version that is being made.
    pub version: i64,
    pub dry: bool,
    pub outcome: ImportOutcome,
    pub on_change: &'a mut dyn FnMut(&Change) -> Result<(), ()>,
}

struct Import<'a> {
    edit: Edit<'a>,
    place: Place,
    last_position: i64,
    /// No document has a position behind the last one.
    at_end: bool,
    /// The rows of documents that are in the package, old and new.
    seen: Seen,
    parts: Vec<NewPart>,
}

/// Where the import is in its package.
enum Place {
    Between,
    Opaque {
        name: String,
        content: ContentWriter,
        hash: Sha256,
        length: u64,
    },
    Set {
        name: String,
        head: Vec<u8>,
        tail: Option<Vec<u8>>,
        document: Option<Box<NewDocument>>,
    },
}

struct NewPart {
    name: String,
    head: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
    content: Option<i64>,
}

/// A document on its way in.
pub struct NewDocument {
    pub id: DocumentId,
    pub head: Vec<u8>,
    pub digest: DocumentDigest,
    tail: Vec<u8>,
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
            tail: Vec::new(),
            items: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            spilled: false,
            item: None,
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
    pub position: i64,
    pub digest: [u8; 32],
}

/// A position behind another, at the beginning of the gap so that more find room there; with space behind the last document.
fn between(position: i64, next: Option<i64>) -> i64 {
    match next {
        None => position + SPACE,
        Some(next) => position + ((next - position) / 16).clamp(1, SPACE),
    }
}

impl Import<'_> {
    fn event(&mut self, event: PackageEvent) -> Result<(), StoreError> {
        match (&mut self.place, event) {
            (
                Place::Between,
                PackageEvent::Part {
                    name,
                    role: PartRole::DocItemSet,
                },
            ) => {
                if self.parts.iter().any(|part| part.content.is_none()) {
                    return Err(StoreError::Malformed("two parts with documents"));
                }
                self.place = Place::Set {
                    name,
                    head: Vec::new(),
                    tail: None,
                    document: None,
                };
            }
            (
                Place::Between,
                PackageEvent::Part {
                    name,
                    role: PartRole::Opaque,
                },
            ) => {
                let content = ContentWriter::new(self.edit.dry);
                self.place = Place::Opaque {
                    name,
                    content,
                    hash: Sha256::new(),
                    length: 0,
                };
            }
            (
                Place::Opaque {
                    content,
                    hash,
                    length,
                    ..
                },
                PackageEvent::Text(text),
            ) => {
                hash.update(&text);
                *length += text.len() as u64;
                content.take(self.edit.db, text)?;
            }
            (
                Place::Set {
                    head,
                    tail,
                    document: None,
                    ..
                },
                PackageEvent::Text(text),
            ) => {
                tail.as_mut().unwrap_or(head).extend(text);
            }
            (Place::Set { tail, document, .. }, PackageEvent::DocumentStart { id, head, .. })
                if document.is_none() =>
            {
                if tail.as_ref().is_some_and(|tail| !tail.is_empty()) {
                    return Err(StoreError::Malformed("text between documents"));
                }
                tail.get_or_insert_default();
                *document = Some(Box::new(NewDocument::new(id, head)));
            }
            (
                Place::Set {
                    document: Some(document),
                    ..
                },
                event,
            ) => self
                .edit
                .document(document, event)
                .and_then(|ended| if ended { self.end_document() } else { Ok(()) })?,
            (Place::Set { .. } | Place::Opaque { .. }, PackageEvent::PartEnd) => self.end_part()?,
            _ => return Err(StoreError::Malformed("an event at the wrong place")),
        }
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), StoreError> {
        let part = match std::mem::replace(&mut self.place, Place::Between) {
            Place::Opaque {
                name,
                content,
                hash,
                length,
            } => {
                let hash = ContentHash(hash.finalize().into());
                let content = Some(content.finish(self.edit.db, &hash, length)?);
                NewPart {
                    name,
                    head: None,
                    tail: None,
                    content,
                }
            }
            Place::Set {
                name,
                head,
                tail,
                document: None,
            } => NewPart {
                name,
                head: Some(head),
                tail: Some(tail.unwrap_or_default()),
                content: None,
            },
            _ => return Err(StoreError::Malformed("a part that ends in a document")),
        };
        self.parts.push(part);
        Ok(())
    }

    fn end_document(&mut self) -> Result<(), StoreError> {
        let Place::Set { document, .. } = &mut self.place else {
            return Err(StoreError::Malformed("a document outside its part"));
        };
        let Some(mut document) = document.take() else {
            return Err(StoreError::Malformed("a document that did not begin"));
        };
        let (digest, length) = document.digest.clone().finish(&document.tail);
        let old = self.edit.find(&document.id)?;
        if let Some(old) = &old {
            // What was seen before, or was made by this very import, is a second document of one name.
            if !self.seen.mark(old.id) {
                return Err(StoreError::DuplicateDocument {
                    id: Box::new(document.id.clone()),
                });
            }
            if old.digest == digest && old.position > self.last_position {
                self.last_position = old.position;
                return self.edit.forget_items(&document);
            }
        }
        let position = match &old {
            Some(old) if old.position > self.last_position => old.position,
            _ if self.at_end => self.last_position + SPACE,
            _ => {
                let next = self.edit.position_of_next(self.last_position)?;
                self.at_end = next.is_none();
                between(self.last_position, next)
            }
        };
        self.last_position = position;
        let new = self
            .edit
            .replace(&mut document, old.as_ref(), position, digest, length)?;
        self.seen.mark(new);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if !matches!(self.place, Place::Between) {
            return Err(StoreError::Malformed("a part without its end"));
        }
        let mut gone = Vec::new();
        {
            let mut statement = self
                .edit
                .db
                .prepare_cached("SELECT id FROM document WHERE last IS NULL ORDER BY position")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if !self.seen.holds(id) {
                    gone.push(id);
                }
            }
        }
        for id in gone {
            let key: String = self
                .edit
                .db
                .prepare_cached("SELECT key FROM document WHERE id = ?1")?
                .query_row([id], |row| row.get(0))?;
            self.edit
                .tell(ChangeKind::Remove, DocumentId::parse(&key), None)?;
            self.edit.close_document(id)?;
        }
        self.parts()
    }

    /// Compares the parts, which are few, with those that are there.
    fn parts(&mut self) -> Result<(), StoreError> {
        type Row = (String, Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);
        let old: Vec<Row> = {
            let mut statement = self.edit.db.prepare_cached(
                "SELECT name, head, tail, content FROM part WHERE last IS NULL ORDER BY position",
            )?;
            let rows = statement.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        let new: Vec<Row> = self
            .parts
            .iter()
            .map(|part| {
                (
                    part.name.clone(),
                    part.head.clone(),
                    part.tail.clone(),
                    part.content,
                )
            })
            .collect();
        if old == new {
            return Ok(());
        }
        let mut told = false;
        for part in &new {
            let kind = match old.iter().find(|other| other.0 == part.0) {
                None => ChangeKind::Add,
                Some(other) if other != part => ChangeKind::Change,
                Some(_) => continue,
            };
            told = true;
            self.edit
                .tell(kind, DocumentId::Named(part.0.clone()), None)?;
        }
        for part in &old {
            if !new.iter().any(|other| other.0 == part.0) {
                told = true;
                self.edit
                    .tell(ChangeKind::Remove, DocumentId::Named(part.0.clone()), None)?;
            }
        }
        if !told && let Some(first) = new.first() {
            // Only their order differs.
            self.edit
                .tell(ChangeKind::Change, DocumentId::Named(first.0.clone()), None)?;
        }
        self.edit.db.execute(
            "UPDATE part SET last = ?1 WHERE last IS NULL",
            [self.edit.version - 1],
        )?;
        for (position, (name, head, tail, content)) in new.iter().enumerate() {
            self.edit
                .db
                .prepare_cached("INSERT INTO part (position, name, head, tail, content, first) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![int(position as u64), name, head, tail, content, self.edit.version])?;
        }
        Ok(())
    }
}

impl Edit<'_> {
    /// Takes an event inside a document; true when it ended.
    fn document(
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
                    position: int(document.digest.item(&lead, &hash.0, length)),
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

    fn forget_items(&self, document: &NewDocument) -> Result<(), StoreError> {
        if document.spilled {
            self.db.execute("DELETE FROM temp.fresh", [])?;
        }
        Ok(())
    }

    /// The open row of a document.
    pub fn find(&self, id: &DocumentId) -> Result<Option<OldDocument>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, position, digest FROM document WHERE key = ?1 AND last IS NULL",
        )?;
        let found = statement.query_row([id.text()], |row| {
            Ok(OldDocument {
                id: row.get(0)?,
                position: row.get(1)?,
                digest: row.get(2)?,
            })
        });
        Ok(found.optional()?)
    }

    /// A free position behind another.
    pub fn position_after(&self, position: i64) -> Result<i64, StoreError> {
        Ok(between(position, self.position_of_next(position)?))
    }

    /// The position of the next document behind one.
    fn position_of_next(&self, position: i64) -> Result<Option<i64>, StoreError> {
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
        position: i64,
        digest: [u8; 32],
        length: u64,
    ) -> Result<i64, StoreError> {
        self.settle(document)?;
        if let Some(old) = old {
            self.close_document(old.id)?;
        }
        let id = self
            .db
            .prepare_cached("INSERT INTO document (position, key, digest, length, first, head, tail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .insert(params![position, document.id.text(), digest, int(length), self.version, document.head, document.tail])?;
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

    /// Ends a row with the version before this one; a row of this version goes away whole.
    pub fn close_document(&self, id: i64) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE document SET last = ?1 WHERE id = ?2")?
            .execute(params![self.version - 1, id])?;
        Ok(())
    }
}
