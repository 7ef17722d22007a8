//! Why a request got no answer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::outcome::{Collapse, Report, Trouble};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// An error that several waiting requests can be told of.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<BoxError>);

impl SharedError {
    pub(crate) fn new(error: BoxError) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn as_dyn(&self) -> &(dyn StdError + 'static) {
        &**self.0
    }
}

/// GitHub could not be asked, and nothing stored may be shown instead.
///
/// Not an error of the cache: a cache that fails is a miss.
/// All errors may be retried by the caller for GET and HEAD; a write may have taken effect.
#[derive(Clone, Debug)]
pub struct Error {
    report: Box<Report>,
    trouble: Trouble,
    source: Option<SharedError>,
}

impl Error {
    pub(crate) fn new(report: Report, trouble: Trouble, source: Option<SharedError>) -> Self {
        Self {
            report: Box::new(report),
            trouble,
            source,
        }
    }

    /// The same error, told to the request that led the upstream call.
    pub(crate) fn led(mut self) -> Self {
        self.report.collapse = Collapse::Leader;
        self
    }

    /// No answer came in time.
    pub fn is_timeout(&self) -> bool {
        self.trouble == Trouble::Timeout
    }

    /// No connection was possible, or it broke before the answer.
    pub fn is_connection(&self) -> bool {
        self.trouble == Trouble::Connection
    }

    /// GitHub was not asked, because the wrapped client knows that it is away. Nothing was sent, a write neither.
    pub fn is_offline(&self) -> bool {
        self.trouble == Trouble::Offline
    }

    /// GitHub was not asked, because a rate limit applies. Nothing was sent, a write neither.
    pub fn is_rate_limited(&self) -> bool {
        self.trouble == Trouble::RateLimited
    }

    /// GitHub answered with something that makes no sense, such as a 304 to an unconditional request.
    pub fn is_invalid_answer(&self) -> bool {
        self.trouble == Trouble::ServerError
    }

    /// The account of the request, as on answers.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.trouble {
            Trouble::Timeout => "no answer in time",
            Trouble::Connection => "no connection",
            Trouble::Offline => "not asked",
            Trouble::RateLimited => "a rate limit applies",
            Trouble::ServerError => "the answer makes no sense",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(SharedError::as_dyn)
    }
}

/// A wrapped client's error that says: GitHub was not asked, because it is known to be away.
///
/// Callers are then shown what GitHub confirmed to them before, with [`Trouble::Offline`] as the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offline;

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upstream is offline")
    }
}

impl StdError for Offline {}

/// Tells what kind of trouble an inner service's error is, by what its chain of causes says: an I/O error of kind
/// `TimedOut`, or `QuotaExceeded` where the service holds a request back because of a rate limit.
pub(crate) fn classify(error: &(dyn StdError + 'static)) -> Trouble {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::TimedOut
        {
            return Trouble::Timeout;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::QuotaExceeded
        {
            return Trouble::RateLimited;
        }
        if error.is::<tokio::time::error::Elapsed>() {
            return Trouble::Timeout;
        }
        if error.is::<Offline>() {
            return Trouble::Offline;
        }
        cause = error.source();
    }
    Trouble::Connection
}

/// A body broke off: GitHub's connection failed or stalled in mid-body.
///
/// What was received so far has been handed on, and nothing of it is stored.
#[derive(Clone, Debug)]
pub struct BodyError(pub(crate) BodyFailure);

#[derive(Clone, Debug)]
pub(crate) enum BodyFailure {
    Upstream(SharedError),
    Stalled,
    Truncated,
}

impl BodyError {
    /// Nothing was received for the configured time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, BodyFailure::Stalled)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            BodyFailure::Upstream(_) => "the body broke off",
            BodyFailure::Stalled => "the body stalled",
            BodyFailure::Truncated => "the body is shorter than announced",
        })
    }
}

impl StdError for BodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            BodyFailure::Upstream(error) => Some(error.as_dyn()),
            BodyFailure::Stalled | BodyFailure::Truncated => None,
        }
    }
}
