//! When a request may be sent: one state machine for each credential, over what GitHub said, what is under way, and time.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `account` | the state machine (pure): go, wait, or refuse, and why |
//! | `minute` | points of the last minute (pure) |
//! | `queue` | who is next (pure) |
//! | `resource` | which bucket and how many points, before GitHub has said so (pure) |
//! | `gate` | the effect: arriving, waking, letting go |
//! | `turn` | a request's turn, from the queue to the end of its answer |
//! | `report` | what is told of each credential |
//!
//! What GitHub has stated is obeyed in every mode: a bucket that is used up, and the cool-down after a secondary limit,
//! which concerns the credential whatever the resource ("Rate limits for the REST API").
//! After a cool-down one request goes alone, so that a limit that is still on is met once and not a hundred times.
//! The modes differ in what is done *before* GitHub says anything; see [`PacingMode`].

use std::time::{Duration, SystemTime};

use github_headers::Resource;

use crate::error::UpstreamError;
use crate::ledger::{CallerId, Endpoint, Window};

mod account;
mod gate;
mod minute;
mod queue;
mod report;
mod resource;
mod turn;

pub(crate) use account::Heard;
pub(crate) use gate::Gate;
pub use queue::{ClientKey, Priority};
pub use report::{CallerState, Pace};
pub(crate) use resource::{Api, Intent, resource_of};
pub(crate) use turn::Permit;

/// `x-ratelimit-reset` wavers by a second; whoever comes at the earlier one is refused again.
const RESET_WAVER: Duration = Duration::from_secs(1);

/// How requests are paced.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PacingOptions {
    /// When to pace. Default: [`PacingMode::Adaptive`].
    pub mode: PacingMode,
    /// Points of one credential in any minute, where it is paced. Default: 900, as documented for a REST endpoint. A read
    /// is one point and a write five; a 304 counts too, because GitHub may count it.
    pub points_per_minute: u32,
    /// The same for GraphQL, which has points of its own. Default: 2,000.
    pub graphql_points_per_minute: u32,
    /// REST writes of one credential in any minute, where it is paced. Default: 80, as documented for the creation of content.
    pub writes_per_minute: u32,
    /// Requests of one credential under way at a time, bodies included. Default: 100.
    pub max_concurrent: u32,
    /// How long a request may wait for its turn. Default: 30 s. One that would wait longer is refused at once.
    pub max_wait: Duration,
    /// Requests of one credential that may wait. Default: 1,000. Beyond it the client with the most of them loses its
    /// newest one.
    pub max_waiting: usize,
    /// [`PacingMode::Adaptive`]: how long a credential is paced after a secondary limit. Default: an hour.
    pub watch: Duration,
    /// [`PacingMode::Adaptive`]: answers 404 in a minute after which a credential is paced while they last, because polling
    /// for what is not there brings secondary limits about. Default: 900.
    pub not_found_per_minute: u32,
}

impl Default for PacingOptions {
    fn default() -> Self {
        Self {
            mode: PacingMode::default(),
            points_per_minute: 900,
            graphql_points_per_minute: 2_000,
            writes_per_minute: 80,
            max_concurrent: 100,
            max_wait: Duration::from_secs(30),
            max_waiting: 1_000,
            watch: Duration::from_secs(3_600),
            not_found_per_minute: 900,
        }
    }
}

/// When requests are paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PacingMode {
    /// No pacing until GitHub signals a secondary limit or as many requests as GitHub allows are under way; then as
    /// [`Strict`](Self::Strict) for a while.
    #[default]
    Adaptive,
    /// Never more points in any minute, nor more requests at a time, than GitHub allows.
    Strict,
    /// Nothing waits. What would have to is refused, if GitHub has stated a limit, and sent otherwise.
    Off,
}

impl PacingMode {
    /// The word used in settings and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Strict => "strict",
            Self::Off => "off",
        }
    }
}

/// The present, on both clocks: GitHub's limits end at times of day, points are counted on a clock that never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    /// Since the stack was built.
    pub(crate) elapsed: Duration,
}

/// What a request wants to do.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) caller: CallerId,
    pub(crate) resource: Resource,
    pub(crate) endpoint: Endpoint,
    pub(crate) api: Api,
    pub(crate) points: u32,
    pub(crate) intent: Intent,
    pub(crate) client: ClientKey,
    pub(crate) priority: Priority,
    /// Requests of the window that must be left for others.
    pub(crate) reserve: u64,
}

/// May a request be sent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Go,
    Wait {
        until: Until,
        reason: WaitReason,
    },
    Refuse {
        reason: RefusalReason,
        retry_at: SystemTime,
    },
}

/// What a waiting request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// A time of day that GitHub stated.
    Wall(SystemTime),
    /// A time on the clock that never jumps.
    Elapsed(Duration),
    /// Another request's answer or end.
    Released,
}

impl Until {
    /// The time on the clock that never jumps, if any is known.
    fn elapsed(self, now: Moment) -> Option<Duration> {
        match self {
            Self::Wall(at) => Some(now.elapsed + at.duration_since(now.wall).unwrap_or_default()),
            Self::Elapsed(at) => Some(at),
            Self::Released => None,
        }
    }

    /// The time of day, by the best knowledge.
    fn wall(self, now: Moment) -> SystemTime {
        match self {
            Self::Wall(at) => at,
            Self::Elapsed(at) => now.wall + at.saturating_sub(now.elapsed),
            Self::Released => now.wall,
        }
    }
}

/// Why a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// A cool-down after a secondary limit.
    Cooldown,
    /// The window's quota is used up.
    Quota,
    /// As many requests are under way as there is quota left.
    LastUnits,
    /// The first request after a cool-down has not come back.
    Trial,
    /// As many requests are under way as may be.
    Concurrency,
    /// All points of the last minute are spent.
    Points,
    /// As many writes were made in the last minute as may be.
    Writes,
    /// Others are ahead.
    Turn,
}

impl WaitReason {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cooldown => "cool-down",
            Self::Quota => "quota",
            Self::LastUnits => "last-units",
            Self::Trial => "trial",
            Self::Concurrency => "concurrency",
            Self::Points => "points",
            Self::Writes => "writes",
            Self::Turn => "turn",
        }
    }

    const fn refusal(self) -> RefusalReason {
        match self {
            Self::Cooldown | Self::Trial => RefusalReason::SecondaryLimit,
            Self::Quota | Self::LastUnits => RefusalReason::PrimaryLimit,
            Self::Concurrency | Self::Points | Self::Writes | Self::Turn => RefusalReason::Pace,
        }
    }
}

/// Why a request is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The window's quota is used up, or down to what is reserved.
    PrimaryLimit,
    /// A cool-down after a secondary limit.
    SecondaryLimit,
    /// Its turn would not come in time.
    Pace,
    /// Too many requests wait already.
    QueueFull,
}

impl RefusalReason {
    /// The word used in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryLimit => "primary-limit",
            Self::SecondaryLimit => "secondary-limit",
            Self::Pace => "pace",
            Self::QueueFull => "queue-full",
        }
    }
}

/// A request that was not sent, and when it is worth another try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// When it may be sent, as far as is known.
    pub retry_at: SystemTime,
    /// Whose request it was.
    pub caller: CallerId,
    /// The bucket it would have been charged to.
    pub resource: Resource,
    /// What GitHub said last about that bucket, if its window is not over.
    pub window: Option<Window>,
}

impl Refusal {
    /// The refusal among an error's causes, if the request was not sent because of one.
    pub fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<UpstreamError>() {
                return error.refusal();
            }
            cause = error.source();
        }
        None
    }

    /// Seconds until it is worth another try, as `Retry-After` tells them: at least one, and rounded up, because whoever
    /// comes a moment too early is refused again.
    pub fn retry_after_seconds(&self, now: SystemTime) -> u64 {
        let wait = self.retry_at.duration_since(now).unwrap_or_default();
        (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
    }
}

/// On whose behalf a request is sent: an extension of the request. Without one, each credential is one client.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OnBehalfOf {
    /// Who shares a credential fairly with others. Default: all who use it are one.
    pub client: ClientKey,
    /// How urgent it is. Default: [`Priority::Normal`].
    pub priority: Priority,
    /// Requests of the window to be left for others. Default: none.
    pub reserve: u64,
    /// The credential, where it outlives the token that is sent. Default: as the stack finds it.
    pub caller: Option<CallerId>,
}

#[cfg(test)]
mod tests;
