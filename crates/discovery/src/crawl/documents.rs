//! GitHub's JSON as far as it is stored (pure).

use serde::Deserialize;

use crate::moment::Moment;
use crate::store::{DeveloperDetail, DeveloperRecord, RepositoryFlags, RepositoryRecord};

/// A body that is not what was asked for. It never repeats the body.
#[derive(Debug, thiserror::Error)]
#[error("GitHub's answer is no {what}")]
pub(crate) struct Unreadable {
    what: &'static str,
}

/// An account in a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) login: String,
}

#[derive(Deserialize)]
struct Profile {
    id: i64,
    login: String,
    name: Option<String>,
    location: Option<String>,
    bio: Option<String>,
    company: Option<String>,
    email: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    #[serde(default)]
    followers: i64,
    #[serde(default)]
    following: i64,
    #[serde(default)]
    public_gists: i64,
    #[serde(default)]
    public_repos: i64,
}

#[derive(Deserialize)]
struct Repository {
    id: i64,
    name: String,
    full_name: String,
    owner: Account,
    description: Option<String>,
    homepage: Option<String>,
    language: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    has_downloads: Option<bool>,
    has_issues: Option<bool>,
    has_pages: Option<bool>,
    has_projects: Option<bool>,
    has_wiki: Option<bool>,
    private: Option<bool>,
    archived: Option<bool>,
    disabled: Option<bool>,
    stargazers_count: Option<i64>,
    subscribers_count: Option<i64>,
    watchers_count: Option<i64>,
    open_issues_count: Option<i64>,
}

/// A repository and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnedRepository {
    pub(crate) record: RepositoryRecord,
    pub(crate) owner: Account,
}

/// `/users/{login}`.
pub(crate) fn profile(body: &[u8]) -> Result<DeveloperRecord, Unreadable> {
    let profile: Profile = read(body, "profile")?;
    Ok(DeveloperRecord {
        github_id: profile.id,
        login: profile.login,
        detail: Some(DeveloperDetail {
            name: profile.name,
            location: profile.location,
            bio: profile.bio,
            company: profile.company,
            email: profile.email,
            created_at: moment(profile.created_at.as_deref()),
            updated_at: moment(profile.updated_at.as_deref()),
            followers_count: profile.followers,
            following_count: profile.following,
            public_gists: profile.public_gists,
            public_repos: profile.public_repos,
        }),
    })
}

/// A page of followers, followed or stargazers. An account that GitHub has deleted is `null` in some lists.
pub(crate) fn accounts(body: &[u8]) -> Result<Vec<Account>, Unreadable> {
    let accounts: Vec<Option<Account>> = read(body, "list of accounts")?;
    Ok(accounts.into_iter().flatten().collect())
}

/// `/repos/{owner}/{name}`.
pub(crate) fn repository(body: &[u8]) -> Result<OwnedRepository, Unreadable> {
    read::<Repository>(body, "repository").map(owned)
}

/// A page of repositories.
pub(crate) fn repositories(body: &[u8]) -> Result<Vec<OwnedRepository>, Unreadable> {
    let repositories: Vec<Option<Repository>> = read(body, "list of repositories")?;
    Ok(repositories.into_iter().flatten().map(owned).collect())
}

fn read<'body, T: Deserialize<'body>>(
    body: &'body [u8],
    what: &'static str,
) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|_| Unreadable { what })
}

fn owned(repository: Repository) -> OwnedRepository {
    OwnedRepository {
        record: RepositoryRecord {
            github_id: repository.id,
            owner_github_id: repository.owner.id,
            name: repository.name,
            full_name: repository.full_name,
            description: repository.description,
            homepage: repository.homepage,
            language: repository.language,
            created_at: moment(repository.created_at.as_deref()),
            updated_at: moment(repository.updated_at.as_deref()),
            flags: RepositoryFlags {
                has_downloads: repository.has_downloads,
                has_issues: repository.has_issues,
                has_pages: repository.has_pages,
                has_projects: repository.has_projects,
                has_wiki: repository.has_wiki,
                private: repository.private,
                archived: repository.archived,
                disabled: repository.disabled,
            },
            stargazers_count: repository.stargazers_count,
            subscribers_count: repository.subscribers_count,
            watchers_count: repository.watchers_count,
            open_issues_count: repository.open_issues_count,
        },
        owner: repository.owner,
    }
}

fn moment(text: Option<&str>) -> Option<Moment> {
    text.and_then(Moment::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_account_in_a_list_is_left_out() {
        let body = br#"[{"id":1,"login":"a","site_admin":false},null,{"id":2,"login":"b"}]"#;
        let logins: Vec<_> = accounts(body)
            .unwrap()
            .into_iter()
            .map(|one| one.login)
            .collect();
        assert_eq!(logins, ["a", "b"]);
    }

    #[test]
    fn what_is_missing_is_unknown_and_what_is_wrong_is_refused() {
        let body = br#"{"id":7,"name":"r","full_name":"o/r","owner":{"id":1,"login":"o"},"created_at":"2011-01-25T18:44:36Z"}"#;
        let found = repository(body).unwrap();
        assert_eq!(found.owner.login, "o");
        assert_eq!(
            found.record.created_at,
            Moment::parse("2011-01-25T18:44:36Z")
        );
        assert_eq!(found.record.subscribers_count, None);
        assert_eq!(found.record.flags.archived, None);
        for wrong in [&b"{}"[..], b"[]", b"<html>"] {
            assert_eq!(
                repository(wrong).unwrap_err().to_string(),
                "GitHub's answer is no repository"
            );
        }
    }

    #[test]
    fn a_profile_tells_the_counts() {
        let body =
            br#"{"id":7,"login":"o","followers":3,"following":2,"public_repos":1,"name":null}"#;
        let record = profile(body).unwrap();
        let detail = record.detail.unwrap();
        let counts = (
            detail.followers_count,
            detail.following_count,
            detail.public_repos,
        );
        assert_eq!((record.github_id, counts), (7, (3, 2, 1)));
    }
}
