//! Statistics on the command line: for people, for programs, for spreadsheets.

use std::fmt::Write as _;

use service_runtime::Failure;

use super::{Administration, stored};
use crate::picture::duration;
use crate::routes::shapes::StatisticsObject;
use crate::statistics::Statistics;
use crate::store::Repository;
use crate::window::Extent;
use crate::windowed::Windowed;

/// How statistics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticsForm {
    /// A table for people.
    Table,
    /// The objects of the interface.
    Json,
    /// A line for each type.
    Csv,
}

/// Which statistics are wanted.
#[derive(Clone, Debug)]
pub struct StatisticsChoice {
    /// Of this repository; of all active ones where none is named.
    pub name: Option<String>,
    /// Only these types; all where none is named.
    pub types: Vec<String>,
    /// How far the window reaches.
    pub extent: Extent,
}

const HEADINGS: [&str; 11] = [
    "repository",
    "type",
    "count",
    "average_seconds",
    "median_seconds",
    "p90_seconds",
    "min_seconds",
    "max_seconds",
    "first_at",
    "last_at",
    "rate_per_hour",
];

impl Administration {
    /// How far apart the events of a repository are, or of all active ones.
    ///
    /// # Errors
    /// When the repository is not watched, or the database fails.
    pub async fn statistics(
        &self,
        choice: &StatisticsChoice,
        form: StatisticsForm,
    ) -> Result<String, Failure> {
        let repositories: Vec<Repository> = match &choice.name {
            Some(name) => vec![self.find(name).await?],
            None => self.desk.store.active().await.map_err(stored)?,
        };
        let now = self.now();
        let mut objects = Vec::with_capacity(repositories.len());
        for repository in &repositories {
            let read = Windowed::read(&self.desk.store, repository, choice.extent, now).await;
            objects.push(read.map_err(stored)?.object(&choice.types, now));
        }
        let json = match (form, &choice.name, objects.as_slice()) {
            (StatisticsForm::Table, ..) => return Ok(table(&objects)),
            (StatisticsForm::Csv, ..) => return Ok(csv(&objects)),
            (StatisticsForm::Json, Some(_), [one]) => serde_json::to_string_pretty(one),
            (StatisticsForm::Json, ..) => serde_json::to_string_pretty(&objects),
        };
        let json = json.map_err(|error| Failure::start("cannot write JSON").because(error))?;
        Ok(json + "\n")
    }
}

fn rows(object: &StatisticsObject) -> impl Iterator<Item = (&str, &Statistics)> {
    let rows = object.stats.iter().chain([&object.all]);
    rows.map(|row| (row.kind.as_deref().unwrap_or("all"), row))
}

fn table(objects: &[StatisticsObject]) -> String {
    let mut text = String::new();
    for object in objects {
        let complete = match object.window.complete {
            true => "complete",
            false => "not complete",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {} events from {} to {}, {complete}",
            object.repository, object.window.events, object.window.from, object.window.to
        );
        for gap in &object.window.gaps {
            let reason = gap.reason.as_str();
            let _ = writeln!(
                text,
                "  events may be missing from {} to {} ({reason})",
                gap.from, gap.to
            );
        }
        for (name, row) in rows(object) {
            let shown = |seconds: Option<f64>| seconds.map_or("-".to_owned(), duration);
            let _ = writeln!(
                text,
                "  {name:<30} {:>6}  mean {:>8}  median {:>8}  {:>9.3} per hour",
                row.count,
                shown(row.average_seconds),
                shown(row.median_seconds),
                row.rate_per_hour
            );
        }
    }
    text
}

/// Names and types have no character that would need quotes.
fn csv(objects: &[StatisticsObject]) -> String {
    fn cell(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let mut text = HEADINGS.join(",") + "\n";
    for object in objects {
        for (name, row) in rows(object) {
            let cells = [
                object.repository.clone(),
                name.to_owned(),
                row.count.to_string(),
                cell(row.average_seconds),
                cell(row.median_seconds),
                cell(row.p90_seconds),
                cell(row.min_seconds),
                cell(row.max_seconds),
                cell(row.first_at),
                cell(row.last_at),
                row.rate_per_hour.to_string(),
            ];
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}
