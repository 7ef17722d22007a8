//! What a majority of lock servers says.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::LeaseError;
use super::server::{LockServer, Ownership, RedisLock, Take};
use crate::RedisConnection;

/// Clocks of different machines do not run equally fast: this part of the time is not counted on.
const DRIFT: f64 = 0.01;
/// And servers round their expiry.
const ROUNDING: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Quorum<S> {
    servers: Vec<Arc<S>>,
    ttl: Duration,
}

/// A lease that was just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) fencing: u64,
    pub(super) until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// A majority holds it until then.
    Until(Instant),
    /// A majority can no longer hold it.
    NotOurs,
    /// Too few answered.
    Unknown,
}

impl Quorum<RedisLock> {
    /// Up when a majority is.
    pub(super) fn connection(&self) -> RedisConnection {
        let up = self.servers.iter().filter(|server| server.is_up()).count();
        match up >= self.majority() {
            true => RedisConnection::Up,
            false => RedisConnection::Down,
        }
    }
}

impl<S: LockServer> Quorum<S> {
    pub(super) fn new(servers: Vec<S>, ttl: Duration) -> Self {
        Self {
            servers: servers.into_iter().map(Arc::new).collect(),
            ttl,
        }
    }

    fn majority(&self) -> usize {
        self.servers.len() / 2 + 1
    }

    /// Until when a lease that was asked for at `asked` is certain to be held.
    fn certain_until(&self, asked: Instant) -> Instant {
        asked + self.ttl.mul_f64(1.0 - DRIFT).saturating_sub(ROUNDING)
    }

    /// `None`: somebody else has it, or several took parts of it at once.
    pub(super) async fn take(&self, name: &str, token: &str) -> Result<Option<Taken>, LeaseError> {
        let asked = Instant::now();
        let ttl = self.ttl;
        let answers = self
            .ask(name, token, move |server, name, token| async move {
                server.take(&name, &token, ttl).await
            })
            .await;
        let fences: Vec<u64> = answers
            .iter()
            .filter_map(|answer| match answer {
                Take::Taken(fence) => Some(*fence),
                Take::Held => None,
            })
            .collect();
        if fences.len() >= self.majority()
            && let Some(fencing) = self.agree_on(name, token, &fences).await
        {
            let until = self.certain_until(asked);
            if Instant::now() < until {
                return Ok(Some(Taken { fencing, until }));
            }
        }
        self.release(name, token).await;
        if answers.len() < self.majority() {
            return Err(LeaseError);
        }
        Ok(None)
    }

    /// The largest number becomes that of a majority, so that the next majority has it in its midst and goes beyond.
    async fn agree_on(&self, name: &str, token: &str, fences: &[u64]) -> Option<u64> {
        let largest = *fences.iter().max()?;
        if self.servers.len() == 1 {
            return Some(largest);
        }
        let answers = self
            .ask(name, token, move |server, name, token| async move {
                server.raise(&name, &token, largest).await
            })
            .await;
        let agreed = answers.iter().filter(|answer| **answer == Ownership::Ours);
        (agreed.count() >= self.majority()).then_some(largest)
    }

    pub(super) async fn renew(&self, name: &str, token: &str) -> Renewal {
        let asked = Instant::now();
        let ttl = self.ttl;
        let answers = self
            .ask(name, token, move |server, name, token| async move {
                server.renew(&name, &token, ttl).await
            })
            .await;
        let ours = answers.iter().filter(|answer| **answer == Ownership::Ours);
        let ours = ours.count();
        if ours >= self.majority() {
            return Renewal::Until(self.certain_until(asked));
        }
        let others = answers.len() - ours;
        match self.servers.len() - others >= self.majority() {
            true => Renewal::Unknown,
            false => Renewal::NotOurs,
        }
    }

    /// As far as the servers can be reached; elsewhere the time does it.
    pub(super) async fn release(&self, name: &str, token: &str) {
        self.ask(name, token, move |server, name, token| async move {
            server.release(&name, &token).await
        })
        .await;
    }

    /// Asks all at once, and returns the answers that came.
    async fn ask<T: Send + 'static, F>(
        &self,
        name: &str,
        token: &str,
        question: impl Fn(Arc<S>, String, String) -> F,
    ) -> Vec<T>
    where
        F: Future<Output = Result<T, LeaseError>> + Send + 'static,
    {
        let mut asked = JoinSet::new();
        for server in &self.servers {
            asked.spawn(question(
                Arc::clone(server),
                name.to_owned(),
                token.to_owned(),
            ));
        }
        let answers = asked.join_all().await;
        answers.into_iter().filter_map(Result::ok).collect()
    }
}
