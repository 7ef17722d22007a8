//! The effect of the governor: requests wait here for their turn, and take it over exactly once.
//!
//! A turn is a [`Permit`], a value that has one owner: the waiting request's channel, then the request, then its answer's
//! body. Whoever is dropped gives it back, wherever it is, so that no turn is lost with a client that leaves.
//! Whatever changes a credential's state looks at its queue; where only time does, an alarm of that credential does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use foldhash::HashMap;
use github_headers::Resource;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::account::{Account, Ticket};
use super::queue::{FairQueue, Place};
use super::turn::{Permit, Turn, Turns, Waiting, hand_over};
use super::{
    Ask, Decision, Moment, PacingMode, PacingOptions, Refusal, RefusalReason, Until, WaitReason,
};
use crate::clock::WallClock;
use crate::ledger::{CallerId, Outlook, SharedLedger, Window};

/// How soon a refused request may be worth another try, where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// Clocks that disagree must not make anybody spin.
const SHORTEST_ALARM: Duration = Duration::from_millis(1);

/// Where requests pass on their way to GitHub. Clones share it.
#[derive(Clone)]
pub(crate) struct Gate(pub(super) Arc<Inner>);

pub(super) struct Inner {
    options: RwLock<Arc<PacingOptions>>,
    pub(super) ledger: SharedLedger,
    clock: WallClock,
    pub(super) started: Instant,
    max_callers: usize,
    /// Numbers places, over all queues: a place that was left must not be taken for another one.
    next_number: AtomicU64,
    runtime: OnceLock<Handle>,
    pub(super) state: Mutex<HashMap<CallerId, Seat>>,
}

/// One credential: its state and who waits for it.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) account: Account,
    /// When its queue is looked at again, if nothing happens before.
    alarm: Option<Duration>,
    /// By bucket, so that a search that waits for its minute holds up nobody else. The front one is next.
    lanes: Vec<Lane>,
}

pub(super) struct Lane {
    resource: Resource,
    pub(super) queue: FairQueue<Waiter>,
}

pub(super) struct Waiter {
    ask: Ask,
    deadline: Duration,
    turn: oneshot::Sender<Turn>,
}

/// What becomes of a request that comes.
enum Arrival {
    Permitted(Permit),
    Queued(Waiting, oneshot::Receiver<Turn>),
}

impl Gate {
    pub(crate) fn new(
        options: PacingOptions,
        ledger: SharedLedger,
        clock: WallClock,
        max_callers: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            options: RwLock::new(Arc::new(options)),
            ledger,
            clock,
            started: Instant::now(),
            max_callers: max_callers.max(1),
            next_number: AtomicU64::new(0),
            runtime: OnceLock::new(),
            state: Mutex::default(),
        }))
    }

    /// Takes new settings; whoever waits is measured by them from the next turn on.
    pub(crate) fn set_options(&self, options: PacingOptions) {
        *self.0.options.write() = Arc::new(options);
    }

    /// Waits for the turn of a request.
    ///
    /// # Cancel safety
    /// Dropped, it leaves the queue; a turn that was just handed to it goes to the next one.
    pub(crate) async fn turn(&self, ask: Ask) -> Result<Permit, Refusal> {
        match self.arrive(ask)? {
            Arrival::Permitted(permit) => Ok(permit),
            // Boxed, because few requests wait, and the others should not carry room for it.
            Arrival::Queued(waiting, turn) => Box::pin(waiting.turn(turn)).await,
        }
    }

    fn arrive(&self, ask: Ask) -> Result<Arrival, Refusal> {
        let inner = &self.0;
        let (options, now) = (inner.options(), inner.now());
        let mut state = inner.state.lock();
        self.make_room(&mut state, ask.caller, &options, now);
        let seat = state.entry(ask.caller).or_default();
        let outlook = inner.outlook(&ask, now);
        let patience = match options.mode {
            PacingMode::Off => Duration::ZERO,
            _ => options.max_wait,
        };
        let decision = seat.account.decide(&ask, &outlook, &options, patience, now);
        let is_first = seat.lane(&ask).is_none_or(|lane| lane.queue.is_empty());
        let reason = match decision {
            Decision::Go if is_first => {
                let ticket = seat.account.grant(&ask, now);
                return Ok(Arrival::Permitted(self.permit(ask.caller, ticket)));
            }
            Decision::Go => WaitReason::Turn,
            Decision::Wait { reason, .. } => reason,
            Decision::Refuse { reason, retry_at } => {
                return Err(inner.refusal(&ask, reason, retry_at, now));
            }
        };
        let mut turns = Turns::new();
        if seat.waiting() >= options.max_waiting {
            turns = inner.make_way(seat, &ask, now)?;
        }
        // An alarm may be set while the last answer is dropped, wherever that happens.
        inner.runtime.get_or_init(Handle::current);
        let (sender, turn) = oneshot::channel();
        let waiting = Waiting {
            gate: self.clone(),
            place: Place {
                priority: ask.priority,
                client: ask.client,
                number: inner.next_number.fetch_add(1, Ordering::Relaxed),
            },
            ask: ask.clone(),
            reason,
            begun: now.elapsed,
            deadline: now.elapsed + patience,
        };
        let waiter = Waiter {
            deadline: waiting.deadline,
            ask,
            turn: sender,
        };
        seat.enqueue(waiting.place, waiter);
        turns.extend(self.dispatch(&mut state, waiting.ask.caller, &options, now));
        drop(state);
        hand_over(turns);
        Ok(Arrival::Queued(waiting, turn))
    }

    /// GitHub signalled a secondary limit for this credential: those who cannot wait for its end are told so at once.
    pub(crate) fn signalled(&self, caller: CallerId) {
        let (options, now) = (self.0.options(), self.0.now());
        let mut state = self.0.state.lock();
        if let Some(seat) = state.get_mut(&caller) {
            seat.account.signalled();
        }
        let turns = self.dispatch(&mut state, caller, &options, now);
        drop(state);
        hand_over(turns);
    }

    /// Lets go whoever may go now, lane by lane, and sets the alarm for the others.
    pub(super) fn dispatch(
        &self,
        state: &mut HashMap<CallerId, Seat>,
        caller: CallerId,
        options: &PacingOptions,
        now: Moment,
    ) -> Turns {
        let mut turns = Turns::new();
        let Some(seat) = state.get_mut(&caller) else {
            return turns;
        };
        let mut held_up = 0;
        let mut alarm = None;
        while held_up < seat.lanes.len() {
            // Each lane in its turn, so that no bucket waits for another one's backlog.
            let mut lane = seat.lanes.remove(0);
            let Some(head) = lane.queue.peek() else {
                continue;
            };
            let outlook = self.0.outlook(&head.ask, now);
            let patience = head.deadline.saturating_sub(now.elapsed);
            let decision = seat
                .account
                .decide(&head.ask, &outlook, options, patience, now);
            if let Decision::Wait { until, reason } = decision {
                turns.extend(self.0.without_hope(&mut lane, until, reason, now));
                if !lane.queue.is_empty() {
                    held_up += 1;
                    alarm = until.elapsed(now).into_iter().chain(alarm).min();
                    seat.lanes.push(lane);
                }
                continue;
            }
            (held_up, alarm) = (0, None);
            if let Some(Waiter { ask, turn, .. }) = lane.queue.pop() {
                let outcome = match decision {
                    Decision::Refuse { reason, retry_at } => {
                        Err(self.0.refusal(&ask, reason, retry_at, now))
                    }
                    _ => Ok(self.permit(caller, seat.account.grant(&ask, now))),
                };
                turns.push((turn, outcome));
            }
            seat.lanes.push(lane);
        }
        if let Some(alarm) = alarm {
            self.set_alarm(seat, caller, alarm.max(now.elapsed + SHORTEST_ALARM));
        }
        turns
    }

    /// Wakes the credential's queue at a time, unless it is woken before anyway.
    fn set_alarm(&self, seat: &mut Seat, caller: CallerId, at: Duration) {
        let Some(runtime) = self.0.runtime.get() else {
            return;
        };
        if seat.alarm.is_some_and(|earlier| earlier <= at) {
            return;
        }
        seat.alarm = Some(at);
        let gate = Arc::downgrade(&self.0);
        let wake = self.0.started + at;
        runtime.spawn(async move {
            tokio::time::sleep_until(wake).await;
            if let Some(inner) = gate.upgrade() {
                Self(inner).alarm(caller, at);
            }
        });
    }

    fn alarm(&self, caller: CallerId, at: Duration) {
        let (options, now) = (self.0.options(), self.0.now());
        let mut state = self.0.state.lock();
        match state.get_mut(&caller) {
            // Else an earlier one has taken its place.
            Some(seat) if seat.alarm == Some(at) => seat.alarm = None,
            _ => return,
        }
        let turns = self.dispatch(&mut state, caller, &options, now);
        drop(state);
        hand_over(turns);
    }

    fn permit(&self, caller: CallerId, ticket: Ticket) -> Permit {
        Permit {
            gate: self.clone(),
            caller,
            ticket: Some(ticket),
            waited: None,
        }
    }

    /// Keeps the number of credentials bounded: the one that was used least recently, and not now, is forgotten.
    fn make_room(
        &self,
        state: &mut HashMap<CallerId, Seat>,
        caller: CallerId,
        options: &PacingOptions,
        now: Moment,
    ) {
        if state.len() < self.0.max_callers || state.contains_key(&caller) {
            return;
        }
        let idle = state
            .iter()
            .filter(|(_, seat)| seat.account.in_flight() == 0 && seat.lanes.is_empty())
            .min_by_key(|(caller, seat)| {
                let paced = seat.account.is_paced(options, now.elapsed);
                (paced, seat.account.last_seen(), **caller)
            })
            .map(|(caller, _)| *caller);
        if let Some(idle) = idle {
            state.remove(&idle);
        }
    }

    pub(crate) fn in_flight(&self, caller: CallerId) -> u32 {
        let state = self.0.state.lock();
        state
            .get(&caller)
            .map_or(0, |seat| seat.account.in_flight())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn options(&self) -> Arc<PacingOptions> {
        Arc::clone(&self.options.read())
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            wall: self.clock.now(),
            elapsed: self.started.elapsed(),
        }
    }

    pub(super) fn outlook(&self, ask: &Ask, now: Moment) -> Outlook {
        self.ledger
            .outlook(ask.caller, &ask.resource, ask.reserve, now.wall)
    }

    pub(super) fn refusal(
        &self,
        ask: &Ask,
        reason: RefusalReason,
        retry_at: SystemTime,
        now: Moment,
    ) -> Refusal {
        let window = self.ledger.window(ask.caller, &ask.resource, now.wall);
        Refusal {
            reason,
            retry_at: retry_at.max(now.wall + SOON),
            caller: ask.caller,
            resource: ask.resource.clone(),
            // What is reserved is not there for this request.
            window: window.map(|window| Window {
                remaining: window.remaining.saturating_sub(ask.reserve),
                ..window
            }),
        }
    }

    /// Those of a lane that is held up until a known time, who cannot wait for it: they are told so now.
    fn without_hope(
        &self,
        lane: &mut Lane,
        until: Until,
        reason: WaitReason,
        now: Moment,
    ) -> Turns {
        let Until::Wall(at) = until else {
            return Turns::new();
        };
        let end = until.elapsed(now).unwrap_or(now.elapsed);
        let gone = lane.queue.take_if(|waiter| waiter.deadline < end);
        gone.into_iter()
            .map(|Waiter { ask, turn, .. }| {
                let refusal = self.refusal(&ask, reason.refusal(), at, now);
                (turn, Err(refusal))
            })
            .collect()
    }

    /// The queue is full: the longest backlog loses its newest request, which may be the one that comes.
    fn make_way(&self, seat: &mut Seat, ask: &Ask, now: Moment) -> Result<Turns, Refusal> {
        let full = |ask: &Ask| self.refusal(ask, RefusalReason::QueueFull, now.wall + SOON, now);
        let own = seat
            .lane(ask)
            .map_or(0, |lane| lane.queue.backlog(ask.priority, ask.client));
        let longest = seat.lanes.iter_mut().filter_map(|lane| {
            let (length, place) = lane.queue.longest_backlog(own + 1)?;
            Some((length, place, lane))
        });
        let (_, place, lane) = longest
            .max_by_key(|(length, ..)| *length)
            .ok_or_else(|| full(ask))?;
        let gone = lane.queue.remove(place);
        Ok(gone
            .into_iter()
            .map(|waiter| {
                let refusal = full(&waiter.ask);
                (waiter.turn, Err(refusal))
            })
            .collect())
    }
}

impl Seat {
    fn lane(&self, ask: &Ask) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.resource == ask.resource)
    }

    pub(super) fn lane_mut(&mut self, ask: &Ask) -> Option<&mut Lane> {
        self.lanes
            .iter_mut()
            .find(|lane| lane.resource == ask.resource)
    }

    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.len()).sum()
    }

    fn enqueue(&mut self, place: Place, waiter: Waiter) {
        if self.lane(&waiter.ask).is_none() {
            self.lanes.push(Lane {
                resource: waiter.ask.resource.clone(),
                queue: FairQueue::default(),
            });
        }
        if let Some(lane) = self.lane_mut(&waiter.ask) {
            lane.queue.push(place, waiter);
        }
    }
}
