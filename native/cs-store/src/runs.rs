//! How the bytes of a part are cut into runs. A cut depends on what is near it and on nothing else, so that a small change leaves
//! most runs, and their deflated form, as they are. Both stores cut alike: the package's bytes depend on its content alone.

use sha2::{Digest, Sha256};

/// A run is closed when it has this many bytes and its last document's digest says so.
const LEAST: u64 = 256 * 1024;

/// No run is longer.
pub const MOST: u64 = 1024 * 1024;

/// A piece of a part that is cut only when it is longer than a run: a document, or the text around the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// SHA-256 of what makes up its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
    /// Where it is; the cutter hands it back.
    pub position: i64,
}

/// A run: some whole units, or a slice of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Names its content.
    pub hash: [u8; 32],
    /// Length of its content in bytes.
    pub length: u64,
    /// The number of its first unit.
    pub first: u64,
    /// The position of its first unit.
    pub position: i64,
    /// How many units.
    pub count: u64,
    /// For a slice: where in its unit it begins.
    pub offset: Option<u64>,
}

/// Cuts a sequence of units.
#[derive(Default)]
pub struct Cutter {
    next: u64,
    open: Option<(Run, Sha256)>,
    done: Vec<Run>,
}

impl Cutter {
    /// Takes the next unit.
    pub fn push(&mut self, unit: Unit) {
        let number = self.next;
        self.next += 1;
        if self
            .open
            .as_ref()
            .is_some_and(|(run, _)| run.length + unit.length > MOST)
        {
            self.close();
        }
        if unit.length > MOST {
            self.close();
            self.slice(number, unit);
            return;
        }
        let (run, hash) = self.open.get_or_insert_with(|| {
            let run = Run {
                hash: [0; 32],
                length: 0,
                first: number,
                position: unit.position,
                count: 0,
                offset: None,
            };
            (run, Sha256::new())
        });
        hash.update(unit.digest);
        run.length += unit.length;
        run.count += 1;
        let [first, ..] = unit.digest;
        if run.length >= LEAST && first & 3 == 0 {
            self.close();
        }
    }

    fn slice(&mut self, number: u64, unit: Unit) {
        let mut offset = 0;
        while offset < unit.length {
            let length = MOST.min(unit.length - offset);
            let mut hash = Sha256::new();
            hash.update(unit.digest);
            hash.update(offset.to_le_bytes());
            hash.update(b"slice");
            let (hash, offset_here) = (hash.finalize().into(), Some(offset));
            self.done.push(Run {
                hash,
                length,
                first: number,
                position: unit.position,
                count: 1,
                offset: offset_here,
            });
            offset += length;
        }
    }

    fn close(&mut self) {
        if let Some((mut run, hash)) = self.open.take().filter(|(run, _)| run.length > 0) {
            run.hash = hash.finalize().into();
            self.done.push(run);
        }
    }

    /// The runs, in order.
    pub fn finish(mut self) -> Vec<Run> {
        self.close();
        self.done
    }
}

/// The digest of some bytes that are a unit by themselves.
pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The digest of a document, from its frame and the hashes of its items.
#[derive(Clone)]
pub struct DocumentDigest {
    hash: Sha256,
    length: u64,
}

impl DocumentDigest {
    /// A document with this head.
    pub fn new(head: &[u8]) -> Self {
        let mut digest = Self {
            hash: Sha256::new(),
            length: 0,
        };
        digest.bytes(head);
        digest
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Adds an item; returns where its lead begins.
    pub fn item(&mut self, lead: &[u8], hash: &[u8; 32], length: u64) -> u64 {
        let start = self.length;
        self.bytes(lead);
        self.hash.update(hash);
        self.length += length;
        start
    }

    /// Ends with the tail: the digest, and the length of the document.
    pub fn finish(mut self, tail: &[u8]) -> ([u8; 32], u64) {
        self.bytes(tail);
        (self.hash.finalize().into(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(seed: u64, length: u64) -> Unit {
        Unit {
            digest: digest_of(&seed.to_le_bytes()),
            length,
            position: 0,
        }
    }

    fn cut(units: &[Unit]) -> Vec<Run> {
        let mut cutter = Cutter::default();
        units.iter().for_each(|unit| cutter.push(*unit));
        cutter.finish()
    }

    #[test]
    fn runs_cover_all_units_and_keep_their_size() {
        let units: Vec<Unit> = (0..2000).map(|n| unit(n, 1000 + n * 7 % 9000)).collect();
        let runs = cut(&units);
        assert_eq!(
            runs.iter().map(|run| run.length).sum::<u64>(),
            units.iter().map(|unit| unit.length).sum::<u64>()
        );
        assert_eq!(runs.iter().map(|run| run.count).sum::<u64>(), 2000);
        assert!(runs.iter().all(|run| run.length <= MOST));
        assert!(runs.len() > 5 && runs.len() < 40, "{}", runs.len());
    }

    #[test]
    fn a_small_change_leaves_most_runs() {
        let mut units: Vec<Unit> = (0..2000).map(|n| unit(n, 5000)).collect();
        let before = cut(&units);
        units.insert(700, unit(99_999, 1234));
        let kept = cut(&units)
            .iter()
            .filter(|run| before.iter().any(|old| old.hash == run.hash))
            .count();
        assert!(kept + 4 >= before.len(), "{kept} of {}", before.len());
    }

    #[test]
    fn a_long_unit_is_sliced() {
        let runs = cut(&[unit(1, 10), unit(2, 3 * MOST + 5), unit(3, 10)]);
        let lengths: Vec<u64> = runs.iter().map(|run| run.length).collect();
        assert_eq!(lengths, [10, MOST, MOST, MOST, 5, 10]);
    }
}
