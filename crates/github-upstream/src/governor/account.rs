//! One credential's state machine.
//!
//! ```text
//! Free --secondary limit--> Limited --cool-down over, a request goes--> Trial --served--> Free (watched)
//!                              ^                                          |
//!                              +------ limited again, or no answer -------+
//! ```

use std::time::Duration;

use github_headers::Resource;

use super::minute::{Minute, Room};
use super::resource::{Api, Intent};
use super::{Ask, Decision, Moment, PacingMode, PacingOptions, RESET_WAVER, Until, WaitReason};
use crate::ledger::{Endpoint, Outlook, Standing};

/// A storm of 404 is over when a minute has passed without too many.
const STORM_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Account {
    in_flight: u32,
    /// Requests without an answer, by bucket: few, so that looking through them beats hashing.
    unanswered: Vec<(Resource, u32)>,
    rest: Minute,
    graphql: Minute,
    writes: Minute,
    not_found: Minute,
    phase: Phase,
    trials: u64,
    /// Paced until then, although the mode is adaptive.
    watched_until: Option<Duration>,
    last_seen: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Free,
    /// A secondary limit was signalled, and nothing was served since.
    Limited,
    /// One request finds out whether the limit is over.
    Trial(u64),
}

/// What an answer's head says about going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Served,
    /// 404: not there, which is a service too, unless it is asked for again and again.
    NotFound,
    /// A refusal whose text may yet speak of a limit.
    Unsure,
    /// A limit.
    Limited,
}

/// What a request that was let go holds.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) resource: Resource,
    api: Api,
    points: u32,
    intent: Intent,
    trial: Option<u64>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Sent,
    Answered,
}

/// What stands against a request.
struct Hold {
    until: Until,
    reason: WaitReason,
}

impl Account {
    /// May a request go now, that would wait for `patience` at most?
    pub(super) fn decide(
        &self,
        ask: &Ask,
        outlook: &Outlook,
        options: &PacingOptions,
        patience: Duration,
        now: Moment,
    ) -> Decision {
        let Some(Hold { until, reason }) = self.hold(ask, outlook, options, now) else {
            return Decision::Go;
        };
        // Any moment, which is too long for whoever cannot wait at all.
        let soon = now.elapsed + Duration::from_nanos(1);
        let wait = until
            .elapsed(now)
            .unwrap_or(soon)
            .saturating_sub(now.elapsed);
        if wait <= patience {
            return Decision::Wait { until, reason };
        }
        Decision::Refuse {
            reason: reason.refusal(),
            retry_at: until.wall(now),
        }
    }

    fn hold(
        &self,
        ask: &Ask,
        outlook: &Outlook,
        options: &PacingOptions,
        now: Moment,
    ) -> Option<Hold> {
        let hold = |until, reason| Some(Hold { until, reason });
        match outlook.standing {
            Standing::Cooling(cooldown) => {
                return hold(Until::Wall(cooldown.until), WaitReason::Cooldown);
            }
            // It states the quota and uses none.
            _ if ask.endpoint == Endpoint::RateLimit => {}
            Standing::Exhausted { until } => {
                return hold(Until::Wall(until + RESET_WAVER), WaitReason::Quota);
            }
            Standing::Open => {}
        }
        if options.mode == PacingMode::Off {
            return None;
        }
        match self.phase {
            Phase::Free => {}
            Phase::Limited => return None,
            Phase::Trial(_) => return hold(Until::Released, WaitReason::Trial),
        }
        if let Some(left) = outlook.left
            && ask.endpoint != Endpoint::RateLimit
            && u64::from(self.unanswered(&ask.resource)) >= left
        {
            return hold(Until::Released, WaitReason::LastUnits);
        }
        if self.in_flight >= options.max_concurrent {
            return hold(Until::Released, WaitReason::Concurrency);
        }
        if self.is_paced(options, now.elapsed) {
            let (minute, allowed) = match ask.api {
                Api::Rest => (&self.rest, options.points_per_minute),
                Api::Graphql => (&self.graphql, options.graphql_points_per_minute),
            };
            if let Room::Later(until) = minute.room(ask.points, allowed, now.elapsed) {
                return hold(until, WaitReason::Points);
            }
            if ask.intent == Intent::Write
                && let Room::Later(until) =
                    self.writes.room(1, options.writes_per_minute, now.elapsed)
            {
                return hold(until, WaitReason::Writes);
            }
        }
        None
    }

    /// Lets a request go.
    pub(super) fn grant(&mut self, ask: &Ask, now: Moment) -> Ticket {
        self.in_flight += 1;
        self.last_seen = now.elapsed;
        match self
            .unanswered
            .iter_mut()
            .find(|(resource, _)| *resource == ask.resource)
        {
            Some((_, count)) => *count += 1,
            None => self.unanswered.push((ask.resource.clone(), 1)),
        }
        self.minute(ask.api).hold(ask.points);
        if ask.intent == Intent::Write {
            self.writes.hold(1);
        }
        let trial = (self.phase == Phase::Limited).then(|| {
            self.trials += 1;
            self.phase = Phase::Trial(self.trials);
            self.trials
        });
        Ticket {
            resource: ask.resource.clone(),
            api: ask.api,
            points: ask.points,
            intent: ask.intent,
            trial,
            stage: Stage::Sent,
        }
    }

    /// The head of the answer is here.
    pub(super) fn answered(
        &mut self,
        ticket: &mut Ticket,
        heard: Heard,
        options: &PacingOptions,
        now: Moment,
    ) {
        self.settle(ticket, now);
        if heard == Heard::NotFound {
            self.not_found.spend(1, now.elapsed);
            if self.not_found.points(now.elapsed) > options.not_found_per_minute {
                self.watch(STORM_PAUSE, now);
            }
        }
        if matches!(heard, Heard::Served | Heard::NotFound) && self.is_on_trial(ticket) {
            self.phase = Phase::Free;
            self.watch(options.watch, now);
        }
    }

    /// GitHub signalled a secondary limit.
    pub(super) fn signalled(&mut self) {
        self.phase = Phase::Limited;
    }

    /// The request is over: its body ended, or it was given up.
    pub(super) fn released(&mut self, mut ticket: Ticket, options: &PacingOptions, now: Moment) {
        let answered = ticket.stage;
        self.settle(&mut ticket, now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.is_on_trial(&ticket) {
            match answered {
                // A refusal that turned out to be about something else.
                Stage::Answered => {
                    self.phase = Phase::Free;
                    self.watch(options.watch, now);
                }
                Stage::Sent => self.phase = Phase::Limited,
            }
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn points(&self, api: Api, now: Duration) -> u32 {
        match api {
            Api::Rest => self.rest.points(now),
            Api::Graphql => self.graphql.points(now),
        }
    }

    pub(super) fn is_paced(&self, options: &PacingOptions, now: Duration) -> bool {
        match options.mode {
            PacingMode::Strict => true,
            PacingMode::Adaptive => self.watched_until.is_some_and(|until| now < until),
            PacingMode::Off => false,
        }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.phase != Phase::Free
    }

    pub(super) fn last_seen(&self) -> Duration {
        self.last_seen
    }

    fn watch(&mut self, lasts: Duration, now: Moment) {
        let until = Some(now.elapsed + lasts);
        self.watched_until = self.watched_until.max(until);
    }

    fn is_on_trial(&self, ticket: &Ticket) -> bool {
        ticket
            .trial
            .is_some_and(|trial| self.phase == Phase::Trial(trial))
    }

    fn settle(&mut self, ticket: &mut Ticket, now: Moment) {
        if ticket.stage == Stage::Answered {
            return;
        }
        ticket.stage = Stage::Answered;
        self.minute(ticket.api).settle(ticket.points, now.elapsed);
        if ticket.intent == Intent::Write {
            self.writes.settle(1, now.elapsed);
        }
        let known = self
            .unanswered
            .iter()
            .position(|(resource, _)| *resource == ticket.resource);
        if let Some(index) = known {
            self.unanswered[index].1 -= 1;
            if self.unanswered[index].1 == 0 {
                self.unanswered.swap_remove(index);
            }
        }
    }

    fn unanswered(&self, resource: &Resource) -> u32 {
        self.unanswered
            .iter()
            .find(|(known, _)| known == resource)
            .map_or(0, |(_, count)| *count)
    }

    fn minute(&mut self, api: Api) -> &mut Minute {
        match api {
            Api::Rest => &mut self.rest,
            Api::Graphql => &mut self.graphql,
        }
    }
}
