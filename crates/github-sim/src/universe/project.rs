//! What stands around the code: branches, tags, releases, workflow runs, hooks, activity, people.

use super::model::{AccountIndex, Permission, RepositoryIndex};
use super::object::{extend, object};
use super::reply::{Adjust, Reply, json, must_have_rights, not_found};
use super::view::{View, node_id, tail};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl View<'_> {
    pub(crate) fn short_branch(&self, index: RepositoryIndex, name: &str, sha: &str) -> Value {
        let url = format!("{}/commits/{sha}", self.repository_url(index));
        object! { "name": name, "commit": object! { "sha": sha, "url": url }, "protected": false }
    }

    pub(crate) fn branch_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        if rest.is_empty() {
            let branches: Vec<_> = content.branches.iter().collect();
            return self.page(&branches, |(name, sha)| self.short_branch(index, name, sha));
        }
        let docs = "/branches/branches#get-a-branch";
        let name = rest.join("/");
        let commit = content
            .branches
            .get(&name)
            .and_then(|sha| content.objects.commits.get(sha));
        let Some(commit) = commit else {
            return Err(super::reply::problem(
                http::StatusCode::NOT_FOUND,
                "Branch not found",
                None,
                docs,
            ));
        };
        let url = format!("{}/branches/{}", self.repository_url(index), tail(&name));
        let checks = object! { "enforcement_level": "off", "contexts": Vec::<Value>::new(), "checks": Vec::<Value>::new() };
        Ok(json(object! {
            "name": name.as_str(),
            "commit": self.commit(index, commit),
            "_links": object! {
                "self": url.as_str(),
                "html": format!("{}/tree/{}", self.html_url(index), tail(&name)),
            },
            "protected": false,
            "protection": object! { "enabled": false, "required_status_checks": checks },
            "protection_url": format!("{url}/protection"),
        }))
    }

    pub(crate) fn tag_list(&self, index: RepositoryIndex) -> Reply {
        // Newest version first.
        let tags: Vec<_> = self.model.content(index).tags.iter().rev().collect();
        let base = self.repository_url(index);
        let found = self.page(&tags, |(name, (_, commit))| {
            object! {
                "name": name.as_str(),
                "zipball_url": format!("{base}/zipball/refs/tags/{}", tail(name)),
                "tarball_url": format!("{base}/tarball/refs/tags/{}", tail(name)),
                "commit": object! { "sha": commit.as_str(), "url": format!("{base}/commits/{commit}") },
                "node_id": node_id("Ref", format!("{}:refs/tags/{name}", self.model.repository(index).id)),
            }
        })?;
        Ok(found.modified(self.model.repository(index).pushed_at))
    }

    pub(crate) fn collaborators(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/collaborators/collaborators#list-repository-collaborators";
        if self.caller == super::access::Caller::Anonymous {
            return Err(super::reply::requires_authentication(docs));
        }
        if self.model.permission(self.caller, index) < Some(Permission::Push) {
            return Err(super::reply::problem(
                http::StatusCode::FORBIDDEN,
                "Must have push access to view repository collaborators.",
                None,
                docs,
            ));
        }
        let repository = self.model.repository(index);
        let owner = self.model.account(repository.owner);
        let mut users: Vec<AccountIndex> = owner.members.iter().map(|member| member.user).collect();
        if owner.members.is_empty() {
            users.push(repository.owner);
        }
        users.extend(repository.collaborators.iter().map(|(user, _)| *user));
        let mut seen = std::collections::HashSet::new();
        users.retain(|user| seen.insert(*user) && !self.model.account(*user).deleted);
        let role = |user: AccountIndex| self.model.role(user, index);
        match rest {
            [] => self.page(&users, |user| {
                self.collaborator(*user, role(*user).unwrap_or(Permission::Pull))
            }),
            [login] => match self
                .model
                .find_account(login)
                .filter(|user| users.contains(user))
            {
                Some(_) => Ok(super::reply::no_content()),
                None => Err(not_found(docs)),
            },
            [login, "permission"] => {
                let user = self
                    .model
                    .find_account(login)
                    .ok_or_else(|| not_found(docs))?;
                let (permission, name, shown) = match role(user) {
                    Some(Permission::Admin) => ("admin", "admin", Permission::Admin),
                    Some(role) if role >= Permission::Push => ("write", role.role(), role),
                    Some(role) => ("read", role.role(), role),
                    None if repository.private => ("none", "none", Permission::Pull),
                    None => ("read", "read", Permission::Pull),
                };
                let shown = self.collaborator(user, shown);
                Ok(json(
                    object! { "permission": permission, "user": shown, "role_name": name },
                ))
            }
            _ => Err(must_have_rights(docs)),
        }
    }

    pub(crate) fn contributors(&self, index: RepositoryIndex) -> Reply {
        let content = self.model.content(index);
        let Some(tip) = content
            .branches
            .get(&self.model.repository(index).default_branch)
        else {
            // An empty repository has no contributors and says so with 204.
            return Ok(super::reply::no_content());
        };
        let mut counts: BTreeMap<AccountIndex, usize> = BTreeMap::new();
        for commit in content.objects.history(tip) {
            if let Some(author) = commit.author.account {
                *counts.entry(author).or_default() += 1;
            }
        }
        let mut counts: Vec<(AccountIndex, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(author, count)| (std::cmp::Reverse(*count), *author));
        self.page(&counts, |(author, count)| {
            let mut contributor = self.simple_user(*author);
            extend(&mut contributor, object! { "contributions": *count });
            contributor
        })
    }

    pub(crate) fn languages(&self, index: RepositoryIndex) -> Reply {
        let repository = self.model.repository(index);
        let mut languages = Map::new();
        if let Some(language) = repository.language {
            languages.insert(language.to_owned(), (repository.size * 700).into());
            languages.insert("Shell".to_owned(), (repository.size * 9).into());
        }
        Ok(json(Value::Object(languages)))
    }
}
