//! Chance, for revisions and for what must not happen everywhere at once. Not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// 64 bits of chance.
pub(super) fn word() -> u64 {
    // A system without a source of chance still has hash maps with keys of their own.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
}

/// Evenly between 0 and 1.
pub(super) fn part() -> f64 {
    // 53 bits are what a float holds.
    (word() >> 11) as f64 / (1_u64 << 53) as f64
}
