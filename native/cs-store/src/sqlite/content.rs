//! Content by its hash: kept once, short content in its row, long content in pieces.

use cs_model::ContentHash;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::int;
use crate::StoreError;

/// The longest piece, and the longest content that is kept in its row.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Takes in one content as it comes. Nothing is written when it is known already.
#[derive(Default)]
pub struct ContentWriter {
    buffer: Vec<u8>,
    /// Once it is longer than one piece: its id and the number of pieces written.
    long: Option<(i64, i64)>,
    /// A dry run writes no bytes.
    dry: bool,
}

impl ContentWriter {
    pub fn new(dry: bool) -> Self {
        Self {
            dry,
            ..Self::default()
        }
    }

    pub fn push(&mut self, connection: &Connection, bytes: &[u8]) -> Result<(), StoreError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.buffer.len() == PIECE_BYTES {
                self.write_piece(connection)?;
            }
            let (now, later) = rest.split_at(rest.len().min(PIECE_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    /// Takes bytes over, without another copy when they are the first and not too many.
    pub fn take(&mut self, connection: &Connection, bytes: Vec<u8>) -> Result<(), StoreError> {
        if self.buffer.is_empty() && bytes.len() <= PIECE_BYTES {
            self.buffer = bytes;
            return Ok(());
        }
        self.push(connection, &bytes)
    }

    /// The bytes so far, when none of them are written.
    pub fn waiting(&self) -> Option<usize> {
        self.long.is_none().then_some(self.buffer.len())
    }

    fn write_piece(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let (id, number) = match self.long {
            Some(long) => long,
            None => (next_id(connection)?, 0),
        };
        if !self.dry {
            let mut insert = connection.prepare_cached(
                "INSERT INTO piece (content, number, crc, data) VALUES (?1, ?2, ?3, ?4)",
            )?;
            insert.execute(params![
                id,
                number,
                crc32fast::hash(&self.buffer),
                self.buffer
            ])?;
        }
        self.long = Some((id, number + 1));
        self.buffer.clear();
        Ok(())
    }

    /// Ends the content; returns its id.
    pub fn finish(
        mut self,
        connection: &Connection,
        hash: &ContentHash,
        length: u64,
    ) -> Result<i64, StoreError> {
        if self.long.is_some() && !self.buffer.is_empty() {
            self.write_piece(connection)?;
        }
        let id = self.long.map(|(id, _)| id);
        let data = (id.is_none() && !self.dry).then_some(self.buffer.as_slice());
        // Mostly it is new, so it is not looked for first.
        let inserted = connection
            .prepare_cached("INSERT INTO content (id, hash, length, data) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hash) DO NOTHING")?
            .execute(params![id, hash.0, int(length), data])?;
        if inserted > 0 {
            return Ok(connection.last_insert_rowid());
        }
        if let Some(id) = id {
            connection
                .prepare_cached("DELETE FROM piece WHERE content = ?1")?
                .execute([id])?;
        }
        Ok(connection
            .prepare_cached("SELECT id FROM content WHERE hash = ?1")?
            .query_row([&hash.0], |row| row.get(0))?)
    }
}

/// The id that the next content gets. Nothing else inserts content while a long one is being written.
fn next_id(connection: &Connection) -> Result<i64, StoreError> {
    Ok(
        connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM content", [], |row| {
            row.get(0)
        })?,
    )
}

/// Reads some bytes of a content, checked: whole content by its hash, pieces by their checksums. `take` may end early with false.
pub fn read(
    connection: &Connection,
    id: i64,
    from: u64,
    length: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let damaged = || StoreError::Damaged(format!("content {id} is not what it was"));
    let slice = |bytes: &[u8],
                 from: u64,
                 to: u64,
                 take: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>| {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let to = usize::try_from(to).unwrap_or(usize::MAX).min(bytes.len());
        take(bytes.get(from..to).ok_or_else(damaged)?)
    };
    let mut statement =
        connection.prepare_cached("SELECT hash, data FROM content WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or_else(damaged)?;
    if let Some(data) = row.get_ref(1)?.as_blob_or_null().map_err(|_| damaged())? {
        let hash = row.get_ref(0)?.as_blob().map_err(|_| damaged())?;
        if Sha256::digest(data).as_slice() != hash {
            return Err(damaged());
        }
        return slice(data, from, from + length, take);
    }
    let size = PIECE_BYTES as u64;
    let mut statement = connection.prepare_cached(
        "SELECT number, crc, data FROM piece WHERE content = ?1 AND number >= ?2 ORDER BY number",
    )?;
    let mut rows = statement.query(params![id, int(from / size)])?;
    let (mut at, end) = (from, from + length);
    while at < end {
        let row = rows.next()?.ok_or_else(damaged)?;
        let (number, crc): (i64, u32) = (row.get(0)?, row.get(1)?);
        let data = row.get_ref(2)?.as_blob().map_err(|_| damaged())?;
        if number != int(at / size) || crc32fast::hash(data) != crc {
            return Err(damaged());
        }
        let start = at % size;
        let to = (start + end - at).min(data.len() as u64);
        if to <= start {
            return Err(damaged());
        }
        slice(data, start, to, take)?;
        at += to - start;
    }
    Ok(())
}
