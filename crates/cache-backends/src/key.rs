//! The fixed-size key under which a value is stored.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

/// A 256-bit key, made by the caller with a cryptographic hash over whatever identifies the value.
///
/// It is opaque on purpose: no path, query or credential can be read back from a store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// Wraps the digest.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::hash::Hash for StoreKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The digest is uniform: eight of its bytes are as good a hash as any function of all of them.
        let mut head = [0; 8];
        head.copy_from_slice(&self.0[..8]);
        state.write_u64(u64::from_le_bytes(head));
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(")?;
        for byte in &self.0[..6] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}

/// A hasher that hands through the eight bytes that [`StoreKey`] gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.rotate_left(5) ^ word;
    }
}

/// Builds [`KeyHasher`]s: for maps whose keys are already uniform.
///
/// Keys must not be chosen by an attacker; a [`StoreKey`] is a cryptographic digest, so they are not.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasherBuilder;

impl BuildHasher for KeyHasherBuilder {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher::default()
    }
}
