//! Numbers that look random and are the same everywhere: SplitMix64, and nothing that a processor may round in its own way.

/// The generator.
pub struct Random(u64);

impl Random {
    /// Starts at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// One of some texts.
    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.next()).unwrap_or(0) % of.len().max(1);
        of.get(at).copied().unwrap_or_default()
    }

    /// Roughly normal with mean 0 and deviation 1: the sum of twelve even numbers.
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..12)
            .map(|_| f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX))
            .sum();
        sum - 6.0
    }

    /// A guid.
    pub fn guid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}

/// The exponential function by its series, after halving: additions and multiplications alone, which are the same everywhere.
pub fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..12 {
        term *= small / f64::from(n);
        sum += term;
    }
    (0..10).fold(sum, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    #[test]
    fn series_is_the_exponential_function() {
        for x in [0.0, 1.0, 8.62, -3.0] {
            assert!((super::exp(x) / f64::exp(x) - 1.0).abs() < 1e-9);
        }
    }
}
