//! What users and organisations answer, and the lists that belong to them.

use super::access::Caller;
use super::content::Issue;
use super::model::{AccountIndex, Membership, RepositoryIndex};
use super::object::{extend, object};
use super::reply::{Adjust, Reply, json, no_content, not_found, problem, requires_authentication};
use super::time::iso;
use super::view::View;
use crate::answer::{Answer, Media};
use http::StatusCode;
use serde_json::Value;

const USER_DOCS: &str = "/users/users#get-a-user";
const ORG_DOCS: &str = "/orgs/orgs#get-an-organization";

impl View<'_> {
    pub(crate) fn starred(&self, user: AccountIndex) -> Reply {
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
    pub(crate) fn repositories_of(&self, list: Vec<RepositoryIndex>, default_sort: &str) -> Reply {
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

    pub(crate) fn accounts(&self, list: &[AccountIndex]) -> Reply {
        let living: Vec<AccountIndex> = list
            .iter()
            .copied()
            .filter(|index| !self.model.account(*index).deleted)
            .collect();
        self.page(&living, |index| self.simple_user(*index))
    }

    pub(crate) fn user(&self, index: AccountIndex, rest: &[&str]) -> Reply {
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

    pub(crate) fn repositories_list(&self, list: &[RepositoryIndex]) -> Reply {
        let seen: Vec<RepositoryIndex> = list
            .iter()
            .copied()
            .filter(|index| self.sees(*index))
            .collect();
        self.page(&seen, |index| self.minimal_repository(*index))
    }

    pub(crate) fn organization(&self, index: AccountIndex, rest: &[&str]) -> Reply {
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
    pub(crate) fn issues_across(&self, repositories: &[RepositoryIndex]) -> Reply {
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
    pub(crate) fn own(&self, rest: &[&str]) -> Reply {
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
}
