//! The event feeds: which events exist, which of them a feed shows, and how feeds misbehave (behaviour notes 3).

use super::access::Caller;
use super::model::{AccountIndex, Kind, Model, RepositoryIndex};
use super::random::{Random, mix};
use super::{Scale, UniverseOptions};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

pub(crate) const KINDS: [&str; 16] = [
    "PushEvent",
    "IssuesEvent",
    "IssueCommentEvent",
    "PullRequestEvent",
    "WatchEvent",
    "CreateEvent",
    "ForkEvent",
    "PullRequestReviewEvent",
    "PullRequestReviewCommentEvent",
    "DeleteEvent",
    "ReleaseEvent",
    "CommitCommentEvent",
    "GollumEvent",
    "MemberEvent",
    "PublicEvent",
    "DiscussionEvent",
];
/// A feed keeps 300 events of the last 30 days.
const KEPT: usize = 300;
const KEPT_SECONDS: i64 = 30 * 86_400;

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: &'static str,
    pub(crate) actor: AccountIndex,
    pub(crate) repository: RepositoryIndex,
    pub(crate) at: i64,
    /// No feed shows it before this moment.
    pub(crate) shown_from: i64,
    /// Picks the issue, commit or release that a generated event is about.
    pub(crate) pick: u64,
    /// Set for events that a change caused.
    pub(crate) payload: Option<Value>,
}

/// One of the feed endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Everything,
    Repository(RepositoryIndex),
    /// A repository and its forks.
    Network(RepositoryIndex),
    Organization(AccountIndex),
    By(AccountIndex),
    ByPublic(AccountIndex),
    /// What a member sees of an organisation.
    ByIn(AccountIndex, AccountIndex),
    Received(AccountIndex),
    ReceivedPublic(AccountIndex),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    /// Ascending by (at, id).
    pub(crate) events: Vec<Event>,
    next_id: u64,
    /// Seconds until an event shows up in a feed.
    pub(crate) latency: i64,
    /// The same for `/events`, about five minutes behind.
    pub(crate) public_latency: i64,
    /// `X-Poll-Interval` and `max-age` of feeds, in seconds.
    pub(crate) poll_seconds: u32,
    /// Feed path in lower case: nothing newer than this moment is shown.
    pub(crate) frozen: HashMap<String, i64>,
    /// Repositories whose pushes never reach a feed.
    pub(crate) without_pushes: HashSet<RepositoryIndex>,
}

impl Feed {
    pub(crate) fn generate(options: &UniverseOptions, model: &Model) -> Self {
        let count = match options.scale {
            Scale::Empty => 0,
            Scale::Small => 900,
            Scale::Medium => 20_000,
            Scale::Large => 100_000,
        };
        let mut feed = Self {
            next_id: 22_249_084_964,
            public_latency: 300,
            poll_seconds: 60,
            ..Self::default()
        };
        let users = model.generated_users as usize;
        if users == 0 || model.repositories.is_empty() {
            return feed;
        }
        let mut random = Random::new(options.seed, 0x4556_454E_5453);
        let mut moments: Vec<i64> = (0..count)
            .map(|_| options.epoch - 600 - random.popular(29 * 86_400) as i64)
            .collect();
        moments.sort_unstable();
        for (number, at) in moments.into_iter().enumerate() {
            // The first sixteen make sure that every kind occurs in the best-known repository.
            let kind = if number + 16 >= count {
                KINDS[number % 16]
            } else {
                KINDS[random.popular(16)]
            };
            let first = number + 16 >= count || random.chance(40);
            let repository = if first {
                0
            } else {
                random.popular(model.repositories.len()) as RepositoryIndex
            };
            let actor = random.popular(users) as AccountIndex;
            let pick = random.word();
            feed.push(Event {
                id: 0,
                kind,
                actor,
                repository,
                at,
                shown_from: at,
                pick,
                payload: None,
            });
        }
        feed
    }

    /// Appends an event; its id is the next one. Keeps the order by time.
    pub(crate) fn push(&mut self, mut event: Event) -> Option<u64> {
        if event.kind == "PushEvent" && self.without_pushes.contains(&event.repository) {
            return None;
        }
        self.next_id += 1 + mix(self.next_id) % 97;
        event.id = self.next_id;
        let id = event.id;
        let behind = self
            .events
            .iter()
            .rev()
            .take_while(|other| other.at > event.at)
            .count();
        self.events.insert(self.events.len() - behind, event);
        Some(id)
    }

    /// No feed shows this event before that moment.
    pub(crate) fn hold_back(&mut self, id: u64, until: i64) {
        let newest_first = self.events.iter_mut().rev();
        if let Some(event) = newest_first.into_iter().find(|event| event.id == id) {
            event.shown_from = until;
        }
    }

    /// The events that a feed shows now, newest first, at most 300.
    pub(crate) fn show(
        &self,
        model: &Model,
        caller: Caller,
        scope: Scope,
        path: &str,
        now: i64,
    ) -> Vec<&Event> {
        let latency = if scope == Scope::Everything {
            self.public_latency
        } else {
            self.latency
        };
        let mut newest = now - latency;
        if let Some(frozen) = self.frozen.get(path) {
            newest = newest.min(*frozen);
        }
        let oldest = now - KEPT_SECONDS;
        let mut shown: Vec<&Event> = self
            .events
            .iter()
            .rev()
            .skip_while(|event| event.at > newest)
            .take_while(|event| event.at >= oldest)
            .filter(|event| event.shown_from <= now)
            .filter(|event| Self::belongs(model, caller, scope, event))
            .take(KEPT)
            .collect();
        if scope == Scope::Everything {
            // Sorted neither by id nor by time: neighbours within some seconds change places.
            shown.sort_by_key(|event| std::cmp::Reverse(event.at + (mix(event.id) % 1_200) as i64));
        } else {
            // Feeds strictly descend by id.
            shown.sort_by_key(|event| std::cmp::Reverse(event.id));
        }
        shown
    }

    fn belongs(model: &Model, caller: Caller, scope: Scope, event: &Event) -> bool {
        let repository = model.repository(event.repository);
        if repository.deleted || model.account(event.actor).deleted {
            return false;
        }
        let public = !repository.private;
        let visible = || public || model.permission(caller, event.repository).is_some();
        match scope {
            Scope::Everything => public,
            Scope::Repository(index) => event.repository == index && visible(),
            Scope::Network(index) => {
                let same = event.repository == index || repository.parent == Some(index);
                same && visible()
            }
            Scope::Organization(index) => {
                repository.owner == index
                    && model.account(index).kind == Kind::Organization
                    && public
            }
            Scope::By(user) => event.actor == user && (public || caller == Caller::User(user)),
            Scope::ByPublic(user) => event.actor == user && public,
            Scope::ByIn(_, organization) => repository.owner == organization && visible(),
            Scope::Received(user) | Scope::ReceivedPublic(user) => {
                let account = model.account(user);
                let own = scope == Scope::Received(user) && caller == Caller::User(user);
                let heard = account.following.contains(&event.actor)
                    || account.watching.contains(&event.repository);
                heard && event.actor != user && (public || (own && visible()))
            }
        }
    }
}
