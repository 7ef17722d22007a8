//! The one place that asks the world: holds its lock for the question only, and remembers the answers of one revision.

use crate::answer::{Answer, Ask};
use crate::representation::Representation;
use crate::utility::{self, AppFacts};
use crate::world::World;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// Remembered answers; beyond them the memory starts afresh.
const MAX_REMEMBERED: usize = 8_192;

/// A world's answer; a representation is shared with every other request that gets the same one.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Found(Arc<Representation>),
    Other(Answer),
}

struct Remembered {
    revision: u64,
    now: i64,
    found: Arc<Representation>,
}

struct Inner {
    world: Box<dyn World>,
    remembered: HashMap<String, Remembered>,
}

pub(crate) struct Desk(Mutex<Inner>);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Desk").finish()
    }
}

impl Desk {
    pub(crate) fn new(world: Box<dyn World>) -> Self {
        Self(Mutex::new(Inner {
            world,
            remembered: HashMap::new(),
        }))
    }

    pub(crate) fn ask(&self, ask: &Ask<'_>, facts: impl FnOnce() -> Facts) -> Outcome {
        let inner = &mut *self.0.lock();
        let revision = inner
            .world
            .revision()
            .filter(|_| *ask.method == Method::GET);
        let key = key(ask);
        if let Some(revision) = revision
            && let Some(known) = inner.remembered.get(&key)
            && (known.revision, known.now) == (revision, ask.now)
        {
            return Outcome::Found(Arc::clone(&known.found));
        }
        let answer = match inner.world.answer(ask) {
            Answer::Problem {
                status: StatusCode::NOT_FOUND,
                message,
                errors,
                documentation_url,
                resource,
            } => {
                let facts = facts().extended(inner.world.installations());
                let facts = AppFacts {
                    apps: &facts.apps,
                    installations: &facts.installations,
                };
                utility::answer(ask, facts).unwrap_or(Answer::Problem {
                    status: StatusCode::NOT_FOUND,
                    message,
                    errors,
                    documentation_url,
                    resource,
                })
            }
            answer => answer,
        };
        let found = match answer {
            Answer::Found(found) => Representation::new(*found),
            other => return Outcome::Other(other),
        };
        let Some(revision) = revision else {
            return Outcome::Found(Arc::new(found));
        };
        // An unchanged answer keeps what was computed from it: compressed bytes and tags.
        let found = match inner.remembered.get(&key) {
            Some(known) if known.found.equals(&found) => Arc::clone(&known.found),
            _ => Arc::new(found),
        };
        if inner.remembered.len() >= MAX_REMEMBERED {
            inner.remembered.clear();
        }
        let remembered = Remembered {
            revision,
            now: ask.now,
            found: Arc::clone(&found),
        };
        inner.remembered.insert(key, remembered);
        Outcome::Found(found)
    }

    pub(crate) fn control(&self, change: &Value, now: i64) -> Result<Value, String> {
        let inner = &mut *self.0.lock();
        // The front forgets everything: a world without revisions may have changed anything.
        inner.remembered.clear();
        inner.world.control(change, now)
    }

    pub(crate) fn example_login(&self) -> Option<String> {
        self.0.lock().world.example_login()
    }

    pub(crate) fn user_id(&self, login: &str) -> Option<u64> {
        self.0.lock().world.user_id(login)
    }
}

/// What the front itself knows about GitHub Apps, fetched only when a path needs it.
pub(crate) struct Facts {
    pub(crate) apps: Vec<crate::app_jwt::AppSpec>,
    pub(crate) installations: Vec<utility::InstallationSpec>,
}

impl Facts {
    /// With the installations that the world knows of the first app.
    fn extended(mut self, known: Vec<(u64, String)>) -> Self {
        let app_id = self.apps.first().map_or(0, |app| app.id);
        let own = known
            .into_iter()
            .map(|(id, account)| utility::InstallationSpec {
                id,
                app_id,
                account,
            });
        self.installations.extend(own);
        self
    }
}

/// Everything that an answer may depend on, besides time and revision.
fn key(ask: &Ask<'_>) -> String {
    let mut key = String::with_capacity(160);
    key.push_str(ask.path);
    key.push('?');
    key.push_str(ask.raw_query.unwrap_or_default());
    write!(key, " {:?} {:?} {:?} ", ask.media, ask.version, ask.viewer)
        .expect("writing to a string cannot fail");
    key.push_str(ask.base);
    key
}
