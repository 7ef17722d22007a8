//! What the events monitor's store does with 10,000 repositories and 5 million events, in a file and on a server.
//!
//! Events are made in this process; what is measured is inserting them as polls and backfills do, and what a request
//! for statistics costs: from the window in memory, and computed from the store for a window of another size.

use std::hint::black_box;
use std::path::Path;

use benches::Fallible;
use benches::effort::Effort;
use benches::latency::{Latencies, microseconds};
use benches::process::megabytes;
use benches::results::{Plot, Results, Section};
use events_stats::{
    Adding, Event, EventFilter, EventId, Extent, FullName, NewRepository, Page, RepositoryId,
    Standing, Statistics, Store, StoreOptions, Timestamp, Window,
};
use test_servers::Postgres;
use tokio::time::Instant;

/// What GH Archive's share of types is, roughly.
const KINDS: [&str; 8] = [
    "PushEvent",
    "PushEvent",
    "PushEvent",
    "PullRequestEvent",
    "IssueCommentEvent",
    "WatchEvent",
    "CreateEvent",
    "IssuesEvent",
];

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
const SPACING: i64 = 1_200;

struct Size {
    repositories: u64,
    events_each: u64,
    requests: usize,
}

struct Measured {
    inserted_per_second: f64,
    bytes: u64,
    resident_megabytes: f64,
    in_memory: Latencies,
    from_store: Latencies,
    page: Latencies,
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let effort = Effort::from_arguments();
    let size = Size {
        repositories: effort.choose(100, 10_000),
        events_each: 500,
        requests: effort.choose(200, 2_000),
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events.db");
    let sqlite = Store::open(&file.display().to_string(), StoreOptions::default()).await?;
    let on_file = measured(&sqlite, &size).await?;
    sqlite.close().await;
    let on_file = Measured {
        bytes: files(folder.path())?,
        ..on_file
    };
    let server = Postgres::start().await;
    let postgres = Store::open(&server.database("events"), StoreOptions::default()).await?;
    let on_server = measured(&postgres, &size).await?;
    let on_server = Measured {
        bytes: server
            .psql("events", "SELECT pg_database_size('events')")?
            .parse()?,
        ..on_server
    };
    let mut results = Results::new(
        "events_store",
        "The events monitor's store: inserting, statistics from memory and from the store, pages.",
    );
    results.notes.push(format!(
        "{} repositories, {} events of {} bytes.",
        size.repositories,
        size.repositories * size.events_each,
        event(1, 0).raw.len(),
    ));
    let stores = [("SQLite", &on_file), ("PostgreSQL", &on_server)];
    results.sections.extend([times(&stores), sizes(&stores)]);
    results.publish()
}

fn times(stores: &[(&str, &Measured)]) -> Section {
    let columns = [
        "in memory p50 us",
        "in memory p99 us",
        "from the store p50 us",
        "from the store p99 us",
        "page of 30 p50 us",
    ];
    let mut section = Section::new(
        "times",
        "Statistics of a repository, and a page of its events",
        "store",
        &columns,
    );
    for (name, one) in stores {
        let times = [
            one.in_memory.median(),
            one.in_memory.p99(),
            one.from_store.median(),
            one.from_store.p99(),
            one.page.median(),
        ];
        section.row(*name, times.map(|time| Some(microseconds(time))));
    }
    section
}

fn sizes(stores: &[(&str, &Measured)]) -> Section {
    let columns = ["events inserted/s", "size MB", "memory of the process MB"];
    let mut section = Section::new("store", "Inserting, and what it takes", "store", &columns);
    for (name, one) in stores {
        section.row(
            *name,
            [
                Some(one.inserted_per_second),
                Some(one.bytes as f64 / 1e6),
                Some(one.resident_megabytes),
            ],
        );
    }
    section.drawn(Plot::Bars)
}

async fn measured(store: &Store, size: &Size) -> Fallible<Measured> {
    let ids = registered(store, size.repositories).await?;
    let begun = Instant::now();
    let mut number = 0;
    for (at, id) in ids.iter().enumerate() {
        let events: Vec<Event> = (0..size.events_each)
            .map(|nth| {
                number += 1;
                event(
                    number,
                    i64::try_from(nth).unwrap_or(0) * SPACING + at as i64 % SPACING,
                )
            })
            .collect();
        let new = store.insert(*id, &events).await?;
        if new.len() != events.len() {
            return Err("an event was not new".into());
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let now = Timestamp::from_seconds(START + i64::try_from(size.events_each)? * SPACING);
    let chosen = |nth: usize| ids[nth * 7_919 % ids.len()];
    let mut in_memory = Latencies::default();
    let mut from_store = Latencies::default();
    let mut page = Latencies::default();
    let kept = store.window(chosen(0), Extent::default(), now).await?;
    for nth in 0..size.requests {
        let begun = Instant::now();
        answered(kept.clone(), now)?;
        in_memory.record(begun.elapsed());
        let other = Extent {
            days: 5,
            max_events: 400,
        };
        let begun = Instant::now();
        let window = store.window(chosen(nth), other, now).await?;
        store.gaps(chosen(nth)).await?;
        answered(window, now)?;
        from_store.record(begun.elapsed());
        let begun = Instant::now();
        let number = u32::try_from(nth % 10 + 1)?;
        let asked = Page { number, size: 30 };
        let events = store
            .events(chosen(nth), &EventFilter::default(), asked)
            .await?;
        page.record(begun.elapsed());
        if events.events.len() != 30 {
            return Err("a page is not full".into());
        }
    }
    Ok(Measured {
        inserted_per_second: number as f64 / took,
        bytes: 0,
        resident_megabytes: megabytes(std::process::id(), "VmHWM:")?,
        in_memory,
        from_store,
        page,
    })
}

async fn registered(store: &Store, count: u64) -> Fallible<Vec<RepositoryId>> {
    let now = Timestamp::from_seconds(START);
    let new = (1..=count).map(|number| {
        Ok(NewRepository {
            full_name: FullName::of("octo", &format!("repository-{number}"))?,
            github_id: Some(number),
            standing: Standing::Inactive,
        })
    });
    let new = new.collect::<Fallible<Vec<_>>>()?;
    match store.add(&new, 5, now).await? {
        Adding::Done(added) => Ok(added.iter().map(|one| one.repository.id).collect()),
        Adding::LimitReached(_) => Err("none is active".into()),
    }
}

/// The whole answer, as JSON.
fn answered(mut window: Window, now: Timestamp) -> Fallible<()> {
    let report = window.report(Some(Timestamp::from_seconds(START)), &[], now);
    let kinds: Vec<String> = window.kinds().map(str::to_owned).collect();
    let stats: Vec<Statistics> = kinds.iter().map(|kind| window.statistics(kind)).collect();
    let all = window.together(&[]);
    if all.count == 0 || stats.len() != 6 {
        return Err("the window is not what was stored".into());
    }
    black_box(serde_json::to_vec(&(report, stats, all))?);
    Ok(())
}

/// A push as feeds show it since October 2025.
fn event(number: u64, seconds: i64) -> Event {
    let kind = KINDS[usize::try_from(number).unwrap_or(0) % KINDS.len()];
    let at = Timestamp::from_seconds(START + seconds);
    let login = format!("user-{}", number % 5_003);
    let raw = format!(
        r#"{{"id":"{id}","type":"{kind}","actor":{{"id":583231,"login":"{login}","display_login":"{login}","gravatar_id":"","url":"https://api.github.com/users/{login}","avatar_url":"https://avatars.githubusercontent.com/u/583231?"}},"repo":{{"id":1296269,"name":"octo/repository-1","url":"https://api.github.com/repos/octo/repository-1"}},"payload":{{"repository_id":1296269,"push_id":{id},"ref":"refs/heads/master","head":"7a8f3ac80e2ad2f6842cb86f576d4bfe2c03e300","before":"883efe034920928c47fe18598c01249d1a9fdabd"}},"public":true,"created_at":"{at}"}}"#,
        id = 22_249_084_964 + number,
    );
    Event {
        id: EventId(22_249_084_964 + number),
        kind: kind.into(),
        created_at: at,
        actor: login.into(),
        repository_id: 1_296_269,
        repository: "octo/repository-1".into(),
        raw: raw.into(),
    }
}

fn files(folder: &Path) -> Fallible<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
