//! Which of several processes polls a repository: the holder of its lease, for as long as it renews it.

use std::fmt;

/// A process among those that share a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder(Box<str>);

impl Holder {
    /// With a name that a test chooses.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// With a name that no other process has.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes).into()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
