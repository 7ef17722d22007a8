//! Numbers, texts and headers as bytes: what the codecs of stored values are made of.
//!
//! Numbers are little endian. Texts and lists are preceded by their length. Headers are a `u16` count of name (`u16`
//! length) and value (`u32` length).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::entry::from_millis;

/// The end of the year 9999: later times are damage, and arithmetic with them is not safe on every platform.
const LAST_MILLIS: u64 = 253_402_300_799_999;

/// Nanoseconds, not milliseconds: two versions asked for within one millisecond keep their order.
pub(crate) fn to_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn from_nanos(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

/// A position or count of an entry's parts; their number is bounded far below.
pub(crate) fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Appends to the back.
pub(crate) struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    /// A text of at most 64 KiB. A longer one makes an entry that does not decode: a miss.
    pub(crate) fn short(&mut self, bytes: &[u8]) {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.raw(bytes);
    }

    /// A text of at most 4 GiB.
    pub(crate) fn long(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.raw(bytes);
    }

    pub(crate) fn headers(&mut self, headers: &HeaderMap) {
        self.u16(u16::try_from(headers.len()).unwrap_or(u16::MAX));
        for (name, value) in headers {
            self.short(name.as_str().as_bytes());
            self.long(value.as_bytes());
        }
    }
}

/// Reads from the front; every method is `None` at the end of the bytes.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| *byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn position(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    /// How many elements follow; `None` if they cannot fit into what is left.
    pub(crate) fn count(&mut self, least_element_bytes: usize) -> Option<usize> {
        let count = self.position()?;
        (count <= self.0.len() / least_element_bytes).then_some(count)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    pub(crate) fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.position()?;
        self.take(length)
    }

    pub(crate) fn nanos(&mut self) -> Option<SystemTime> {
        Some(from_nanos(self.u64()?))
    }

    pub(crate) fn millis(&mut self) -> Option<SystemTime> {
        let millis = self.u64()?;
        (millis <= LAST_MILLIS).then(|| from_millis(millis))
    }

    pub(crate) fn headers(&mut self) -> Option<HeaderMap> {
        let count = usize::from(self.u16()?);
        if count > self.0.len() / (2 + 4) {
            return None;
        }
        let mut headers = HeaderMap::new();
        for _ in 0..count {
            let name = HeaderName::from_bytes(self.short()?).ok()?;
            let value = HeaderValue::from_bytes(self.long()?).ok()?;
            headers.try_append(name, value).ok()?;
        }
        Some(headers)
    }
}
