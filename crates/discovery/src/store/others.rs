//! The other ends of edges: whole lists of several developers or repositories at once.

use super::database::{Dialect, Statement};
use super::edges::{EdgeKind, Side};
use super::{Store, StoreError};

/// One end of edges that are there now, and the ids of their other ends, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Others {
    pub(crate) of: i64,
    pub(crate) ids: Vec<i64>,
}

impl Store {
    /// The other ends of the edges of these anchors that are there now, ordered; at most `limit` of them in all. Anchors
    /// without any are left out. The database puts each list into one row: ten thousand rows cost many times as much.
    pub(crate) async fn others_of(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
        limit: i64,
    ) -> Result<Vec<Others>, StoreError> {
        let (mine, other) = (side.column(), side.other().column());
        let list = match self.database.dialect() {
            Dialect::Sqlite => "group_concat(other)",
            Dialect::Postgres => "string_agg(CAST(other AS TEXT), ',')",
        };
        let mut select = Statement::new(format!(
            "SELECT mine, {list} AS others FROM (SELECT {mine} AS mine, {other} AS other FROM edges \
             WHERE kind = {} AND closed_at IS NULL AND {mine} IN ",
            kind.number()
        ));
        select.push_ids(ids);
        select.push(&format!(" ORDER BY {mine}, {other} LIMIT "));
        select.push_value(limit);
        select.push(") AS edges_now GROUP BY mine ORDER BY mine");
        let rows = self.database.all(select).await?;
        let others = |row: &super::Row| {
            Ok(Others {
                of: row.integer("mine")?,
                ids: listed(&row.text("others")?)?,
            })
        };
        rows.iter().map(others).collect()
    }

    /// The same as pairs, `(anchor, other)`.
    pub(crate) async fn edges_of(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let others = self.others_of(kind, side, ids, limit).await?;
        let pairs = |others: Others| others.ids.into_iter().map(move |other| (others.of, other));
        Ok(others.into_iter().flat_map(pairs).collect())
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
