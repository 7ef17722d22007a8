//! Events as they are kept, and as they are asked for.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use super::{Page, RepositoryId, Store, StoreError, Value, bound, failed, read, write};
use crate::event::Event;
use crate::window::{Extent, Window};
use crate::{EventId, Timestamp};

/// Rows of one statement; each has six values, and a statement may have some 32,000.
pub(super) const ROWS: usize = 500;

/// Which events of a repository are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these types; all where none is named.
    pub types: Vec<String>,
    /// None before this moment.
    pub since: Option<Timestamp>,
    /// None after it.
    pub until: Option<Timestamp>,
    /// Only those of this login, in whatever case.
    pub actor: Option<String>,
}

/// Part of the events that a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// How many it lets through.
    pub total: u64,
    /// Their JSON as GitHub sent it, newest first.
    pub events: Vec<String>,
}

/// What a window needs of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its identity.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// Its type.
    pub kind: Box<str>,
}

/// Inserts events in a transaction, and counts them; the first form of an event stays.
macro_rules! insert {
    ($transaction:ident, $failed:ident, $id:expr, $events:expr) => {{
        let mut inserted = std::collections::HashSet::new();
        for some in $events.chunks(crate::store::event::ROWS) {
            let (sql, values) = crate::store::event::insertion($id, some);
            let query = sqlx::query_as::<_, (i64,)>(sqlx::AssertSqlSafe(sql));
            // Only a full statement comes again; the others would crowd the connection's memory of statements.
            let query = query.persistent(some.len() == crate::store::event::ROWS);
            let rows = crate::store::bound!(query, &values).fetch_all(&mut *$transaction).await;
            let ids = rows.map_err($failed)?.into_iter();
            inserted.extend(ids.map(|(id,)| crate::EventId(id.cast_unsigned())));
        }
        let count = sqlx::query("UPDATE repositories SET events_stored = events_stored + $2 WHERE id = $1")
            .bind($id.0)
            .bind(i64::try_from(inserted.len()).unwrap_or(i64::MAX));
        count.execute(&mut *$transaction).await.map_err($failed)?;
        inserted
    }};
}

pub(super) use insert;

impl EventFilter {
    /// A condition over the table of events, and its values.
    fn condition(&self, id: RepositoryId) -> (String, Vec<Value>) {
        let mut sql = "repository = $1".to_owned();
        let mut values = vec![Value::Number(id.0)];
        let mut add = |sql: &mut String, before: &str, value: Value, after: &str| {
            values.push(value);
            *sql += &format!("{before}${}{after}", values.len());
        };
        if let Some(since) = self.since {
            let since = Value::Number(since.seconds());
            add(&mut sql, " AND created_at >= ", since, "");
        }
        if let Some(until) = self.until {
            let until = Value::Number(until.seconds());
            add(&mut sql, " AND created_at <= ", until, "");
        }
        if let Some(actor) = &self.actor {
            let actor = Value::Text(actor.to_ascii_lowercase());
            add(&mut sql, " AND lower(actor) = ", actor, "");
        }
        for (index, kind) in self.types.iter().enumerate() {
            let before = if index == 0 { " AND kind IN (" } else { ", " };
            let last = index + 1 == self.types.len();
            let kind = Value::Text(kind.clone());
            add(&mut sql, before, kind, if last { ")" } else { "" });
        }
        (sql, values)
    }
}

impl Store {
    /// Events of a repository, the newest first; those of one second by their numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(
        &self,
        id: RepositoryId,
        filter: &EventFilter,
        page: Page,
    ) -> Result<EventPage, StoreError> {
        let failed = failed("list events");
        let (condition, mut values) = filter.condition(id);
        // The text is ours, but for numbers of parameters.
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM events WHERE {condition}"));
        let (total,) = read!(self, pool => {
            let count = bound!(sqlx::query_as::<_, (i64,)>(count), &values);
            count.fetch_one(pool).await.map_err(failed)?
        });
        let limit = values.len() + 1;
        values.extend([Value::Number(page.limit()), Value::Number(page.offset())]);
        let select = AssertSqlSafe(format!(
            "SELECT raw FROM events WHERE {condition} ORDER BY created_at DESC, id DESC LIMIT ${limit} OFFSET ${}",
            limit + 1
        ));
        let rows = read!(self, pool => {
            let select = bound!(sqlx::query_as::<_, (String,)>(select), &values);
            select.fetch_all(pool).await.map_err(failed)?
        });
        Ok(EventPage {
            total: total.cast_unsigned(),
            events: rows.into_iter().map(|(raw,)| raw).collect(),
        })
    }

    /// The newest events after a moment, newest first: what a window counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_since(
        &self,
        id: RepositoryId,
        after: Timestamp,
        most: usize,
    ) -> Result<Vec<Counted>, StoreError> {
        let failed = failed("read a window");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = read!(self, pool => {
            let select = sqlx::query_as::<_, (i64, i64, String)>(
                "SELECT id, created_at, kind FROM events WHERE repository = $1 AND created_at > $2 \
                 ORDER BY created_at DESC, id DESC LIMIT $3",
            );
            let select = select.bind(id.0).bind(after.seconds()).bind(most);
            select.fetch_all(pool).await.map_err(failed)?
        });
        let counted = rows.into_iter().map(|(id, at, kind)| Counted {
            id: EventId(id.cast_unsigned()),
            at: Timestamp::from_seconds(at),
            kind: kind.into(),
        });
        Ok(counted.collect())
    }

    /// A repository's window as of now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn window(
        &self,
        id: RepositoryId,
        extent: Extent,
        now: Timestamp,
    ) -> Result<Window, StoreError> {
        let mut window = Window::new(extent);
        // One more than counts: whether there are too many is part of the answer.
        let most = extent.max_events.saturating_add(1);
        let newest = self.newest_since(id, extent.start(now), most).await?;
        for one in newest.iter().rev() {
            window.insert(one.id, one.at, &one.kind, now);
        }
        Ok(window)
    }

    /// The moments of the newest events, newest first: what a rate is estimated from.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_moments(
        &self,
        id: RepositoryId,
        most: usize,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let newest = self
            .newest_since(id, Timestamp::from_seconds(i64::MIN), most)
            .await?;
        Ok(newest.into_iter().map(|one| one.at).collect())
    }

    /// Which of these events are stored.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known(&self, events: &[Event]) -> Result<HashSet<EventId>, StoreError> {
        let failed = failed("look events up");
        let mut known = HashSet::new();
        for some in events.chunks(ROWS) {
            let values: Vec<Value> = some.iter().map(|event| number(event.id)).collect();
            let places = places(1, values.len());
            let select = AssertSqlSafe(format!("SELECT id FROM events WHERE id IN {places}"));
            let rows = read!(self, pool => {
                let select = bound!(sqlx::query_as::<_, (i64,)>(select), &values);
                select.fetch_all(pool).await.map_err(failed)?
            });
            known.extend(rows.into_iter().map(|(id,)| EventId(id.cast_unsigned())));
        }
        Ok(known)
    }

    /// Stores events that came on another way than a poll; those that were not there before, in their order.
    ///
    /// # Errors
    /// When the database fails; then none is stored.
    pub async fn insert(
        &self,
        id: RepositoryId,
        events: &[Event],
    ) -> Result<HashSet<EventId>, StoreError> {
        let failed = failed("store events");
        let inserted = write!(self, "store events", transaction => {
            insert!(transaction, failed, id, events)
        });
        Ok(inserted)
    }

    /// Lets go of events that are older than a moment; how many they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_before(&self, moment: Timestamp) -> Result<u64, StoreError> {
        let failed = failed("let go of old events");
        let gone = write!(self, "let go of old events", transaction => {
            let count = sqlx::query(
                "UPDATE repositories SET events_stored = events_stored - \
                 (SELECT COUNT(*) FROM events WHERE repository = repositories.id AND created_at < $1)",
            );
            count.bind(moment.seconds()).execute(&mut *transaction).await.map_err(failed)?;
            let delete = sqlx::query("DELETE FROM events WHERE created_at < $1").bind(moment.seconds());
            delete.execute(&mut *transaction).await.map_err(failed)?.rows_affected()
        });
        Ok(gone)
    }
}

pub(super) fn insertion(id: RepositoryId, events: &[Event]) -> (String, Vec<Value>) {
    let mut sql =
        "INSERT INTO events (id, repository, created_at, kind, actor, raw) VALUES ".to_owned();
    let mut values = Vec::with_capacity(events.len() * 6);
    for event in events {
        if !values.is_empty() {
            sql += ", ";
        }
        sql += &places(values.len() + 1, 6);
        values.extend([
            number(event.id),
            Value::Number(id.0),
            Value::Number(event.created_at.seconds()),
            Value::Text(event.kind.clone().into()),
            Value::Text(event.actor.clone().into()),
            Value::Text(event.raw.clone().into()),
        ]);
    }
    sql += " ON CONFLICT (id) DO NOTHING RETURNING id";
    (sql, values)
}

fn number(id: EventId) -> Value {
    Value::Number(id.0.cast_signed())
}

/// `($4, $5, $6)`
fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|at| format!("${at}")).collect();
    format!("({})", places.join(", "))
}
