//! Chance, for spreading what would otherwise happen everywhere at once.

/// Evenly between 0 and 1. Not for secrets.
pub(crate) fn chance() -> f64 {
    // Without randomness nothing is spread, and everything still works.
    let word = getrandom::u64().unwrap_or(u64::MAX / 2);
    (word >> 11) as f64 / (1_u64 << 53) as f64
}
