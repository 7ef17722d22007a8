//! One run at work: how far it got, what it spent, and whether it is still its holder's.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use service_runtime::Clock;

use super::fetch::{Absence, Answer, Document, Fetcher, Trouble};
use super::gap::Reach;
use super::lists::ListCursor;
use super::metered::Meter;
use super::retry::RetryRules;
use crate::moment::Moment;
use crate::store::{Cost, Finish, Progress, Run, RunTarget, Store, StoreError};

/// The bounds of the crawl.
#[derive(Clone, Debug)]
pub(crate) struct CrawlRules {
    /// A developer that was described later than this long ago is not described again as somebody's neighbour.
    pub(crate) max_age: Duration,
    pub(crate) max_depth: Option<i64>,
    pub(crate) max_users: Option<i64>,
    /// Developers that one run of discovery picks.
    pub(crate) count: u32,
    /// Pages of one list.
    pub(crate) max_pages: i64,
    /// How long a run is its holder's without a sign of life.
    pub(crate) lease: Duration,
    pub(crate) retry: RetryRules,
}

/// What all runs share. Clones share it.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) store: Store,
    pub(crate) fetcher: Fetcher,
    pub(crate) rules: CrawlRules,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Tools {
    pub(crate) fn now(&self) -> Moment {
        Moment::from(self.clock.now())
    }
}

/// Why a run stops before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// GitHub does not show the target.
    #[error("GitHub does not show it")]
    Unavailable,
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Somebody else holds it now, or it was cancelled.
    #[error("it is somebody else's now")]
    Lost,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Trouble(Trouble::Store(error))
    }
}

/// Where a run goes on. It outlives the process: a new field has a default, and a changed meaning a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    version: u32,
    pub(crate) stage: Stage,
    /// GitHub's id of the developer or repository.
    pub(crate) subject: Option<i64>,
    /// Its login or full name.
    pub(crate) name: String,
    /// The list that is being read.
    pub(crate) list: Option<ListCursor>,
    /// The repository that was dealt with last.
    pub(crate) after: i64,
    #[serde(default)]
    pub(crate) followers: Reach,
    #[serde(default)]
    pub(crate) following: Reach,
    #[serde(default)]
    pub(crate) repositories: Reach,
}

const CURSOR_VERSION: u32 = 1;

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    Subject,
    Followers,
    Following,
    Starred,
    Repositories,
    /// Repositories that left the owner's list.
    Astray,
    Stargazers,
    /// Repositories of an owner who is gone.
    Orphans,
    Finish,
}

impl Cursor {
    pub(crate) fn start() -> Self {
        Self {
            version: CURSOR_VERSION,
            stage: Stage::Subject,
            subject: None,
            name: String::new(),
            list: None,
            after: 0,
            followers: Reach::default(),
            following: Reach::default(),
            repositories: Reach::default(),
        }
    }

    /// One that cannot be read, or of another version, is none: everything that was stored may be stored again.
    pub(crate) fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str::<Self>(text).ok())
            .filter(|cursor| cursor.version == CURSOR_VERSION)
            .unwrap_or_else(Self::start)
    }

    fn write(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// A claimed run and the cursor it is at.
pub(crate) struct Work {
    pub(crate) tools: Tools,
    pub(crate) run: Run,
    pub(crate) cursor: Cursor,
    pub(crate) meter: Arc<Meter>,
}

impl Work {
    pub(crate) fn new(tools: &Tools, run: Run) -> Self {
        Self {
            tools: tools.clone(),
            cursor: Cursor::read(run.cursor.as_deref()),
            meter: Arc::new(Meter::starting_at(run.cost.requests, run.cost.not_modified)),
            run,
        }
    }

    pub(crate) async fn perform(&mut self) -> Result<(), Stop> {
        match self.run.target.clone() {
            RunTarget::Developer(login) => self.sync_developer(&login).await,
            RunTarget::Repository { owner, name } => self.sync_repository(&owner, &name).await,
            RunTarget::Everything => self.discover().await,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.tools.store
    }

    pub(crate) fn now(&self) -> Moment {
        self.tools.now()
    }

    pub(crate) async fn fetch(&self, target: &str) -> Result<Answer, Stop> {
        Ok(self.tools.fetcher.fetch(target, &self.meter).await?)
    }

    /// The first of these targets that shows something.
    pub(crate) async fn fetch_either(
        &self,
        target: &str,
        otherwise: Option<String>,
    ) -> Result<Result<Document, Absence>, Stop> {
        let absence = match self.fetch(target).await? {
            Answer::Document(document) => return Ok(Ok(document)),
            Answer::Absent(absence) => absence,
        };
        let Some(otherwise) = otherwise else {
            return Ok(Err(absence));
        };
        Ok(match self.fetch(&otherwise).await? {
            Answer::Document(document) => Ok(document),
            Answer::Absent(absence) => Err(absence),
        })
    }

    /// Goes on to the next stage.
    pub(crate) async fn enter(&mut self, stage: Stage) -> Result<(), Stop> {
        self.cursor.stage = stage;
        self.cursor.list = None;
        self.cursor.after = 0;
        self.save().await
    }

    /// Writes how far the run got: from here it goes on, wherever it stops.
    pub(crate) async fn save(&mut self) -> Result<(), Stop> {
        self.note();
        let until = self.now().after(self.tools.rules.lease);
        match self.tools.store.renew_run(&self.run, until).await? {
            Finish::Written => Ok(()),
            Finish::NotYours | Finish::NotFound => Err(Stop::Lost),
        }
    }

    /// Brings the run's own account up to date.
    pub(crate) fn note(&mut self) {
        if self.cursor != Cursor::read(self.run.cursor.as_deref()) {
            self.run.got_on();
        }
        self.run.cursor = self.cursor.write();
        self.run.cost = Cost {
            requests: self.meter.requests(),
            not_modified: self.meter.not_modified(),
        };
    }

    pub(crate) fn progressed(&mut self, items: usize) {
        let items = i64::try_from(items).unwrap_or(i64::MAX);
        self.run.progress = Progress {
            page: self.run.progress.page + 1,
            pages: self.run.progress.pages,
            items: self.run.progress.items + items,
        };
    }
}

/// A body that cannot be read is GitHub's trouble, or that of something in between.
pub(crate) fn unreadable(error: super::documents::Unreadable) -> Stop {
    Stop::Trouble(Trouble::Again(error.to_string()))
}

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A login or a name as one part of a path.
pub(crate) fn part(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// `owner/name` as two parts of a path.
pub(crate) fn parts(full_name: &str) -> String {
    let parts: Vec<String> = full_name.split('/').map(part).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_and_an_unknown_one_starts_anew() {
        let mut cursor = Cursor::start();
        cursor.stage = Stage::Stargazers;
        cursor.after = 7;
        let text = cursor.write().unwrap();
        assert_eq!(Cursor::read(Some(&text)).after, 7);
        let other = text.replace("\"version\":1", "\"version\":2");
        for unknown in [None, Some("{}"), Some("nonsense"), Some(other.as_str())] {
            assert_eq!(Cursor::read(unknown).stage, Stage::Subject, "{unknown:?}");
        }
    }

    /// A cursor as the first version wrote it: runs that wait through an upgrade go on.
    #[test]
    fn yesterdays_cursor_is_read() {
        let text = r#"{"version":1,"stage":"followers","subject":5,"name":"o","list":{"pass":{"kind":"follows","anchor":{"to":5},"tick":3},"target":"/user/5/followers?per_page=100&page=2","page":1,"items":100,"digests":[9],"sent":true,"restarts":0,"left_out":false},"after":0}"#;
        let cursor = Cursor::read(Some(text));
        assert_eq!((cursor.stage, cursor.subject), (Stage::Followers, Some(5)));
        assert_eq!(cursor.list.unwrap().page, 1);
    }

    #[test]
    fn names_stay_one_part_of_a_path() {
        assert_eq!(part("dependabot[bot]"), "dependabot%5Bbot%5D");
        assert_eq!(parts("a.b/c_d-e~"), "a.b/c_d-e~");
        assert_eq!(parts("a/../b?c"), "a/../b%3Fc");
    }
}
