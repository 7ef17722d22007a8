//! What is known of repositories, by GitHub's ids, and whose they are.

use super::ages::AgeChanges;
use super::database::{Row, Statement, Transaction, writing};
use super::developers::{SyncMark, Upserted, sync_mark};
use super::edges::{EdgeKind, close_other_owners, open_edges, tick};
use super::{Store, StoreError};
use crate::moment::Moment;

/// A repository as lists and GitHub's description tell it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RepositoryRecord {
    pub(crate) github_id: i64,
    pub(crate) owner_github_id: i64,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) description: Option<String>,
    pub(crate) homepage: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) created_at: Option<Moment>,
    pub(crate) updated_at: Option<Moment>,
    pub(crate) flags: RepositoryFlags,
    pub(crate) stargazers_count: Option<i64>,
    /// Only `GET /repos/{owner}/{name}` tells it; `None` keeps what is stored.
    pub(crate) subscribers_count: Option<i64>,
    pub(crate) watchers_count: Option<i64>,
    pub(crate) open_issues_count: Option<i64>,
}

/// What GitHub leaves out is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepositoryFlags {
    pub(crate) has_downloads: Option<bool>,
    pub(crate) has_issues: Option<bool>,
    pub(crate) has_pages: Option<bool>,
    pub(crate) has_projects: Option<bool>,
    pub(crate) has_wiki: Option<bool>,
    pub(crate) private: Option<bool>,
    pub(crate) archived: Option<bool>,
    pub(crate) disabled: Option<bool>,
}

/// A stored repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) record: RepositoryRecord,
    /// When GitHub last described it by itself, not in a list.
    pub(crate) fetched_at: Option<Moment>,
    pub(crate) sync: SyncMark,
}

impl Store {
    /// Stores repositories by GitHub's id. Renames and transfers are followed: the owner's edge moves with it.
    pub(crate) async fn upsert_repositories(
        &self,
        records: &[RepositoryRecord],
        now: Moment,
    ) -> Result<Upserted, StoreError> {
        let mut sorted: Vec<&RepositoryRecord> = records.iter().collect();
        sorted.sort_by_key(|record| record.github_id);
        writing!(self.database, |transaction| {
            let seen = tick(transaction).await?;
            let (mut inserted, mut owns) = (0, 0);
            let mut ages = AgeChanges::of("repositories");
            for record in &sorted {
                inserted += upsert(transaction, record, now, &mut ages).await?;
                let edge = (record.owner_github_id, record.github_id);
                owns += open_edges(transaction, EdgeKind::Owns, &[edge], seen, now)
                    .await?
                    .len();
                owns -= close_other_owners(transaction, record, now).await?;
            }
            let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let changes = [("repositories", signed(inserted)), ("owns", owns)];
            transaction.count(&changes).await?;
            ages.write(transaction).await?;
            Ok(Upserted { inserted })
        })
    }

    pub(crate) async fn repository(
        &self,
        github_id: i64,
    ) -> Result<Option<Repository>, StoreError> {
        let select = Statement::new("SELECT * FROM repositories WHERE github_id = $1");
        let row = self.database.first(select.bind(github_id)).await?;
        row.as_ref().map(repository).transpose()
    }

    /// By `owner/name`, in any case; after a name was taken over, the latest sighting counts.
    pub(crate) async fn repository_by_full_name(
        &self,
        full_name: &str,
    ) -> Result<Option<Repository>, StoreError> {
        let select = Statement::new(
            "SELECT * FROM repositories WHERE full_name_key = $1 ORDER BY name_seen_at DESC, github_id LIMIT 1",
        );
        let select = select.bind(full_name.to_lowercase());
        let row = self.database.first(select).await?;
        row.as_ref().map(repository).transpose()
    }

    /// Writes how a sync of a repository ended.
    pub(crate) async fn mark_repository(
        &self,
        github_id: i64,
        mark: &SyncMark,
    ) -> Result<(), StoreError> {
        self.mark("repositories", github_id, mark).await
    }
}

async fn upsert(
    transaction: &mut Transaction,
    record: &RepositoryRecord,
    now: Moment,
    ages: &mut AgeChanges,
) -> Result<u64, StoreError> {
    let key = record.full_name.to_lowercase();
    let insert = Statement::new(
        "INSERT INTO repositories \
         (github_id, owner_id, name, full_name, full_name_key, name_seen_at, first_seen_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $6) ON CONFLICT (github_id) DO NOTHING",
    )
    .bind(record.github_id)
    .bind(record.owner_github_id)
    .bind(record.name.as_str())
    .bind(record.full_name.as_str())
    .bind(key.as_str())
    .bind(now);
    let inserted = transaction.execute(insert).await?;
    ages.added(inserted);
    let before = ages.held(transaction, record.github_id).await?;
    let flags = &record.flags;
    let update = Statement::new(
        "UPDATE repositories SET owner_id = $2, name = $3, full_name = $4, full_name_key = $5, name_seen_at = $6, \
         description = $7, homepage = $8, language = $9, created_at = $10, updated_at = $11, has_downloads = $12, \
         has_issues = $13, has_pages = $14, has_projects = $15, has_wiki = $16, private = $17, archived = $18, \
         disabled = $19, stargazers_count = $20, watchers_count = $21, open_issues_count = $22, \
         subscribers_count = COALESCE($23, subscribers_count), \
         fetched_at = CASE WHEN $24 THEN $6 ELSE fetched_at END \
         WHERE github_id = $1 AND name_seen_at <= $6",
    )
    .bind(record.github_id)
    .bind(record.owner_github_id)
    .bind(record.name.as_str())
    .bind(record.full_name.as_str())
    .bind(key)
    .bind(now)
    .bind(&record.description)
    .bind(&record.homepage)
    .bind(&record.language)
    .bind(record.created_at)
    .bind(record.updated_at)
    .bind(flags.has_downloads)
    .bind(flags.has_issues)
    .bind(flags.has_pages)
    .bind(flags.has_projects)
    .bind(flags.has_wiki)
    .bind(flags.private)
    .bind(flags.archived)
    .bind(flags.disabled)
    .bind(record.stargazers_count)
    .bind(record.watchers_count)
    .bind(record.open_issues_count)
    .bind(record.subscribers_count)
    .bind(record.subscribers_count.is_some());
    let updated = transaction.execute(update).await?;
    ages.moved(updated, before, record.created_at);
    Ok(inserted)
}

pub(crate) fn repository(row: &Row) -> Result<Repository, StoreError> {
    Ok(Repository {
        record: RepositoryRecord {
            github_id: row.integer("github_id")?,
            owner_github_id: row.integer("owner_id")?,
            name: row.text("name")?,
            full_name: row.text("full_name")?,
            description: row.maybe_text("description")?,
            homepage: row.maybe_text("homepage")?,
            language: row.maybe_text("language")?,
            created_at: row.maybe_moment("created_at")?,
            updated_at: row.maybe_moment("updated_at")?,
            flags: RepositoryFlags {
                has_downloads: row.maybe_bool("has_downloads")?,
                has_issues: row.maybe_bool("has_issues")?,
                has_pages: row.maybe_bool("has_pages")?,
                has_projects: row.maybe_bool("has_projects")?,
                has_wiki: row.maybe_bool("has_wiki")?,
                private: row.maybe_bool("private")?,
                archived: row.maybe_bool("archived")?,
                disabled: row.maybe_bool("disabled")?,
            },
            stargazers_count: row.maybe_integer("stargazers_count")?,
            subscribers_count: row.maybe_integer("subscribers_count")?,
            watchers_count: row.maybe_integer("watchers_count")?,
            open_issues_count: row.maybe_integer("open_issues_count")?,
        },
        fetched_at: row.maybe_moment("fetched_at")?,
        sync: sync_mark(row)?,
    })
}
