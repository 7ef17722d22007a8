//! Which path answers what (GET and HEAD).

use super::access::Caller;
use super::content::Issue;
use super::model::{AccountIndex, Kind, Membership, RepositoryIndex, Star};
use super::object::{extend, object};
use super::paging::{Paging, parameter, since_link};
use super::prepare;
use super::reply::{Adjust, Reply, json, no_content, not_found, problem, requires_authentication};
use super::route::{Place, Route};
use super::time::iso;
use super::view::View;
use super::words;
use crate::answer::{Answer, Media};
use http::StatusCode;
use serde_json::Value;

const USER_DOCS: &str = "/users/users#get-a-user";
const ORG_DOCS: &str = "/orgs/orgs#get-an-organization";
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

    fn repository(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
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

    fn assignable(&self, index: RepositoryIndex) -> Vec<AccountIndex> {
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

    fn stargazers(&self, index: RepositoryIndex) -> Reply {
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

    fn starred(&self, user: AccountIndex) -> Reply {
        // Newest star first.
        let mut list: Vec<RepositoryIndex> = self
            .model
            .account(user)
            .starred
            .iter()
            .copied()
            .filter(|index| self.sees(*index))
            .collect();
        if !self.ascending("direction", "desc") {
            list.reverse();
        }
        self.page(&list, |index| match self.ask.media {
            Media::Star => {
                let star = self
                    .model
                    .repository(*index)
                    .stargazers
                    .iter()
                    .find(|star| star.user == user);
                let at = star.map_or(0, |star| i64::from(star.at));
                object! { "starred_at": iso(at), "repo": self.minimal_repository(*index) }
            }
            _ => self.minimal_repository(*index),
        })
    }

    /// Repositories of an account that the caller sees, in the order that is asked for.
    fn repositories_of(&self, list: Vec<RepositoryIndex>, default_sort: &str) -> Reply {
        let kind = self.parameter("type").unwrap_or("all");
        let mut list: Vec<RepositoryIndex> = list
            .into_iter()
            .filter(|index| self.sees(*index))
            .filter(|index| {
                let repository = self.model.repository(*index);
                match kind {
                    "public" => !repository.private,
                    "private" => repository.private,
                    "forks" => repository.parent.is_some(),
                    "sources" => repository.parent.is_none(),
                    _ => true,
                }
            })
            .collect();
        let sort = self.parameter("sort").unwrap_or(default_sort);
        match sort {
            "created" => {
                list.sort_by_key(|index| (self.model.repository(*index).created_at, *index))
            }
            "updated" => {
                list.sort_by_key(|index| (self.model.repository(*index).updated_at, *index))
            }
            "pushed" => list.sort_by_key(|index| (self.model.repository(*index).pushed_at, *index)),
            _ => list.sort_by_cached_key(|index| self.model.full_name(*index).to_lowercase()),
        }
        if !self.ascending(
            "direction",
            if sort == "full_name" { "asc" } else { "desc" },
        ) {
            list.reverse();
        }
        self.page(&list, |index| self.minimal_repository(*index))
    }

    fn accounts(&self, list: &[AccountIndex]) -> Reply {
        let living: Vec<AccountIndex> = list
            .iter()
            .copied()
            .filter(|index| !self.model.account(*index).deleted)
            .collect();
        self.page(&living, |index| self.simple_user(*index))
    }

    fn user(&self, index: AccountIndex, rest: &[&str]) -> Reply {
        let account = self.model.account(index);
        match rest {
            [] => Ok(json(self.full_user(index)).modified(account.updated_at)),
            ["repos"] => self.repositories_of(account.repositories.clone(), "full_name"),
            ["orgs"] => {
                let shown: Vec<AccountIndex> = account
                    .organizations
                    .iter()
                    .copied()
                    .filter(|organization| {
                        let public = |member: &Membership| member.user == index && member.public;
                        self.model.is_member(self.caller, *organization)
                            || self.model.account(*organization).members.iter().any(public)
                    })
                    .collect();
                self.page(&shown, |organization| {
                    self.simple_organization(*organization)
                })
            }
            ["followers"] => self.accounts(&account.followers),
            ["following"] => self.accounts(&account.following),
            ["following", login] => match self
                .model
                .find_account(login)
                .filter(|u| account.following.contains(u))
            {
                Some(_) => Ok(no_content()),
                None => Err(not_found(
                    "/users/followers#check-if-a-user-follows-another-user",
                )),
            },
            ["starred"] => self.starred(index),
            ["subscriptions"] => self.repositories_list(&account.watching),
            ["gists"] => self.user_gists(index),
            ["keys" | "gpg_keys" | "ssh_signing_keys" | "social_accounts"] => {
                self.page(&[] as &[Value], Clone::clone)
            }
            ["hovercard"] => Ok(json(object! { "contexts": Vec::<Value>::new() })),
            _ => Err(not_found(USER_DOCS)),
        }
    }

    fn repositories_list(&self, list: &[RepositoryIndex]) -> Reply {
        let seen: Vec<RepositoryIndex> = list
            .iter()
            .copied()
            .filter(|index| self.sees(*index))
            .collect();
        self.page(&seen, |index| self.minimal_repository(*index))
    }

    fn organization(&self, index: AccountIndex, rest: &[&str]) -> Reply {
        let account = self.model.account(index);
        let member = self.model.is_member(self.caller, index);
        let shown = |all: bool| -> Vec<AccountIndex> {
            account
                .members
                .iter()
                .filter(|member| all || member.public)
                .map(|member| member.user)
                .collect()
        };
        match rest {
            [] => Ok(json(self.full_organization(index)).modified(account.updated_at)),
            ["members"] => {
                let mut members = shown(member);
                if let Some(role @ ("admin" | "member")) = self.parameter("role") {
                    let admin = |user: &u32| account.members.iter().any(|member| member.user == *user && member.admin);
                    members.retain(|user| admin(user) == (role == "admin"));
                }
                self.accounts(&members)
            }
            ["public_members"] => self.accounts(&shown(false)),
            // Outsiders are sent to the public list (behaviour notes 4).
            ["members", login] if !member => {
                let location = self.url(&format!("/organizations/{}/public_members/{login}", account.id));
                Err(Box::new(Answer::Redirect { location }))
            }
            [list @ ("members" | "public_members"), login] => {
                let found = self.model.find_account(login).filter(|user| shown(*list == "members").contains(user));
                found.map(|_| no_content()).ok_or_else(|| not_found("/orgs/members"))
            }
            ["repos"] => self.repositories_of(account.repositories.clone(), "created"),
            ["teams" | "team", ..] if !member => Err(not_found("/teams/teams#list-teams")),
            ["teams"] => self.page(&account.teams, |team| self.team(index, team)),
            [form @ ("teams" | "team"), key, below @ ..] => {
                let team = account
                    .teams
                    .iter()
                    .find(|team| if *form == "team" { team.id.to_string() == *key } else { team.slug == *key })
                    .ok_or_else(|| not_found("/teams/teams#get-a-team-by-name"))?;
                match below {
                    [] => Ok(json(self.full_team(index, team)).modified(team.created_at)),
                    ["members"] => self.accounts(&team.members),
                    ["repos"] => self.repositories_list(&team.repositories),
                    ["teams"] => self.page(&[] as &[Value], Clone::clone),
                    _ => Err(not_found("/teams/teams")),
                }
            }
            ["hooks"] if self.model.is_organization_admin(self.caller, index) => self.page(&[()], |()| {
                let url = self.url(&format!("/orgs/{}/hooks/{}", account.login, account.id));
                object! {
                    "type": "Organization",
                    "id": account.id,
                    "name": "web",
                    "active": true,
                    "events": vec!["push"],
                    "config": object! { "content_type": "json", "insecure_ssl": "0", "url": "https://hooks.example.com/github" },
                    "updated_at": iso(account.created_at),
                    "created_at": iso(account.created_at),
                    "url": url.as_str(),
                    "ping_url": format!("{url}/pings"),
                    "deliveries_url": format!("{url}/deliveries"),
                }
            }),
            ["issues"] if member => self.issues_across(&account.repositories),
            _ => Err(not_found(ORG_DOCS)),
        }
    }

    /// Issues of several repositories in one list, each with its repository.
    fn issues_across(&self, repositories: &[RepositoryIndex]) -> Reply {
        let mut found: Vec<(RepositoryIndex, &Issue)> = Vec::new();
        for index in repositories.iter().filter(|index| self.sees(**index)) {
            found.extend(
                self.chosen(*index, self.model.content(*index).issues.iter())
                    .into_iter()
                    .map(|issue| (*index, issue)),
            );
        }
        if self.parameter("filter").unwrap_or("assigned") == "assigned" {
            found.retain(|(_, issue)| {
                issue.assignee.is_some() && issue.assignee == self.caller.user()
            });
        }
        found.sort_by_key(|(index, issue)| {
            std::cmp::Reverse((issue.created_at, *index, issue.number))
        });
        self.page(&found, |(index, issue)| {
            let mut body = self.issue(*index, issue);
            extend(
                &mut body,
                object! { "repository": self.bare_repository(*index) },
            );
            body
        })
    }

    /// `/user...`
    fn own(&self, rest: &[&str]) -> Reply {
        let docs = USER_DOCS;
        let user = match self.caller {
            Caller::User(user) => user,
            Caller::Anonymous => return Err(requires_authentication(docs)),
            Caller::Stranger => return Err(not_found(docs)),
            Caller::Installation(_) => {
                return Err(problem(
                    StatusCode::FORBIDDEN,
                    "Resource not accessible by integration",
                    None,
                    docs,
                ));
            }
        };
        let account = self.model.account(user);
        match rest {
            [] => Ok(json(self.private_user(user)).modified(account.updated_at)),
            ["repos"] => {
                let shared = (0..self.model.repositories.len() as u32)
                    .filter(|index| self.model.role(user, *index).is_some());
                let owner_only = self.parameter("affiliation") == Some("owner")
                    || self.parameter("type") == Some("owner");
                let list = if owner_only {
                    account.repositories.clone()
                } else {
                    shared.collect()
                };
                self.repositories_of(list, "full_name")
            }
            ["orgs"] => self.page(&account.organizations, |organization| {
                self.simple_organization(*organization)
            }),
            ["starred"] => self.starred(user),
            ["starred", owner, name] => {
                let index = self.model.find_repository(&format!("{owner}/{name}"));
                let starred =
                    index.filter(|index| account.starred.contains(index) && self.sees(*index));
                starred
                    .map(|_| no_content())
                    .ok_or_else(|| not_found("/activity/starring"))
            }
            ["followers"] => self.accounts(&account.followers),
            ["following"] => self.accounts(&account.following),
            ["following", login] => {
                let followed = self
                    .model
                    .find_account(login)
                    .filter(|other| account.following.contains(other));
                followed
                    .map(|_| no_content())
                    .ok_or_else(|| not_found("/users/followers"))
            }
            ["subscriptions"] => self.repositories_list(&account.watching),
            ["issues"] => self.issues_across(&account.repositories),
            ["emails"] => Ok(json(Value::from(vec![object! {
                "email": format!("id{}@example.com", account.id),
                "primary": true,
                "verified": true,
                "visibility": "public",
            }]))),
            ["keys"] => self.page(&[] as &[Value], Clone::clone),
            ["teams"] => {
                let mut teams = Vec::new();
                for organization in &account.organizations {
                    let own = self
                        .model
                        .account(*organization)
                        .teams
                        .iter()
                        .filter(|team| team.members.contains(&user));
                    teams.extend(own.map(|team| (*organization, team)));
                }
                self.page(&teams, |(organization, team)| {
                    self.full_team(*organization, team)
                })
            }
            ["memberships", "orgs"] => self.page(&account.organizations, |organization| {
                let admin = self.model.is_organization_admin(self.caller, *organization);
                let login = self.login(*organization);
                object! {
                    "url": self.url(&format!("/orgs/{login}/memberships/{}", account.login)),
                    "state": "active",
                    "role": if admin { "admin" } else { "member" },
                    "organization_url": self.url(&format!("/orgs/{login}")),
                    "user": self.simple_user(user),
                    "organization": self.simple_organization(*organization),
                }
            }),
            _ => Err(not_found(docs)),
        }
    }

    /// A list that goes on by `since` instead of by page number.
    fn since_page(
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

    fn other(&self, rest: &[&str]) -> Reply {
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

    fn installation_repositories(&self) -> Reply {
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
