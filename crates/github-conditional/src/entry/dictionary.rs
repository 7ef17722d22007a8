//! What stored entries resemble: GitHub's answers, so that stores can compress them better.

use super::Entry;

impl Entry {
    /// zstd dictionaries for stores of entries, newest first, each under its number.
    ///
    /// `dictionaries/train.py` of this crate makes them. One that was released is never changed nor taken away, because
    /// entries need it to be read.
    pub const DICTIONARIES: &'static [(u8, &'static [u8])] =
        &[(1, include_bytes!("../../dictionaries/entry-1.zdict"))];
}
