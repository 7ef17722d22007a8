//! One value per name that all processes see: replaced only by one that is not older, and everybody is told.
//!
//! Where [`RedisStore`](crate::RedisStore) merges what many write at once, this is for values that one writer at a time
//! makes anew, usually under a [lease](crate::Leases). The lease's fencing number decides here, in Redis, in one step:
//! a writer that was stopped and wakes up after its lease has passed finds that it is too late.
//!
//! A value is a small *head* and a *body* that may be large and often stays the same: it is sent only when its tag is
//! not the one that is there.

mod listener;
mod script;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fred::error::Error;
use fred::interfaces::{HashesInterface, KeysInterface, LuaInterface};
use fred::types::{Expiration, Value};
use tokio::sync::broadcast;

use self::listener::Listener;
use self::script::{PUBLISH, TELL};
use crate::redis::{Connection, Counters, Failure, servers};
use crate::{Operation, RedisConnection, RedisOptions, RedisOptionsError, StoreError};

/// Values that processes share. Clones share connections.
#[derive(Clone)]
pub struct SharedValues(Arc<Shared>);

struct Shared {
    connection: Connection,
    listener: Listener,
    namespace: String,
    read_timeout: Duration,
    write_timeout: Duration,
}

/// What is known of a value without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedHead {
    /// The number under which it was published.
    pub fencing: u64,
    /// The head's bytes.
    pub head: Bytes,
}

/// A whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValue {
    /// The number under which it was published.
    pub fencing: u64,
    /// The head's bytes.
    pub head: Bytes,
    /// The body's bytes.
    pub body: Bytes,
}

/// A value to be published.
#[derive(Clone, Debug)]
pub struct Publication<'a> {
    /// Name of the value.
    pub name: &'a str,
    /// The writer's number: the value is not stored over one with a larger number.
    pub fencing: u64,
    /// The head's bytes.
    pub head: Bytes,
    /// What tells one body from another, such as a hash.
    pub body_tag: &'a str,
    /// The body's bytes; `None` = the one with this tag is believed to be there.
    pub body: Option<Bytes>,
    /// How long the value lives.
    pub lives: Duration,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is stored, and everybody is told.
    Stored,
    /// A value with a larger number is there.
    Outdated {
        /// The number.
        stored: u64,
    },
    /// The body is not there: publish again with it.
    BodyNeeded,
}

/// What everybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedChange {
    /// A value was published, or a note left.
    Changed {
        /// Its name.
        name: Arc<str>,
    },
    /// The connection is new: whatever was told meanwhile was missed.
    Connected,
}

impl SharedValues {
    /// Starts to connect, and returns at once.
    ///
    /// Of the options, those that concern a store's queue are not used.
    ///
    /// # Errors
    /// When the options contradict each other or the certificates cannot be read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(redis: &RedisOptions) -> Result<Self, RedisOptionsError> {
        redis.check()?;
        let open = || {
            let (primary, _) = servers(&redis.deployment);
            Connection::open(primary, redis, Arc::new(Counters::default()))
        };
        let channel = format!("{}:changed", redis.namespace);
        Ok(Self(Arc::new(Shared {
            connection: open()?,
            listener: Listener::start(open()?, channel, redis.connect_timeout),
            namespace: redis.namespace.clone(),
            read_timeout: redis.read_timeout,
            write_timeout: redis.write_timeout,
        })))
    }

    /// Whether the server is connected now; for a readiness page, not for deciding whether to ask.
    pub fn connection(&self) -> RedisConnection {
        match self.0.connection.is_up() {
            true => RedisConnection::Up,
            false => RedisConnection::Down,
        }
    }

    /// What is told from now on. A receiver that is slow misses what is oldest.
    pub fn changes(&self) -> broadcast::Receiver<SharedChange> {
        self.0.listener.changes()
    }

    /// The head of a value.
    ///
    /// # Errors
    /// When the server cannot tell.
    pub async fn head(&self, name: &str) -> Result<Option<SharedHead>, StoreError> {
        let found = self.fields(name, vec!["fence", "head"]).await?;
        let [fence, head] = <[_; 2]>::try_from(found).map_err(|_| corrupt())?;
        let (Some(fence), Some(head)) = (fence, head) else {
            return Ok(None);
        };
        let fencing = number(&fence)?;
        Ok(Some(SharedHead { fencing, head }))
    }

    /// A value with its body.
    ///
    /// # Errors
    /// When the server cannot tell.
    pub async fn load(&self, name: &str) -> Result<Option<SharedValue>, StoreError> {
        let found = self.fields(name, vec!["fence", "head", "body"]).await?;
        let [fence, head, body] = <[_; 3]>::try_from(found).map_err(|_| corrupt())?;
        let (Some(fence), Some(head), Some(body)) = (fence, head, body) else {
            return Ok(None);
        };
        Ok(Some(SharedValue {
            fencing: number(&fence)?,
            head,
            body,
        }))
    }

    /// Stores a value, unless a newer one is there, and tells everybody; in one step.
    ///
    /// # Errors
    /// When the server cannot be reached in time; it may have been stored.
    pub async fn publish(&self, publication: Publication<'_>) -> Result<Published, StoreError> {
        let lives = milliseconds(publication.lives);
        let mut arguments = vec![
            Value::from(publication.fencing.to_string()),
            Value::Bytes(publication.head),
            Value::from(publication.body_tag.to_owned()),
            Value::Integer(lives),
            Value::from(self.0.listener.channel().to_owned()),
            Value::from(publication.name.to_owned()),
        ];
        arguments.extend(publication.body.map(Value::Bytes));
        let key = self.key(publication.name);
        let answer: (i64, u64) = self
            .ask(Operation::Merge, &key, self.0.write_timeout, |commands| {
                let key = key.clone();
                async move { commands.eval(PUBLISH, key, arguments).await }
            })
            .await?;
        Ok(match answer {
            (0, _) => Published::Stored,
            (1, stored) => Published::Outdated { stored },
            _ => Published::BodyNeeded,
        })
    }

    /// Leaves a note beside a value, which is gone after a while, and tells everybody.
    ///
    /// # Errors
    /// When the server cannot be reached in time.
    pub async fn leave_note(
        &self,
        name: &str,
        note: Bytes,
        lives: Duration,
    ) -> Result<(), StoreError> {
        let key = self.note_key(name);
        let channel = self.0.listener.channel().to_owned();
        let name = name.to_owned();
        self.ask(Operation::Merge, &key, self.0.write_timeout, |commands| {
            let key = key.clone();
            let lives = Expiration::PX(milliseconds(lives));
            async move {
                let _: () = commands
                    .set(key.as_str(), note, Some(lives), None, false)
                    .await?;
                commands
                    .eval(TELL, Vec::<String>::new(), vec![channel, name])
                    .await
            }
        })
        .await
    }

    /// The note beside a value.
    ///
    /// # Errors
    /// When the server cannot tell.
    pub async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let key = self.note_key(name);
        self.ask(Operation::Load, &key, self.0.read_timeout, |commands| {
            let key = key.clone();
            async move { commands.get(key).await }
        })
        .await
    }

    async fn fields(
        &self,
        name: &str,
        fields: Vec<&'static str>,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let key = self.key(name);
        self.ask(Operation::Load, &key, self.0.read_timeout, |commands| {
            let key = key.clone();
            async move { commands.hmget(key, fields).await }
        })
        .await
    }

    /// The tag in braces keeps a value and its note on one node of a cluster.
    fn key(&self, name: &str) -> String {
        format!("{}:shared:{{{name}}}", self.0.namespace)
    }

    fn note_key(&self, name: &str) -> String {
        format!("{}:note", self.key(name))
    }

    async fn ask<T, F: Future<Output = Result<T, Error>>>(
        &self,
        operation: Operation,
        key: &str,
        timeout: Duration,
        command: impl FnOnce(crate::redis::Commands) -> F,
    ) -> Result<T, StoreError> {
        if !self.0.connection.is_up() {
            return Err(StoreError::unavailable(operation));
        }
        self.0
            .connection
            .ask(key, timeout, command)
            .await
            .map_err(|error| Failure::of(&error).into_store_error(operation, error))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    // Redis refuses an expiry of none, and one that leaves its calendar.
    i64::try_from(duration.as_millis())
        .unwrap_or(i64::MAX)
        .clamp(1, 1 << 50)
}

fn number(text: &[u8]) -> Result<u64, StoreError> {
    let text = std::str::from_utf8(text).map_err(|_| corrupt())?;
    text.parse().map_err(|_| corrupt())
}

fn corrupt() -> StoreError {
    StoreError::corrupt(Operation::Load)
}

impl fmt::Debug for SharedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedValues")
            .field("connection", &self.connection())
            .finish_non_exhaustive()
    }
}
