//! The frame around a value that leaves the process: version, checksum, compression.
//!
//! Bytes that come back from a disk or from another machine are trusted for nothing: whatever is not exactly what was
//! sealed is no value, which is a miss for the caller.
//!
//! # Layout
//! | bytes | what |
//! |---|---|
//! | 0..2 | `C7 42` |
//! | 2 | version: 1 or 2 |
//! | 3 | version 1: flags, bit 0 = the payload is a zstd frame; the others are 0 |
//! | | version 2: number of the dictionary; the payload is a zstd frame made with it |
//! | 4..8 | length of the value, little endian |
//! | 8..16 | checksum, little endian: XXH3-64 of the payload, seeded with XXH3-64 of bytes 0..8; in version 2 the latter is seeded with XXH3-64 of the dictionary |
//! | 16.. | payload |
//!
//! The first three bytes stay what they are in every version, so that a reader always knows what it does not know.
//! What needs no dictionary is still written as version 1.

use std::borrow::Cow;

use twox_hash::XxHash3_64;

use crate::dictionary::{Dictionaries, Dictionary};
use crate::frame::{decompress, smaller};

const MAGIC: [u8; 2] = [0xC7, 0x42];
const PLAIN_OR_ZSTD: u8 = 1;
const WITH_DICTIONARY: u8 = 2;
const COMPRESSED: u8 = 1;
const SUMMED_HEADER_BYTES: usize = 8;
/// What the frame adds to a value that is not compressed.
pub(crate) const HEADER_BYTES: usize = 16;

/// Larger values cannot be opened again; stores refuse them long before.
pub(crate) const MAX_VALUE_BYTES: usize = 128 << 20;

/// What is in a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened<'bytes> {
    Value(Cow<'bytes, [u8]>),
    /// Another version wrote it, or with a dictionary that is not known here. Nothing is wrong with it.
    Unknown,
    /// Not what was sealed.
    Damaged,
}

impl<'bytes> Opened<'bytes> {
    /// For whom both kinds of nothing are a miss.
    pub(crate) fn value(self) -> Option<Cow<'bytes, [u8]>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unknown | Self::Damaged => None,
        }
    }
}

/// Frames a value, compressed where that makes it smaller: for a store of one's own whose bytes outlive the process.
pub fn seal(value: &[u8], dictionaries: &Dictionaries) -> Vec<u8> {
    match smaller(value, dictionaries) {
        Some((frame, Some(dictionary))) => framed(
            [WITH_DICTIONARY, dictionary.number()],
            value.len(),
            &frame,
            dictionary.digest(),
        ),
        Some((frame, None)) => framed([PLAIN_OR_ZSTD, COMPRESSED], value.len(), &frame, 0),
        None => framed([PLAIN_OR_ZSTD, 0], value.len(), value, 0),
    }
}

fn framed(version_and_more: [u8; 2], length: usize, payload: &[u8], seed: u64) -> Vec<u8> {
    // A length that does not fit makes a frame that does not open: a miss, as for any value beyond the bound.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut sealed = Vec::with_capacity(HEADER_BYTES + payload.len());
    sealed.extend_from_slice(&MAGIC);
    sealed.extend_from_slice(&version_and_more);
    sealed.extend_from_slice(&length.to_le_bytes());
    let sum = checksum(&sealed, payload, seed);
    sealed.extend_from_slice(&sum.to_le_bytes());
    sealed.extend_from_slice(payload);
    sealed
}

/// The value in a frame made by [`seal`]; `None` = of another version, or damaged: a miss.
pub fn unseal<'bytes>(
    bytes: &'bytes [u8],
    dictionaries: &Dictionaries,
) -> Option<Cow<'bytes, [u8]>> {
    open(bytes, dictionaries).value()
}

/// The value in a frame, unless it is of another version, damaged, or beyond the bound.
pub(crate) fn open<'bytes>(bytes: &'bytes [u8], dictionaries: &Dictionaries) -> Opened<'bytes> {
    let Some(Header {
        version,
        detail,
        length,
        summed,
        sum,
        payload,
    }) = header(bytes)
    else {
        return Opened::Damaged;
    };
    let dictionary = match version {
        PLAIN_OR_ZSTD => None,
        WITH_DICTIONARY => match dictionaries.numbered(detail) {
            Some(dictionary) => Some(dictionary),
            None => return Opened::Unknown,
        },
        _ => return Opened::Unknown,
    };
    // The sum is looked at before the length is believed: damage never makes anybody allocate.
    let seed = dictionary.map_or(0, Dictionary::digest);
    if sum != checksum(summed, payload, seed) || length > MAX_VALUE_BYTES {
        return Opened::Damaged;
    }
    let value = match (dictionary, detail) {
        (None, 0) => (payload.len() == length).then_some(Cow::Borrowed(payload)),
        (Some(_), _) | (None, COMPRESSED) => {
            decompress(payload, length, dictionary).map(Cow::Owned)
        }
        (None, _) => return Opened::Unknown,
    };
    value.map_or(Opened::Damaged, Opened::Value)
}

struct Header<'bytes> {
    version: u8,
    /// Flags or the number of a dictionary.
    detail: u8,
    length: usize,
    summed: &'bytes [u8],
    sum: u64,
    payload: &'bytes [u8],
}

fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (summed, sum) = header.split_at(SUMMED_HEADER_BYTES);
    let (&magic, rest) = summed.split_first_chunk::<2>()?;
    let (&[version, detail], length) = rest.split_first_chunk::<2>()?;
    (magic == MAGIC).then_some(())?;
    Some(Header {
        version,
        detail,
        length: usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?,
        summed,
        sum: u64::from_le_bytes(sum.try_into().ok()?),
        payload,
    })
}

/// `seed` is the dictionary's digest, so that other bytes under its number give damage instead of another value.
fn checksum(header: &[u8], payload: &[u8], seed: u64) -> u64 {
    // The header is folded in as the seed, so that the payload is hashed in one pass without a copy.
    let seed = XxHash3_64::oneshot_with_seed(seed, header);
    XxHash3_64::oneshot_with_seed(seed, payload)
}

#[cfg(test)]
mod tests;
