//! The same bytes in pieces of other lengths.

/// Lengths of pieces, by a seed: a fixed linear congruence, so that a finding can be repeated.
#[derive(Clone)]
pub struct Lengths(u64);

impl Lengths {
    /// Lengths by a seed.
    pub fn new(seed: u8) -> Self {
        Self(u64::from(seed))
    }

    /// The next length, 1 to 64, mostly short.
    pub fn next(&mut self) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [low, high, ..] = (self.0 >> 33).to_le_bytes();
        1 + usize::from(low % if high < 192 { 4 } else { 64 })
    }
}

/// Cuts bytes into pieces.
pub fn pieces(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut lengths = Lengths::new(seed);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(lengths.next().min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces
}
