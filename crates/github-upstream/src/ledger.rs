//! What GitHub said about quota: the rate-limit headers of every answer, by caller and resource.
//!
//! [`Ledger`] is pure: it is told of answers and of the time, and reads neither clock nor network.
//! [`SharedLedger`] puts it behind a lock for the stack and for metrics.
//! It observes; holding back is the governor's business.
//!
//! What makes this more than keeping the last headers:
//! - several regions count, so `reset` wavers by a second and `remaining` may rise: the newest answer is believed, but a
//!   window never ends earlier than any answer of it said;
//! - answers arrive out of order, so one from a window that has been replaced changes nothing;
//! - a 304 is free for whoever sent `Authorization`, and costs as much as a 200 for whoever did not;
//! - a 401 carries the state of the anonymous bucket of this address, not that of the token that was refused;
//! - a secondary limit concerns the caller, whatever the resource, and is no statement about `remaining`.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::{HashMap, HashMapExt as _};
use github_headers::{RateLimit, Resource};
use parking_lot::Mutex;

mod account;
mod charge;
mod cooldown;
mod window;

pub use charge::{Answer, Authorization, Charge, Endpoint};
pub use cooldown::{Cooldown, CooldownCause};
pub use window::Window;

use account::Account;
use charge::Signal;
use cooldown::Wait;

/// Who asks: the fingerprint of a credential, never the credential.
///
/// The stack finds it among a request's extensions; a request without one, or without `Authorization`, is anonymous.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerId(pub [u8; 16]);

impl CallerId {
    /// The caller without credentials.
    pub const ANONYMOUS: Self = Self([0; 16]);
}

impl fmt::Display for CallerId {
    /// The first eight hex digits: enough to tell callers apart in logs and metrics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANONYMOUS {
            return f.write_str("anonymous");
        }
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallerId({self})")
    }
}

/// May a caller ask for something of a resource now, as far as GitHub has said?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known against it.
    Open,
    /// The window's quota is used up. Free requests may still be answered.
    Exhausted {
        /// The end of the window.
        until: SystemTime,
    },
    /// A secondary limit was signalled. Going on regardless may get an integration banned.
    Cooling(Cooldown),
}

impl Standing {
    /// The word used in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Exhausted { .. } => "exhausted",
            Self::Cooling(_) => "cooling",
        }
    }
}

/// What a request to a bucket has to reckon with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// May it be made at all?
    pub standing: Standing,
    /// Units left in the running window, what is reserved taken off; `None` if nothing is known of one.
    pub left: Option<u64>,
}

/// How often what was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers that cost one unit of quota.
    pub charged: u64,
    /// Answers that cost nothing although their resource has a quota.
    pub free: u64,
    /// Answers that speak of no quota, as those to an app's JWT.
    pub unmetered: u64,
    /// Refusals because of the primary or the secondary limit.
    pub rejected: u64,
}

impl Counts {
    fn count(&mut self, charge: &Charge) {
        let counter = match charge {
            Charge::Charged => &mut self.charged,
            Charge::NotModified | Charge::FreeEndpoint => &mut self.free,
            Charge::Unmetered => &mut self.unmetered,
            Charge::PrimaryLimit | Charge::SecondaryLimit => &mut self.rejected,
        };
        *counter += 1;
    }

    fn add(&mut self, other: Self) {
        self.charged += other.charged;
        self.free += other.free;
        self.unmetered += other.unmetered;
        self.rejected += other.rejected;
    }
}

/// The state of one caller and resource, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Who; `None` for the sum of all that are no longer told apart.
    pub caller: Option<CallerId>,
    /// Which bucket; `None` for answers that named none.
    pub resource: Option<Resource>,
    /// What GitHub said last; `None` if it said nothing, and for the sum of the others.
    pub window: Option<Window>,
    /// The caller's cool-down, the same on all its lines, if it is still on.
    pub cooldown: Option<Cooldown>,
    /// How often what was paid.
    pub counts: Counts,
}

/// The quota of every caller, as GitHub stated it.
#[derive(Debug)]
pub struct Ledger {
    accounts: HashMap<CallerId, Account>,
    max_callers: usize,
    /// Counts of accounts that were given up, by resource.
    others: Account,
}

impl Ledger {
    /// An empty ledger that tells at most so many callers apart, and at least one.
    pub fn new(max_callers: usize) -> Self {
        Self {
            accounts: HashMap::new(),
            max_callers: max_callers.max(1),
            others: Account::default(),
        }
    }

    /// Enters an answer, and tells what it cost.
    pub fn observe(&mut self, answer: &Answer<'_>, now: SystemTime) -> Charge {
        // A header that cannot be read is none: quota is bookkeeping, never a reason to fail a request.
        let limit = RateLimit::from_headers(answer.headers).ok().flatten();
        let charge = Charge::of(answer, limit.as_ref());
        let signal = Signal::of(answer, &charge, now);
        let account = self.account(answer.accountable(), now);
        account.enter(limit, &charge, now);
        match signal {
            Signal::Quiet => account.calm_down(now),
            Signal::Neutral => {}
            Signal::Limited(wait) => account.cool_down(wait, now),
        }
        charge
    }

    /// Enters that a refusal's text named a secondary limit, where its headers did not.
    ///
    /// If that refusal stated that nothing is left, it is not believed: the limit does not last to the end of the window.
    pub fn secondary_limit_heard(&mut self, caller: CallerId, now: SystemTime) {
        let wait = Wait::Unsaid(CooldownCause::Text);
        let account = self.account(caller, now);
        account.doubt_refusals();
        account.cool_down(wait, now);
    }

    /// May this caller ask for something of this resource now?
    pub fn standing(&self, caller: CallerId, resource: &Resource, now: SystemTime) -> Standing {
        self.accounts
            .get(&caller)
            .map_or(Standing::Open, |account| account.standing(resource, now))
    }

    /// The same, and how much is left, if so many units are to be left for others.
    pub fn outlook(
        &self,
        caller: CallerId,
        resource: &Resource,
        reserve: u64,
        now: SystemTime,
    ) -> Outlook {
        let standing = self.standing(caller, resource, now);
        let Some(window) = self.window(caller, resource, now) else {
            return Outlook {
                standing,
                left: None,
            };
        };
        let left = window.remaining.saturating_sub(reserve);
        let reserved = reserve > 0 && left == 0;
        Outlook {
            standing: match standing {
                Standing::Open if reserved => Standing::Exhausted {
                    until: window.ends(),
                },
                standing => standing,
            },
            // Nothing left, but not believed: then nothing is known.
            left: Some(left).filter(|left| *left > 0),
        }
    }

    /// What GitHub said last about a caller's bucket, if its window is not over.
    pub fn window(&self, caller: CallerId, resource: &Resource, now: SystemTime) -> Option<Window> {
        self.accounts
            .get(&caller)?
            .window(resource)
            .filter(|window| window.is_open(now))
    }

    /// Every line, callers in order, the sum of the others last.
    pub fn snapshot(&self, now: SystemTime) -> Vec<LedgerLine> {
        let mut lines: Vec<LedgerLine> = self
            .accounts
            .iter()
            .flat_map(|(caller, account)| account.lines(Some(*caller), now))
            .collect();
        lines.sort_by(|a, b| (a.caller, &a.resource).cmp(&(b.caller, &b.resource)));
        lines.extend(self.others.lines(None, now));
        lines
    }

    fn account(&mut self, caller: CallerId, now: SystemTime) -> &mut Account {
        if self.accounts.len() >= self.max_callers && !self.accounts.contains_key(&caller) {
            self.give_up_one();
        }
        let account = self.accounts.entry(caller).or_default();
        account.seen(now);
        account
    }

    /// Makes room: the caller that was seen least recently is no longer told apart.
    fn give_up_one(&mut self) {
        let oldest = self
            .accounts
            .iter()
            .min_by_key(|(caller, account)| (account.last_seen(), **caller))
            .map(|(caller, _)| *caller);
        if let Some(account) = oldest.and_then(|caller| self.accounts.remove(&caller)) {
            self.others.absorb(&account);
        }
    }
}

/// One ledger for many hands. Clones share it.
#[derive(Clone, Debug)]
pub struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    /// See [`Ledger::new`].
    pub fn new(max_callers: usize) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(max_callers))))
    }

    /// See [`Ledger::observe`].
    pub fn observe(&self, answer: &Answer<'_>, now: SystemTime) -> Charge {
        self.0.lock().observe(answer, now)
    }

    /// See [`Ledger::secondary_limit_heard`].
    pub fn secondary_limit_heard(&self, caller: CallerId, now: SystemTime) {
        self.0.lock().secondary_limit_heard(caller, now);
    }

    /// See [`Ledger::standing`].
    pub fn standing(&self, caller: CallerId, resource: &Resource, now: SystemTime) -> Standing {
        self.0.lock().standing(caller, resource, now)
    }

    /// See [`Ledger::outlook`].
    pub fn outlook(
        &self,
        caller: CallerId,
        resource: &Resource,
        reserve: u64,
        now: SystemTime,
    ) -> Outlook {
        self.0.lock().outlook(caller, resource, reserve, now)
    }

    /// See [`Ledger::window`].
    pub fn window(&self, caller: CallerId, resource: &Resource, now: SystemTime) -> Option<Window> {
        self.0.lock().window(caller, resource, now)
    }

    /// See [`Ledger::snapshot`].
    pub fn snapshot(&self, now: SystemTime) -> Vec<LedgerLine> {
        self.0.lock().snapshot(now)
    }
}

#[cfg(test)]
mod tests;
