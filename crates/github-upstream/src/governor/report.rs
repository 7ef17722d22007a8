//! What is told of each credential: for administration and metrics.

use std::collections::HashMap;

use super::gate::Gate;
use super::resource::Api;
use crate::ledger::{CallerId, Cooldown, LedgerLine};

impl Gate {
    /// What is known of each credential; see [`CallerState`].
    pub(crate) fn snapshot(&self) -> Vec<CallerState> {
        let (options, now) = (self.0.options(), self.0.now());
        let mut states: HashMap<CallerId, CallerState> = HashMap::new();
        for line in self.0.ledger.snapshot(now.wall) {
            // The sum of those who are no longer told apart is nobody's state.
            if let Some(caller) = line.caller {
                let state = states
                    .entry(caller)
                    .or_insert_with(|| CallerState::of(caller));
                state.cooldown = line.cooldown;
                state.lines.push(line);
            }
        }
        for (caller, seat) in self.0.state.lock().iter() {
            let state = states
                .entry(*caller)
                .or_insert_with(|| CallerState::of(*caller));
            state.in_flight = seat.account.in_flight();
            state.waiting = seat.waiting();
            state.points = seat.account.points(Api::Rest, now.elapsed);
            state.graphql_points = seat.account.points(Api::Graphql, now.elapsed);
            state.pace = if seat.account.is_limited() {
                Pace::Limited
            } else if seat.account.is_paced(&options, now.elapsed) {
                Pace::Paced
            } else {
                Pace::Free
            };
        }
        let mut states: Vec<CallerState> = states.into_values().collect();
        states.sort_by_key(|state| state.caller);
        states
    }
}

/// How a credential is treated at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Requests go as they come.
    #[default]
    Free,
    /// Points are counted.
    Paced,
    /// A secondary limit was signalled, and nothing was served since.
    Limited,
}

impl Pace {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Paced => "paced",
            Self::Limited => "limited",
        }
    }
}

/// The state of one credential, for administration and metrics: what GitHub said and what is under way.
///
/// A copy: reading it holds nothing up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerState {
    /// Whose: a fingerprint, never the credential.
    pub caller: CallerId,
    /// What GitHub said, by bucket.
    pub lines: Vec<LedgerLine>,
    /// Until when it is left alone after a secondary limit, and how that was recognised.
    pub cooldown: Option<Cooldown>,
    /// How it is treated.
    pub pace: Pace,
    /// Requests under way, bodies included.
    pub in_flight: u32,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// REST points of the last minute.
    pub points: u32,
    /// GraphQL points of the last minute.
    pub graphql_points: u32,
}

impl CallerState {
    fn of(caller: CallerId) -> Self {
        Self {
            caller,
            lines: Vec::new(),
            cooldown: None,
            pace: Pace::Free,
            in_flight: 0,
            waiting: 0,
            points: 0,
            graphql_points: 0,
        }
    }
}
