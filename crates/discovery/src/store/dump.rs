//! Everything, in order of ids, piece by piece: for exports that do not fit into memory.

use super::database::{Row, Statement};
use super::developers::{Developer, developer};
use super::edges::EdgeKind;
use super::repositories::{Repository, repository};
use super::{Store, StoreError};
use crate::moment::Moment;

/// An edge with the names of its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedEdge {
    pub(crate) from_id: i64,
    pub(crate) from: String,
    pub(crate) to_id: i64,
    pub(crate) to: String,
    pub(crate) opened_at: Moment,
    pub(crate) closed_at: Option<Moment>,
}

impl Store {
    /// Developers with greater ids.
    pub(crate) async fn developers_after(
        &self,
        id: i64,
        limit: i64,
    ) -> Result<Vec<Developer>, StoreError> {
        let rows = self.rows_after("developers", id, limit).await?;
        rows.iter().map(developer).collect()
    }

    /// Repositories with greater ids.
    pub(crate) async fn repositories_after(
        &self,
        id: i64,
        limit: i64,
    ) -> Result<Vec<Repository>, StoreError> {
        let rows = self.rows_after("repositories", id, limit).await?;
        rows.iter().map(repository).collect()
    }

    async fn rows_after(
        &self,
        table: &'static str,
        id: i64,
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let select = Statement::new(format!(
            "SELECT * FROM {table} WHERE github_id > $1 ORDER BY github_id LIMIT $2"
        ));
        self.database.all(select.bind(id).bind(limit)).await
    }

    /// Edges after this one, closed ones too. Names are those of now.
    pub(crate) async fn edges_after(
        &self,
        kind: EdgeKind,
        after: (i64, i64),
        limit: i64,
    ) -> Result<Vec<NamedEdge>, StoreError> {
        let (table, name) = match kind {
            EdgeKind::Follows => ("developers", "login"),
            EdgeKind::Stars | EdgeKind::Owns => ("repositories", "full_name"),
        };
        let select = Statement::new(format!(
            "SELECT edge.from_id, edge.to_id, edge.opened_at, edge.closed_at, \
             COALESCE(source.login, '') AS from_name, COALESCE(target.{name}, '') AS to_name FROM \
             (SELECT from_id, to_id, opened_at, closed_at FROM edges \
             WHERE kind = {} AND (from_id, to_id) > ($1, $2) ORDER BY from_id, to_id LIMIT $3) AS edge \
             LEFT JOIN developers AS source ON source.github_id = edge.from_id \
             LEFT JOIN {table} AS target ON target.github_id = edge.to_id ORDER BY edge.from_id, edge.to_id",
            kind.number()
        ));
        let select = select.bind(after.0).bind(after.1).bind(limit);
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| {
                Ok(NamedEdge {
                    from_id: row.integer("from_id")?,
                    from: row.text("from_name")?,
                    to_id: row.integer("to_id")?,
                    to: row.text("to_name")?,
                    opened_at: row.moment("opened_at")?,
                    closed_at: row.maybe_moment("closed_at")?,
                })
            })
            .collect()
    }
}
