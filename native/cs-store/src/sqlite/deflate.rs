//! Runs in deflated form: made when somebody exports, or before that by an idle service.

use cs_archive::deflate_run;
use rusqlite::{Connection, params};

use super::int;
use super::layout::{Cached, cached, parts};
use crate::StoreError;
use crate::runs::Run;

/// Some runs, ready to be kept.
pub struct Prepared {
    runs: Vec<(Run, cs_archive::Run)>,
    /// Bytes that are still to be deflated after these.
    pub left: u64,
    /// When nothing is left: the hashes of all runs of the newest version.
    used: Vec<[u8; 32]>,
}

/// Deflates missing runs, about `budget` bytes of them.
pub fn prepare(connection: &Connection, budget: u64) -> Result<Prepared, StoreError> {
    let mut prepared = Prepared {
        runs: Vec::new(),
        left: 0,
        used: Vec::new(),
    };
    let mut spent = 0;
    for part in parts(connection)? {
        for run in &part.runs {
            prepared.used.push(run.hash);
            if cached(connection, run)?.is_some() {
                continue;
            }
            if spent >= budget.max(1) {
                prepared.left += run.length;
                continue;
            }
            spent += run.length;
            let bytes = part.bytes(connection, run)?;
            prepared.runs.push((run.clone(), deflate_run(&bytes)?));
        }
    }
    Ok(prepared)
}

/// Keeps prepared runs; once all of the newest version are there, forgets those of older ones. Returns what is left to do.
pub fn keep(connection: &mut Connection, prepared: Prepared) -> Result<u64, StoreError> {
    if !prepared.runs.is_empty() {
        let transaction = connection.transaction()?;
        for (run, deflated) in &prepared.runs {
            let kept = Cached {
                id: 0,
                crc: deflated.crc32,
                packed: deflated.data.len() as u64,
                packed_crc: crc32fast::hash(&deflated.data),
            };
            transaction
                .prepare_cached("INSERT OR REPLACE INTO run_cache (hash, length, packed, crc, packed_crc, row_crc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![run.hash, int(run.length), int(kept.packed), kept.crc, kept.packed_crc, kept.row_crc(run), deflated.data])?;
        }
        transaction.commit()?;
    }
    if prepared.left > 0 {
        return Ok(prepared.left);
    }
    forget(connection, &prepared.used)?;
    // What a large import left in the log goes into the file while nobody waits for it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(0)
}

fn forget(connection: &mut Connection, used: &[[u8; 32]]) -> Result<(), StoreError> {
    let kept: i64 = connection.query_row("SELECT count(*) FROM run_cache", [], |row| row.get(0))?;
    if kept <= int(used.len() as u64) {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    transaction.execute_batch("CREATE TEMP TABLE used (hash BLOB PRIMARY KEY) WITHOUT ROWID")?;
    for hash in used {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO used VALUES (?1)")?
            .execute([hash])?;
    }
    transaction.execute_batch(
        "DELETE FROM run_cache WHERE hash NOT IN (SELECT hash FROM used); DROP TABLE used;",
    )?;
    transaction.commit()?;
    Ok(())
}
