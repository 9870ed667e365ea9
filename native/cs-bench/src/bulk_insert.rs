//! The least that an import could cost: the same documents, in memory already, into the same database with the same settings.

use std::path::Path;
use std::time::Instant;

use cs_archive::{PackageEvent, ReadLimits};
use rusqlite::{Connection, params};

use crate::Outcome;

/// A document: its key, its head, the hash of its content, its content.
type Document = (String, Vec<u8>, [u8; 32], Vec<u8>);

/// Prints the seconds of the transaction and its commit.
pub fn run(package: &Path, database: &Path) -> Outcome {
    let mut documents: Vec<Document> = Vec::new();
    let mut file = std::fs::File::open(package)?;
    cs_archive::read(&mut file, &ReadLimits::default(), &|| false, &mut |event| {
        match (event, documents.last_mut()) {
            (PackageEvent::DocumentStart { id, head, .. }, _) => {
                documents.push((id.text(), head, [0; 32], Vec::new()))
            }
            (PackageEvent::ItemChunk(chunk), Some(last)) => last.3.extend(chunk),
            (PackageEvent::ItemEnd { hash, .. }, Some(last)) => last.2 = hash.0,
            _ => {}
        }
        Ok(())
    })?;
    let mut connection = Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
    )?;
    connection.execute_batch(
        "CREATE TABLE content (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, length INTEGER NOT NULL, data BLOB);
         CREATE TABLE document (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, key TEXT NOT NULL, head BLOB NOT NULL);
         CREATE UNIQUE INDEX document_key ON document (key);
         CREATE INDEX document_order ON document (position);
         CREATE TABLE item (document INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, content INTEGER NOT NULL, PRIMARY KEY (document, position)) WITHOUT ROWID;
         CREATE UNIQUE INDEX item_key ON item (document, key);",
    )?;
    let start = Instant::now();
    let transaction = connection.transaction()?;
    {
        let mut content =
            transaction.prepare("INSERT INTO content (hash, length, data) VALUES (?1, ?2, ?3)")?;
        let mut document = transaction
            .prepare("INSERT INTO document (position, key, head) VALUES (?1, ?2, ?3)")?;
        let mut item = transaction.prepare("INSERT INTO item VALUES (?1, 0, 'Global', ?2)")?;
        for (position, (key, head, hash, data)) in documents.iter().enumerate() {
            let content = content.insert(params![hash, i64::try_from(data.len())?, data])?;
            let document = document.insert(params![i64::try_from(position)?, key, head])?;
            item.execute(params![document, content])?;
        }
    }
    transaction.commit()?;
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}
