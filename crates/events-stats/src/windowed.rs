//! One repository's window together with what is known of its gaps: what every answer about it is made from.

use std::sync::Arc;

use crate::Timestamp;
use crate::name::FullName;
use crate::picture::{Point, Scene};
use crate::routes::shapes::StatisticsObject;
use crate::statistics::Statistics;
use crate::store::{Repository, Store, StoreError};
use crate::window::{Extent, WindowReport};
use crate::windows::Watched;

/// A window as of a moment.
#[derive(Clone, Debug)]
pub(crate) struct Windowed {
    name: FullName,
    watched: Arc<Watched>,
    report: WindowReport,
}

impl Windowed {
    /// Reads it from the store.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn read(
        store: &Store,
        repository: &Repository,
        extent: Extent,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let watched = Watched {
            window: store.window(repository.id, extent, now).await?,
            gaps: store.gaps(repository.id).await?,
            covered_from: repository.covered_from,
        };
        Ok(Self::of(&repository.full_name, Arc::new(watched), now))
    }

    /// Of a window without anything that is too old now.
    pub(crate) fn of(name: &FullName, watched: Arc<Watched>, now: Timestamp) -> Self {
        let report = watched
            .window
            .described(watched.covered_from, &watched.gaps, now);
        Self {
            name: name.clone(),
            watched,
            report,
        }
    }

    /// What it covers.
    pub(crate) fn report(&self) -> &WindowReport {
        &self.report
    }

    /// The numbers, of these types or of all that occur.
    pub(crate) fn object(&self, types: &[String], now: Timestamp) -> StatisticsObject {
        let asked: Vec<&str> = types.iter().map(String::as_str).collect();
        let window = &self.watched.window;
        let stats: Vec<Statistics> = match asked.is_empty() {
            true => window.kinds().map(|kind| window.statistics(kind)).collect(),
            false => asked.iter().map(|kind| window.statistics(kind)).collect(),
        };
        StatisticsObject {
            repository: self.name.to_string(),
            window: self.report.clone(),
            computed_at: now,
            stats,
            all: window.together(&asked),
        }
    }

    /// What can be drawn of it, of these types or of all.
    pub(crate) fn scene<T>(&self, types: &[String], draw: impl FnOnce(&Scene<'_>) -> T) -> T {
        let points: Vec<Point<'_>> = self
            .watched
            .window
            .events()
            .filter(|(_, kind)| types.is_empty() || types.iter().any(|one| one == kind))
            .map(|(at, kind)| Point { at, kind })
            .collect();
        draw(&Scene {
            repository: self.name.as_str(),
            from: self.report.from,
            to: self.report.to,
            events: &points,
            gaps: &self.report.gaps,
        })
    }
}
