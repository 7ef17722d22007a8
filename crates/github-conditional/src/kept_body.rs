//! A body as it is kept in memory: as it came, or packed.

#[cfg(feature = "packed")]
use std::sync::Arc;

use bytes::Bytes;
#[cfg(feature = "packed")]
use cache_backends::{Packed, Packing};

/// A stored body. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum KeptBody {
    Plain(Bytes),
    /// Smaller, and unpacked for everyone who wants to see it.
    #[cfg(feature = "packed")]
    Packed(Arc<Packed>),
}

impl KeptBody {
    /// The bytes that GitHub sent.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Plain(bytes) => bytes.clone(),
            #[cfg(feature = "packed")]
            Self::Packed(packed) => packed.unpack().into(),
        }
    }

    /// How many bytes GitHub sent.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            #[cfg(feature = "packed")]
            Self::Packed(packed) => packed.len(),
        }
    }

    /// Memory that they take.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            #[cfg(feature = "packed")]
            Self::Packed(packed) => packed.held_bytes(),
        }
    }

    #[cfg(feature = "packed")]
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// The same packed; `None` where it is, or where that saves nothing.
    #[cfg(feature = "packed")]
    pub(crate) fn packed(&self, packing: &Packing) -> Option<Self> {
        match self {
            Self::Plain(bytes) => packing
                .pack(bytes)
                .map(|packed| Self::Packed(Arc::new(packed))),
            Self::Packed(_) => None,
        }
    }
}

impl From<Bytes> for KeptBody {
    fn from(bytes: Bytes) -> Self {
        Self::Plain(bytes)
    }
}
