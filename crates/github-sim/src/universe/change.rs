//! Changes from outside: what a test or the control API may do to a universe.

mod content;
mod feed;
mod overriding;
mod relation;
mod repository;

use super::Universe;
use super::estates::check_login;
use super::model::{AccountIndex, Installation, Kind, Membership, RepositoryIndex};
use super::object::object;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One change, as JSON: `{"change":"touch_repository","repo":"octocat/Hello-World"}`. Unknown keys are errors.
///
/// `repo` is `owner/name`; logins and names compare without case. What was made comes back: `id`, `number`, `sha`, ...
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// New `pushed_at`, `updated_at` and description (the given one, or one that names the moment).
    TouchRepository {
        repo: String,
        description: Option<String>,
    },
    /// New `updated_at` and bio of a user or organisation.
    TouchUser {
        login: String,
    },
    /// A new user.
    AddUser {
        login: String,
    },
    /// A new organisation with `owner` as its administrator.
    AddOrganization {
        login: String,
        owner: String,
    },
    /// A new, empty repository; the owner must exist.
    AddRepository {
        repo: String,
        #[serde(default)]
        private: bool,
        #[serde(default)]
        readme: bool,
    },
    /// Deletes a repository; its name and id answer 404.
    DeleteRepository {
        repo: String,
    },
    /// Renames a repository; the former name redirects to the id form.
    RenameRepository {
        repo: String,
        name: String,
    },
    /// Gives a repository to another account; the former name redirects to the id form.
    TransferRepository {
        repo: String,
        owner: String,
    },
    /// Renames a user or organisation; the former login answers 404, repositories under it redirect.
    RenameUser {
        login: String,
        name: String,
    },
    /// Deletes an account with its repositories.
    DeleteUser {
        login: String,
    },
    /// `"visibility":"private"` or `"public"`.
    SetVisibility {
        repo: String,
        visibility: Visibility,
    },
    /// Archives or revives.
    SetArchived {
        repo: String,
        archived: bool,
    },
    /// `permission`: pull, triage, push, maintain or admin; default push.
    AddCollaborator {
        repo: String,
        login: String,
        permission: Option<String>,
    },
    RemoveCollaborator {
        repo: String,
        login: String,
    },
    /// Opens an issue; the author defaults to the owner (or first member).
    AddIssue {
        repo: String,
        title: Option<String>,
        author: Option<String>,
        #[serde(default)]
        labels: Vec<String>,
    },
    CloseIssue {
        repo: String,
        number: u64,
    },
    ReopenIssue {
        repo: String,
        number: u64,
    },
    RemoveIssue {
        repo: String,
        number: u64,
    },
    AddComment {
        repo: String,
        number: u64,
        author: Option<String>,
        body: Option<String>,
    },
    AddLabel {
        repo: String,
        name: String,
        color: Option<String>,
    },
    /// `login` is made when there is no such user.
    Star {
        repo: String,
        login: String,
    },
    Unstar {
        repo: String,
        login: String,
    },
    Watch {
        repo: String,
        login: String,
    },
    Unwatch {
        repo: String,
        login: String,
    },
    Follow {
        login: String,
        target: String,
    },
    Unfollow {
        login: String,
        target: String,
    },
    AddMember {
        org: String,
        login: String,
        #[serde(default)]
        private: bool,
    },
    RemoveMember {
        org: String,
        login: String,
    },
    /// Commits one file to a branch (default: the default branch).
    PushCommit {
        repo: String,
        branch: Option<String>,
        path: Option<String>,
        content: Option<String>,
        message: Option<String>,
    },
    DeleteBranch {
        repo: String,
        branch: String,
    },
    /// A tag with a release on the tip of the default branch.
    AddRelease {
        repo: String,
        tag: String,
    },
    Fork {
        repo: String,
        owner: String,
    },
    /// `count` events, the last one now and the others `spacing` seconds apart before it; feeds show them `delay` seconds
    /// from now, between what has happened since.
    AppendEvents {
        repo: String,
        #[serde(default = "one")]
        count: u32,
        /// One of GitHub's event types; default: all of them in turn.
        r#type: Option<String>,
        #[serde(default)]
        spacing: u32,
        #[serde(default)]
        delay: u32,
        actor: Option<String>,
    },
    /// The feed at this path shows nothing newer than now, until thawed.
    FreezeFeed {
        path: String,
    },
    ThawFeed {
        path: String,
    },
    /// `X-Poll-Interval` and `max-age` of all feeds (default 60).
    PollInterval {
        seconds: u32,
    },
    /// Pushes to this repository never reach a feed, for good (`false` ends it).
    DropPushes {
        repo: String,
        #[serde(default = "yes")]
        drop: bool,
    },
    /// Seconds until an event is shown; `public_seconds` is for `/events` (default 300).
    EventsLatency {
        seconds: Option<u32>,
        public_seconds: Option<u32>,
    },
    /// Grows or shrinks the list at `path` to exactly `items` elements; see the list of paths in the error.
    ResizeList {
        path: String,
        items: usize,
    },
    /// An App's installation; `repositories` (of `owner/name`) limits it, absent = all of the account.
    AddInstallation {
        id: u64,
        account: String,
        repositories: Option<Vec<String>>,
    },
    /// Answers `path` with this JSON, whatever is behind it.
    SetJson {
        path: String,
        body: Value,
        /// Exact raw query; absent = any.
        query: Option<String>,
        /// A login; `""` = anonymous callers; absent = everybody.
        viewer: Option<String>,
        #[serde(default = "ok")]
        status: u16,
        /// Seconds since the Unix epoch.
        last_modified: Option<i64>,
        /// `formula` (default), `none`, or 40 hex digits.
        tag: Option<String>,
    },
    /// Takes away everything that `set_json` put over a path.
    DeleteOverride {
        path: String,
    },
    /// Appends to a frozen list, or inserts at `position`.
    ListAppend {
        path: String,
        item: Value,
        position: Option<usize>,
    },
    /// Removes the elements whose `id` it is from a frozen list.
    ListRemove {
        path: String,
        id: u64,
    },
    /// Sets keys of the element whose `id` it is; other bytes are kept in meaning, not in spacing.
    ListEdit {
        path: String,
        id: u64,
        set: Map<String, Value>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    Public,
    Private,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn ok() -> u16 {
    200
}

impl Universe {
    pub(crate) fn repository_named(&self, name: &str) -> Result<RepositoryIndex, String> {
        self.model
            .find_repository(name)
            .ok_or_else(|| format!("there is no repository {name}"))
    }

    pub(crate) fn account_named(&self, login: &str) -> Result<AccountIndex, String> {
        self.model
            .find_account(login)
            .ok_or_else(|| format!("there is no account {login}"))
    }

    fn organization_named(&self, login: &str) -> Result<AccountIndex, String> {
        let found = self.account_named(login)?;
        match self.model.account(found).kind {
            Kind::Organization => Ok(found),
            Kind::User => Err(format!("{login} is a user, not an organisation")),
        }
    }

    /// Who acts when a change does not say: the owner, or the first member of an organisation.
    pub(crate) fn somebody(&self, index: RepositoryIndex) -> AccountIndex {
        let owner = self.model.repository(index).owner;
        self.model
            .account(owner)
            .members
            .first()
            .map_or(owner, |member| member.user)
    }

    fn author(&self, index: RepositoryIndex, login: Option<&str>) -> Result<AccountIndex, String> {
        login.map_or_else(
            || Ok(self.somebody(index)),
            |login| self.account_named(login),
        )
    }

    fn describe_account(&self, index: AccountIndex) -> Value {
        let account = self.model.account(index);
        object! { "login": account.login.as_str(), "id": account.id }
    }

    fn describe_repository(&self, index: RepositoryIndex) -> Value {
        object! { "repo": self.model.full_name(index), "id": self.model.repository(index).id }
    }

    fn free_login(&self, login: &str) -> Result<(), String> {
        check_login(login)?;
        match self.model.find_account(login) {
            None => Ok(()),
            Some(_) => Err(format!("{login} exists already")),
        }
    }
}

fn done() -> Value {
    object! {}
}

pub(crate) fn apply(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    match change {
        Change::TouchRepository { repo, description } => {
            let index = universe.repository_named(&repo)?;
            let repository = universe.model.repository_mut(index);
            (repository.pushed_at, repository.updated_at) = (now, now);
            // A counter in the text: two touches in one second still differ.
            repository.size += 1;
            repository.description = Some(
                description.unwrap_or_else(|| format!("touched at {now} ({})", repository.size)),
            );
            Ok(universe.describe_repository(index))
        }
        Change::TouchUser { login } => {
            let index = universe.account_named(&login)?;
            let mut profile = universe.model.profile(index);
            profile.bio = Some(format!("touched at {now} ({})", universe.revision));
            let account = universe.model.account_mut(index);
            (account.edited, account.updated_at) = (Some(Box::new(profile)), now);
            Ok(universe.describe_account(index))
        }
        Change::AddUser { login } => {
            universe.free_login(&login)?;
            let index = universe.model.add_account(&login, Kind::User, now);
            Ok(universe.describe_account(index))
        }
        Change::AddOrganization { login, owner } => {
            universe.free_login(&login)?;
            let user = universe.account_named(&owner)?;
            let index = universe.model.add_account(&login, Kind::Organization, now);
            universe.model.account_mut(index).members.push(Membership {
                user,
                public: true,
                admin: true,
            });
            universe.model.account_mut(user).organizations.push(index);
            Ok(universe.describe_account(index))
        }
        Change::AddInstallation {
            id,
            account,
            repositories,
        } => {
            let account = universe.account_named(&account)?;
            let selected = repositories
                .map(|list| {
                    list.iter()
                        .map(|name| universe.repository_named(name))
                        .collect::<Result<Vec<_>, _>>()
                })
                .transpose()?;
            universe
                .model
                .installations
                .insert(id, Installation { account, selected });
            Ok(object! { "id": id })
        }
        Change::SetJson { .. }
        | Change::DeleteOverride { .. }
        | Change::ListAppend { .. }
        | Change::ListRemove { .. }
        | Change::ListEdit { .. } => overriding::apply(universe, change),
        Change::AppendEvents { .. }
        | Change::FreezeFeed { .. }
        | Change::ThawFeed { .. }
        | Change::DropPushes { .. }
        | Change::PollInterval { .. }
        | Change::EventsLatency { .. } => feed::apply(universe, change, now),
        Change::ResizeList { path, items } => universe.resize(&path, items, now),
        Change::AddRepository { .. }
        | Change::DeleteRepository { .. }
        | Change::RenameRepository { .. }
        | Change::TransferRepository { .. }
        | Change::SetVisibility { .. }
        | Change::SetArchived { .. }
        | Change::AddCollaborator { .. }
        | Change::RemoveCollaborator { .. }
        | Change::Fork { .. } => repository::apply(universe, change, now),
        Change::RenameUser { login, name } => {
            let index = universe.account_named(&login)?;
            universe.rename_account(index, &name, now)?;
            Ok(universe.describe_account(index))
        }
        Change::DeleteUser { login } => {
            let index = universe.account_named(&login)?;
            universe.delete_account(index);
            Ok(done())
        }
        Change::Star { .. }
        | Change::Unstar { .. }
        | Change::Watch { .. }
        | Change::Unwatch { .. }
        | Change::Follow { .. }
        | Change::Unfollow { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. } => relation::apply(universe, change, now),
        other => content::apply(universe, other, now),
    }
}
