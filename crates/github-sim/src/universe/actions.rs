//! Things that happen in a universe, whether a client writes or a test changes it; each leaves its event in the feed.

use super::Universe;
use super::content::{Comment, Content, Issue, Movement, ZERO};
use super::feed::Event;
use super::git::Sha;
use super::model::{AccountIndex, Model, RepositoryIndex};
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
            shown_from: now,
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

    pub(crate) fn after_push(&mut self, index: RepositoryIndex, movement: Movement, now: i64) {
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
            shown_from: now,
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
