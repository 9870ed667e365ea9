//! An import: one transaction in which documents are compared with what is there as they stream by. Documents that are the same to the
//! byte are left alone; nothing is kept in memory but one document's short items.

use std::path::Path;

use cs_archive::{PackageEvent, PartRole};
use cs_model::{ContentHash, DocumentId, Version};
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::commit::{Author, close};
use super::content::ContentWriter;
use super::edit::{Edit, NewDocument, OldDocument, between};
use super::seal::{DocumentRow, PartRow, VersionSeal};
use super::seen::Seen;
use super::{int, schema};
use crate::{Change, ChangeKind, ImportOutcome, LastCheck, StoreError};

/// Runs an import; without an author nothing is kept.
pub fn run(
    connection: &mut Connection,
    newest: Version,
    author: Option<Author<'_>>,
    next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
    on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
    last_check: LastCheck<'_>,
) -> Result<ImportOutcome, StoreError> {
    let long = connection
        .path()
        .is_some_and(|path| schema::log_is_long(Path::new(path)));
    schema::without_copying_the_log(connection, |connection| {
        transact(
            connection, newest, author, long, next, on_change, last_check,
        )
    })
}

fn transact(
    connection: &mut Connection,
    newest: Version,
    author: Option<Author<'_>>,
    log_is_long: bool,
    next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
    on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
    last_check: LastCheck<'_>,
) -> Result<ImportOutcome, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("DELETE FROM temp.fresh;")?;
    let mut import = Import {
        edit: Edit {
            db: &transaction,
            version: int(newest.0 + 1),
            dry: author.is_none(),
            outcome: ImportOutcome::default(),
            seal: VersionSeal::default(),
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
    if outcome.changed {
        import.edit.seal.write(&transaction, int(newest.0 + 1))?;
    }
    // A log that was long before is not made longer and longer.
    if log_is_long && outcome.changed {
        schema::copy_log_by_itself(&transaction, true)?;
    }
    close(transaction, newest, author, outcome, last_check)
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
    /// Hash and length of the content.
    sealed: Option<([u8; 32], u64)>,
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
                    sealed: Some((hash.0, length)),
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
                sealed: None,
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
        let mut row = document.row(0);
        let old = self.edit.find(&document.id)?;
        if let Some(old) = &old {
            // What was seen before, or was made by this very import, is a second document of one name.
            if !self.seen.mark(old.id) {
                return Err(StoreError::DuplicateDocument {
                    id: Box::new(document.id.clone()),
                });
            }
            if old.row.is_like(&row) && old.row.position > self.last_position {
                self.last_position = old.row.position;
                return self.keep(old, row, &document);
            }
        }
        row.position = match &old {
            Some(old) if old.row.position > self.last_position => old.row.position,
            _ if self.at_end => between(self.last_position, None),
            _ => {
                let next = self.edit.position_of_next(self.last_position)?;
                self.at_end = next.is_none();
                between(self.last_position, next)
            }
        };
        self.last_position = row.position;
        let new = self.edit.replace(&mut document, old.as_ref(), &row)?;
        self.seen.mark(new);
        Ok(())
    }

    /// A document stays as it is. The row of an earlier release is sealed now that its content is known.
    fn keep(
        &mut self,
        old: &OldDocument,
        new: DocumentRow,
        document: &NewDocument,
    ) -> Result<(), StoreError> {
        self.edit.seal.document(&DocumentRow {
            position: old.row.position,
            ..new
        });
        if old.row.seal.is_none() {
            self.edit
                .db
                .prepare_cached("UPDATE document SET seal = ?1 WHERE id = ?2")?
                .execute(params![new.seal, old.id])?;
        }
        self.edit.forget_items(document)
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
        for (position, part) in self.parts.iter().enumerate() {
            self.edit.seal.part(&PartRow {
                position: int(position as u64),
                name: &part.name,
                head: part.head.as_deref(),
                tail: part.tail.as_deref(),
                content: part.sealed,
            });
        }
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
