//! A store of one's own: it keeps values and merges them, and need not know what they are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use embedding::{Fallible, github, show, stored};
use github_conditional::stores::{CacheStore, CacheValue, StoreError, StoreKey, Usage, Written};
use github_conditional::{Client, Cost, Entry};
use serde_json::Value;

/// The last few hundred entries in a map. A real store bounds bytes, not entries.
#[derive(Default)]
struct Few(Mutex<HashMap<StoreKey, Entry>>);

impl Few {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<StoreKey, Entry>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CacheStore<Entry> for Few {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.with(|entries| entries.get(key).cloned()))
    }
    async fn merge(&self, key: &StoreKey, value: Entry) -> Result<Written, StoreError> {
        self.with(|entries| {
            if entries.len() >= 500 {
                entries.clear();
            }
            // Writers at the same time must not undo each other's work.
            let merged = match entries.get(key) {
                Some(there) => Entry::merge(there, value),
                None => value,
            };
            entries.insert(*key, merged);
        });
        Ok(Written::Stored)
    }
    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.with(|entries| entries.remove(key));
        Ok(())
    }
    fn usage(&self) -> Usage {
        self.with(|entries| Usage::new(entries.len() as u64, 0))
    }
}

#[tokio::main]
async fn main() -> Fallible {
    let github = github().await?;
    let client = Client::builder()
        .base_url(github.url())
        .store(Few::default());
    let client = client.token(github.user_token("octocat")).build()?;
    let first = client.get::<Value>("/users/hubot").await?;
    stored(&*client.service().inspect()).await;
    let second = client.get::<Value>("/users/hubot").await?;
    show("the store gives back what it was given", || {
        first.value == second.value
    })?;
    show("the second read costs nothing", || {
        second.cost() == Cost::Nothing
    })
}
