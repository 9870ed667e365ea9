//! One item takes the place of another, or joins its document.

use cs_archive::document_frame;
use cs_model::{ContentHash, DocumentId, ItemKey, Uuid, Version};
use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};

use super::commit::{Author, close};
use super::content::ContentWriter;
use super::edit::{Edit, NewDocument, NewItem as Row, OldDocument};
use super::seal::{VersionSeal, damaged};
use super::{int, layout, unsigned};
use crate::{ImportOutcome, NewItem, StoreError};

/// Runs the change; without an author nothing is kept.
pub fn run(
    connection: &mut Connection,
    newest: Version,
    author: Option<Author<'_>>,
    item: &NewItem<'_>,
) -> Result<ImportOutcome, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = VersionSeal::read(&transaction)?;
    let mut edit = Edit {
        db: &transaction,
        version: int(newest.0 + 1),
        dry: author.is_none(),
        outcome: ImportOutcome::default(),
        seal: before.unwrap_or_default(),
        on_change: &mut |_| Ok(()),
    };
    put(&mut edit, item)?;
    let (outcome, version) = (edit.outcome, edit.version);
    // What was not sealed before is not known well enough to be sealed now.
    if outcome.changed && before.is_some() {
        edit.seal.write(&transaction, version)?;
    }
    close(transaction, newest, author, outcome, item.last_check)
}

fn put(edit: &mut Edit<'_>, item: &NewItem<'_>) -> Result<(), StoreError> {
    let stale = || StoreError::Stale {
        id: Box::new(item.document.clone()),
    };
    let hash = ContentHash(Sha256::digest(item.content).into());
    let length = item.content.len() as u64;
    let mut content = ContentWriter::new(edit.dry);
    content.push(edit.db, item.content)?;
    let content = content.finish(edit.db, &hash, length)?;
    let row = |lead: Vec<u8>| Row {
        position: 0,
        key: item.key.clone(),
        signature: Some(item.signature),
        content,
        lead,
    };

    let old = edit.find(item.document)?;
    let (mut document, mut rows, tail) = match &old {
        Some(old) => stored(edit, item.document, old)?,
        None => {
            layout::check_absent(edit.db, &item.document.text())?;
            let (head, tail) = document_frame(item.document);
            (
                NewDocument::new(item.document.clone(), head.into_bytes()),
                Vec::new(),
                tail.into_bytes(),
            )
        }
    };
    match rows.iter_mut().find(|(row, _, _)| row.key == *item.key) {
        Some((found, _, _)) if item.expected.is_some() && found.signature != item.expected => {
            return Err(stale());
        }
        Some((found, _, _)) if found.content == content => return Ok(()),
        Some((found, found_hash, found_length)) => {
            let lead = std::mem::take(&mut found.lead);
            (*found, *found_hash, *found_length) = (row(lead), hash, length);
        }
        None if item.expected.is_some() => return Err(stale()),
        None => rows.push((row(Vec::new()), hash, length)),
    }
    for (mut row, hash, length) in rows {
        row.position = document.add(&row.key, row.signature, &row.lead, &hash, length);
        document.items.push(row);
    }
    document.end(tail);
    let position = match &old {
        Some(old) => old.row.position,
        None => {
            let last: i64 = edit.db.query_row(
                "SELECT coalesce(max(position), 0) FROM document WHERE last IS NULL",
                [],
                |row| row.get(0),
            )?;
            edit.position_after(last)?
        }
    };
    if let Some(old) = &old {
        edit.seal.document(&old.row);
    }
    let row = document.row(position);
    edit.replace(&mut document, old.as_ref(), &row)?;
    Ok(())
}

type Rows = Vec<(Row, ContentHash, u64)>;

/// A document as it is, with its items and its tail.
fn stored(
    edit: &Edit<'_>,
    id: &DocumentId,
    old: &OldDocument,
) -> Result<(NewDocument, Rows, Vec<u8>), StoreError> {
    let (head, tail): (Vec<u8>, Vec<u8>) = edit.db.query_row(
        "SELECT head, tail FROM document WHERE id = ?1",
        [old.id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut statement = edit.db.prepare_cached(
        "SELECT i.key, i.signature, i.content, i.lead, c.hash, c.length FROM item i JOIN content c ON c.id = i.content WHERE i.document = ?1 ORDER BY i.position",
    )?;
    let rows = statement.query_map([old.id], |row| {
        let item = Row {
            position: 0,
            key: ItemKey(row.get(0)?),
            signature: row.get::<_, Option<[u8; 16]>>(1)?.map(Uuid::from_bytes),
            content: row.get(2)?,
            lead: row.get(3)?,
        };
        Ok((item, ContentHash(row.get(4)?), unsigned(row.get(5)?)))
    })?;
    let rows: Rows = rows.collect::<Result<_, _>>()?;
    // What is damaged is not carried into the next version.
    let mut whole = NewDocument::new(id.clone(), head.clone());
    for (row, hash, length) in &rows {
        whole.add(&row.key, row.signature, &row.lead, hash, *length);
    }
    whole.end(tail.clone());
    if !old.row.is_like(&whole.row(old.row.position)) {
        return Err(damaged(&id.text()));
    }
    Ok((NewDocument::new(id.clone(), head), rows, tail))
}
