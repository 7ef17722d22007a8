//! The bytes of one entry in Redis: a revision, then the sealed value.
//!
//! The revision is eight random bytes that change with every write. A counter would not do: after a removal it starts
//! again, and a writer that had read the old value would take the new one for it.

use bytes::Bytes;

use crate::{Dictionaries, Persist, StoreKey, envelope};

pub(super) const REVISION_BYTES: usize = 8;

/// What was found under a key: the bytes that a later write is compared with, and the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<V> {
    pub(super) revision: Bytes,
    pub(super) value: Option<V>,
}

/// Reads an entry; a value that is damaged or of another version is none, but still has a revision to write over.
pub(super) fn read<V: Persist>(stored: &Bytes, dictionaries: &Dictionaries) -> Found<V> {
    let revision = stored.slice(..stored.len().min(REVISION_BYTES));
    let sealed = &stored[revision.len()..];
    Found {
        revision,
        value: envelope::open(sealed, dictionaries)
            .value()
            .and_then(|bytes| V::decode(&bytes)),
    }
}

/// The bytes to store.
pub(super) fn written<V: Persist>(
    value: &V,
    revision: [u8; REVISION_BYTES],
    dictionaries: &Dictionaries,
) -> Bytes {
    let mut plain = Vec::new();
    value.encode(&mut plain);
    let sealed = envelope::seal(&plain, dictionaries);
    let mut bytes = Vec::with_capacity(REVISION_BYTES + sealed.len());
    bytes.extend_from_slice(&revision);
    bytes.extend_from_slice(&sealed);
    bytes.into()
}

/// The name of a key in Redis.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    prefix: String,
}

impl Naming {
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            prefix: format!("{namespace}:"),
        }
    }

    pub(super) fn name(&self, key: &StoreKey) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut name = String::with_capacity(self.prefix.len() + 64);
        name.push_str(&self.prefix);
        for byte in key.as_bytes() {
            name.push(char::from(DIGITS[usize::from(byte >> 4)]));
            name.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Sample;

    /// `written(&Sample::new(7, 2000), *b"revision")`, stored by the first version that wrote to Redis.
    const ENTRY_V1: &[u8] = include_bytes!("../../tests/fixtures/redis-entry-v1.bin");

    fn none() -> Dictionaries {
        Dictionaries::default()
    }

    #[test]
    fn an_entry_of_the_first_version_is_read() {
        let found = read::<Sample>(&Bytes::from_static(ENTRY_V1), &none());
        assert_eq!(found.revision, Bytes::from_static(b"revision"));
        assert_eq!(found.value, Some(Sample::new(7, 2000)));
    }

    #[test]
    fn an_entry_of_an_unknown_version_is_no_value() {
        let mut later = ENTRY_V1.to_vec();
        // Behind the revision and the two bytes that every version begins with.
        later[REVISION_BYTES + 2] = 2;
        assert_eq!(read::<Sample>(&later.into(), &none()).value, None);
    }

    #[test]
    fn what_was_written_is_read() {
        let value = Sample::new(7, 100);
        let bytes = written(&value, [9; 8], &none());
        let found = read::<Sample>(&bytes, &none());
        assert_eq!(found.revision, Bytes::from_static(&[9; 8]));
        assert_eq!(found.value, Some(value));
    }

    #[test]
    fn damage_is_no_value_but_has_a_revision() {
        let whole = written(&Sample::new(7, 100), [9; 8], &none());
        for length in 0..whole.len() {
            let found = read::<Sample>(&whole.slice(..length), &none());
            assert_eq!(found.value, None);
            assert_eq!(found.revision, whole.slice(..length.min(8)));
        }
        for at in REVISION_BYTES..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1;
            assert_eq!(
                read::<Sample>(&damaged.into(), &none()).value,
                None,
                "byte {at}"
            );
        }
    }

    #[test]
    fn names_are_readable() {
        let mut digest = [0; 32];
        digest[0] = 0xAB;
        digest[31] = 0x01;
        let name = Naming::new("mirror").name(&StoreKey::new(digest));
        assert_eq!(name, format!("mirror:ab{}01", "00".repeat(30)));
    }
}
