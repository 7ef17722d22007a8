//! Why the file does not do what it was asked.

use std::io;

use redb::{
    CommitError, CompactionError, SetDurabilityError, StorageError, TableError, TransactionError,
};

/// Whose fault it is decides what is done: damage needs another file, the rest another try.
#[derive(Debug, thiserror::Error)]
pub(in crate::disk) enum Failure {
    #[error("the cache file is damaged: {0}")]
    Damaged(String),
    #[error("the cache file cannot be read or written")]
    Io(#[source] io::Error),
    #[error("the cache file is closed after an error")]
    Closed,
    #[error("the cache file is in use")]
    InUse,
    #[error("the cache file has an unknown format")]
    UnknownVersion,
}

impl Failure {
    /// Whether only another file helps.
    pub(in crate::disk) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::UnknownVersion)
    }

    fn engine(error: &impl ToString) -> Self {
        Self::Io(io::Error::other(error.to_string()))
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupted(what) => Self::Damaged(what),
            StorageError::Io(error) => Self::Io(error),
            StorageError::PreviousIo | StorageError::DatabaseClosed => Self::Closed,
            other => Self::engine(&other),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            // The tables are made with the file, so other ones are another version's.
            _ => Self::UnknownVersion,
        }
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<CompactionError> for Failure {
    fn from(error: CompactionError) -> Self {
        match error {
            CompactionError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<SetDurabilityError> for Failure {
    fn from(error: SetDurabilityError) -> Self {
        Self::engine(&error)
    }
}
