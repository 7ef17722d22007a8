//! Changes from outside: what a test or the control API may do to a universe.

use super::Universe;
use super::actions::{IssueState, NewIssue, add_label};
use super::content::ZERO;
use super::feed::KINDS;
use super::model::{AccountIndex, Installation, Kind, Membership, Permission, RepositoryIndex};
use super::object::object;
use super::overrides::{Fixed, key};
use super::view::View;
use crate::answer::TagRule;
use bytes::Bytes;
use http::StatusCode;
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
    /// `count` events, the last one now and the others `spacing` seconds apart before it.
    AppendEvents {
        repo: String,
        #[serde(default = "one")]
        count: u32,
        /// One of GitHub's event types; default: all of them in turn.
        r#type: Option<String>,
        #[serde(default)]
        spacing: u32,
        actor: Option<String>,
    },
    /// The feed at this path shows nothing newer than now, until thawed.
    FreezeFeed {
        path: String,
    },
    ThawFeed {
        path: String,
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
        let good = !login.is_empty()
            && login
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match (good, self.model.find_account(login)) {
            (true, None) => Ok(()),
            (true, Some(_)) => Err(format!("{login} exists already")),
            (false, _) => Err(format!("`{login}` is not a login")),
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
        | Change::ListEdit { .. } => apply_override(universe, change),
        Change::AppendEvents { .. }
        | Change::FreezeFeed { .. }
        | Change::ThawFeed { .. }
        | Change::DropPushes { .. }
        | Change::EventsLatency { .. } => apply_feed(universe, change, now),
        Change::ResizeList { path, items } => universe.resize(&path, items, now),
        Change::AddRepository { .. }
        | Change::DeleteRepository { .. }
        | Change::RenameRepository { .. }
        | Change::TransferRepository { .. }
        | Change::SetVisibility { .. }
        | Change::SetArchived { .. }
        | Change::AddCollaborator { .. }
        | Change::RemoveCollaborator { .. }
        | Change::Fork { .. } => apply_repository(universe, change, now),
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
        | Change::RemoveMember { .. } => apply_relation(universe, change, now),
        other => apply_content(universe, other, now),
    }
}

fn apply_repository(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    match change {
        Change::AddRepository {
            repo,
            private,
            readme,
        } => {
            let (owner, name) = repo
                .split_once('/')
                .ok_or_else(|| format!("`{repo}` is not owner/name"))?;
            let owner = universe.account_named(owner)?;
            if name.is_empty() || universe.model.find_repository(&repo).is_some() {
                return Err(format!("{repo} exists already or has no name"));
            }
            let index = universe.create_repository(owner, name, now);
            universe.model.repository_mut(index).private = private;
            if readme {
                let files = [(
                    "README.md".to_owned(),
                    Some(format!("# {name}\n").into_bytes()),
                )];
                universe.push(
                    index,
                    "main",
                    universe.somebody(index),
                    &files,
                    "Initial commit",
                    now,
                );
            }
            Ok(universe.describe_repository(index))
        }
        Change::DeleteRepository { repo } => {
            let index = universe.repository_named(&repo)?;
            universe.delete_repository(index);
            Ok(done())
        }
        Change::RenameRepository { repo, name } => {
            let index = universe.repository_named(&repo)?;
            let owner = universe.model.repository(index).owner;
            universe.move_repository(index, owner, &name, now)?;
            Ok(universe.describe_repository(index))
        }
        Change::TransferRepository { repo, owner } => {
            let index = universe.repository_named(&repo)?;
            let owner = universe.account_named(&owner)?;
            let name = universe.model.repository(index).name.clone();
            universe.move_repository(index, owner, &name, now)?;
            Ok(universe.describe_repository(index))
        }
        Change::SetVisibility { repo, visibility } => {
            let index = universe.repository_named(&repo)?;
            let repository = universe.model.repository_mut(index);
            repository.private = visibility == Visibility::Private;
            repository.updated_at = now;
            if visibility == Visibility::Public {
                let actor = universe.somebody(index);
                universe.happen("PublicEvent", actor, index, 0, now);
            }
            Ok(universe.describe_repository(index))
        }
        Change::SetArchived { repo, archived } => {
            let index = universe.repository_named(&repo)?;
            let repository = universe.model.repository_mut(index);
            (repository.archived, repository.updated_at) = (archived, now);
            Ok(universe.describe_repository(index))
        }
        Change::AddCollaborator {
            repo,
            login,
            permission,
        } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            let permission = permission.as_deref().unwrap_or("push");
            let permission = Permission::parse(permission)
                .ok_or_else(|| format!("`{permission}` is not a permission"))?;
            universe.set_collaborator(index, user, Some(permission));
            Ok(universe.describe_account(user))
        }
        Change::RemoveCollaborator { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe.set_collaborator(index, user, None);
            Ok(done())
        }
        Change::Fork { repo, owner } => {
            let (index, owner) = (
                universe.repository_named(&repo)?,
                universe.account_named(&owner)?,
            );
            let fork = universe.fork(index, owner, now);
            Ok(universe.describe_repository(fork))
        }
        other => Err(format!("{other:?} is no change of a repository")),
    }
}

fn apply_relation(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    let user = match change {
        Change::Star { repo, login } => {
            let index = universe.repository_named(&repo)?;
            let user = universe.account_or_new(&login, now);
            universe.star(user, index, now);
            user
        }
        Change::Unstar { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe.model.unstar(user, index);
            user
        }
        Change::Watch { repo, login } => {
            let index = universe.repository_named(&repo)?;
            let user = universe.account_or_new(&login, now);
            if !universe.model.account(user).watching.contains(&index) {
                universe.model.account_mut(user).watching.push(index);
                universe.model.repository_mut(index).watchers.push(user);
            }
            user
        }
        Change::Unwatch { repo, login } => {
            let (index, user) = (
                universe.repository_named(&repo)?,
                universe.account_named(&login)?,
            );
            universe
                .model
                .account_mut(user)
                .watching
                .retain(|other| *other != index);
            universe
                .model
                .repository_mut(index)
                .watchers
                .retain(|other| *other != user);
            user
        }
        Change::Follow { login, target } => {
            let target = universe.account_named(&target)?;
            let user = universe.account_or_new(&login, now);
            universe.model.follow(user, target);
            user
        }
        Change::Unfollow { login, target } => {
            let (user, target) = (
                universe.account_named(&login)?,
                universe.account_named(&target)?,
            );
            universe.model.unfollow(user, target);
            user
        }
        Change::AddMember {
            org,
            login,
            private,
        } => {
            let organization = universe.organization_named(&org)?;
            let user = universe.account_or_new(&login, now);
            let members = &mut universe.model.account_mut(organization).members;
            if !members.iter().any(|member| member.user == user) {
                members.push(Membership {
                    user,
                    public: !private,
                    admin: false,
                });
                universe
                    .model
                    .account_mut(user)
                    .organizations
                    .push(organization);
            }
            user
        }
        Change::RemoveMember { org, login } => {
            let (organization, user) = (
                universe.organization_named(&org)?,
                universe.account_named(&login)?,
            );
            let account = universe.model.account_mut(organization);
            account.members.retain(|member| member.user != user);
            account
                .teams
                .iter_mut()
                .for_each(|team| team.members.retain(|other| *other != user));
            universe
                .model
                .account_mut(user)
                .organizations
                .retain(|other| *other != organization);
            user
        }
        other => return Err(format!("{other:?} is no change of a relation")),
    };
    Ok(universe.describe_account(user))
}

fn apply_content(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    let missing = |number: u64| format!("there is no issue {number}");
    match change {
        Change::AddIssue {
            repo,
            title,
            author,
            labels,
        } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.author(index, author.as_deref())?;
            let title = title.unwrap_or_else(|| format!("Found at {now}"));
            let new = NewIssue {
                title,
                labels,
                ..NewIssue::default()
            };
            let number = universe.open_issue(index, author, new, now);
            Ok(
                object! { "number": number, "id": universe.model.repository(index).id * 10_000 + number },
            )
        }
        Change::CloseIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .set_issue_state(index, number, IssueState::Closed, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "number": number })
        }
        Change::ReopenIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .set_issue_state(index, number, IssueState::Open, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "number": number })
        }
        Change::RemoveIssue { repo, number } => {
            let index = universe.repository_named(&repo)?;
            universe
                .remove_issue(index, number)
                .ok_or_else(|| missing(number))?;
            Ok(done())
        }
        Change::AddComment {
            repo,
            number,
            author,
            body,
        } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.author(index, author.as_deref())?;
            let body = body.unwrap_or_else(|| "Me too.".to_owned());
            let id = universe
                .add_comment(index, number, author, &body, now)
                .ok_or_else(|| missing(number))?;
            Ok(object! { "id": id })
        }
        Change::AddLabel { repo, name, color } => {
            let index = universe.repository_named(&repo)?;
            let added = add_label(
                universe.edit(index),
                &name,
                color.as_deref().unwrap_or("ededed"),
                None,
            );
            if added {
                Ok(object! { "name": name })
            } else {
                Err(format!("label {name} exists already"))
            }
        }
        Change::PushCommit {
            repo,
            branch,
            path,
            content,
            message,
        } => {
            let index = universe.repository_named(&repo)?;
            let branch =
                branch.unwrap_or_else(|| universe.model.repository(index).default_branch.clone());
            let path = path.unwrap_or_else(|| "CHANGELOG.md".to_owned());
            let content =
                content.unwrap_or_else(|| format!("changed at {now}, {}\n", universe.revision));
            let actor = universe.somebody(index);
            let message = message.unwrap_or_else(|| format!("Update {path}"));
            let sha = universe.push(
                index,
                &branch,
                actor,
                &[(path, Some(content.into_bytes()))],
                &message,
                now,
            );
            Ok(object! { "sha": sha, "ref": format!("refs/heads/{branch}") })
        }
        Change::DeleteBranch { repo, branch } => {
            let index = universe.repository_named(&repo)?;
            let actor = universe.somebody(index);
            let content = universe.edit(index);
            let before = content
                .branches
                .remove(&branch)
                .ok_or_else(|| format!("there is no branch {branch}"))?;
            let (id, reference) = (content.fresh_id(), format!("refs/heads/{branch}"));
            let after = ZERO.to_owned();
            let kind = "branch_deletion";
            content.movements.insert(
                0,
                super::content::Movement {
                    id,
                    reference,
                    before,
                    after,
                    actor,
                    at: now,
                    kind,
                },
            );
            universe.happen("DeleteEvent", actor, index, 0, now);
            Ok(done())
        }
        Change::AddRelease { repo, tag } => {
            let index = universe.repository_named(&repo)?;
            let author = universe.somebody(index);
            let tagger = universe.model.person(author, now);
            let branch = universe.model.repository(index).default_branch.clone();
            let content = universe.edit(index);
            let commit = content
                .branches
                .get(&branch)
                .cloned()
                .ok_or("the repository is empty")?;
            if content.tags.contains_key(&tag) {
                return Err(format!("tag {tag} exists already"));
            }
            let object = content
                .objects
                .add_tag(&tag, commit.clone(), tagger, &format!("{tag}\n"));
            content.tags.insert(tag.clone(), (object, commit.clone()));
            let id = content.fresh_id();
            let release = super::content::Release {
                id,
                tag,
                author,
                prerelease: false,
                created_at: now,
                assets: 1,
                downloads: 0,
            };
            content.releases.insert(0, release);
            universe.happen("ReleaseEvent", author, index, 0, now);
            Ok(object! { "id": id, "sha": commit })
        }
        other => Err(format!("{other:?} is no change of a repository's content")),
    }
}

fn apply_feed(universe: &mut Universe, change: Change, now: i64) -> Result<Value, String> {
    match change {
        Change::AppendEvents {
            repo,
            count,
            r#type,
            spacing,
            actor,
        } => {
            let index = universe.repository_named(&repo)?;
            let actor = universe.author(index, actor.as_deref())?;
            let fixed = r#type
                .map(|wanted| {
                    KINDS
                        .into_iter()
                        .find(|kind| *kind == wanted)
                        .ok_or_else(|| format!("unknown event type {wanted}"))
                })
                .transpose()?;
            let mut ids: Vec<Value> = Vec::new();
            for number in 0..count.min(10_000) {
                let kind = fixed.unwrap_or(KINDS[number as usize % KINDS.len()]);
                let at = now - i64::from(count - 1 - number) * i64::from(spacing);
                ids.extend(
                    universe
                        .happen(kind, actor, index, u64::from(number), at)
                        .map(|id| Value::from(id.to_string())),
                );
            }
            Ok(object! { "ids": ids })
        }
        Change::FreezeFeed { path } => {
            universe.feed.frozen.insert(View::feed_key(&path), now);
            Ok(done())
        }
        Change::ThawFeed { path } => match universe.feed.frozen.remove(&View::feed_key(&path)) {
            Some(_) => Ok(done()),
            None => Err(format!("{path} is not frozen")),
        },
        Change::DropPushes { repo, drop } => {
            let index = universe.repository_named(&repo)?;
            if drop {
                universe.feed.without_pushes.insert(index);
            } else {
                universe.feed.without_pushes.remove(&index);
            }
            Ok(done())
        }
        Change::EventsLatency {
            seconds,
            public_seconds,
        } => {
            universe.feed.latency = seconds.map_or(universe.feed.latency, i64::from);
            universe.feed.public_latency =
                public_seconds.map_or(universe.feed.public_latency, i64::from);
            Ok(done())
        }
        other => Err(format!("{other:?} is no change of a feed")),
    }
}

fn apply_override(universe: &mut Universe, change: Change) -> Result<Value, String> {
    let bytes = |value: &Value| Bytes::from(value.to_string());
    let id_of = |element: &Bytes| {
        serde_json::from_slice::<Value>(element)
            .ok()
            .and_then(|value| value.get("id")?.as_u64())
    };
    let frozen = |path: &str| format!("{path} is not a frozen list");
    match change {
        Change::SetJson {
            path,
            body,
            query,
            viewer,
            status,
            last_modified,
            tag,
        } => {
            let status =
                StatusCode::from_u16(status).map_err(|_| format!("{status} is not a status"))?;
            let tag = match tag.as_deref() {
                None | Some("formula") => TagRule::Formula,
                Some("none") => TagRule::None,
                Some(sha)
                    if sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
                {
                    TagRule::GitObject(sha.to_ascii_lowercase())
                }
                Some(other) => {
                    return Err(format!("tag `{other}`: formula, none or 40 hex digits"));
                }
            };
            let body = bytes(&body);
            universe.overrides.fix(
                &path,
                Fixed {
                    viewer,
                    query,
                    status,
                    body,
                    last_modified,
                    tag,
                },
            );
            Ok(object! { "path": key(&path) })
        }
        Change::DeleteOverride { path } => {
            if universe.overrides.release(&path) {
                Ok(done())
            } else {
                Err(format!("nothing is put over {path}"))
            }
        }
        Change::ListAppend {
            path,
            item,
            position,
        } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let at = position.unwrap_or(elements.len()).min(elements.len());
            elements.insert(at, bytes(&item));
            Ok(object! { "items": elements.len() })
        }
        Change::ListRemove { path, id } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let before = elements.len();
            elements.retain(|element| id_of(element) != Some(id));
            if elements.len() == before {
                return Err(format!("{path} has no element with id {id}"));
            }
            Ok(object! { "items": elements.len() })
        }
        Change::ListEdit { path, id, set } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let element = elements
                .iter_mut()
                .find(|element| id_of(element) == Some(id));
            let element = element.ok_or_else(|| format!("{path} has no element with id {id}"))?;
            let mut value: Map<String, Value> =
                serde_json::from_slice(element).map_err(|error| error.to_string())?;
            value.extend(set);
            *element = bytes(&Value::Object(value));
            Ok(object! { "id": id })
        }
        other => Err(format!("{other:?} is no override")),
    }
}
