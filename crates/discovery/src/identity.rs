//! The ids that the API shows: UUIDs made of GitHub's numbers (pure).
//!
//! The same account has the same id in every database, hyperlinks need no look-up, and an id says by itself whether
//! it can be known. RFC 9562 §5.8 leaves the bits of a version 8 UUID to whoever makes it: here a constant that tells
//! developers from repositories, then GitHub's number. So ids sort as GitHub's numbers do.

use uuid::Uuid;

/// What an id belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    Developer,
    Repository,
}

/// `github-d`, `github-r` in ASCII; six bits give way to the version and the variant.
const DEVELOPER: u64 = 0x6769_7468_7562_8d64;
const REPOSITORY: u64 = 0x6769_7468_7562_8d72;
const VARIANT: u64 = 0x8000_0000_0000_0000;
/// GitHub's numbers are far from using more bits.
const LARGEST: u64 = (1 << 62) - 1;

impl Resource {
    const fn prefix(self) -> u64 {
        match self {
            Self::Developer => DEVELOPER,
            Self::Repository => REPOSITORY,
        }
    }

    pub(crate) fn id(self, github_id: i64) -> Uuid {
        Uuid::from_u64_pair(
            self.prefix(),
            VARIANT | (github_id.cast_unsigned() & LARGEST),
        )
    }

    /// GitHub's number, unless the id was never given out.
    pub(crate) fn github_id(self, id: Uuid) -> Option<i64> {
        let (prefix, rest) = id.as_u64_pair();
        let ours = prefix == self.prefix() && rest & !LARGEST == VARIANT;
        ours.then_some((rest & LARGEST).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_that_tell_githubs_number() {
        let id = Resource::Developer.id(583_231);
        assert_eq!(id.to_string(), "67697468-7562-8d64-8000-00000008e63f");
        assert_eq!(
            (id.get_version_num(), id.get_variant()),
            (8, uuid::Variant::RFC4122)
        );
        assert_eq!(Resource::Developer.github_id(id), Some(583_231));
        assert_eq!(Resource::Repository.github_id(id), None);
        assert_eq!(Resource::Developer.github_id(Uuid::nil()), None);
        assert!(Resource::Repository.id(9) < Resource::Repository.id(10));
    }
}
