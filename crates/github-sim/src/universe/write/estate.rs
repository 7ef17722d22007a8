//! A caller writes about itself: profile, stars, follows, repositories.

use super::{body, required, text};
use crate::answer::Ask;
use crate::universe::Universe;
use crate::universe::access::Caller;
use crate::universe::estates::check_repository_name;
use crate::universe::model::{AccountIndex, RepositoryIndex};
use crate::universe::object::object;
use crate::universe::reply::{
    Reply, created, invalid, json, no_content, not_found, problem, requires_authentication,
};
use crate::universe::route::Route;
use http::{Method, StatusCode};
use serde_json::Value;

impl Universe {
    pub(super) fn write_own(&mut self, ask: &Ask<'_>, route: &Route, rest: &[&str]) -> Reply {
        let user = Caller::of(&self.model, ask.viewer)
            .user()
            .ok_or_else(|| requires_authentication(""))?;
        match (ask.method, rest) {
            (&Method::POST, ["repos"]) => self.post_repository(ask, route, user),
            (&Method::PATCH, []) => {
                let body = body(ask)?;
                let mut profile = self.model.profile(user);
                let set = |slot: &mut Option<String>, key: &str| {
                    if let Some(value) = body.get(key) {
                        *slot = value.as_str().map(str::to_owned);
                    }
                };
                set(&mut profile.name, "name");
                set(&mut profile.company, "company");
                set(&mut profile.location, "location");
                set(&mut profile.bio, "bio");
                set(&mut profile.email, "email");
                let account = self.model.account_mut(user);
                account.edited = Some(Box::new(profile));
                account.updated_at = ask.now;
                Ok(json(self.view(ask, &route.identity).private_user(user)))
            }
            (method @ (&Method::PUT | &Method::DELETE), ["starred", owner, name]) => {
                let docs = "/activity/starring#star-a-repository-for-the-authenticated-user";
                let index = self
                    .model
                    .find_repository(&format!("{owner}/{name}"))
                    .ok_or_else(|| not_found(docs))?;
                self.model
                    .permission(Caller::User(user), index)
                    .ok_or_else(|| not_found(docs))?;
                if *method == Method::PUT {
                    self.star(user, index, ask.now);
                } else {
                    self.model.unstar(user, index);
                }
                Ok(no_content())
            }
            (method @ (&Method::PUT | &Method::DELETE), ["following", login]) => {
                let other = self
                    .model
                    .find_account(login)
                    .ok_or_else(|| not_found("/users/followers#follow-a-user"))?;
                if *method == Method::PUT {
                    self.model.follow(user, other);
                } else {
                    self.model.unfollow(user, other);
                }
                Ok(no_content())
            }
            _ => Err(not_found("")),
        }
    }

    pub(super) fn post_repository(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        owner: AccountIndex,
    ) -> Reply {
        let docs = "/repos/repos#create-a-repository-for-the-authenticated-user";
        let body = body(ask)?;
        let name = required(&body, "name", docs)?.replace(' ', "-");
        if check_repository_name(&name).is_err() {
            return Err(invalid("Repository", "name", "invalid", docs));
        }
        let full_name = format!("{}/{name}", self.model.account(owner).login);
        if self.model.find_repository(&full_name).is_some() {
            let error = object! {
                "resource": "Repository",
                "code": "custom",
                "field": "name",
                "message": "name already exists on this account",
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(problem(
                status,
                "Repository creation failed.",
                Some(vec![error].into()),
                docs,
            ));
        }
        let index = self.create_repository(owner, &name, ask.now);
        let repository = self.model.repository_mut(index);
        repository.description = text(&body, "description").map(str::to_owned);
        repository.homepage = text(&body, "homepage").map(str::to_owned);
        repository.private = body
            .get("private")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        if body.get("auto_init").and_then(Value::as_bool) == Some(true) {
            let actor = self.actor(ask)?;
            let readme = vec![(
                "README.md".to_owned(),
                Some(format!("# {name}\n").into_bytes()),
            )];
            self.push(index, "main", actor, &readme, "Initial commit", ask.now);
        }
        Ok(created(
            self.view(ask, &route.identity).full_repository(index),
        ))
    }

    pub(super) fn patch_repository(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
    ) -> Reply {
        let docs = "/repos/repos#update-a-repository";
        let body = body(ask)?;
        if let Some(name) = text(&body, "name") {
            let owner = self.model.repository(index).owner;
            self.move_repository(index, owner, name, ask.now)
                .map_err(|_| invalid("Repository", "name", "already_exists", docs))?;
        }
        if let Some(branch) = text(&body, "default_branch") {
            if !self.model.content(index).branches.contains_key(branch) {
                return Err(invalid("Repository", "default_branch", "invalid", docs));
            }
            self.model.repository_mut(index).default_branch = branch.to_owned();
        }
        let repository = self.model.repository_mut(index);
        if let Some(value) = body.get("description") {
            repository.description = value.as_str().map(str::to_owned);
        }
        if let Some(value) = body.get("homepage") {
            repository.homepage = value.as_str().map(str::to_owned);
        }
        let flag = |key: &str, slot: &mut bool| {
            *slot = body.get(key).and_then(Value::as_bool).unwrap_or(*slot)
        };
        flag("private", &mut repository.private);
        flag("archived", &mut repository.archived);
        flag("has_issues", &mut repository.has_issues);
        repository.updated_at = ask.now;
        Ok(json(self.view(ask, &route.identity).full_repository(index)))
    }
}
