//! The newest version as parts and runs, and the bytes of a run.

use cs_archive::EntryPlan;
use rusqlite::{Connection, OptionalExtension, params};

use super::seal::{DocumentRow, PartRow, VersionSeal, damaged};
use super::{content, int, unsigned};
use crate::StoreError;
use crate::runs::{Cutter, DocumentDigest, Run, Unit, digest_of};

/// The place of the text before the first document; documents have places above it, the text behind them the greatest.
const HEAD: i64 = i64::MIN;
const TAIL: i64 = i64::MAX;

/// No content is as long as this; a package has at most 4 GiB.
const LONGEST: u64 = 64 * 1024 * 1024 * 1024;

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
        "SELECT p.name, p.head, p.tail, p.content, c.hash, c.length, p.position FROM part p LEFT JOIN content c ON c.id = p.content WHERE p.last IS NULL ORDER BY p.position",
    )?;
    let mut rows = statement.query([])?;
    let mut parts = Vec::new();
    let mut seal = VersionSeal::default();
    while let Some(row) = rows.next()? {
        let mut cutter = Cutter::default();
        let name: String = row.get(0)?;
        let mut of_part = PartRow {
            position: row.get(6)?,
            name: &name,
            head: None,
            tail: None,
            content: None,
        };
        let body = match row.get::<_, Option<i64>>(3)? {
            Some(id) => {
                let (digest, length) = (row.get(4)?, unsigned(row.get(5)?));
                of_part.content = Some((digest, length));
                seal.part(&of_part);
                possible(length)?;
                cutter.push(Unit {
                    digest,
                    length,
                    position: HEAD,
                });
                Body::Content(id)
            }
            None => {
                let (head, tail): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
                of_part.head = Some(head.as_slice());
                of_part.tail = Some(tail.as_slice());
                seal.part(&of_part);
                cutter.push(Unit {
                    digest: digest_of(&head),
                    length: head.len() as u64,
                    position: HEAD,
                });
                documents(connection, &mut cutter, &mut seal)?;
                cutter.push(Unit {
                    digest: digest_of(&tail),
                    length: tail.len() as u64,
                    position: TAIL,
                });
                Body::Documents { head, tail }
            }
        };
        parts.push(Part {
            name,
            body,
            runs: cutter.finish(),
        });
    }
    match VersionSeal::read(connection)? {
        Some(written) if written != seal => Err(StoreError::Damaged(
            "its documents and parts are not those of its newest version".to_owned(),
        )),
        _ => Ok(parts),
    }
}

/// Checks that the newest version has the documents and parts that it was made with.
pub fn check(connection: &Connection) -> Result<(), StoreError> {
    parts(connection).map(drop)
}

/// Checks that a document that was not found was never there: neither its row was lost, nor only its place in the index.
pub fn check_absent(connection: &Connection, key: &str) -> Result<(), StoreError> {
    check(connection)?;
    let there: bool = connection
        .prepare_cached(
            "SELECT count(*) > 0 FROM document NOT INDEXED WHERE key = ?1 AND last IS NULL",
        )?
        .query_row([key], |row| row.get(0))?;
    if there { Err(damaged(key)) } else { Ok(()) }
}

/// The error of an index that leads to another document.
fn misplaced() -> StoreError {
    StoreError::Damaged("a document is not in its place".to_owned())
}

fn documents(
    connection: &Connection,
    cutter: &mut Cutter,
    seal: &mut VersionSeal,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT digest, length, position, seal FROM document WHERE last IS NULL ORDER BY position",
    )?;
    let mut rows = statement.query([])?;
    let mut last = HEAD;
    while let Some(row) = rows.next()? {
        let row = DocumentRow {
            digest: row.get(0)?,
            length: unsigned(row.get(1)?),
            position: row.get(2)?,
            seal: row.get(3)?,
        };
        // The seal holds for the places of all, so that their order is all that an index can get wrong.
        if row.position <= last {
            return Err(misplaced());
        }
        last = row.position;
        seal.document(&row);
        possible(row.length)?;
        cutter.push(Unit {
            digest: row.digest,
            length: row.length,
            position: row.position,
        });
    }
    Ok(())
}

/// Refuses a length that nothing has: it would be cut into runs before the seal says that it is damaged.
fn possible(length: u64) -> Result<(), StoreError> {
    if length <= LONGEST {
        return Ok(());
    }
    Err(StoreError::Damaged(format!("a content of {length} bytes")))
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
        "SELECT id, crc, packed, packed_crc, length, row_crc FROM run_cache WHERE hash = ?1",
    )?;
    let found = statement.query_row([&run.hash], |row| {
        let cached = Cached {
            id: row.get(0)?,
            crc: row.get(1)?,
            packed: unsigned(row.get(2)?),
            packed_crc: row.get(3)?,
        };
        Ok((cached, unsigned(row.get(4)?), row.get::<_, Option<u32>>(5)?))
    });
    // It is derived data: a row that is not what it was is made anew.
    Ok(found
        .optional()?
        .filter(|(cached, length, crc)| *length == run.length && *crc == Some(cached.row_crc(run)))
        .map(|(cached, ..)| cached))
}

impl Cached {
    /// The checksum of what its row says of a run.
    pub fn row_crc(&self, run: &Run) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&run.hash);
        crc.update(&run.length.to_le_bytes());
        crc.update(&self.packed.to_le_bytes());
        crc.update(&self.crc.to_le_bytes());
        crc.update(&self.packed_crc.to_le_bytes());
        crc.finalize()
    }
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
                    "SELECT id, length, head, tail, digest, position FROM document WHERE last IS NULL AND position >= ?1 ORDER BY position",
                )?;
                let mut rows = statement.query([run.position])?;
                let mut first = run.first > 0;
                while count > 0 {
                    let Some(row) = rows.next()? else { break };
                    if std::mem::take(&mut first) && row.get::<_, i64>(5)? != run.position {
                        return Err(misplaced());
                    }
                    let (head, tail) = (row.get_ref(2)?.as_blob(), row.get_ref(3)?.as_blob());
                    let (Ok(head), Ok(tail)) = (head, tail) else {
                        break;
                    };
                    let document = Document {
                        id: row.get(0)?,
                        length: unsigned(row.get(1)?),
                        digest: row.get(4)?,
                        head,
                        tail,
                    };
                    document.append(connection, run.offset, run.length, &mut bytes)?;
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

/// A document's row.
struct Document<'a> {
    id: i64,
    length: u64,
    digest: [u8; 32],
    head: &'a [u8],
    tail: &'a [u8],
}

impl Document<'_> {
    /// Appends its bytes, or a slice of them: its head, its items each behind its lead, its tail. They are checked against its digest,
    /// slices once with the first one.
    fn append(
        &self,
        connection: &Connection,
        slice: Option<u64>,
        wanted: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let Some(from) = slice else {
            let digest = self.items(connection, 0, self.length, bytes)?;
            return self.compare(connection, digest);
        };
        if from == 0 {
            self.compare(connection, self.digest(connection)?)?;
        }
        self.items(connection, from, wanted, bytes).map(drop)
    }

    /// Fails when a digest is not its own.
    fn compare(&self, connection: &Connection, digest: DocumentDigest) -> Result<(), StoreError> {
        if digest.finish(self.tail) == (self.digest, self.length) {
            return Ok(());
        }
        let key: String = connection
            .prepare_cached("SELECT key FROM document WHERE id = ?1")?
            .query_row([self.id], |row| row.get(0))?;
        Err(damaged(&key))
    }

    /// The digest of its rows, without a look at the content of its items, and without its tail.
    fn digest(&self, connection: &Connection) -> Result<DocumentDigest, StoreError> {
        let mut digest = DocumentDigest::new(self.head);
        let mut statement = connection.prepare_cached(
            "SELECT i.position, i.lead, c.hash, c.length FROM item i JOIN content c ON c.id = i.content WHERE i.document = ?1 ORDER BY i.position",
        )?;
        let mut rows = statement.query([self.id])?;
        while let Some(row) = rows.next()? {
            let lead = row.get_ref(1)?.as_blob().map_err(|_| no_lead())?;
            let start = digest.item(lead, &row.get(2)?, unsigned(row.get(3)?));
            // The slices behind the first find their items by it.
            if int(start) != row.get::<_, i64>(0)? {
                return Err(StoreError::Damaged(
                    "an item is not in its place".to_owned(),
                ));
            }
        }
        Ok(digest)
    }

    /// Appends some of its bytes; returns the digest of what was read, without the tail.
    fn items(
        &self,
        connection: &Connection,
        from: u64,
        wanted: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<DocumentDigest, StoreError> {
        let mut digest = DocumentDigest::new(self.head);
        let end = from + wanted;
        if from < self.head.len() as u64 {
            append(bytes, self.head, from, wanted);
        }
        let mut statement = connection.prepare_cached(
            "SELECT i.position, i.lead, i.content, c.length, c.hash FROM item i JOIN content c ON c.id = i.content
             WHERE i.document = ?1 AND i.position >= coalesce((SELECT max(position) FROM item WHERE document = ?1 AND position <= ?2), 0)
             AND i.position < ?3 ORDER BY i.position",
        )?;
        let mut rows = statement.query(params![self.id, int(from), int(end)])?;
        while let Some(row) = rows.next()? {
            let lead_start = unsigned(row.get(0)?);
            let lead = row.get_ref(1)?.as_blob().map_err(|_| no_lead())?;
            let length = unsigned(row.get(3)?);
            digest.item(lead, &row.get(4)?, length);
            let start = lead_start + lead.len() as u64;
            let item_end = start + length;
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
        let tail_start = self.length - (self.tail.len() as u64).min(self.length);
        if tail_start < end {
            let a = from.max(tail_start);
            append(bytes, self.tail, a - tail_start, end - a);
        }
        Ok(digest)
    }
}

fn no_lead() -> StoreError {
    StoreError::Damaged("an item without its lead".to_owned())
}
