//! An entity tag as it is kept with a confirmation.
//!
//! GitHub's tags are SHA-256 in hexadecimal: as numbers they take half of their text, and no allocation of their own.

use github_headers::EntityTag;

use crate::formula::digits;

const HASH_BYTES: usize = 32;

/// A tag, or that there is none.
#[derive(Clone, Debug)]
pub(super) enum KeptTag {
    None,
    Weak([u8; HASH_BYTES]),
    Strong([u8; HASH_BYTES]),
    /// A git object id, or whatever else GitHub says.
    Other(Box<EntityTag>),
}

impl KeptTag {
    pub(super) fn new(tag: Option<EntityTag>) -> Self {
        let Some(tag) = tag else { return Self::None };
        match (hash_of(tag.opaque()), tag.is_weak()) {
            (Some(hash), true) => Self::Weak(hash),
            (Some(hash), false) => Self::Strong(hash),
            (None, _) => Self::Other(Box::new(tag)),
        }
    }

    /// The tag as it was.
    pub(super) fn tag(&self) -> Option<EntityTag> {
        match self {
            Self::None => None,
            Self::Weak(hash) => EntityTag::weak(digits(hash)).ok(),
            Self::Strong(hash) => EntityTag::strong(digits(hash)).ok(),
            Self::Other(tag) => Some(EntityTag::clone(tag)),
        }
    }

    /// Whether GitHub can be asked about it: `W/""` says nothing.
    pub(super) fn is_validator(&self) -> bool {
        match self {
            Self::None => false,
            Self::Weak(_) | Self::Strong(_) => true,
            Self::Other(tag) => !tag.is_empty(),
        }
    }
}

/// Only what is written again as it was: 64 digits, none of them a capital.
fn hash_of(opaque: &str) -> Option<[u8; HASH_BYTES]> {
    let (pairs, rest) = opaque.as_bytes().as_chunks::<2>();
    if pairs.len() != HASH_BYTES || !rest.is_empty() {
        return None;
    }
    let mut hash = [0; HASH_BYTES];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = (value(*high)? << 4) | value(*low)?;
    }
    Some(hash)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_kept_as_it_was() {
        let hash = "588d817fe4a9fd2018e282d822b6bb83a7669c79f068b464b09cbae3a6289496";
        let short = &hash[..63];
        let capital = hash.replace("e4", "E4");
        let longer = format!("{hash}00");
        #[track_caller]
        fn check(text: &str, in_numbers: bool, validator: bool) {
            let tag = EntityTag::parse(text).unwrap();
            let kept = KeptTag::new(Some(tag.clone()));
            assert_eq!(kept.tag(), Some(tag));
            assert_eq!(
                matches!(kept, KeptTag::Weak(_) | KeptTag::Strong(_)),
                in_numbers
            );
            assert_eq!(kept.is_validator(), validator);
        }
        check(&format!("W/\"{hash}\""), true, true);
        check(&format!("\"{hash}\""), true, true);
        for opaque in [short, &capital, &longer, "a54907dd", "x", "\u{fc}"] {
            check(&format!("\"{opaque}\""), false, true);
            check(&format!("W/\"{opaque}\""), false, true);
        }
        check("W/\"\"", false, false);
        assert_eq!(KeptTag::new(None).tag(), None);
        assert!(!KeptTag::new(None).is_validator());
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<KeptTag>() <= 40);
    }
}
