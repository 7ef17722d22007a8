//! A small deterministic generator: the same seed and salt give the same universe on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain, no state beyond a counter.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

/// Mixes one word; also used alone, as a hash of (seed, id).
pub(crate) fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// An own stream per (seed, salt), so that one resource can be made without making the others.
    pub(crate) fn new(seed: u64, salt: u64) -> Self {
        Self {
            state: mix(seed ^ mix(salt)),
        }
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift instead of modulo: no division, bias below 2^-32 for our bounds.
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    /// True in `percent` of 100 draws.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// `list` must not be empty; all callers pass constant tables.
    pub(crate) fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.index(list.len())]
    }

    /// Like [`Random::index`], but low positions are much likelier (popular users and repositories).
    pub(crate) fn popular(&mut self, bound: usize) -> usize {
        let unit = (self.word() >> 11) as f64 / (1_u64 << 53) as f64;
        ((bound as f64) * unit * unit * unit) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_differ_by_salt() {
        let mut one = Random::new(7, 1);
        let mut same = Random::new(7, 1);
        let mut other = Random::new(7, 2);
        let first: Vec<u64> = (0..8).map(|_| one.word()).collect();
        assert_eq!(first, (0..8).map(|_| same.word()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| other.word()).collect::<Vec<_>>());
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1, 1);
        assert!((0..10_000).all(|_| random.below(7) < 7 && random.popular(10) < 10));
        assert_eq!(random.below(0), 0);
    }
}
