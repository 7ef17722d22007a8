//! Grows or shrinks a list to an exact length, for tests of full last pages.

use super::Universe;
use super::actions::{IssueState, NewIssue, add_label};
use super::model::{AccountIndex, Membership, RepositoryIndex};
use super::object::object;
use super::route::{Place, Route};
use serde_json::Value;

const KNOWN: &str = "of a repository: issues (open ones), labels, stargazers, subscribers, forks, branches, commits, events; \
                     of an issue: comments; of a user: repos, followers, following, starred; of an organisation: members, repos";

impl Universe {
    pub(crate) fn resize(&mut self, path: &str, items: usize, now: i64) -> Result<Value, String> {
        if items > 20_000 {
            return Err("at most 20000 items".to_owned());
        }
        let route = Route::of(&self.model, path);
        let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
        match (route.place, rest.as_slice()) {
            (Place::Repository(index), ["issues", number, "comments"]) => {
                let number = number
                    .parse()
                    .map_err(|_| format!("{number} is not a number"))?;
                self.resize_comments(index, number, items, now)?;
            }
            (Place::Repository(index), [list]) => {
                self.resize_in_repository(index, list, items, now)?
            }
            (Place::User(user), [list]) => self.resize_of_user(user, list, items, now)?,
            (Place::Organization(organization), ["members"]) => {
                self.resize_members(organization, items, now)
            }
            (Place::Organization(organization), ["repos"]) => {
                self.resize_repositories(organization, items, now)
            }
            _ => return Err(format!("{path} cannot be resized; {KNOWN}")),
        }
        Ok(object! { "path": path, "items": items })
    }

    /// Users made to fill lists.
    fn extra(&mut self, number: usize, now: i64) -> AccountIndex {
        self.account_or_new(&format!("extra-{number}"), now)
    }

    fn resize_comments(
        &mut self,
        index: RepositoryIndex,
        number: u64,
        items: usize,
        now: i64,
    ) -> Result<(), String> {
        let author = self.somebody(index);
        let content = self.edit(index);
        content
            .issue(number)
            .ok_or_else(|| format!("there is no issue {number}"))?;
        let mut ids: Vec<u64> = content
            .comments
            .iter()
            .filter(|comment| comment.issue == number)
            .map(|comment| comment.id)
            .collect();
        let extra = ids.split_off(items.min(ids.len()));
        content
            .comments
            .retain(|comment| !extra.contains(&comment.id));
        for step in ids.len()..items {
            self.add_comment(index, number, author, &format!("Comment {step}"), now);
        }
        Ok(())
    }

    fn resize_in_repository(
        &mut self,
        index: RepositoryIndex,
        list: &str,
        items: usize,
        now: i64,
    ) -> Result<(), String> {
        match list {
            "issues" => {
                let author = self.somebody(index);
                let content = self.edit(index);
                let open: Vec<u64> = content
                    .issues
                    .iter()
                    .filter(|issue| issue.closed_at.is_none())
                    .map(|issue| issue.number)
                    .collect();
                for number in open.iter().skip(items) {
                    self.set_issue_state(index, *number, IssueState::Closed, now);
                }
                for step in open.len()..items {
                    let new = NewIssue {
                        title: format!("Issue to fill the list, {step}"),
                        ..NewIssue::default()
                    };
                    self.open_issue(index, author, new, now);
                }
            }
            "labels" => {
                let content = self.edit(index);
                content.labels.truncate(items);
                let mut step = 0;
                while content.labels.len() < items {
                    add_label(content, &format!("extra-{step}"), "ededed", None);
                    step += 1;
                }
            }
            "stargazers" => {
                let stars: Vec<AccountIndex> = self
                    .model
                    .repository(index)
                    .stargazers
                    .iter()
                    .map(|star| star.user)
                    .collect();
                for user in stars.iter().skip(items) {
                    self.model.unstar(*user, index);
                }
                let mut step = 0;
                while self.model.repository(index).stargazers.len() < items {
                    let user = self.extra(step, now);
                    self.model.star(user, index, now);
                    step += 1;
                }
            }
            "subscribers" => {
                let watchers = self.model.repository(index).watchers.clone();
                for user in watchers.iter().skip(items) {
                    self.model
                        .account_mut(*user)
                        .watching
                        .retain(|other| *other != index);
                }
                self.model.repository_mut(index).watchers.truncate(items);
                let mut step = 0;
                while self.model.repository(index).watchers.len() < items {
                    let user = self.extra(step, now);
                    if !self.model.account(user).watching.contains(&index) {
                        self.model.account_mut(user).watching.push(index);
                        self.model.repository_mut(index).watchers.push(user);
                    }
                    step += 1;
                }
            }
            "forks" => {
                let living = |fork: &u32| !self.model.repository(*fork).deleted;
                let forks: Vec<u32> = self
                    .model
                    .repository(index)
                    .forks
                    .iter()
                    .copied()
                    .filter(living)
                    .collect();
                for fork in forks.iter().skip(items) {
                    self.delete_repository(*fork);
                }
                for step in forks.len()..items {
                    let owner = self.extra(step, now);
                    self.fork(index, owner, now);
                }
            }
            "branches" => {
                let default = self.model.repository(index).default_branch.clone();
                let content = self.edit(index);
                let tip = content
                    .branches
                    .get(&default)
                    .cloned()
                    .ok_or("the repository is empty")?;
                if items == 0 {
                    return Err("the default branch stays".to_owned());
                }
                let extra: Vec<String> = content
                    .branches
                    .keys()
                    .filter(|name| **name != default)
                    .skip(items - 1)
                    .cloned()
                    .collect();
                content.branches.retain(|name, _| !extra.contains(name));
                let mut step = 0;
                while content.branches.len() < items {
                    content
                        .branches
                        .insert(format!("extra-{step:05}"), tip.clone());
                    step += 1;
                }
            }
            "commits" => {
                let branch = self.model.repository(index).default_branch.clone();
                let author = self.somebody(index);
                let content = self.edit(index);
                let count = content
                    .branches
                    .get(&branch)
                    .map_or(0, |tip| content.objects.history(tip).len());
                if count > items {
                    return Err(format!(
                        "{count} commits are there, and history is not rewritten"
                    ));
                }
                for step in count..items {
                    let files = [("COUNT".to_owned(), Some(format!("{step}\n").into_bytes()))];
                    self.push(
                        index,
                        &branch,
                        author,
                        &files,
                        &format!("Commit {step}"),
                        now,
                    );
                }
            }
            "events" => {
                let actor = self.somebody(index);
                let count = self
                    .feed
                    .events
                    .iter()
                    .filter(|event| event.repository == index)
                    .count();
                let mut surplus = count.saturating_sub(items);
                // The oldest go.
                self.feed.events.retain(|event| {
                    let goes = event.repository == index && surplus > 0;
                    surplus -= usize::from(goes);
                    !goes
                });
                for _ in count..items {
                    self.happen("WatchEvent", actor, index, 0, now);
                }
            }
            other => return Err(format!("{other} cannot be resized; {KNOWN}")),
        }
        Ok(())
    }

    fn resize_of_user(
        &mut self,
        user: AccountIndex,
        list: &str,
        items: usize,
        now: i64,
    ) -> Result<(), String> {
        match list {
            "followers" | "following" => {
                let followers = list == "followers";
                let account = self.model.account(user);
                let own = if followers {
                    account.followers.clone()
                } else {
                    account.following.clone()
                };
                for other in own.iter().skip(items) {
                    let (from, to) = if followers {
                        (*other, user)
                    } else {
                        (user, *other)
                    };
                    self.model.unfollow(from, to);
                }
                let mut left = items.saturating_sub(own.len());
                let mut step = 0;
                while left > 0 {
                    let other = self.extra(step, now);
                    let (from, to) = if followers {
                        (other, user)
                    } else {
                        (user, other)
                    };
                    left -= usize::from(self.model.follow(from, to));
                    step += 1;
                }
            }
            "starred" => {
                let own = self.model.account(user).starred.clone();
                for index in own.iter().skip(items) {
                    self.model.unstar(user, *index);
                }
                let owner = self.extra(0, now);
                for step in own.len()..items {
                    let name = format!("starred-{}-{step}", self.model.repositories.len());
                    let index = self.create_repository(owner, &name, now);
                    self.model.star(user, index, now);
                }
            }
            "repos" => self.resize_repositories(user, items, now),
            other => return Err(format!("{other} cannot be resized; {KNOWN}")),
        }
        Ok(())
    }

    fn resize_members(&mut self, organization: AccountIndex, items: usize, now: i64) {
        let members: Vec<AccountIndex> = self
            .model
            .account(organization)
            .members
            .iter()
            .map(|member| member.user)
            .collect();
        for user in members.iter().skip(items) {
            self.model
                .account_mut(*user)
                .organizations
                .retain(|other| *other != organization);
        }
        let account = self.model.account_mut(organization);
        account.members.truncate(items);
        // Hidden members would make the list shorter for outsiders.
        account
            .members
            .iter_mut()
            .for_each(|member| member.public = true);
        let mut step = 0;
        while self.model.account(organization).members.len() < items {
            let user = self.extra(step, now);
            if !self
                .model
                .account(user)
                .organizations
                .contains(&organization)
            {
                self.model
                    .account_mut(organization)
                    .members
                    .push(Membership {
                        user,
                        public: true,
                        admin: false,
                    });
                self.model
                    .account_mut(user)
                    .organizations
                    .push(organization);
            }
            step += 1;
        }
    }

    /// Public ones: `items` of them, and no private ones, so that every caller counts the same.
    fn resize_repositories(&mut self, owner: AccountIndex, items: usize, now: i64) {
        let own = self.model.account(owner).repositories.clone();
        let (keep, go): (Vec<u32>, Vec<u32>) = own
            .into_iter()
            .partition(|index| !self.model.repository(*index).private);
        for index in go.iter().chain(keep.iter().skip(items)) {
            self.delete_repository(*index);
        }
        for step in keep.len()..items {
            let name = format!("extra-{}-{step}", self.model.repositories.len());
            self.create_repository(owner, &name, now);
        }
    }
}
