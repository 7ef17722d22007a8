//! What a failed command means: may it be tried again, and what does a reader hear.

use fred::error::{Error, ErrorKind};

use crate::{Operation, StoreError};

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer in time; it may have been carried out.
    Timeout,
    /// Nobody there, or one who cannot do it at the moment.
    Away,
    /// An answer that says no, and will say no again.
    Refused,
    /// Under the key is something that is no entry.
    NotAnEntry,
}

/// Error codes of servers that will do it later, or elsewhere.
const PASSING: [&str; 9] = [
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "MOVED",
    "ASK",
    "NOREPLICAS",
];

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        let code = error.details().split_whitespace().next().unwrap_or("");
        match error.kind() {
            ErrorKind::Timeout => Self::Timeout,
            _ if PASSING.contains(&code) => Self::Away,
            ErrorKind::InvalidArgument if code == "WRONGTYPE" => Self::NotAnEntry,
            // An error of a script is told with the script's place in front of the code.
            _ if error.details().contains("WRONGTYPE") => Self::NotAnEntry,
            // Codes are upper case words; what fred says itself are sentences.
            _ if is_code(code) && *error.kind() != ErrorKind::Auth => Self::Refused,
            _ => Self::Away,
        }
    }

    pub(crate) fn into_store_error(self, operation: Operation, source: Error) -> StoreError {
        match self {
            Self::Timeout => StoreError::timeout(operation),
            Self::Away | Self::Refused => StoreError::unavailable(operation),
            Self::NotAnEntry => StoreError::corrupt(operation),
        }
        .with_source(source)
    }
}

fn is_code(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_command_means() {
        #[track_caller]
        fn check(kind: ErrorKind, details: &'static str, expected: Failure) {
            assert_eq!(
                Failure::of(&Error::new(kind, details)),
                expected,
                "{details}"
            );
        }
        check(ErrorKind::Timeout, "Request timed out.", Failure::Timeout);
        check(ErrorKind::IO, "Connection closed.", Failure::Away);
        check(
            ErrorKind::Unknown,
            "Too many failed write attempts.",
            Failure::Away,
        );
        check(
            ErrorKind::Unknown,
            "READONLY You can't write against a read only replica.",
            Failure::Away,
        );
        check(
            ErrorKind::Cluster,
            "CLUSTERDOWN The cluster is down",
            Failure::Away,
        );
        check(
            ErrorKind::Auth,
            "WRONGPASS invalid username-password pair",
            Failure::Away,
        );
        check(
            ErrorKind::Unknown,
            "OOM command not allowed when used memory > 'maxmemory'.",
            Failure::Refused,
        );
        check(
            ErrorKind::Unknown,
            "NOPERM this user has no permissions to run the 'set' command",
            Failure::Refused,
        );
        check(
            ErrorKind::InvalidArgument,
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            Failure::NotAnEntry,
        );
    }
}
