//! Who is told about each answer, for metrics and logs.

use std::time::Duration;

use http::StatusCode;

use crate::error::Reason;
use crate::governor::{RefusalReason, WaitReason};
use crate::ledger::{CallerId, Charge};

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum UpstreamEvent<'a> {
    /// The head of an answer has arrived.
    Answered {
        /// Who asked.
        caller: CallerId,
        /// The answer's status.
        status: StatusCode,
        /// What it cost.
        charge: &'a Charge,
        /// From the moment the stack took the request until now.
        latency: Duration,
        /// Whether a connection had to be made for it.
        connection: ConnectionUse,
    },
    /// A request waited for its turn, and got it.
    Waited {
        /// Who asks.
        caller: CallerId,
        /// What stood against it when it came.
        reason: WaitReason,
        /// How long.
        waited: Duration,
    },
    /// A request was not sent, because of a limit. No fault of GitHub's, and no [`Failed`](Self::Failed).
    HeldBack {
        /// Who asks.
        caller: CallerId,
        /// Why.
        reason: RefusalReason,
    },
    /// A read is sent a second time, because its connection was gone.
    Retried {
        /// What the first try died of.
        reason: Reason,
    },
    /// There is no answer.
    Failed {
        /// Who asked.
        caller: CallerId,
        /// Why.
        reason: Reason,
        /// From the moment the stack took the request until now.
        latency: Duration,
    },
}

/// Whether a connection had to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionUse {
    /// The first request on its connection.
    New,
    /// A connection of the pool.
    Reused,
    /// An HTTP/2 connection, which many requests share.
    Shared,
}

impl ConnectionUse {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reused => "reused",
            Self::Shared => "shared",
        }
    }
}

/// Is told of every [`UpstreamEvent`]; must be quick, because requests wait for it.
///
/// `()` ignores them; a closure over `&UpstreamEvent` is an observer too.
pub trait UpstreamObserver: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &UpstreamEvent<'_>);
}

impl UpstreamObserver for () {
    fn observe(&self, _event: &UpstreamEvent<'_>) {}
}

impl<F: Fn(&UpstreamEvent<'_>) + Send + Sync + 'static> UpstreamObserver for F {
    fn observe(&self, event: &UpstreamEvent<'_>) {
        self(event);
    }
}
