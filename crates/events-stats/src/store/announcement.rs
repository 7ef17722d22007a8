//! What has happened, numbered in the order in which it was committed, for those who listen to the stream.
//!
//! Numbers are taken in the transaction that stores what they are of, from one row that stays locked until it is
//! committed: who sees a number has seen all smaller ones, whichever process they are of.

use super::{RepositoryId, Store, StoreError, Value, failed, read};
use crate::EventId;
use crate::gap::Gap;
use crate::name::FullName;

/// How many are kept. They are short: events are named only.
pub(crate) const KEPT: u32 = 100_000;

/// What an announcement tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tidings {
    /// An event that was not known, as GitHub sent it.
    Event(String),
    /// Events may be missing.
    Gap(Gap),
    /// The statistics have changed.
    Statistics,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) number: u64,
    pub(crate) repository: RepositoryId,
    pub(crate) full_name: FullName,
    pub(crate) tidings: Tidings,
}

/// Up to where announcements have been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Tells the numbers of this database from those of another.
    pub(crate) epoch: String,
    pub(crate) newest: u64,
}

/// Part of the announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) after: u64,
    /// The last one; none = whatever there is.
    pub(crate) to: Option<u64>,
    pub(crate) most: u32,
}

const SELECT: &str = "SELECT a.number, a.repository, r.full_name, a.topic, COALESCE(a.gap, e.raw) \
     FROM announcements a JOIN repositories r ON r.id = a.repository LEFT JOIN events e ON e.id = a.event \
     WHERE a.number > $1 AND a.number <= $2 AND (a.event IS NULL OR e.id IS NOT NULL) ORDER BY a.number LIMIT $3";

/// Announces what a poll has brought, at the end of its transaction: others wait for the numbers.
macro_rules! announce {
    ($transaction:ident, $failed:ident, $id:expr, $events:expr, $gap:expr) => {{
        let events: &[crate::EventId] = $events;
        let gap: Option<String> = $gap;
        // The statistics change with either.
        let count = match (events.len(), &gap) {
            (0, None) => 0,
            (count, None) => count + 1,
            (count, Some(_)) => count + 2,
        };
        if count > 0 {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let take = sqlx::query_as::<_, (i64,)>("UPDATE announced SET newest = newest + $1 RETURNING newest");
            let taken = take.bind(count).fetch_one(&mut *$transaction).await;
            let (newest,) = taken.map_err($failed)?;
            let mut number = newest - count + 1;
            for some in events.chunks(crate::store::event::ROWS) {
                let (sql, values) = crate::store::announcement::insertion(number, $id, some);
                let insert = crate::store::bound!(sqlx::query(sqlx::AssertSqlSafe(sql)), &values);
                let insert = insert.persistent(false).execute(&mut *$transaction);
                number += insert.await.map_err($failed)?.rows_affected().cast_signed();
            }
            if gap.is_some() {
                let insert = sqlx::query(
                    "INSERT INTO announcements (number, repository, topic, gap) VALUES ($1, $2, 'gap', $3)",
                );
                let insert = insert.bind(number).bind($id.0).bind(gap);
                insert.execute(&mut *$transaction).await.map_err($failed)?;
            }
            let insert = sqlx::query("INSERT INTO announcements (number, repository, topic) VALUES ($1, $2, 'stats')");
            let insert = insert.bind(newest).bind($id.0).execute(&mut *$transaction);
            insert.await.map_err($failed)?;
            let forget = sqlx::query("DELETE FROM announcements WHERE number <= $1");
            let forget = forget.bind(newest - i64::from(crate::store::announcement::KEPT));
            forget.execute(&mut *$transaction).await.map_err($failed)?;
        }
    }};
}

pub(super) use announce;

/// Rows of events, numbered from `first` on.
pub(super) fn insertion(first: i64, id: RepositoryId, events: &[EventId]) -> (String, Vec<Value>) {
    let mut sql = "INSERT INTO announcements (topic, number, repository, event) VALUES ".to_owned();
    let mut values = Vec::with_capacity(events.len() * 3);
    for (number, event) in (first..).zip(events) {
        let at = values.len();
        let comma = if at == 0 { "" } else { ", " };
        sql += &format!("{comma}('event', ${}, ${}, ${})", at + 1, at + 2, at + 3);
        values.extend([
            Value::Number(number),
            Value::Number(id.0),
            Value::Number(event.0.cast_signed()),
        ]);
    }
    (sql, values)
}

impl Store {
    /// Up to where announcements have been made.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn announced(&self) -> Result<Announced, StoreError> {
        let failed = failed("see what is new");
        let (epoch, newest) = read!(self, pool => {
            let row = sqlx::query_as::<_, (String, i64)>("SELECT epoch, newest FROM announced");
            row.fetch_one(pool).await.map_err(failed)?
        });
        Ok(Announced {
            epoch,
            newest: newest.cast_unsigned(),
        })
    }

    /// Announcements in their order. Those of events and repositories that are gone are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn announcements(
        &self,
        stretch: Stretch,
    ) -> Result<Vec<Announcement>, StoreError> {
        let failed = failed("list what is new");
        let to = stretch.to.map_or(i64::MAX, u64::cast_signed);
        let rows = read!(self, pool => {
            let select = sqlx::query_as::<_, (i64, i64, String, String, Option<String>)>(SELECT);
            let select = select.bind(stretch.after.cast_signed()).bind(to).bind(i64::from(stretch.most));
            select.fetch_all(pool).await.map_err(failed)?
        });
        let announcements = rows.into_iter().map(|(number, id, name, topic, text)| {
            let unreadable = || StoreError::Unreadable {
                what: "announcement",
            };
            Ok(Announcement {
                number: number.cast_unsigned(),
                repository: RepositoryId(id),
                full_name: FullName::parse(&name).map_err(|_| unreadable())?,
                tidings: match (topic.as_str(), text) {
                    ("event", Some(raw)) => Tidings::Event(raw),
                    ("gap", Some(gap)) => {
                        Tidings::Gap(serde_json::from_str(&gap).map_err(|_| unreadable())?)
                    }
                    ("stats", None) => Tidings::Statistics,
                    _ => return Err(unreadable()),
                },
            })
        });
        announcements.collect()
    }
}
