//! Which path answers what (GET and HEAD).

use super::access::Caller;
use super::model::{AccountIndex, Kind, RepositoryIndex, Star};
use super::object::{extend, object};
use super::paging::{Paging, parameter, since_link};
use super::prepare;
use super::reply::{Adjust, Reply, json, no_content, not_found, requires_authentication};
use super::route::{Place, Route};
use super::time::iso;
use super::view::View;
use super::words;
use crate::answer::{Answer, Media};
use serde_json::Value;

const REPO_DOCS: &str = "/repos/repos#get-a-repository";

impl View<'_> {
    pub(crate) fn read(&self, route: &Route) -> Reply {
        let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
        if let Some(scope) = prepare::scope(self.model, route) {
            if let Place::Repository(index) | Place::Network(index) = route.place
                && !self.sees(index)
            {
                return Err(not_found("/activity/events#list-repository-events"));
            }
            return self.feed_page(scope);
        }
        match route.place {
            Place::Repository(index) if self.sees(index) => self.repository(index, &rest),
            Place::Repository(_) | Place::Network(_) => Err(not_found(REPO_DOCS)),
            Place::Moved(index) if self.sees(index) => Err(Box::new(Answer::Moved {
                location: self.with_query(&route.identity),
            })),
            Place::Moved(_) | Place::Missing => Err(not_found(REPO_DOCS)),
            Place::User(index) => self.user(index, &rest),
            Place::Organization(index) => self.organization(index, &rest),
            Place::Own => self.own(&rest),
            Place::Other => self.other(&rest),
        }
    }

    pub(crate) fn with_query(&self, path: &str) -> String {
        match self.ask.raw_query {
            Some(query) if !query.is_empty() => format!("{}{path}?{query}", self.ask.base),
            _ => self.url(path),
        }
    }

    pub(crate) fn repository(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let repository = self.model.repository(index);
        match rest {
            [] => Ok(json(self.full_repository(index)).modified(repository.updated_at)),
            ["issues", rest @ ..] => self.issue_endpoints(index, rest),
            ["labels", rest @ ..] => self.label_endpoints(index, rest),
            ["milestones", rest @ ..] => self.milestone_endpoints(index, rest),
            ["pulls", rest @ ..] => self.pull_endpoints(index, rest),
            ["commits", rest @ ..] => self.commit_endpoints(index, rest),
            ["statuses", sha] => self.commit_endpoints(index, &[sha, "statuses"]),
            ["compare", basehead @ ..] if !basehead.is_empty() => {
                self.compare(index, &basehead.join("/"))
            }
            // A directory asked for with a slash behind it moves to the id form (behaviour notes 4).
            ["contents", path @ ..] if !path.is_empty() && self.ask.path.ends_with('/') => {
                let location = format!(
                    "/repositories/{}/contents/{}",
                    repository.id,
                    super::view::tail(&path.join("/"))
                );
                Err(Box::new(Answer::Redirect {
                    location: self.with_query(&location),
                }))
            }
            ["contents", path @ ..] => self.contents(index, &path.join("/")),
            ["readme"] => self.readme(index),
            ["license"] => self.license_file(index),
            ["git", rest @ ..] => self.git_endpoints(index, rest),
            ["branches", rest @ ..] => self.branch_endpoints(index, rest),
            ["tags"] => self.tag_list(index),
            ["releases", rest @ ..] => self.release_endpoints(index, rest),
            ["actions", rest @ ..] => self.action_endpoints(index, rest),
            ["check-runs", id] => self.check_run_by_id(index, id),
            ["hooks", rest @ ..] => self.hook_endpoints(index, rest),
            ["activity"] => self.activity(index),
            ["collaborators", rest @ ..] => self.collaborators(index, rest),
            ["contributors"] => self.contributors(index),
            ["languages"] => self.languages(index),
            ["topics"] => Ok(json(object! { "names": repository.topics.clone() })),
            ["stargazers"] => self.stargazers(index),
            ["subscribers"] => self.page(&repository.watchers, |user| self.simple_user(*user)),
            ["assignees"] => {
                let users: Vec<AccountIndex> = self.assignable(index);
                self.page(&users, |user| self.simple_user(*user))
            }
            ["assignees", login] => match self
                .model
                .find_account(login)
                .filter(|u| self.assignable(index).contains(u))
            {
                Some(_) => Ok(no_content()),
                None => Err(not_found(
                    "/issues/assignees#check-if-a-user-can-be-assigned",
                )),
            },
            ["forks"] => {
                let mut forks: Vec<u32> = repository
                    .forks
                    .iter()
                    .copied()
                    .filter(|fork| self.sees(*fork))
                    .collect();
                // Newest first unless asked otherwise.
                if self.parameter("sort") != Some("oldest") {
                    forks.reverse();
                }
                self.page(&forks, |fork| self.minimal_repository(*fork))
            }
            ["teams"] => {
                let owner = self.model.account(repository.owner);
                let teams: Vec<_> = owner
                    .teams
                    .iter()
                    .filter(|team| team.repositories.contains(&index))
                    .collect();
                self.page(&teams, |team| self.team(repository.owner, team))
            }
            ["notifications"] => self.notification_endpoints(Some(index), &[]),
            ["deployments" | "comments" | "keys" | "invitations" | "rulesets"] => {
                self.page(&[] as &[Value], Clone::clone)
            }
            [archive @ ("tarball" | "zipball"), reference @ ..] => {
                let name = if reference.is_empty() {
                    repository.default_branch.clone()
                } else {
                    reference.join("/")
                };
                let format = if *archive == "tarball" {
                    "legacy.tar.gz"
                } else {
                    "legacy.zip"
                };
                let full_name = self.model.full_name(index);
                let location = format!(
                    "https://codeload.github.com/{full_name}/{format}/{}",
                    super::view::tail(&name)
                );
                Err(Box::new(Answer::Redirect { location }))
            }
            _ => Err(not_found(REPO_DOCS)),
        }
    }

    pub(crate) fn assignable(&self, index: RepositoryIndex) -> Vec<AccountIndex> {
        let repository = self.model.repository(index);
        let owner = self.model.account(repository.owner);
        let mut users: Vec<AccountIndex> = owner.members.iter().map(|member| member.user).collect();
        if owner.kind == Kind::User {
            users.push(repository.owner);
        }
        users.extend(
            repository
                .collaborators
                .iter()
                .filter(|(_, p)| *p > super::model::Permission::Pull)
                .map(|(u, _)| *u),
        );
        let mut seen = std::collections::HashSet::new();
        users.retain(|user| seen.insert(*user));
        users
    }

    pub(crate) fn stargazers(&self, index: RepositoryIndex) -> Reply {
        let stars: Vec<&Star> = self
            .model
            .repository(index)
            .stargazers
            .iter()
            .filter(|star| !self.model.account(star.user).deleted)
            .collect();
        self.page(&stars, |star| match self.ask.media {
            Media::Star => object! { "starred_at": iso(i64::from(star.at)), "user": self.simple_user(star.user) },
            _ => self.simple_user(star.user),
        })
    }

    /// A list that goes on by `since` instead of by page number.
    pub(crate) fn since_page(
        &self,
        list: Vec<(u64, u32)>,
        per_page: usize,
        render: impl Fn(u32) -> Value,
    ) -> Reply {
        let since: u64 = parameter(self.ask, "since")
            .and_then(|since| since.parse().ok())
            .unwrap_or(0);
        let page: Vec<(u64, u32)> = list
            .into_iter()
            .filter(|(id, _)| *id > since)
            .take(per_page)
            .collect();
        let last = page.last().map_or(since, |(id, _)| *id);
        let body: Vec<Value> = page.into_iter().map(|(_, index)| render(index)).collect();
        let link = since_link(self.ask, self.ask.path.trim_end_matches('/'), last);
        Ok(json(body.into()).linked(link))
    }

    pub(crate) fn other(&self, rest: &[&str]) -> Reply {
        let per_page = Paging::of(self.ask).per_page;
        match rest {
            ["users"] => {
                let mut list: Vec<(u64, u32)> = self
                    .model
                    .living(Kind::User)
                    .chain(self.model.living(Kind::Organization))
                    .map(|index| (self.model.account(index).id, index))
                    .collect();
                list.sort_unstable();
                self.since_page(list, per_page, |index| self.simple_user(index))
            }
            ["organizations"] => {
                let list = self
                    .model
                    .living(Kind::Organization)
                    .map(|index| (self.model.account(index).id, index))
                    .collect();
                self.since_page(list, per_page, |index| self.simple_organization(index))
            }
            ["repositories"] => {
                let all = 0..self.model.repositories.len() as u32;
                let list = all
                    .filter(|index| {
                        let repository = self.model.repository(*index);
                        !repository.private && !repository.deleted
                    })
                    .map(|index| (self.model.repository(index).id, index))
                    .collect();
                // Ignores per_page.
                self.since_page(list, 100, |index| self.bare_repository(index))
            }
            ["search", rest @ ..] => self.search_endpoints(rest),
            ["gists", rest @ ..] => self.gist_endpoints(rest),
            ["notifications", rest @ ..] => self.notification_endpoints(None, rest),
            ["issues"] if self.caller.user().is_none() => {
                Err(requires_authentication(super::issues::DOCS))
            }
            ["issues"] => self.issues_across(&prepare::own_issue_scope(self.model, self.caller)),
            ["installation", "repositories"] => self.installation_repositories(),
            ["licenses"] => {
                let list: Vec<usize> = (0..words::LICENSES.len()).collect();
                self.page(&list, |index| self.license(Some(*index)))
            }
            ["licenses", key] => {
                let index = words::LICENSES.iter().position(|(own, _, _)| own == key);
                let mut body = match index {
                    Some(index) => self.license(Some(index)),
                    None => return Err(not_found("/licenses/licenses#get-a-license")),
                };
                extend(
                    &mut body,
                    object! {
                        "html_url": format!("https://choosealicense.com/licenses/{key}/"),
                        "description": "Permissions of this license are listed below.",
                        "implementation": "Put the text into a file named LICENSE.",
                        "permissions": vec!["commercial-use", "modifications"],
                        "conditions": vec!["include-copyright"],
                        "limitations": vec!["liability", "warranty"],
                        "body": "Permission is hereby granted, free of charge.\n",
                        "featured": true,
                    },
                );
                Ok(json(body))
            }
            _ => Err(not_found("")),
        }
    }

    pub(crate) fn installation_repositories(&self) -> Reply {
        let docs = "/apps/installations#list-repositories-accessible-to-the-app-installation";
        let Caller::Installation(id) = self.caller else {
            return Err(requires_authentication(docs));
        };
        let account = self
            .model
            .installations
            .get(&id)
            .map(|installation| installation.account);
        let repositories = account
            .map(|account| self.model.account(account).repositories.as_slice())
            .unwrap_or_default();
        let selected = self
            .model
            .installations
            .get(&id)
            .and_then(|installation| installation.selected.as_ref());
        let seen: Vec<RepositoryIndex> = repositories
            .iter()
            .copied()
            .filter(|index| !self.model.repository(*index).deleted)
            .filter(|index| selected.is_none_or(|selected| selected.contains(index)))
            .collect();
        let paging = Paging::of(self.ask);
        let page: Vec<Value> = paging
            .slice(&seen)
            .iter()
            .map(|index| self.minimal_repository(*index))
            .collect();
        let selection = if selected.is_some() {
            "selected"
        } else {
            "all"
        };
        let body = object! { "total_count": seen.len(), "repository_selection": selection, "repositories": page };
        Ok(json(body).linked(paging.link(self.ask, self.identity, seen.len())))
    }
}
