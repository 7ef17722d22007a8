//! A request's turn: from the queue to the request to the body of its answer, given back by whoever drops it.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;

use super::account::{Heard, Ticket};
use super::gate::Gate;
use super::queue::Place;
use super::{Ask, Decision, Refusal, RefusalReason, WaitReason};
use crate::ledger::CallerId;

/// How waiting ends.
pub(super) type Turn = Result<Permit, Refusal>;

/// What is sent to waiters once the lock is free: a turn that nobody takes comes back at once, and wants the lock.
pub(super) type Turns = Vec<(oneshot::Sender<Turn>, Turn)>;

/// A request's turn. Dropped, it is given back.
pub(crate) struct Permit {
    pub(super) gate: Gate,
    pub(super) caller: CallerId,
    pub(super) ticket: Option<Ticket>,
    pub(super) waited: Option<(WaitReason, Duration)>,
}

impl Permit {
    fn after(mut self, reason: WaitReason, waited: Duration) -> Self {
        self.waited = Some((reason, waited));
        self
    }

    /// What the request waited for, and how long, if it waited.
    pub(crate) fn waited(&self) -> Option<(WaitReason, Duration)> {
        self.waited
    }

    /// The head of the answer is here.
    pub(crate) fn answered(&mut self, heard: Heard) {
        let Some(ticket) = &mut self.ticket else {
            return;
        };
        let inner = &self.gate.0;
        let (options, now) = (inner.options(), inner.now());
        let mut state = inner.state.lock();
        if let Some(seat) = state.get_mut(&self.caller) {
            seat.account.answered(ticket, heard, &options, now);
        }
        if heard == Heard::Limited {
            drop(state);
            self.gate.signalled(self.caller);
        } else {
            let turns = self.gate.dispatch(&mut state, self.caller, &options, now);
            drop(state);
            hand_over(turns);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let inner = &self.gate.0;
        let (options, now) = (inner.options(), inner.now());
        let mut state = inner.state.lock();
        if let Some(seat) = state.get_mut(&self.caller) {
            seat.account.released(ticket, &options, now);
        }
        let turns = self.gate.dispatch(&mut state, self.caller, &options, now);
        drop(state);
        hand_over(turns);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.caller)
    }
}

/// A waiting request's place; it leaves the queue with its client.
pub(super) struct Waiting {
    pub(super) gate: Gate,
    pub(super) ask: Ask,
    pub(super) place: Place,
    pub(super) reason: WaitReason,
    pub(super) begun: Duration,
    pub(super) deadline: Duration,
}

impl Waiting {
    pub(super) async fn turn(self, mut turn: oneshot::Receiver<Turn>) -> Turn {
        let deadline = self.gate.0.started + self.deadline;
        let outcome = match tokio::time::timeout_at(deadline, &mut turn).await {
            Ok(Ok(outcome)) => outcome,
            // Time is up; a turn may have come all the same, until this request has left the queue.
            Ok(Err(_)) | Err(_) => {
                self.leave();
                turn.try_recv().unwrap_or_else(|_| Err(self.too_late()))
            }
        };
        let waited = self.gate.0.now().elapsed.saturating_sub(self.begun);
        outcome.map(|permit| permit.after(self.reason, waited))
    }

    /// Why it did not get its turn: what stands against it now, or that others were ahead.
    fn too_late(&self) -> Refusal {
        let inner = &self.gate.0;
        let (options, now) = (inner.options(), inner.now());
        let outlook = inner.outlook(&self.ask, now);
        let state = inner.state.lock();
        let decision = state.get(&self.ask.caller).map(|seat| {
            let account = &seat.account;
            account.decide(&self.ask, &outlook, &options, Duration::ZERO, now)
        });
        match decision {
            Some(Decision::Refuse { reason, retry_at }) => {
                inner.refusal(&self.ask, reason, retry_at, now)
            }
            _ => inner.refusal(&self.ask, RefusalReason::Pace, now.wall, now),
        }
    }

    fn leave(&self) {
        let inner = &self.gate.0;
        let (options, now) = (inner.options(), inner.now());
        let mut state = inner.state.lock();
        let Some(seat) = state.get_mut(&self.ask.caller) else {
            return;
        };
        let lane = seat.lane_mut(&self.ask);
        let gone = lane.and_then(|lane| lane.queue.remove(self.place));
        if gone.is_none() {
            return;
        }
        // It may have stood in the way of smaller ones.
        let turns = self
            .gate
            .dispatch(&mut state, self.ask.caller, &options, now);
        drop(state);
        hand_over(turns);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Sends turns and refusals to those who wait for them.
pub(super) fn hand_over(turns: Turns) {
    for (waiter, turn) in turns {
        // A waiter that has left: the turn comes back, is dropped here, and goes to the next one.
        drop(waiter.send(turn));
    }
}
