//! How others cache, reduced to what GitHub notices.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::world::{Answer, Page, World};
use super::{Delivered, Next, Reads};

const ACCEPT: &str = "application/vnd.github+json";

/// What is kept, and under which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Body and tag for each url and token: what HTTP says, and what most client caches do.
    PerToken,
    /// Body and tag for each url: whoever asks last, the tag was somebody else's.
    PerUrl,
    /// A body for each url and token for so long, then fetched anew.
    ForATime(Duration),
}

/// Whether a request waits for another that asks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalescing {
    /// It does.
    Yes,
    /// It does not.
    No,
}

type Key = (Page, String);
type Slot = Arc<tokio::sync::Mutex<()>>;

#[derive(Clone, Debug)]
struct Stored {
    tag: String,
    body: Bytes,
    next: Next,
    at: Instant,
}

/// A cache of this kind.
#[derive(Clone, Debug)]
pub struct Strategy {
    world: Arc<World>,
    kept: Kept,
    coalescing: Coalescing,
    stored: Arc<Mutex<HashMap<Key, Stored>>>,
    asking: Arc<Mutex<HashMap<Key, Slot>>>,
}

impl Strategy {
    /// An empty one.
    pub fn new(world: &Arc<World>, kept: Kept, coalescing: Coalescing) -> Self {
        Self {
            world: Arc::clone(world),
            kept,
            coalescing,
            stored: Arc::default(),
            asking: Arc::default(),
        }
    }

    fn key(&self, page: Page, token: &str) -> Key {
        match self.kept {
            Kept::PerUrl => (page, String::new()),
            _ => (page, token.to_owned()),
        }
    }

    fn stored(&self, key: &Key) -> Option<Stored> {
        self.stored.lock().get(key).cloned()
    }

    async fn ask(&self, key: Key, token: &str, since: Instant) -> Option<Delivered> {
        let stored = self.stored(&key);
        let known = match self.kept {
            Kept::Nothing | Kept::ForATime(_) => None,
            Kept::PerToken | Kept::PerUrl => stored.as_ref().map(|stored| stored.tag.as_str()),
        };
        if let Some(stored) = &stored {
            let fresh = match self.kept {
                Kept::ForATime(time) => stored.at.elapsed() < time,
                // Somebody else asked while this one waited.
                _ => self.coalescing == Coalescing::Yes && stored.at > since,
            };
            if fresh {
                return Some(stored.delivered());
            }
        }
        let page = key.0;
        let answer = self
            .world
            .ask(page, ACCEPT.as_bytes(), token.as_bytes(), known);
        match answer.await {
            Answer::Down => None,
            Answer::Unchanged { .. } => {
                let mut stored = stored?;
                stored.at = Instant::now();
                let delivered = stored.delivered();
                self.stored.lock().insert(key, stored);
                Some(delivered)
            }
            Answer::Whole { tag, body, next } => {
                let at = Instant::now();
                let stored = Stored {
                    tag,
                    body,
                    next,
                    at,
                };
                let delivered = stored.delivered();
                if self.kept != Kept::Nothing {
                    self.stored.lock().insert(key, stored);
                }
                Some(delivered)
            }
        }
    }
}

impl Stored {
    fn delivered(&self) -> Delivered {
        Delivered {
            body: self.body.clone(),
            next: self.next,
        }
    }
}

impl Reads for Strategy {
    async fn read(&self, page: Page, token: String) -> Option<Delivered> {
        let key = self.key(page, &token);
        let since = Instant::now();
        let slot = match self.coalescing {
            Coalescing::No => return self.ask(key, &token, since).await,
            Coalescing::Yes => Arc::clone(self.asking.lock().entry(key.clone()).or_default()),
        };
        let _turn = slot.lock().await;
        self.ask(key, &token, since).await
    }
}
