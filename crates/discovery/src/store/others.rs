//! The other ends of edges: whole lists of several developers or repositories at once.

use super::database::{Dialect, Row, Statement};
use super::edges::{EdgeKind, Side};
use super::{Store, StoreError};

/// The other ends of several anchors' edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// For each anchor the ids, ascending; in no order of the anchors.
    All(Vec<(i64, Vec<i64>)>),
    /// All together they are more than were asked for.
    TooMany,
}

impl Store {
    /// The other ends of the edges of these anchors that are there now, if all together they are no more than `limit`.
    pub(crate) async fn others_of(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
        limit: i64,
    ) -> Result<Others, StoreError> {
        let (mut found, mut left, mut open) = (Vec::new(), limit, ids.to_vec());
        while !open.is_empty() {
            // Each may show its share and one more: whoever has no more is done. If nobody is done, there are too many;
            // so no more than `limit` and one for each anchor are ever read at once, and each round has fewer anchors.
            let anchors = i64::try_from(open.len()).unwrap_or(i64::MAX);
            let most = left / anchors + 1;
            let mut longer = Vec::new();
            for (id, others) in self.lists(kind, side, &open, most).await? {
                let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
                if count < most {
                    left -= count;
                    found.push((id, others));
                } else {
                    longer.push(id);
                }
            }
            let longer_ones = i64::try_from(longer.len()).unwrap_or(i64::MAX);
            if most.saturating_mul(longer_ones) > left {
                return Ok(Others::TooMany);
            }
            open = longer;
        }
        Ok(Others::All(found))
    }

    /// At most so many of each. The database writes each list into one row: ten thousand rows cost many times as much.
    /// And it looks each anchor up by itself: several at once it would sort, although the index has each list in order.
    async fn lists(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
        most: i64,
    ) -> Result<Vec<(i64, Vec<i64>)>, StoreError> {
        let (mine, other) = (side.column(), side.other().column());
        let list = match self.database.dialect() {
            Dialect::Sqlite => "group_concat(other)",
            Dialect::Postgres => "string_agg(CAST(other AS TEXT), ',')",
        };
        let anchors: Vec<String> = ids.iter().map(|id| format!("({id})")).collect();
        let mut select = Statement::new(format!(
            "WITH anchors(id) AS (VALUES {}) SELECT CAST(id AS BIGINT) AS mine, \
             (SELECT {list} FROM (SELECT {other} AS other FROM edges \
             WHERE kind = {} AND {mine} = anchors.id AND closed_at IS NULL ORDER BY {other} LIMIT ",
            anchors.join(","),
            kind.number()
        ));
        select.push_value(most);
        select.push(") AS first_ones) AS others FROM anchors");
        let rows = self.database.all(select).await?;
        let list = |row: &Row| {
            let others = row.maybe_text("others")?;
            let others = others.as_deref().map_or(Ok(Vec::new()), listed)?;
            Ok((row.integer("mine")?, others))
        };
        rows.iter().map(list).collect()
    }

    /// The other ends of the edges of these anchors that are there now, `(anchor, other)`, ordered; at most `limit`.
    pub(crate) async fn edges_of(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let (mine, other) = (side.column(), side.other().column());
        let mut select = Statement::new(format!(
            "SELECT {mine} AS mine, {other} AS other FROM edges WHERE kind = {} AND closed_at IS NULL AND {mine} IN ",
            kind.number()
        ));
        select.push_ids(ids);
        select.push(&format!(" ORDER BY {mine}, {other} LIMIT "));
        select.push_value(limit);
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| Ok((row.integer("mine")?, row.integer("other")?)))
            .collect()
    }

    /// The edges that are there now with both ends among these.
    pub(crate) async fn edges_among(
        &self,
        kind: EdgeKind,
        ids: &[i64],
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut select = Statement::new(format!(
            "SELECT from_id, to_id FROM edges WHERE kind = {} AND closed_at IS NULL AND from_id IN ",
            kind.number()
        ));
        select.push_ids(ids);
        select.push(" AND to_id IN ");
        select.push_ids(ids);
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| Ok((row.integer("from_id")?, row.integer("to_id")?)))
            .collect()
    }
}

/// `1,2,3` as a database writes it. No database promises that an aggregate keeps the order of what it reads, and what
/// is in order already costs next to nothing to sort.
fn listed(text: &str) -> Result<Vec<i64>, StoreError> {
    let ids: Result<Vec<i64>, _> = text.split(',').map(str::parse).collect();
    let mut ids = ids.map_err(|_| StoreError::Unknown("an id in a list"))?;
    ids.sort_unstable();
    Ok(ids)
}
