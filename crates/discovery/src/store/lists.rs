//! Pages of developers and repositories: ids first, from an index alone where nothing is filtered, then the rows.

use super::ages::{Piece, Range, pieces};
use super::database::{Row, Statement};
use super::developers::{Developer, developer};
use super::edges::{EdgeKind, Side};
use super::repositories::{Repository, repository};
use super::runs::RunState;
use super::{Store, StoreError};
use crate::filter::{Filter, Selection, Table, order_by, reversed, where_clause};

/// Skipping so many rows costs no more than reading how old they are.
const SHALLOW: i64 = 1_000;

/// Exact totals, and a number that changes whenever something served has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) developers: i64,
    pub(crate) repositories: i64,
    pub(crate) follows: i64,
    pub(crate) stars: i64,
    pub(crate) owns: i64,
    pub(crate) generation: i64,
}

impl Store {
    pub(crate) async fn totals(&self) -> Result<Totals, StoreError> {
        let select = Statement::new("SELECT name, value FROM counters");
        let mut totals = Totals::default();
        for row in self.database.all(select).await? {
            let value = row.integer("value")?;
            match row.text("name")?.as_str() {
                "developers" => totals.developers = value,
                "repositories" => totals.repositories = value,
                "follows" => totals.follows = value,
                "stars" => totals.stars = value,
                "owns" => totals.owns = value,
                "generation" => totals.generation = value,
                _ => {}
            }
        }
        Ok(totals)
    }

    pub(crate) async fn count_matching(
        &self,
        table: &'static Table,
        filter: &Filter,
    ) -> Result<i64, StoreError> {
        let mut select = Statement::new(format!("SELECT count(*) AS items FROM {}", table.source));
        where_clause(&mut select, table, filter, self.database.dialect());
        match self.database.first(select).await? {
            Some(row) => row.integer("items"),
            None => Ok(0),
        }
    }

    /// The ids from `offset` of `count`: far from both ends of a whole list by the ages of its rows, and else by skipping
    /// from whichever end is nearer.
    pub(crate) async fn ids_matching(
        &self,
        table: &'static Table,
        filter: &Filter,
        count: i64,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let newest_first = filter.selection() == Selection::All && filter.order.is_empty();
        if newest_first && offset.min(count - offset - limit) > SHALLOW {
            let ids = self.ids_by_age(table, count, offset, limit).await?;
            if let Some(ids) = ids {
                return Ok(ids);
            }
        }
        self.ids_by_skipping(table, filter, count, offset, limit)
            .await
    }

    /// Newest first. `None` if something has changed since the rows were counted.
    pub(super) async fn ids_by_age(
        &self,
        table: &'static Table,
        count: i64,
        offset: i64,
        limit: i64,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let ages = self.ages(table.source).await?;
        let Some(pieces) = pieces(&ages, count, offset, limit) else {
            return Ok(None);
        };
        let mut ids = Vec::new();
        for piece in pieces {
            let found = self.ids_of_piece(table, piece).await?;
            if i64::try_from(found.len()) != Ok(piece.limit) {
                return Ok(None);
            }
            ids.extend(found);
        }
        Ok(Some(ids))
    }

    async fn ids_of_piece(
        &self,
        table: &'static Table,
        piece: Piece,
    ) -> Result<Vec<i64>, StoreError> {
        let mut select = Statement::new(format!("SELECT github_id FROM {} WHERE ", table.source));
        match piece.range {
            Range::Until(last) => {
                select.push("created_at <= ");
                select.push_value(last);
            }
            Range::Since(first) => {
                select.push("created_at >= ");
                select.push_value(first);
            }
            Range::Unknown | Range::UnknownBackwards => select.push("created_at IS NULL"),
        }
        let backwards = piece.range.is_backwards();
        let order = if backwards {
            reversed(&[])
        } else {
            order_by(&[])
        };
        push_page(&mut select, &order, piece.limit, piece.skip);
        let rows = self.database.all(select).await?;
        ids(&rows, backwards)
    }

    pub(super) async fn ids_by_skipping(
        &self,
        table: &'static Table,
        filter: &Filter,
        count: i64,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let limit = limit.min(count - offset).max(0);
        let backwards = offset > count / 2;
        let (order, skip) = if backwards {
            (reversed(&filter.order), count - offset - limit)
        } else {
            (order_by(&filter.order), offset)
        };
        let mut select = Statement::new(format!("SELECT github_id FROM {}", table.source));
        where_clause(&mut select, table, filter, self.database.dialect());
        push_page(&mut select, &order, limit, skip);
        let rows = self.database.all(select).await?;
        ids(&rows, backwards)
    }

    /// In the order of the ids; those that are not stored are left out.
    pub(crate) async fn developers_of(&self, ids: &[i64]) -> Result<Vec<Developer>, StoreError> {
        let mut select = Statement::new("SELECT * FROM developers WHERE github_id IN ");
        select.push_ids(ids);
        let rows = self.database.all(select).await?;
        let found: Result<Vec<Developer>, StoreError> = rows.iter().map(developer).collect();
        Ok(in_order(ids, found?, |found| found.github_id))
    }

    pub(crate) async fn repositories_of(&self, ids: &[i64]) -> Result<Vec<Repository>, StoreError> {
        let mut select = Statement::new("SELECT * FROM repositories WHERE github_id IN ");
        select.push_ids(ids);
        let rows = self.database.all(select).await?;
        let found: Result<Vec<Repository>, StoreError> = rows.iter().map(repository).collect();
        Ok(in_order(ids, found?, |found| found.record.github_id))
    }

    pub(crate) async fn logins_of(&self, ids: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
        self.names_of("login", "developers", ids).await
    }

    pub(crate) async fn full_names_of(
        &self,
        ids: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        self.names_of("full_name", "repositories", ids).await
    }

    async fn names_of(
        &self,
        column: &'static str,
        table: &'static str,
        ids: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mut select = Statement::new(format!(
            "SELECT github_id, {column} AS name FROM {table} WHERE github_id IN "
        ));
        select.push_ids(ids);
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| Ok((row.integer("github_id")?, row.text("name")?)))
            .collect()
    }

    /// How many tasks are in each state; states without any are left out.
    pub(crate) async fn run_counts(&self) -> Result<Vec<(RunState, i64)>, StoreError> {
        let select = Statement::new("SELECT state, count(*) AS runs FROM runs GROUP BY state");
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| {
                let state = RunState::parse(&row.text("state")?);
                let state = state.ok_or(StoreError::Unknown("the state of a run"))?;
                Ok((state, row.integer("runs")?))
            })
            .collect()
    }

    /// How many edges each of these has; none is left out of the answer by having none.
    pub(crate) async fn edge_counts(
        &self,
        kind: EdgeKind,
        side: Side,
        ids: &[i64],
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let mine = side.column();
        let mut select = Statement::new(format!(
            "SELECT {mine} AS mine, count(*) AS edges FROM edges WHERE kind = {} AND closed_at IS NULL AND {mine} IN ",
            kind.number()
        ));
        select.push_ids(ids);
        select.push(&format!(" GROUP BY {mine}"));
        let rows = self.database.all(select).await?;
        rows.iter()
            .map(|row| Ok((row.integer("mine")?, row.integer("edges")?)))
            .collect()
    }
}

fn push_page(select: &mut Statement, order: &str, limit: i64, skip: i64) {
    select.push(&format!(" ORDER BY {order} LIMIT "));
    select.push_value(limit);
    select.push(" OFFSET ");
    select.push_value(skip);
}

/// In the order of the list, although they may have been read from its end.
fn ids(rows: &[Row], backwards: bool) -> Result<Vec<i64>, StoreError> {
    let ids = rows.iter().map(|row| row.integer("github_id"));
    if backwards {
        ids.rev().collect()
    } else {
        ids.collect()
    }
}

fn in_order<T>(ids: &[i64], found: Vec<T>, id: impl Fn(&T) -> i64) -> Vec<T> {
    let mut found: std::collections::HashMap<i64, T> =
        found.into_iter().map(|item| (id(&item), item)).collect();
    ids.iter().filter_map(|id| found.remove(id)).collect()
}
