//! Bytes that are kept compressed in this process's memory.

use std::fmt;

use crate::CacheValue;
use crate::dictionary::{Dictionaries, Dictionary};
use crate::frame::{decompress, smaller};

/// A value that can be kept in less memory than it is used in.
///
/// A [`MemoryStore`](crate::MemoryStore) that packs asks every value that it takes to pack itself.
pub trait Pack: CacheValue {
    /// The same value, with what is large in it packed; what is packed already stays as it is.
    #[must_use]
    fn packed(self, packing: &Packing) -> Self;
}

/// How bytes are packed: with zstd, and with the first of the dictionaries where it helps.
///
/// Nothing that is packed leaves the process, so nothing depends on what a dictionary was yesterday.
///
/// ```
/// use cache_backends::{Dictionaries, Packing};
///
/// let packing = Packing::new(Dictionaries::default());
/// let text = "what is said again and again ".repeat(100);
/// let packed = packing.pack(text.as_bytes()).expect("it is long, and repeats itself");
/// assert!(packed.held_bytes() < 200 && packed.len() == text.len());
/// assert_eq!(packed.unpack(), text.as_bytes());
/// assert!(packing.pack(b"short").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Packing(Dictionaries);

impl Packing {
    /// Packing with these dictionaries.
    pub fn new(dictionaries: Dictionaries) -> Self {
        Self(dictionaries)
    }

    /// The bytes, packed; `None` where that would save nothing: below 1 KiB, and where zstd makes them no smaller.
    pub fn pack(&self, bytes: &[u8]) -> Option<Packed> {
        let (frame, dictionary) = smaller(bytes, &self.0)?;
        // What cannot be had back is not given away; from then on it cannot fail, for nothing changes any more.
        let same = decompress(&frame, bytes.len(), dictionary)? == bytes;
        same.then(|| Packed {
            frame: frame.into(),
            length: bytes.len(),
            dictionary: dictionary.cloned(),
        })
    }
}

/// Bytes that were packed. Immutable.
pub struct Packed {
    frame: Box<[u8]>,
    length: usize,
    dictionary: Option<Dictionary>,
}

impl Packed {
    /// The bytes that were packed.
    pub fn unpack(&self) -> Vec<u8> {
        decompress(&self.frame, self.length, self.dictionary.as_ref())
            .expect("was unpacked when it was packed, and has not changed since")
    }

    /// How many bytes were packed.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether these are no bytes at all; such are not packed.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Memory that they take packed.
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.frame.len()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} in {} bytes)", self.length, self.frame.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like_json(bytes: usize) -> Vec<u8> {
        let mut text = String::new();
        for number in 0_u64.. {
            if text.len() >= bytes {
                break;
            }
            text.push_str(&format!(
                "{{\"id\":{},\"login\":\"octocat\"}},",
                number * 7919
            ));
        }
        text.truncate(bytes);
        text.into_bytes()
    }

    fn with_dictionary() -> Packing {
        let dictionary = Dictionary::new(3, &like_json(3_000)).unwrap();
        Packing::new([dictionary].into_iter().collect())
    }

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        for packing in [Packing::default(), with_dictionary()] {
            for bytes in [1 << 10, 5_000, 64 << 10, (64 << 10) + 1, 1 << 20] {
                let value = like_json(bytes);
                let packed = packing.pack(&value).unwrap();
                assert!(packed.held_bytes() < bytes, "{packed:?}");
                assert_eq!((packed.len(), packed.unpack()), (bytes, value));
            }
        }
    }

    #[test]
    fn a_dictionary_helps_small_values_and_large_ones_do_without() {
        let held = |packing: &Packing, bytes| packing.pack(&like_json(bytes)).unwrap().held_bytes();
        assert!(held(&with_dictionary(), 2_000) < held(&Packing::default(), 2_000));
        let large = with_dictionary().pack(&like_json(100_000)).unwrap();
        assert_eq!(large.dictionary, None);
    }

    #[test]
    fn what_would_not_get_smaller_is_left_alone() {
        let packing = Packing::default();
        assert!(packing.pack(&like_json((1 << 10) - 1)).is_none());
        // xorshift: nothing repeats.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(1_000)
        .flatten()
        .collect();
        assert!(packing.pack(&noise).is_none());
    }
}
