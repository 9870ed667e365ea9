//! What shows that the newest version is read as it was written. A document's digest covers its bytes, its seal the keys and
//! signatures of its items, and the seal of the version the rows of all its documents and parts.

use cs_model::{ContentHash, ItemKey, Uuid};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Puts lengths in front, so that no two rows give the same bytes.
#[derive(Clone, Default)]
struct Fields(Sha256);

impl Fields {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn maybe(&mut self, bytes: Option<&[u8]>) {
        self.number(u64::from(bytes.is_some()));
        self.bytes(bytes.unwrap_or_default());
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Seals what a query is told of a document: its key, and its items in their order.
#[derive(Clone, Default)]
pub struct DocumentSeal(Fields);

impl DocumentSeal {
    /// Adds an item.
    pub fn item(
        &mut self,
        key: &ItemKey,
        signature: Option<Uuid>,
        hash: &ContentHash,
        length: u64,
    ) {
        self.0.bytes(key.0.as_bytes());
        let signature = signature.map(Uuid::into_bytes);
        self.0.maybe(signature.as_ref().map(<[u8; 16]>::as_slice));
        self.0.0.update(hash.0);
        self.0.number(length);
    }

    /// Ends with the key of the document.
    pub fn finish(mut self, key: &str) -> [u8; 32] {
        self.0.bytes(key.as_bytes());
        self.0.finish()
    }
}

/// The columns of a document that an export goes by.
#[derive(Debug, Clone, Copy)]
pub struct DocumentRow {
    pub position: i64,
    pub length: u64,
    pub digest: [u8; 32],
    /// `None` from a release that knew no seals.
    pub seal: Option<[u8; 32]>,
}

impl DocumentRow {
    /// Whether it stands for the same document as a row that was made anew, wherever in the set the two are.
    pub fn is_like(&self, new: &Self) -> bool {
        self.digest == new.digest
            && self.length == new.length
            && (self.seal.is_none() || self.seal == new.seal)
    }
}

/// The error of a document whose rows contradict its digest or its seal.
pub fn damaged(key: &str) -> StoreError {
    StoreError::Damaged(format!("the document {key} is not what it was"))
}

/// The columns of a part.
#[derive(Debug, Clone, Copy)]
pub struct PartRow<'a> {
    pub position: i64,
    pub name: &'a str,
    pub head: Option<&'a [u8]>,
    pub tail: Option<&'a [u8]>,
    /// Hash and length of its content, when it is one content by itself.
    pub content: Option<([u8; 32], u64)>,
}

/// Seals a version. It does not depend on the order in which rows are added, and a row that is added once more is taken out again,
/// so that a change of one document need not read the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VersionSeal([u8; 32]);

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// Two numbers as one. Another number in one of the two places always gives another result.
fn mixed(one: u64, other: u64) -> u64 {
    let mut mix = one.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other;
    mix = (mix ^ (mix >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mix = (mix ^ (mix >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mix ^ (mix >> 31)
}

impl VersionSeal {
    fn toggle(&mut self, fields: Fields) {
        for (byte, other) in self.0.iter_mut().zip(fields.finish()) {
            *byte ^= other;
        }
    }

    /// Adds a document, or takes it out. Digest and seal are hashes already, so that mixing them is enough; an export does it for
    /// every document.
    pub fn document(&mut self, row: &DocumentRow) {
        let place = mixed(u64::from_le_bytes(row.position.to_le_bytes()), row.length);
        let seal = row.seal.unwrap_or_default();
        let words = row.digest.chunks_exact(8).zip(seal.chunks_exact(8));
        for (sum, (digest, seal)) in self.0.chunks_exact_mut(8).zip(words) {
            let value = mixed(mixed(word(digest), word(seal)), place).to_le_bytes();
            sum.iter_mut()
                .zip(value)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
    }

    /// Adds a part, or takes it out.
    pub fn part(&mut self, row: &PartRow<'_>) {
        let mut fields = Fields::default();
        fields.number(u64::from_le_bytes(row.position.to_le_bytes()));
        fields.bytes(row.name.as_bytes());
        fields.maybe(row.head);
        fields.maybe(row.tail);
        fields.maybe(row.content.as_ref().map(|(hash, _)| hash.as_slice()));
        fields.number(row.content.map_or(0, |(_, length)| length));
        self.toggle(fields);
    }

    /// The seal of the newest version as it was written; `None` in a store that was last changed by a release without seals.
    pub fn read(connection: &Connection) -> Result<Option<Self>, StoreError> {
        let written: Option<Vec<u8>> = connection
            .prepare_cached("SELECT value FROM meta WHERE name = 'seal'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(written) = written else {
            return Ok(None);
        };
        let newest: i64 = connection
            .prepare_cached("SELECT max(version) FROM commit_log")?
            .query_row([], |row| row.get(0))?;
        written
            .strip_prefix(&newest.to_le_bytes())
            .and_then(|seal| seal.try_into().ok())
            .map(|seal| Some(Self(seal)))
            .ok_or_else(|| StoreError::Damaged(format!("version {newest} has no seal")))
    }

    /// Writes the seal of a version that is being made.
    pub fn write(self, connection: &Connection, version: i64) -> Result<(), StoreError> {
        let value = [version.to_le_bytes().as_slice(), &self.0].concat();
        connection
            .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('seal', ?1)")?
            .execute([value])?;
        Ok(())
    }
}
