//! The newest version as parts and runs, and the bytes of a run.

use cs_archive::EntryPlan;
use rusqlite::{Connection, OptionalExtension, params};

use super::{content, int, unsigned};
use crate::StoreError;
use crate::runs::{Cutter, Run, Unit, digest_of};

/// The place of the text before the first document; documents have places above it, the text behind them the greatest.
const HEAD: i64 = i64::MIN;
const TAIL: i64 = i64::MAX;

/// A part and how it is cut.
pub struct Part {
    pub name: String,
    body: Body,
    pub runs: Vec<Run>,
}

enum Body {
    /// One content by itself.
    Content(i64),
    /// The documents, between two texts.
    Documents { head: Vec<u8>, tail: Vec<u8> },
}

/// The parts of the newest version, in order.
pub fn parts(connection: &Connection) -> Result<Vec<Part>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT p.name, p.head, p.tail, p.content, c.hash, c.length FROM part p LEFT JOIN content c ON c.id = p.content WHERE p.last IS NULL ORDER BY p.position",
    )?;
    let mut rows = statement.query([])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cutter = Cutter::default();
        let body = match row.get::<_, Option<i64>>(3)? {
            Some(id) => {
                let (digest, length) = (row.get(4)?, unsigned(row.get(5)?));
                cutter.push(Unit {
                    digest,
                    length,
                    position: HEAD,
                });
                Body::Content(id)
            }
            None => {
                let (head, tail): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
                cutter.push(Unit {
                    digest: digest_of(&head),
                    length: head.len() as u64,
                    position: HEAD,
                });
                documents(connection, &mut cutter)?;
                cutter.push(Unit {
                    digest: digest_of(&tail),
                    length: tail.len() as u64,
                    position: TAIL,
                });
                Body::Documents { head, tail }
            }
        };
        parts.push(Part {
            name: row.get(0)?,
            body,
            runs: cutter.finish(),
        });
    }
    Ok(parts)
}

fn documents(connection: &Connection, cutter: &mut Cutter) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT digest, length, position FROM document WHERE last IS NULL ORDER BY position",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        cutter.push(Unit {
            digest: row.get(0)?,
            length: unsigned(row.get(1)?),
            position: row.get(2)?,
        });
    }
    Ok(())
}

/// A run in deflated form, where it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Cached {
    pub id: i64,
    pub crc: u32,
    pub packed: u64,
    pub packed_crc: u32,
}

/// Looks a run up.
pub fn cached(connection: &Connection, run: &Run) -> Result<Option<Cached>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, crc, packed, packed_crc, length FROM run_cache WHERE hash = ?1",
    )?;
    let found = statement.query_row([&run.hash], |row| {
        let cached = Cached {
            id: row.get(0)?,
            crc: row.get(1)?,
            packed: unsigned(row.get(2)?),
            packed_crc: row.get(3)?,
        };
        Ok((cached, unsigned(row.get(4)?)))
    });
    Ok(found
        .optional()?
        .filter(|(_, length)| *length == run.length)
        .map(|(cached, _)| cached))
}

impl Part {
    /// An entry plan without its runs.
    pub fn plan(&self) -> EntryPlan {
        EntryPlan::new(&self.name)
    }

    /// The bytes of a run.
    pub fn bytes(&self, connection: &Connection, run: &Run) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(usize::try_from(run.length).unwrap_or(0));
        let start = run.offset.unwrap_or(0);
        match &self.body {
            Body::Content(id) => content::read(connection, *id, start, run.length, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?,
            Body::Documents { head, tail } => {
                let mut count = run.count;
                if run.first == 0 {
                    append(&mut bytes, head, start, run.length);
                    count -= 1;
                }
                let mut statement = connection.prepare_cached(
                    "SELECT id, length, head, tail FROM document WHERE last IS NULL AND position >= ?1 ORDER BY position",
                )?;
                let mut rows = statement.query([run.position])?;
                while count > 0 {
                    let Some(row) = rows.next()? else { break };
                    let length = unsigned(row.get(1)?);
                    let (head, tail) = (row.get_ref(2)?.as_blob(), row.get_ref(3)?.as_blob());
                    let (Ok(head), Ok(tail)) = (head, tail) else {
                        break;
                    };
                    let wanted = run.offset.map_or(length, |_| run.length);
                    document(
                        connection,
                        row.get(0)?,
                        length,
                        head,
                        tail,
                        start,
                        wanted,
                        &mut bytes,
                    )?;
                    count -= 1;
                }
                if count > 0 {
                    append(&mut bytes, tail, start, run.length);
                }
            }
        }
        if bytes.len() as u64 == run.length {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged(
                "the documents are not as long as they were".to_owned(),
            ))
        }
    }
}

/// Appends the part of a text between two offsets.
fn append(bytes: &mut Vec<u8>, text: &[u8], from: u64, length: u64) {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let to = from
        .saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
        .min(text.len());
    bytes.extend_from_slice(text.get(from..to).unwrap_or_default());
}

/// Appends some bytes of a document: its head, its items each behind its lead, its tail.
#[expect(clippy::too_many_arguments, reason = "a row and a range")]
fn document(
    connection: &Connection,
    id: i64,
    length: u64,
    head: &[u8],
    tail: &[u8],
    from: u64,
    wanted: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let end = from + wanted;
    if from < head.len() as u64 {
        append(bytes, head, from, wanted);
    }
    let mut statement = connection.prepare_cached(
        "SELECT i.position, i.lead, i.content, c.length FROM item i JOIN content c ON c.id = i.content
         WHERE i.document = ?1 AND i.position >= coalesce((SELECT max(position) FROM item WHERE document = ?1 AND position <= ?2), 0)
         AND i.position < ?3 ORDER BY i.position",
    )?;
    let mut rows = statement.query(params![id, int(from), int(end)])?;
    while let Some(row) = rows.next()? {
        let lead_start = unsigned(row.get(0)?);
        let lead = row
            .get_ref(1)?
            .as_blob()
            .map_err(|_| StoreError::Damaged("an item without its lead".to_owned()))?;
        let start = lead_start + lead.len() as u64;
        let item_end = start + unsigned(row.get(3)?);
        if from.max(lead_start) < end.min(start) {
            let inside = from.max(lead_start) - lead_start;
            append(bytes, lead, inside, end.min(start) - from.max(lead_start));
        }
        let (a, b) = (from.max(start), end.min(item_end));
        if a < b {
            content::read(connection, row.get(2)?, a - start, b - a, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
        }
    }
    let tail_start = length - (tail.len() as u64).min(length);
    if tail_start < end {
        let a = from.max(tail_start);
        append(bytes, tail, a - tail_start, end - a);
    }
    Ok(())
}
