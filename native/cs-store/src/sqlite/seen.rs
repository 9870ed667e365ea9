//! Which rows an import has met: one bit each.

use std::collections::HashMap;

/// Words of a page. Numbers of rows lie close together, so pages are mostly full.
const WORDS: usize = 64;

/// A set of row numbers.
#[derive(Default)]
pub struct Seen(HashMap<i64, [u64; WORDS]>);

impl Seen {
    /// The page, word and bit of a row.
    fn place(row: i64) -> (i64, usize, u64) {
        let bits = WORDS * 64;
        let bit = usize::try_from(row.rem_euclid(bits as i64)).unwrap_or(0);
        (row.div_euclid(bits as i64), bit / 64, 1 << (bit % 64))
    }

    /// Adds a row; false when it was there already.
    pub fn mark(&mut self, row: i64) -> bool {
        let (page, word, bit) = Self::place(row);
        let words = self.0.entry(page).or_insert([0; WORDS]);
        words.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// True when the row was added.
    pub fn holds(&self, row: i64) -> bool {
        let (page, word, bit) = Self::place(row);
        let word = self.0.get(&page).and_then(|words| words.get(word));
        word.is_some_and(|word| word & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_met_once() {
        let rows = [0, 1, 63, 64, 4095, 4096, -1, i64::MIN, i64::MAX];
        let mut seen = Seen::default();
        for (at, &row) in rows.iter().enumerate() {
            assert!(!seen.holds(row));
            assert!(seen.mark(row) && !seen.mark(row));
            assert!(rows[..=at].iter().all(|&row| seen.holds(row)));
        }
        assert!(!seen.holds(2) && !seen.holds(4097));
    }
}
