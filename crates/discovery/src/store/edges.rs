//! Who follows, stars and owns what, and passes over one list that close what is gone.
//!
//! Each list can be seen from both ends at once: the followers of one developer while another's following list is
//! read. So an edge carries the *tick* at which it was last seen, a number that only grows. A pass takes a tick when
//! it begins; at its complete end it closes the edges of its list that nobody has seen since.

use serde::{Deserialize, Serialize};

use super::database::{Dialect, Statement, Transaction, writing};
use super::repositories::RepositoryRecord;
use super::{Store, StoreError};
use crate::moment::Moment;

/// What an edge says. Edges go from a developer to a developer or repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdgeKind {
    Follows,
    Stars,
    Owns,
}

/// Whose list is read: all edges that leave `From`, or all that arrive at `To`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Anchor {
    From(i64),
    To(i64),
}

/// One reading of one list. It may be kept in a cursor and go on after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) kind: EdgeKind,
    pub(crate) anchor: Anchor,
    tick: i64,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassEnd {
    /// The whole list was seen: what was not in it is gone.
    Complete,
    /// Nothing follows from what was not seen.
    Aborted,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassResult {
    /// The other ends of the edges that were closed.
    pub(crate) closed: Vec<i64>,
    /// How many edges the list has now.
    pub(crate) open: i64,
}

impl EdgeKind {
    pub(crate) const ALL: [Self; 3] = [Self::Follows, Self::Stars, Self::Owns];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::Stars => "stars",
            Self::Owns => "owns",
        }
    }

    /// As it stands in the table.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Follows => 1,
            Self::Stars => 2,
            Self::Owns => 3,
        }
    }
}

impl Anchor {
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::From(id) | Self::To(id) => id,
        }
    }

    /// The column of this end, and the column of the other.
    const fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::From(_) => ("from_id", "to_id"),
            Self::To(_) => ("to_id", "from_id"),
        }
    }

    const fn edge(self, other: i64) -> (i64, i64) {
        match self {
            Self::From(id) => (id, other),
            Self::To(id) => (other, id),
        }
    }
}

impl Store {
    /// Begins to read a list.
    pub(crate) async fn begin_pass(
        &self,
        kind: EdgeKind,
        anchor: Anchor,
    ) -> Result<Pass, StoreError> {
        let tick = writing!(self.database, |transaction| { tick(transaction).await })?;
        Ok(Pass { kind, anchor, tick })
    }

    /// Stores one page: the other ends. The same page may be stored again. Returns those whose edge is new, and makes
    /// them due if they were read before, for their own counts cannot match any more.
    pub(crate) async fn append_page(
        &self,
        pass: &Pass,
        others: &[i64],
        now: Moment,
    ) -> Result<Vec<i64>, StoreError> {
        let edges: Vec<(i64, i64)> = others
            .iter()
            .map(|other| pass.anchor.edge(*other))
            .collect();
        writing!(self.database, |transaction| {
            let seen = tick(transaction).await?;
            let opened = open_edges(transaction, pass.kind, &edges, seen, now).await?;
            let opened: Vec<i64> = opened.other_ends(pass.anchor);
            make_due(transaction, pass, &opened, now).await?;
            let count = i64::try_from(opened.len()).unwrap_or(i64::MAX);
            transaction.count(&[(pass.kind.as_str(), count)]).await?;
            Ok(opened)
        })
    }

    /// Ends a pass. Only a complete one closes what it did not see.
    pub(crate) async fn finish_pass(
        &self,
        pass: &Pass,
        end: PassEnd,
        now: Moment,
    ) -> Result<PassResult, StoreError> {
        let mut result = PassResult::default();
        if end == PassEnd::Complete {
            let (mine, other) = pass.anchor.columns();
            let close = Statement::new(format!(
                "UPDATE edges SET closed_at = $3 WHERE kind = {} AND {mine} = $1 AND closed_at IS NULL AND seen < $2 \
                 RETURNING {other} AS other",
                pass.kind.number()
            ));
            let close = close.bind(pass.anchor.id()).bind(pass.tick).bind(now);
            result.closed = writing!(self.database, |transaction| {
                let rows = transaction.all(close.clone()).await?;
                let closed: Result<Vec<i64>, StoreError> =
                    rows.iter().map(|row| row.integer("other")).collect();
                let closed = closed?;
                if !closed.is_empty() {
                    make_due(transaction, pass, &closed, now).await?;
                    let count = i64::try_from(closed.len()).unwrap_or(i64::MAX);
                    transaction.count(&[(pass.kind.as_str(), -count)]).await?;
                }
                Ok(closed)
            })?;
        }
        result.open = self.open_edges(pass.kind, pass.anchor).await?;
        Ok(result)
    }

    /// How many edges a complete end of this pass would close.
    pub(crate) async fn unseen_edges(&self, pass: &Pass) -> Result<i64, StoreError> {
        let (mine, _) = pass.anchor.columns();
        let select = Statement::new(format!(
            "SELECT count(*) AS unseen FROM edges \
             WHERE kind = {} AND {mine} = $1 AND closed_at IS NULL AND seen < $2",
            pass.kind.number()
        ));
        let select = select.bind(pass.anchor.id()).bind(pass.tick);
        match self.database.first(select).await? {
            Some(row) => row.integer("unseen"),
            None => Ok(0),
        }
    }

    /// How many edges a list has now.
    pub(crate) async fn open_edges(
        &self,
        kind: EdgeKind,
        anchor: Anchor,
    ) -> Result<i64, StoreError> {
        let (mine, _) = anchor.columns();
        let select = Statement::new(format!(
            "SELECT count(*) AS open FROM edges WHERE kind = {} AND {mine} = $1 AND closed_at IS NULL",
            kind.number()
        ));
        match self.database.first(select.bind(anchor.id())).await? {
            Some(row) => row.integer("open"),
            None => Ok(0),
        }
    }
}

/// Which end of an edge is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    From,
    To,
}

impl Side {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::From => "from_id",
            Self::To => "to_id",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::From => Self::To,
            Self::To => Self::From,
        }
    }
}

/// The edges that are new, or there again.
pub(super) struct Opened(Vec<(i64, i64)>);

impl Opened {
    pub(super) fn len(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    fn other_ends(self, anchor: Anchor) -> Vec<i64> {
        let other = |(from, to)| match anchor {
            Anchor::From(_) => to,
            Anchor::To(_) => from,
        };
        self.0.into_iter().map(other).collect()
    }
}

/// The next number of the order in which things are seen.
pub(super) async fn tick(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let next = match transaction.dialect() {
        Dialect::Sqlite => {
            "UPDATE counters SET value = value + 1 WHERE name = 'tick' RETURNING value AS tick"
        }
        // A sequence makes nobody wait.
        Dialect::Postgres => "SELECT nextval('ticks') AS tick",
    };
    match transaction.first(Statement::new(next)).await? {
        Some(row) => row.integer("tick"),
        None => Err(StoreError::Unknown("no tick")),
    }
}

/// Marks edges as seen. An edge that had been closed is opened anew.
pub(super) async fn open_edges(
    transaction: &mut Transaction,
    kind: EdgeKind,
    edges: &[(i64, i64)],
    seen: i64,
    now: Moment,
) -> Result<Opened, StoreError> {
    let mut edges = edges.to_vec();
    edges.sort_unstable();
    edges.dedup();
    let mut opened = Vec::new();
    for (from, to) in edges {
        let insert = Statement::new(format!(
            "INSERT INTO edges (kind, from_id, to_id, opened_at, seen) VALUES ({}, $1, $2, $3, $4) \
             ON CONFLICT (kind, from_id, to_id) DO NOTHING",
            kind.number()
        ));
        let insert = insert.bind(from).bind(to).bind(now).bind(seen);
        if transaction.execute(insert).await? > 0 {
            opened.push((from, to));
            continue;
        }
        let reopen = Statement::new(format!(
            "UPDATE edges SET opened_at = $3, closed_at = NULL, seen = $4 \
             WHERE kind = {} AND from_id = $1 AND to_id = $2 AND closed_at IS NOT NULL",
            kind.number()
        ));
        let reopen = reopen.bind(from).bind(to).bind(now).bind(seen);
        if transaction.execute(reopen).await? > 0 {
            opened.push((from, to));
            continue;
        }
        let update = Statement::new(format!(
            "UPDATE edges SET seen = $3 WHERE kind = {} AND from_id = $1 AND to_id = $2 AND seen < $3",
            kind.number()
        ));
        let update = update.bind(from).bind(to).bind(seen);
        transaction.execute(update).await?;
    }
    Ok(Opened(opened))
}

/// A repository has one owner: the edges of former ones are closed. How many there were.
pub(super) async fn close_other_owners(
    transaction: &mut Transaction,
    record: &RepositoryRecord,
    now: Moment,
) -> Result<i64, StoreError> {
    let close = Statement::new(format!(
        "UPDATE edges SET closed_at = $3 \
         WHERE kind = {} AND to_id = $1 AND from_id <> $2 AND closed_at IS NULL",
        EdgeKind::Owns.number()
    ));
    let close = close
        .bind(record.github_id)
        .bind(record.owner_github_id)
        .bind(now);
    let closed = transaction.execute(close).await?;
    Ok(i64::try_from(closed).unwrap_or(i64::MAX))
}

/// Developers that were read to the end, whose lists another's list has just changed. One whose back-off runs is left
/// alone: it waits for its reported count.
async fn make_due(
    transaction: &mut Transaction,
    pass: &Pass,
    others: &[i64],
    now: Moment,
) -> Result<(), StoreError> {
    let developers = match (pass.kind, pass.anchor) {
        (EdgeKind::Follows, _) => true,
        (EdgeKind::Stars | EdgeKind::Owns, _) => false,
    };
    if !developers || others.is_empty() {
        return Ok(());
    }
    let mut others = others.to_vec();
    others.sort_unstable();
    for other in others {
        let update = Statement::new(
            "UPDATE developers SET due_at = $2 \
             WHERE github_id = $1 AND last_full_sync_at IS NOT NULL AND back_off_seconds = 0 AND due_at > $2",
        );
        transaction.execute(update.bind(other).bind(now)).await?;
    }
    Ok(())
}
