//! Why a store could not do what it was asked: always a miss for the caller, never a failure of the request.

use std::fmt;

/// What was being done when the store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reading a value.
    Load,
    /// Writing a value.
    Merge,
    /// Removing a value.
    Remove,
}

impl Operation {
    /// The word used in messages and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Merge => "merge",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unavailable,
    Timeout,
    Corrupt,
}

/// A failed store operation.
///
/// The message names the operation and what kind of trouble it was; the cause, if any, is the `source()`.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} a cached value: {}", self.reason())]
pub struct StoreError {
    operation: Operation,
    kind: Kind,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// The store cannot be reached or refuses to work.
    pub fn unavailable(operation: Operation) -> Self {
        Self {
            operation,
            kind: Kind::Unavailable,
            source: None,
        }
    }

    /// The store did not answer within its own time limit.
    pub fn timeout(operation: Operation) -> Self {
        Self {
            operation,
            kind: Kind::Timeout,
            source: None,
        }
    }

    /// The store answered with bytes that are not a value (wrong version, checksum, length).
    pub fn corrupt(operation: Operation) -> Self {
        Self {
            operation,
            kind: Kind::Corrupt,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The store cannot be reached or refuses to work.
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// The store did not answer in time.
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// The stored bytes could not be understood.
    pub fn is_corrupt(&self) -> bool {
        self.kind == Kind::Corrupt
    }

    /// The kind of trouble as a word for messages and metric labels.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            Kind::Unavailable => "unavailable",
            Kind::Timeout => "timeout",
            Kind::Corrupt => "corrupt",
        }
    }
}
