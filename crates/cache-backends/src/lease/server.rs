//! One lock server: four scripts on two keys.

use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::LuaInterface;

use super::LeaseError;
use crate::redis::{Connection, Counters, RedisOptions, RedisOptionsError, servers};

/// Takes the lock if it is free, and numbers the holder: larger than the last one, and at least the server's time in
/// microseconds, so that a server that has lost its memory does not begin again.
const TAKE: &str = "\
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = math.max(last + 1, time[1] * 1000000 + time[2])
redis.call('SET', KEYS[2], string.format('%.0f', fence))
return fence";

const RAISE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or '0') < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
return 1";

const RENEW: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// What a server says to one who wants the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Taken(u64),
    Held,
}

/// What a server says to one who believes to have the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    Ours,
    NotOurs,
}

pub(super) trait LockServer: Send + Sync + 'static {
    fn take(
        &self,
        name: &str,
        token: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Take, LeaseError>> + Send;

    /// The next number will be larger than `fence`.
    fn raise(
        &self,
        name: &str,
        token: &str,
        fence: u64,
    ) -> impl Future<Output = Result<Ownership, LeaseError>> + Send;

    fn renew(
        &self,
        name: &str,
        token: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Ownership, LeaseError>> + Send;

    fn release(
        &self,
        name: &str,
        token: &str,
    ) -> impl Future<Output = Result<Ownership, LeaseError>> + Send;
}

#[derive(Debug)]
pub(super) struct RedisLock {
    connection: Connection,
    namespace: String,
    timeout: Duration,
}

impl RedisLock {
    pub(super) fn open(redis: &RedisOptions, timeout: Duration) -> Result<Self, RedisOptionsError> {
        redis.check()?;
        let (primary, _) = servers(&redis.deployment);
        Ok(Self {
            connection: Connection::open(primary, redis, Arc::new(Counters::default()))?,
            namespace: redis.namespace.clone(),
            timeout,
        })
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.is_up()
    }

    async fn run(
        &self,
        script: &'static str,
        name: &str,
        arguments: Vec<String>,
    ) -> Result<u64, LeaseError> {
        if !self.connection.is_up() {
            return Err(LeaseError);
        }
        // The tag keeps both keys on one node of a cluster.
        let lock = format!("{}:lease:{{{name}}}", self.namespace);
        let keys = vec![lock.clone(), format!("{lock}:fence")];
        self.connection
            .ask(&lock, self.timeout, |commands| async move {
                commands.eval(script, keys, arguments).await
            })
            .await
            .map_err(|_| LeaseError)
    }

    async fn is_ours(
        &self,
        script: &'static str,
        name: &str,
        arguments: Vec<String>,
    ) -> Result<Ownership, LeaseError> {
        Ok(match self.run(script, name, arguments).await? {
            0 => Ownership::NotOurs,
            _ => Ownership::Ours,
        })
    }
}

fn milliseconds(ttl: Duration) -> String {
    ttl.as_millis().to_string()
}

impl LockServer for RedisLock {
    async fn take(&self, name: &str, token: &str, ttl: Duration) -> Result<Take, LeaseError> {
        let arguments = vec![token.to_owned(), milliseconds(ttl)];
        Ok(match self.run(TAKE, name, arguments).await? {
            0 => Take::Held,
            fence => Take::Taken(fence),
        })
    }

    async fn raise(&self, name: &str, token: &str, fence: u64) -> Result<Ownership, LeaseError> {
        self.is_ours(RAISE, name, vec![token.to_owned(), fence.to_string()])
            .await
    }

    async fn renew(&self, name: &str, token: &str, ttl: Duration) -> Result<Ownership, LeaseError> {
        self.is_ours(RENEW, name, vec![token.to_owned(), milliseconds(ttl)])
            .await
    }

    async fn release(&self, name: &str, token: &str) -> Result<Ownership, LeaseError> {
        self.is_ours(RELEASE, name, vec![token.to_owned()]).await
    }
}
