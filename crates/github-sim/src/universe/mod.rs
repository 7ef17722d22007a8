//! The generated world: users, organisations, repositories and everything in them, from one seed.
//!
//! The relations between accounts and repositories are made at the start and are compact; what is inside a repository
//! is made when it is first asked for and may be forgotten again. Bodies are rendered on demand, so a body changes
//! when and only when something in it changes, and so does its tag.
//!
//! Every generated universe has the users `octocat` (owns `Hello-World`, `secret-plans` and the organisation
//! `octo-org`), `monalisa` (hidden member of it) and `hubot` (an outsider).

mod access;
mod accounts;
mod actions;
mod build;
mod change;
mod checks;
mod code;
mod commits;
mod content;
mod diff;
mod endpoints;
mod estates;
mod events;
mod feed;
mod frozen;
mod generate;
mod gists;
mod git;
mod issues;
mod model;
mod movements;
mod notifications;
mod object;
mod overrides;
mod paging;
mod people;
mod prepare;
mod project;
mod pulls;
mod random;
mod releases;
mod reply;
mod repositories;
mod resize;
mod route;
mod search;
mod time;
mod view;
mod words;
mod workflows;
mod write;

#[cfg(test)]
mod tests;

pub use change::{Change, Visibility};
pub use frozen::LoadError;

use crate::World;
use crate::answer::{Answer, Ask};
use access::Caller;
use feed::Feed;
use http::Method;
use model::{Kind, Model, RepositoryIndex};
use overrides::Overrides;
use route::{Place, Route};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use view::View;

/// 2026-01-01T00:00:00Z.
pub const DEFAULT_EPOCH: i64 = 1_767_225_600;
/// Repositories whose content is kept; beyond, the oldest unedited one is forgotten and made again when asked for.
const CONTENTS_KEPT: usize = 256;

/// How much is generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Nothing: for [`Universe::load`] and for tests that make everything by changes.
    Empty,
    /// Dozens of users and repositories.
    #[default]
    Small,
    /// Thousands.
    Medium,
    /// 100,000 users, 120,000 repositories, a million stars.
    Large,
}

impl std::str::FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "empty" => Self::Empty,
            "small" => Self::Small,
            "medium" => Self::Medium,
            "large" => Self::Large,
            other => {
                return Err(format!(
                    "unknown scale `{other}`: empty, small, medium or large"
                ));
            }
        })
    }
}

/// What a universe is made from; equal options make equal universes, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniverseOptions {
    pub seed: u64,
    pub scale: Scale,
    /// Everything generated lies before this moment; requests should come from then on. Event feeds forget what is
    /// older than 30 days.
    pub epoch: i64,
}

impl Default for UniverseOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            scale: Scale::Small,
            epoch: DEFAULT_EPOCH,
        }
    }
}

/// Everything that exists, with the feeds about it and what tests put over it.
#[derive(Debug)]
pub struct Universe {
    model: Model,
    feed: Feed,
    overrides: Overrides,
    revision: u64,
    /// Repositories in the order in which their content was made.
    built: VecDeque<RepositoryIndex>,
}

impl Universe {
    #[must_use]
    pub fn generate(options: &UniverseOptions) -> Self {
        let model = generate::generate(options);
        let feed = Feed::generate(options, &model);
        Self {
            model,
            feed,
            overrides: Overrides::default(),
            revision: 0,
            built: VecDeque::new(),
        }
    }

    /// An otherwise empty universe that serves a folder of frozen answers; the format is described at [`LoadError`].
    ///
    /// # Errors
    /// A file is missing, is no JSON or has the wrong shape; the error names the file and the place in it.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let mut universe = Self::generate(&UniverseOptions {
            scale: Scale::Empty,
            ..UniverseOptions::default()
        });
        universe.load_over(folder)?;
        Ok(universe)
    }

    /// Puts a folder of frozen answers over this universe.
    ///
    /// # Errors
    /// As [`Universe::load`].
    pub fn load_over(&mut self, folder: &Path) -> Result<(), LoadError> {
        for document in frozen::read(folder)? {
            self.overrides.freeze(document);
        }
        self.revision += 1;
        Ok(())
    }

    /// Applies one change; what it made (ids, numbers) comes back.
    ///
    /// # Errors
    /// A sentence about what is wrong with the change.
    pub fn apply(&mut self, change: Change, now: i64) -> Result<Value, String> {
        let made = change::apply(self, change, now)?;
        self.revision += 1;
        Ok(made)
    }

    fn build(&mut self, index: RepositoryIndex) {
        if self.model.repository(index).content.is_none() {
            self.model.ensure_content(index);
            self.built.push_back(index);
        }
    }

    /// Runs before a request, so nothing that the request needs is dropped under it.
    fn forget_old_contents(&mut self) {
        while self.built.len() > CONTENTS_KEPT {
            let Some(oldest) = self.built.pop_front() else {
                return;
            };
            let repository = self.model.repository_mut(oldest);
            if !repository.content_edited {
                repository.content = None;
            }
        }
    }

    fn view<'a>(&'a self, ask: &'a Ask<'a>, identity: &'a str) -> View<'a> {
        let caller = Caller::of(&self.model, ask.viewer);
        View {
            model: &self.model,
            feed: &self.feed,
            ask,
            caller,
            identity,
        }
    }
}

impl World for Universe {
    fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        if let Some(answer) = self.overrides.answer(ask) {
            return answer;
        }
        self.forget_old_contents();
        let route = Route::of(&self.model, ask.path);
        let caller = Caller::of(&self.model, ask.viewer);
        for index in prepare::needed(&self.model, &self.feed, caller, &route, ask) {
            self.build(index);
        }
        let reply = if matches!(*ask.method, Method::GET | Method::HEAD) {
            self.view(ask, &route.identity).read(&route)
        } else {
            if let Place::Repository(index) = route.place {
                self.build(index);
            }
            let reply = self.write(ask, &route);
            if reply.is_ok() {
                self.revision += 1;
            }
            reply
        };
        match reply {
            Ok(found) => Answer::Found(Box::new(found)),
            Err(answer) => *answer,
        }
    }

    fn control(&mut self, change: &Value, now: i64) -> Result<Value, String> {
        let change = serde_json::from_value(change.clone()).map_err(|error| error.to_string())?;
        self.apply(change, now)
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn installations(&self) -> Vec<(u64, String)> {
        let account = |installation: &model::Installation| {
            self.model.account(installation.account).login.clone()
        };
        self.model
            .installations
            .iter()
            .map(|(id, installation)| (*id, account(installation)))
            .collect()
    }

    fn example_login(&self) -> Option<String> {
        self.model
            .living(Kind::User)
            .next()
            .map(|index| self.model.account(index).login.clone())
    }

    fn user_id(&self, login: &str) -> Option<u64> {
        let account = self.model.account(self.model.find_account(login)?);
        (account.kind == Kind::User && !account.deleted).then_some(account.id)
    }
}
