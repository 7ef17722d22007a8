//! Things that happen in a universe, whether a client writes or a test changes it; each leaves its event in the feed.

use super::Universe;
use super::content::{Comment, Content, Issue, Movement, ZERO};
use super::feed::Event;
use super::git::Sha;
use super::model::{AccountIndex, Kind, Model, Permission, RepositoryIndex};
use std::collections::BTreeMap;

/// What an issue is opened with.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewIssue {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignee: Option<AccountIndex>,
    pub(crate) milestone: Option<u64>,
}

impl Universe {
    /// Content of a repository, for writing; from now on it is kept.
    pub(crate) fn edit(&mut self, index: RepositoryIndex) -> &mut Content {
        self.build(index);
        let repository = self.model.repository_mut(index);
        repository.content_edited = true;
        repository.content.get_or_insert_default()
    }

    /// The payload is rendered from what is there when the feed is read.
    pub(crate) fn happen(
        &mut self,
        kind: &'static str,
        actor: AccountIndex,
        index: RepositoryIndex,
        pick: u64,
        now: i64,
    ) -> Option<u64> {
        self.feed.push(Event {
            id: 0,
            kind,
            actor,
            repository: index,
            at: now,
            pick,
            payload: None,
        })
    }

    pub(crate) fn open_issue(
        &mut self,
        index: RepositoryIndex,
        author: AccountIndex,
        new: NewIssue,
        now: i64,
    ) -> u64 {
        let content = self.edit(index);
        let number = content.next_number;
        content.next_number += 1;
        let position = content.issues.len() as u64;
        for name in &new.labels {
            add_label(content, name, "ededed", None);
        }
        content.issues.push(Issue {
            number,
            title: new.title,
            body: new.body,
            author,
            assignee: new.assignee,
            labels: new.labels,
            milestone: new.milestone,
            locked: false,
            created_at: now,
            updated_at: now,
            closed_at: None,
            pull: None,
        });
        let repository = self.model.repository_mut(index);
        repository.open_issues += 1;
        repository.updated_at = repository.updated_at.max(now);
        self.happen("IssuesEvent", author, index, position, now);
        number
    }

    /// Opens or closes; `None` when there is no such issue.
    pub(crate) fn set_issue_state(
        &mut self,
        index: RepositoryIndex,
        number: u64,
        open: IssueState,
        now: i64,
    ) -> Option<()> {
        let issue = self.edit(index).issue_mut(number)?;
        let was_open = issue.closed_at.is_none();
        issue.updated_at = now;
        let repository_change = match (was_open, open) {
            (true, IssueState::Closed) => {
                issue.closed_at = Some(now);
                -1
            }
            (false, IssueState::Open) => {
                issue.closed_at = None;
                1
            }
            _ => 0,
        };
        let repository = self.model.repository_mut(index);
        repository.open_issues = repository
            .open_issues
            .saturating_add_signed(repository_change);
        Some(())
    }

    pub(crate) fn remove_issue(&mut self, index: RepositoryIndex, number: u64) -> Option<()> {
        let content = self.edit(index);
        let at = content
            .issues
            .iter()
            .position(|issue| issue.number == number)?;
        let issue = content.issues.remove(at);
        content.comments.retain(|comment| comment.issue != number);
        if issue.closed_at.is_none() {
            let repository = self.model.repository_mut(index);
            repository.open_issues = repository.open_issues.saturating_sub(1);
        }
        Some(())
    }

    pub(crate) fn add_comment(
        &mut self,
        index: RepositoryIndex,
        number: u64,
        author: AccountIndex,
        body: &str,
        now: i64,
    ) -> Option<u64> {
        let content = self.edit(index);
        let issue = content.issue_mut(number)?;
        issue.updated_at = now;
        let position = content.comments.len() as u64;
        let id = content.fresh_id();
        let body = body.to_owned();
        content.comments.push(Comment {
            id,
            issue: number,
            author,
            body,
            created_at: now,
            updated_at: now,
        });
        self.happen("IssueCommentEvent", author, index, position, now);
        Some(id)
    }

    /// Commits changed files (`None` = removed) to a branch, which is made when it does not exist.
    pub(crate) fn push(
        &mut self,
        index: RepositoryIndex,
        branch: &str,
        author: AccountIndex,
        files: &[(String, Option<Vec<u8>>)],
        message: &str,
        now: i64,
    ) -> Sha {
        let person = self.model.person(author, now);
        let default = self.model.repository(index).default_branch.clone();
        let content = self.edit(index);
        let own = content.branches.get(branch).cloned();
        let kind = if own.is_some() {
            "push"
        } else {
            "branch_creation"
        };
        let parent = own
            .clone()
            .or_else(|| content.branches.get(&default).cloned());
        let mut tree: BTreeMap<String, Sha> = parent
            .as_ref()
            .and_then(|parent| content.objects.commits.get(parent))
            .map(|commit| content.objects.files(&commit.tree))
            .unwrap_or_default();
        for (path, body) in files {
            match body {
                Some(body) => {
                    let blob = content.objects.add_blob(body.clone());
                    tree.insert(path.clone(), blob);
                }
                None => {
                    tree.remove(path);
                }
            }
        }
        let root = content.objects.add_files(&tree);
        let sha = content
            .objects
            .add_commit(root, parent.into_iter().collect(), person, message);
        content.branches.insert(branch.to_owned(), sha.clone());
        let (id, before) = (content.fresh_id(), own.unwrap_or_else(|| ZERO.to_owned()));
        let reference = format!("refs/heads/{branch}");
        let movement = Movement {
            id,
            reference,
            before,
            after: sha.clone(),
            actor: author,
            at: now,
            kind,
        };
        content.movements.insert(0, movement.clone());
        self.after_push(index, movement, now);
        sha
    }

    fn after_push(&mut self, index: RepositoryIndex, movement: Movement, now: i64) {
        let repository = self.model.repository_mut(index);
        (repository.pushed_at, repository.updated_at) = (now, repository.updated_at.max(now));
        repository.size += 1;
        let payload = super::object::object! {
            "repository_id": repository.id,
            "push_id": movement.id,
            "ref": movement.reference,
            "head": movement.after,
            "before": movement.before,
        };
        let event = Event {
            id: 0,
            kind: "PushEvent",
            actor: movement.actor,
            repository: index,
            at: now,
            pick: 0,
            payload: Some(payload),
        };
        self.feed.push(event);
    }

    pub(crate) fn star(&mut self, user: AccountIndex, index: RepositoryIndex, now: i64) -> bool {
        let starred = self.model.star(user, index, now);
        if starred {
            self.happen("WatchEvent", user, index, 0, now);
        }
        starred
    }

    pub(crate) fn fork(
        &mut self,
        index: RepositoryIndex,
        owner: AccountIndex,
        now: i64,
    ) -> RepositoryIndex {
        let name = free_name(&self.model, owner, &self.model.repository(index).name);
        self.build(index);
        let fork = self.model.add_repository(owner, &name, now);
        let parent = self.model.repository_mut(index);
        parent.forks.push(fork);
        let position = parent.forks.len() as u64 - 1;
        let (content, branch) = (parent.content.clone(), parent.default_branch.clone());
        let looks = (
            parent.description.clone(),
            parent.language,
            parent.license,
            parent.size,
            parent.topics.clone(),
        );
        let copy = self.model.repository_mut(fork);
        copy.parent = Some(index);
        copy.default_branch = branch;
        (
            copy.description,
            copy.language,
            copy.license,
            copy.size,
            copy.topics,
        ) = looks;
        if let Some(mut content) = content {
            // A fork has the code, not the conversation.
            (
                content.issues,
                content.comments,
                content.releases,
                content.hooks,
            ) = Default::default();
            copy.content = Some(content);
            copy.content_edited = true;
        }
        self.happen("ForkEvent", owner, index, position, now);
        fork
    }

    /// Empty, with nothing but labels.
    pub(crate) fn create_repository(
        &mut self,
        owner: AccountIndex,
        name: &str,
        now: i64,
    ) -> RepositoryIndex {
        let index = self.model.add_repository(owner, name, now);
        self.build(index);
        let actor = self
            .model
            .account(owner)
            .members
            .first()
            .map_or(owner, |member| member.user);
        self.model.repository_mut(index).watchers.push(actor);
        self.model.account_mut(actor).watching.push(index);
        index
    }

    pub(crate) fn delete_repository(&mut self, index: RepositoryIndex) {
        let key = self.model.full_name(index).to_lowercase();
        self.model.by_name.remove(&key);
        let repository = self.model.repository_mut(index);
        repository.deleted = true;
        repository.content = None;
        let (id, owner) = (repository.id, repository.owner);
        let (stars, watchers) = (
            std::mem::take(&mut repository.stargazers),
            std::mem::take(&mut repository.watchers),
        );
        self.model.repository_by_id.remove(&id);
        self.model
            .account_mut(owner)
            .repositories
            .retain(|other| *other != index);
        for star in stars {
            self.model
                .account_mut(star.user)
                .starred
                .retain(|other| *other != index);
        }
        for watcher in watchers {
            self.model
                .account_mut(watcher)
                .watching
                .retain(|other| *other != index);
        }
    }

    /// New name or new owner; the former name moves here.
    pub(crate) fn move_repository(
        &mut self,
        index: RepositoryIndex,
        owner: AccountIndex,
        name: &str,
        now: i64,
    ) -> Result<(), String> {
        let target = format!("{}/{name}", self.model.account(owner).login).to_ascii_lowercase();
        let old = self.model.full_name(index).to_ascii_lowercase();
        if target != old && self.model.by_name.contains_key(&target) {
            return Err(format!("{target} exists already"));
        }
        self.model.by_name.remove(&old);
        self.model.moved.insert(old, index);
        self.model.moved.remove(&target);
        self.model.by_name.insert(target, index);
        let repository = self.model.repository_mut(index);
        let before = std::mem::replace(&mut repository.owner, owner);
        repository.name = name.to_owned();
        repository.updated_at = now;
        if before != owner {
            self.model
                .account_mut(before)
                .repositories
                .retain(|other| *other != index);
            self.model.account_mut(owner).repositories.push(index);
        }
        Ok(())
    }

    /// The old login is free and answers 404; repositories under it move.
    pub(crate) fn rename_account(
        &mut self,
        index: AccountIndex,
        login: &str,
        now: i64,
    ) -> Result<(), String> {
        if self
            .model
            .find_account(login)
            .is_some_and(|other| other != index)
        {
            return Err(format!("{login} exists already"));
        }
        let owned = self.model.account(index).repositories.clone();
        let before: Vec<(RepositoryIndex, String)> = owned
            .into_iter()
            .map(|repository| (repository, self.model.full_name(repository).to_lowercase()))
            .collect();
        let old = self.model.account(index).login.to_ascii_lowercase();
        self.model.by_login.remove(&old);
        self.model
            .by_login
            .insert(login.to_ascii_lowercase(), index);
        let account = self.model.account_mut(index);
        (account.login, account.updated_at) = (login.to_owned(), now);
        for (repository, old) in before {
            self.model.by_name.remove(&old);
            self.model.moved.insert(old, repository);
            let new = self.model.full_name(repository).to_lowercase();
            self.model.moved.remove(&new);
            self.model.by_name.insert(new, repository);
        }
        Ok(())
    }

    /// Repositories go too; what the account wrote elsewhere becomes the ghost's.
    pub(crate) fn delete_account(&mut self, index: AccountIndex) {
        for repository in self.model.account(index).repositories.clone() {
            self.delete_repository(repository);
        }
        let account = self.model.account_mut(index);
        account.deleted = true;
        let (id, login) = (account.id, account.login.to_ascii_lowercase());
        let (followers, following) = (
            std::mem::take(&mut account.followers),
            std::mem::take(&mut account.following),
        );
        let (starred, watching) = (
            std::mem::take(&mut account.starred),
            std::mem::take(&mut account.watching),
        );
        let organizations = std::mem::take(&mut account.organizations);
        let members = std::mem::take(&mut account.members);
        self.model.by_login.remove(&login);
        self.model.account_by_id.remove(&id);
        for other in followers {
            self.model
                .account_mut(other)
                .following
                .retain(|account| *account != index);
        }
        for other in following {
            self.model
                .account_mut(other)
                .followers
                .retain(|account| *account != index);
        }
        for repository in starred {
            self.model
                .repository_mut(repository)
                .stargazers
                .retain(|star| star.user != index);
        }
        for repository in watching {
            self.model
                .repository_mut(repository)
                .watchers
                .retain(|user| *user != index);
        }
        for organization in organizations {
            let organization = self.model.account_mut(organization);
            organization.members.retain(|member| member.user != index);
            organization
                .teams
                .iter_mut()
                .for_each(|team| team.members.retain(|user| *user != index));
        }
        for member in members {
            self.model
                .account_mut(member.user)
                .organizations
                .retain(|organization| *organization != index);
        }
    }

    pub(crate) fn set_collaborator(
        &mut self,
        index: RepositoryIndex,
        user: AccountIndex,
        permission: Option<Permission>,
    ) {
        let collaborators = &mut self.model.repository_mut(index).collaborators;
        match (
            collaborators.iter_mut().find(|(other, _)| *other == user),
            permission,
        ) {
            (Some(entry), Some(permission)) => entry.1 = permission,
            (None, Some(permission)) => collaborators.push((user, permission)),
            (_, None) => collaborators.retain(|(other, _)| *other != user),
        }
    }

    /// Finds an account by login, or makes a user of that name.
    pub(crate) fn account_or_new(&mut self, login: &str, now: i64) -> AccountIndex {
        self.model
            .find_account(login)
            .unwrap_or_else(|| self.model.add_account(login, Kind::User, now))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssueState {
    Open,
    Closed,
}

pub(crate) fn add_label(
    content: &mut Content,
    name: &str,
    color: &str,
    description: Option<String>,
) -> bool {
    if content
        .labels
        .iter()
        .any(|label| label.name.eq_ignore_ascii_case(name))
    {
        return false;
    }
    let id = content.fresh_id();
    let (name, color) = (name.to_owned(), color.to_owned());
    content.labels.push(super::content::Label {
        id,
        name,
        color,
        description,
        default: false,
    });
    true
}

/// `name`, or `name-1` and so on when the owner has one of that name.
fn free_name(model: &Model, owner: AccountIndex, name: &str) -> String {
    let login = &model.account(owner).login;
    let taken = |name: &str| model.find_repository(&format!("{login}/{name}")).is_some();
    if !taken(name) {
        return name.to_owned();
    }
    (1..)
        .map(|number| format!("{name}-{number}"))
        .find(|name| !taken(name))
        .unwrap_or_default()
}
