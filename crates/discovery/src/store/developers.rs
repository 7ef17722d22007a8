//! Who is known: the accounts by GitHub's ids, when each is due, and who comes next.

use super::ages::AgeChanges;
use super::database::{Dialect, Row, Statement, Transaction, writing};
use super::{Store, StoreError, words};
use crate::moment::Moment;

/// An account as a list or GitHub's description tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeveloperRecord {
    pub(crate) github_id: i64,
    pub(crate) login: String,
    /// Lists tell only id and login.
    pub(crate) detail: Option<DeveloperDetail>,
}

/// What only `GET /users/{login}` tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DeveloperDetail {
    pub(crate) name: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) created_at: Option<Moment>,
    pub(crate) updated_at: Option<Moment>,
    pub(crate) followers_count: i64,
    pub(crate) following_count: i64,
    pub(crate) public_gists: i64,
    pub(crate) public_repos: i64,
}

/// A stored account.
#[derive(Clone, Debug)]
pub(crate) struct Developer {
    pub(crate) github_id: i64,
    pub(crate) login: String,
    /// `None` until GitHub described the account.
    pub(crate) detail: Option<DeveloperDetail>,
    pub(crate) fetched_at: Option<Moment>,
    pub(crate) depth: i64,
    pub(crate) sync: SyncMark,
}

/// How far an account or repository has been read.
#[derive(Clone, Debug)]
pub(crate) struct SyncMark {
    pub(crate) state: SyncState,
    pub(crate) last_full_sync: Option<Moment>,
    /// `None`: never again.
    pub(crate) due_at: Option<Moment>,
    pub(crate) back_off_seconds: i64,
}

words! {
    /// How far an account or repository has been read.
    SyncState {
        /// All its lists match what GitHub counts, or the gaps say why not.
        Complete = "complete",
        /// Not read to the end yet.
        Partial = "partial",
        /// GitHub does not show it.
        Unavailable = "unavailable",
    }
}

/// What a stored account lacks before its neighbours may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Never heard of.
    Unknown,
    /// Known from lists only.
    Listed,
    /// Described by GitHub at that moment.
    Described(Moment),
}

/// One that may be synced now.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) github_id: i64,
    pub(crate) login: String,
    pub(crate) last_full_sync: Option<Moment>,
    pub(crate) due_at: Moment,
    pub(crate) depth: i64,
}

/// What an upsert found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upserted {
    pub(crate) inserted: u64,
}

impl Store {
    /// Stores accounts by GitHub's id: new logins are taken at once, and whoever else holds that login becomes due,
    /// because the login cannot be theirs any more.
    pub(crate) async fn upsert_developers(
        &self,
        records: &[DeveloperRecord],
        depth: i64,
        now: Moment,
    ) -> Result<Upserted, StoreError> {
        // In one order, so that two writers cannot wait for each other.
        let mut sorted: Vec<&DeveloperRecord> = records.iter().collect();
        sorted.sort_by_key(|record| record.github_id);
        writing!(self.database, |transaction| {
            lock(transaction, &sorted).await?;
            let (mut inserted, mut ages) = (0, AgeChanges::of("developers"));
            for record in &sorted {
                inserted += upsert(transaction, record, depth, now, &mut ages).await?;
            }
            let change = i64::try_from(inserted).unwrap_or(i64::MAX);
            transaction.count(&[("developers", change)]).await?;
            ages.write(transaction).await?;
            Ok(Upserted { inserted })
        })
    }

    pub(crate) async fn developer(&self, github_id: i64) -> Result<Option<Developer>, StoreError> {
        let select = Statement::new("SELECT * FROM developers WHERE github_id = $1");
        let row = self.database.first(select.bind(github_id)).await?;
        row.as_ref().map(developer).transpose()
    }

    /// By login, in any case. While a freed login is still written at its former holder, the latest sighting counts.
    pub(crate) async fn developer_by_login(
        &self,
        login: &str,
    ) -> Result<Option<Developer>, StoreError> {
        let select = Statement::new(
            "SELECT * FROM developers WHERE login_key = $1 ORDER BY login_seen_at DESC, github_id LIMIT 1",
        );
        let row = self
            .database
            .first(select.bind(login.to_lowercase()))
            .await?;
        row.as_ref().map(developer).transpose()
    }

    /// What is known of each of these ids, in their order.
    pub(crate) async fn known_developers(&self, ids: &[i64]) -> Result<Vec<Known>, StoreError> {
        let mut select =
            Statement::new("SELECT github_id, fetched_at FROM developers WHERE github_id IN ");
        select.push_ids(ids);
        let mut found = std::collections::HashMap::new();
        for row in self.database.all(select).await? {
            let known = match row.maybe_moment("fetched_at")? {
                None => Known::Listed,
                Some(at) => Known::Described(at),
            };
            found.insert(row.integer("github_id")?, known);
        }
        let known = |id| found.get(id).copied().unwrap_or(Known::Unknown);
        Ok(ids.iter().map(known).collect())
    }

    /// How many accounts are stored, exactly.
    pub(crate) async fn developer_count(&self) -> Result<i64, StoreError> {
        self.counter("developers").await
    }

    pub(crate) async fn counter(&self, name: &str) -> Result<i64, StoreError> {
        let select = Statement::new("SELECT value FROM counters WHERE name = $1");
        match self.database.first(select.bind(name)).await? {
            Some(row) => row.integer("value"),
            None => Err(StoreError::Unknown("a counter")),
        }
    }

    /// Those that are due, in the order in which they are to be taken: never synced first, then the longest due, then
    /// the smallest id. Whoever is due stays first until a sync sets another time, so nobody starves.
    pub(crate) async fn candidates(
        &self,
        max_depth: Option<i64>,
        limit: u32,
        now: Moment,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut candidates = Vec::new();
        // One query for each index.
        for synced in ["IS NULL", "IS NOT NULL"] {
            let left = i64::from(limit) - i64::try_from(candidates.len()).unwrap_or(i64::MAX);
            let select = format!(
                "SELECT github_id, login, last_full_sync_at, due_at, depth FROM developers \
                 WHERE last_full_sync_at {synced} AND due_at <= $1 AND depth <= $2 \
                 ORDER BY due_at, github_id LIMIT $3"
            );
            let select = Statement::new(select)
                .bind(now)
                .bind(max_depth.unwrap_or(i64::MAX))
                .bind(left);
            for row in self.database.all(select).await? {
                candidates.push(Candidate {
                    github_id: row.integer("github_id")?,
                    login: row.text("login")?,
                    last_full_sync: row.maybe_moment("last_full_sync_at")?,
                    due_at: row.moment("due_at")?,
                    depth: row.integer("depth")?,
                });
            }
        }
        Ok(candidates)
    }

    /// How many are due.
    pub(crate) async fn candidate_count(
        &self,
        max_depth: Option<i64>,
        now: Moment,
    ) -> Result<i64, StoreError> {
        let select = Statement::new(
            "SELECT count(*) AS due FROM developers WHERE due_at <= $1 AND depth <= $2",
        );
        let select = select.bind(now).bind(max_depth.unwrap_or(i64::MAX));
        match self.database.first(select).await? {
            Some(row) => row.integer("due"),
            None => Ok(0),
        }
    }

    /// Writes how a sync of an account ended.
    pub(crate) async fn mark_developer(
        &self,
        github_id: i64,
        mark: &SyncMark,
    ) -> Result<(), StoreError> {
        self.mark("developers", github_id, mark).await
    }

    pub(super) async fn mark(
        &self,
        table: &'static str,
        github_id: i64,
        mark: &SyncMark,
    ) -> Result<(), StoreError> {
        let update = Statement::new(format!(
            "UPDATE {table} SET sync_state = $2, last_full_sync_at = $3, due_at = $4, back_off_seconds = $5 \
             WHERE github_id = $1"
        ))
        .bind(github_id)
        .bind(mark.state.as_str())
        .bind(mark.last_full_sync)
        .bind(mark.due_at)
        .bind(mark.back_off_seconds);
        writing!(self.database, |transaction| {
            transaction.execute(update.clone()).await?;
            transaction.count(&[]).await
        })
    }
}

/// Whoever is there and will be written: these, and those who hold their logins. Held in the order of their ids, so that
/// two writers of swapped logins wait one after the other and not for each other.
async fn lock(
    transaction: &mut Transaction,
    records: &[&DeveloperRecord],
) -> Result<(), StoreError> {
    if records.is_empty() || transaction.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let ids: Vec<i64> = records.iter().map(|record| record.github_id).collect();
    let mut select = Statement::new("SELECT github_id FROM developers WHERE github_id IN ");
    select.push_ids(&ids);
    for (at, record) in records.iter().enumerate() {
        select.push(if at == 0 { " OR login_key IN (" } else { ", " });
        select.push_value(record.login.to_lowercase());
    }
    select.push(") ORDER BY github_id FOR UPDATE");
    transaction.execute(select).await?;
    Ok(())
}

async fn upsert(
    transaction: &mut Transaction,
    record: &DeveloperRecord,
    depth: i64,
    now: Moment,
    ages: &mut AgeChanges,
) -> Result<u64, StoreError> {
    let key = record.login.to_lowercase();
    let insert = Statement::new(
        "INSERT INTO developers (github_id, login, login_key, login_seen_at, depth, first_seen_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, $4, $4) ON CONFLICT (github_id) DO NOTHING",
    )
    .bind(record.github_id)
    .bind(record.login.as_str())
    .bind(key.as_str())
    .bind(now)
    .bind(depth);
    let inserted = transaction.execute(insert).await?;
    ages.added(inserted);
    let rename = Statement::new(
        "UPDATE developers SET login = $2, login_key = $3, login_seen_at = $4, \
         depth = CASE WHEN depth > $5 THEN $5 ELSE depth END \
         WHERE github_id = $1 AND login_seen_at <= $4",
    )
    .bind(record.github_id)
    .bind(record.login.as_str())
    .bind(key.as_str())
    .bind(now)
    .bind(depth);
    transaction.execute(rename).await?;
    let former = Statement::new(
        "UPDATE developers SET due_at = $3 \
         WHERE login_key = $2 AND github_id <> $1 AND login_seen_at < $3 AND due_at > $3",
    )
    .bind(record.github_id)
    .bind(key)
    .bind(now);
    transaction.execute(former).await?;
    if let Some(detail) = &record.detail {
        let before = ages.held(transaction, record.github_id).await?;
        let described = describe(transaction, record.github_id, detail, now).await?;
        ages.moved(described, before, detail.created_at);
    }
    Ok(inserted)
}

/// Takes what GitHub says, unless something newer is known, and tells how many rows have changed. Reported counts that
/// changed end a back-off: what could not match may match now.
async fn describe(
    transaction: &mut Transaction,
    github_id: i64,
    detail: &DeveloperDetail,
    now: Moment,
) -> Result<u64, StoreError> {
    const CHANGED: &str = "fetched_at IS NOT NULL AND (followers_count <> $10 OR following_count <> $11 OR public_repos <> $13)";
    let update = Statement::new(format!(
        "UPDATE developers SET name = $3, location = $4, bio = $5, company = $6, email = $7, created_at = $8, \
         updated_at = $9, followers_count = $10, following_count = $11, public_gists = $12, public_repos = $13, \
         fetched_at = $2, \
         due_at = CASE WHEN {CHANGED} AND due_at > $2 THEN $2 ELSE due_at END, \
         back_off_seconds = CASE WHEN {CHANGED} THEN 0 ELSE back_off_seconds END \
         WHERE github_id = $1 AND (fetched_at IS NULL OR fetched_at <= $2)"
    ))
    .bind(github_id)
    .bind(now)
    .bind(&detail.name)
    .bind(&detail.location)
    .bind(&detail.bio)
    .bind(&detail.company)
    .bind(&detail.email)
    .bind(detail.created_at)
    .bind(detail.updated_at)
    .bind(detail.followers_count)
    .bind(detail.following_count)
    .bind(detail.public_gists)
    .bind(detail.public_repos);
    transaction.execute(update).await
}

pub(crate) fn developer(row: &Row) -> Result<Developer, StoreError> {
    let fetched_at = row.maybe_moment("fetched_at")?;
    let count = |column| Ok::<_, StoreError>(row.maybe_integer(column)?.unwrap_or_default());
    let detail = match fetched_at {
        None => None,
        Some(_) => Some(DeveloperDetail {
            name: row.maybe_text("name")?,
            location: row.maybe_text("location")?,
            bio: row.maybe_text("bio")?,
            company: row.maybe_text("company")?,
            email: row.maybe_text("email")?,
            created_at: row.maybe_moment("created_at")?,
            updated_at: row.maybe_moment("updated_at")?,
            followers_count: count("followers_count")?,
            following_count: count("following_count")?,
            public_gists: count("public_gists")?,
            public_repos: count("public_repos")?,
        }),
    };
    Ok(Developer {
        github_id: row.integer("github_id")?,
        login: row.text("login")?,
        detail,
        fetched_at,
        depth: row.integer("depth")?,
        sync: sync_mark(row)?,
    })
}

pub(super) fn sync_mark(row: &Row) -> Result<SyncMark, StoreError> {
    Ok(SyncMark {
        state: SyncState::parse(&row.text("sync_state")?)
            .ok_or(StoreError::Unknown("a state of a sync"))?,
        last_full_sync: row.maybe_moment("last_full_sync_at")?,
        due_at: row.maybe_moment("due_at")?,
        back_off_seconds: row.integer("back_off_seconds")?,
    })
}
