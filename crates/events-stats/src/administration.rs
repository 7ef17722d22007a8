//! What the command line does to the watched repositories: it works on the database, beside a running server.

use std::fmt::Write as _;
use std::path::PathBuf;

use service_runtime::Failure;

use crate::Timestamp;
use crate::command::backfill;
use crate::config::Config;
use crate::desk::Desk;
use crate::name::FullName;
use crate::poller::{Poller, PollerError};
use crate::problem::Problem;
use crate::routes::shapes::RepositoryObject;
use crate::service::Parts;
use crate::store::{
    Activation, Adding, NewRepository, Novelty, Repository, Requested, Standing, StoreError,
};

mod statistics;

pub use statistics::{StatisticsChoice, StatisticsForm};

/// Whether people read it, or programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line for each repository.
    Lines,
    /// The objects of the interface.
    Json,
}

/// The watched repositories, to be changed.
#[derive(Debug)]
pub struct Administration {
    desk: Desk,
    parts: Parts,
}

impl Administration {
    /// Opens the database of the settings.
    ///
    /// # Errors
    /// When a setting is wrong, or the database cannot be used.
    pub async fn open(config: &Config, parts: Parts) -> Result<Self, Failure> {
        let desk = Desk::open(config, &parts).await.map_err(Failure::from)?;
        Ok(Self { desk, parts })
    }

    fn now(&self) -> Timestamp {
        Timestamp::of(self.parts.clock.now())
    }

    async fn find(&self, name: &str) -> Result<Repository, Failure> {
        let name = parse(name)?;
        let found = self.desk.store.repository(&name).await.map_err(stored)?;
        found.ok_or_else(|| Failure::start(format!("{name} is not watched")))
    }

    /// Watches repositories: all of them or none.
    ///
    /// # Errors
    /// When GitHub knows one of them not, or no more can be active.
    pub async fn add(&self, names: &[String], standing: Standing) -> Result<String, Failure> {
        let mut new = Vec::with_capacity(names.len());
        for name in names {
            let name = parse(name)?;
            let known = self.desk.store.repository(&name).await.map_err(stored)?;
            let (full_name, github_id) = match known {
                Some(known) => (known.full_name, known.github_id),
                None => {
                    let found = self.desk.look_up(&name).await.map_err(told)?;
                    (found.full_name, Some(found.github_id))
                }
            };
            new.push(NewRepository {
                full_name,
                github_id,
                standing,
            });
        }
        let (most, now) = (self.desk.max_active, self.now());
        let added = self.desk.store.add(&new, most, now).await.map_err(stored)?;
        let added = match added {
            Adding::Done(added) => added,
            Adding::LimitReached(active) => {
                return Err(told(Problem::TooManyActive { most, active }));
            }
        };
        let mut text = String::new();
        for one in added {
            let novelty = match one.novelty {
                Novelty::New => "added",
                Novelty::Known => "known",
            };
            line(&mut text, &one.repository, novelty);
        }
        Ok(text)
    }

    /// Polls a repository from now on.
    ///
    /// # Errors
    /// When it is not watched, or no more can be active.
    pub async fn activate(&self, name: &str) -> Result<String, Failure> {
        let id = self.find(name).await?.id;
        let (most, now) = (self.desk.max_active, self.now());
        match self
            .desk
            .store
            .activate(id, most, now)
            .await
            .map_err(stored)?
        {
            Activation::Activated | Activation::AlreadyActive => {}
            Activation::LimitReached(active) => {
                return Err(told(Problem::TooManyActive { most, active }));
            }
            Activation::Unknown => return Err(told(Problem::NoSuchRepository)),
        }
        self.said(name, "activated").await
    }

    /// Polls a repository no more.
    ///
    /// # Errors
    /// When it is not watched.
    pub async fn deactivate(&self, name: &str) -> Result<String, Failure> {
        let id = self.find(name).await?.id;
        self.desk.store.deactivate(id, None).await.map_err(stored)?;
        self.said(name, "deactivated").await
    }

    /// All repositories.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, form: Form) -> Result<String, Failure> {
        let mut objects: Vec<RepositoryObject> = Vec::new();
        let mut text = String::new();
        for repository in self.desk.all().await.map_err(stored)? {
            line(&mut text, &repository, standing(&repository));
            objects.push(self.desk.object(repository).await.map_err(told)?);
        }
        match form {
            Form::Lines => Ok(text),
            Form::Json => {
                let json = serde_json::to_string_pretty(&objects)
                    .map_err(|error| Failure::start("cannot write JSON").because(error))?;
                Ok(json + "\n")
            }
        }
    }

    /// Polls a repository, or has the running server poll it.
    ///
    /// # Errors
    /// When it is not watched or not active, or when GitHub allows no poll yet.
    pub async fn poll(&self, config: &Config, name: &str) -> Result<String, Failure> {
        let id = self.find(name).await?.id;
        let requested = self.desk.store.request_poll(id, self.now()).await;
        match requested.map_err(stored)? {
            Requested::At(_) => {}
            Requested::NotBefore(at) => {
                return Err(Failure::start(format!(
                    "GitHub allows no poll of {name} before {at}; it is due then"
                )));
            }
            Requested::Inactive => return Err(Failure::start(format!("{name} is not active"))),
        }
        match Poller::new(self.desk.poller_parts(config, &self.parts.metrics)) {
            Ok(poller) => poller.round().await.map(drop).map_err(stored)?,
            Err(PollerError::Taken { .. }) => {
                return self
                    .said(name, "will be polled by the running server")
                    .await;
            }
            Err(error) => return Err(Failure::start("cannot poll").because(error)),
        }
        let repository = self.find(name).await?;
        match &repository.last_error {
            Some(error) => Err(Failure::start(format!("{name}: {error}"))),
            None => self.said(name, "polled").await,
        }
    }

    /// Stores the events of GH Archive files that are of watched repositories.
    ///
    /// # Errors
    /// When a file is damaged, or the database fails; files before it are stored.
    pub async fn backfill(&self, files: &[PathBuf]) -> Result<String, Failure> {
        let done = backfill(&self.desk.store, files).await;
        let done = done.map_err(|error| Failure::start("cannot go on").because(error))?;
        Ok(format!("{done}\n"))
    }

    async fn said(&self, name: &str, what: &str) -> Result<String, Failure> {
        let mut text = String::new();
        line(&mut text, &self.find(name).await?, what);
        Ok(text)
    }
}

fn parse(name: &str) -> Result<FullName, Failure> {
    FullName::parse(name).map_err(|error| Failure::usage(name).because(error))
}

fn stored(error: StoreError) -> Failure {
    Failure::start("cannot go on").because(error)
}

fn told(problem: Problem) -> Failure {
    let message = problem.to_string();
    match problem {
        Problem::Store(error) => stored(error),
        _ => Failure::start(message),
    }
}

fn standing(repository: &Repository) -> &'static str {
    match repository.standing {
        Standing::Active => "active",
        Standing::Inactive => "inactive",
    }
}

fn line(text: &mut String, repository: &Repository, what: &str) {
    let newest = repository.newest_event_at;
    let newest = newest.map_or("none yet".to_owned(), |at| format!("newest {at}"));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{}  {what}, {} events, {newest}",
        repository.full_name, repository.events_stored
    );
    if let Some(error) = &repository.last_error {
        let _ = write!(text, ", {error}");
    }
    text.push('\n');
}
