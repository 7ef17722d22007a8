//! The frame around a value that leaves the process: version, checksum, compression.
//!
//! Bytes that come back from a disk or from another machine are trusted for nothing: whatever is not exactly what was
//! sealed is no value, which is a miss for the caller.
//!
//! # Layout, version 1
//! | bytes | what |
//! |---|---|
//! | 0..2 | `C7 42` |
//! | 2 | version: 1 |
//! | 3 | flags: bit 0 = the payload is a zstd frame; the others are 0 |
//! | 4..8 | length of the value, little endian |
//! | 8..16 | XXH3-64 of bytes 0..8 and the payload, little endian |
//! | 16.. | payload |
//!
//! The first three bytes stay what they are in every version, so that a reader always knows what it does not know.

use std::borrow::Cow;
use std::cell::RefCell;

use twox_hash::XxHash3_64;

const MAGIC: [u8; 2] = [0xC7, 0x42];
const VERSION: u8 = 1;
const COMPRESSED: u8 = 1;
const SUMMED_HEADER_BYTES: usize = 8;
/// What the frame adds to a value that is not compressed.
pub(crate) const HEADER_BYTES: usize = 16;

/// Larger values cannot be opened again; stores refuse them long before.
pub(crate) const MAX_VALUE_BYTES: usize = 128 << 20;

/// Smaller values are kept as they are: compressing them saves less than it costs.
const COMPRESSED_FROM_BYTES: usize = 1 << 10;

/// On GitHub's JSON higher levels save a few per cent more, from 6 on at several times the cost
/// (docs/decisions/0009-disk-store.md).
const LEVEL: i32 = 1;

/// Frames a value, compressed where that makes it smaller.
pub(crate) fn seal(value: &[u8]) -> Vec<u8> {
    let compressed = (value.len() >= COMPRESSED_FROM_BYTES)
        .then(|| compress(value))
        .flatten()
        .filter(|compressed| compressed.len() < value.len());
    let (flags, payload) = match &compressed {
        Some(compressed) => (COMPRESSED, compressed.as_slice()),
        None => (0, value),
    };
    // A length that does not fit makes a frame that does not open: a miss, as for any value beyond the bound.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);

    let mut sealed = Vec::with_capacity(HEADER_BYTES + payload.len());
    sealed.extend_from_slice(&MAGIC);
    sealed.extend_from_slice(&[VERSION, flags]);
    sealed.extend_from_slice(&length.to_le_bytes());
    let sum = checksum(&sealed, payload);
    sealed.extend_from_slice(&sum.to_le_bytes());
    sealed.extend_from_slice(payload);
    sealed
}

/// The value in a frame; `None` for another version, damage, or a value beyond the bound.
pub(crate) fn open(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (summed, sum) = header.split_at(SUMMED_HEADER_BYTES);
    let (&magic, rest) = summed.split_first_chunk::<2>()?;
    let (&[version, flags], length) = rest.split_first_chunk::<2>()?;
    if magic != MAGIC || version != VERSION || flags & !COMPRESSED != 0 {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    // The sum is looked at before the length is believed: damage never makes anybody allocate.
    if u64::from_le_bytes(sum.try_into().ok()?) != checksum(summed, payload)
        || length > MAX_VALUE_BYTES
    {
        return None;
    }
    if flags & COMPRESSED == 0 {
        return (payload.len() == length).then_some(Cow::Borrowed(payload));
    }
    decompress(payload, length).map(Cow::Owned)
}

fn checksum(header: &[u8], payload: &[u8]) -> u64 {
    // The header is folded in as the seed, so that the payload is hashed in one pass without a copy.
    let seed = XxHash3_64::oneshot(header);
    XxHash3_64::oneshot_with_seed(seed, payload)
}

thread_local! {
    // A context is a few hundred KiB: one per thread that seals or opens, instead of one per value.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        RefCell::new(zstd::bulk::Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        RefCell::new(zstd::bulk::Decompressor::new().ok());
}

fn compress(value: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(value).ok())
}

fn decompress(payload: &[u8], length: usize) -> Option<Vec<u8>> {
    let value = DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(payload, length).ok())?;
    (value.len() == length).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_V1: &[u8] = include_bytes!("../tests/fixtures/envelope-v1-plain.bin");
    const LARGE_V1: &[u8] = include_bytes!("../tests/fixtures/envelope-v1-zstd.bin");

    fn small() -> Vec<u8> {
        b"{\"login\":\"octocat\"}".to_vec()
    }

    fn large() -> Vec<u8> {
        (0..200)
            .flat_map(|number| format!("{{\"id\":{number},\"login\":\"octocat\"}},").into_bytes())
            .collect()
    }

    #[track_caller]
    fn check_miss(why: &str, bytes: &[u8]) {
        assert_eq!(open(bytes), None, "{why}");
    }

    #[test]
    fn what_was_sealed_is_opened() {
        for length in [0, 1, 15, 1023, 1024, 1025, 70_000] {
            let value: Vec<u8> = (0..length).map(|at| (at % 7) as u8).collect();
            assert_eq!(open(&seal(&value)).as_deref(), Some(&value[..]), "{length}");
        }
    }

    #[test]
    fn what_does_not_compress_is_kept_as_it_is() {
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..4096)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let sealed = seal(&noise);
        assert_eq!(sealed.len(), HEADER_BYTES + noise.len());
        assert_eq!(open(&sealed).as_deref(), Some(&noise[..]));
    }

    #[test]
    fn json_gets_much_smaller() {
        assert!(seal(&large()).len() < large().len() / 4);
    }

    #[test]
    fn version_1_is_read() {
        assert_eq!(open(SMALL_V1).as_deref(), Some(&small()[..]));
        assert_eq!(open(LARGE_V1).as_deref(), Some(&large()[..]));
        // Plain frames are the same bytes for ever; zstd may come to choose others for the same value.
        assert_eq!(seal(&small()), SMALL_V1);
    }

    #[test]
    fn no_damaged_frame_is_opened() {
        for sealed in [seal(&small()), seal(&large())] {
            for length in 0..sealed.len() {
                check_miss("cut short", &sealed[..length]);
            }
            for bit in 0..sealed.len() * 8 {
                let mut damaged = sealed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                check_miss("one bit flipped", &damaged);
            }
            let mut longer = sealed.clone();
            longer.push(0);
            check_miss("a byte too many", &longer);
        }
    }

    /// A frame whose sum is right, whatever else it says.
    fn forged(version: u8, flags: u8, length: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[version, flags]);
        bytes.extend_from_slice(&length.to_le_bytes());
        let sum = checksum(&bytes, payload);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_right_sum_is_not_enough() {
        let frame = compress(&large()).unwrap();
        let length = u32::try_from(large().len()).unwrap();
        assert!(open(&forged(1, 1, length, &frame)).is_some());
        check_miss("a later version", &forged(2, 1, length, &frame));
        check_miss("version 0", &forged(0, 1, length, &frame));
        check_miss("an unknown flag", &forged(1, 3, length, &frame));
        check_miss("longer than it says", &forged(1, 1, length - 1, &frame));
        check_miss("shorter than it says", &forged(1, 1, length + 1, &frame));
        check_miss("beyond the bound", &forged(1, 1, u32::MAX, &frame));
        check_miss("no zstd frame", &forged(1, 1, 4, b"text"));
        check_miss("plain, another length", &forged(1, 0, 5, b"text"));
    }
}
