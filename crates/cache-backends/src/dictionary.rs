//! What values resemble, so that they compress better: bytes that the user of a store knows and the store does not.

use std::fmt;
use std::sync::Arc;

use twox_hash::XxHash3_64;
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// On GitHub's JSON higher levels save a few per cent more, from 6 on at several times the cost
/// (docs/decisions/0009-disk-store.md).
pub(crate) const LEVEL: i32 = 1;

/// A zstd dictionary under a number that is kept with every value compressed with it.
///
/// The bytes under a number never change: what was written with others is damage to who has these.
/// It is made ready once; clones share it.
#[derive(Clone)]
pub struct Dictionary(Arc<Prepared>);

struct Prepared {
    number: u8,
    digest: u64,
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

impl Dictionary {
    /// Makes a dictionary ready: the output of `zstd --train`, or any bytes that values resemble.
    ///
    /// # Errors
    /// When the bytes begin like a trained dictionary and are none.
    pub fn new(number: u8, bytes: &[u8]) -> Result<Self, DictionaryError> {
        let refused = |_| DictionaryError { number };
        Ok(Self(Arc::new(Prepared {
            number,
            digest: XxHash3_64::oneshot(bytes),
            encoder: EncoderDictionary::try_copy(bytes, LEVEL).map_err(refused)?,
            decoder: DecoderDictionary::try_copy(bytes).map_err(refused)?,
        })))
    }

    pub(crate) fn number(&self) -> u8 {
        self.0.number
    }

    /// Of the bytes: two dictionaries under one number are told apart by it.
    pub(crate) fn digest(&self) -> u64 {
        self.0.digest
    }

    pub(crate) fn encoder(&self) -> &EncoderDictionary<'static> {
        &self.0.encoder
    }

    pub(crate) fn decoder(&self) -> &DecoderDictionary<'static> {
        &self.0.decoder
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        (self.number(), self.digest()) == (other.number(), other.digest())
    }
}

impl Eq for Dictionary {}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dictionary").field(&self.number()).finish()
    }
}

/// Bytes that are no dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("zstd cannot use dictionary {number}")]
pub struct DictionaryError {
    number: u8,
}

/// The dictionaries of a store. Default none.
///
/// Values are compressed with the first one and read with any. A value whose dictionary is not among them is a miss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionaries(Arc<[Dictionary]>);

impl Dictionaries {
    /// The one to compress with.
    pub(crate) fn newest(&self) -> Option<&Dictionary> {
        self.0.first()
    }

    #[cfg(any(feature = "disk", feature = "redis"))]
    pub(crate) fn numbered(&self, number: u8) -> Option<&Dictionary> {
        self.0
            .iter()
            .find(|dictionary| dictionary.number() == number)
    }
}

impl FromIterator<Dictionary> for Dictionaries {
    /// Newest first.
    fn from_iter<T: IntoIterator<Item = Dictionary>>(dictionaries: T) -> Self {
        Self(dictionaries.into_iter().collect())
    }
}
