//! How long the list pages of discovery take with a million developers and ten million edges, in both databases.
//!
//! The API is asked in this process, bodies read to their end; the databases are real. Developers follow ten others
//! each; ten of them, the newest, have a hundred times as many followers.

use std::sync::Arc;

use axum::body::Body;
use benches::Fallible;
use benches::effort::Effort;
use benches::latency::{Latencies, microseconds};
use benches::results::{Plot, Results, Section};
use discovery::{Api, ApiParts, Config, Store, add_user};
use http::Request;
use http_body_util::BodyExt as _;
use service_runtime::{Clock as _, Metrics, Shutdown, SystemClock};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::time::Instant;

const PAGES: [(&str, &str); 9] = [
    ("first page", "/github/developers/"),
    ("page 2", "/github/developers/?page=2"),
    ("page 1,000", "/github/developers/?page=1000"),
    ("the middle page", "/github/developers/?page=MIDDLE"),
    ("last page", "/github/developers/?page=last"),
    (
        "relations=count",
        "/github/developers/?page=2&relations=count",
    ),
    ("login=", "/github/developers/?login=dev4711"),
    (
        "followers_count__gte=, first",
        "/github/developers/?followers_count__gte=990",
    ),
    ("repositories", "/github/repositories/"),
];

const COLUMNS: [&str; 4] = [
    "SQLite p50 ms",
    "SQLite p99 ms",
    "PostgreSQL p50 ms",
    "PostgreSQL p99 ms",
];

#[tokio::main]
async fn main() -> Fallible<()> {
    let effort = Effort::from_arguments();
    let developers = effort.choose(20_000_i64, 1_000_000);
    let rounds = effort.choose(10, 60);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("discovery.db");
    let sqlite = path.display().to_string();
    Store::open(&sqlite, 4).await?.close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{sqlite}")).await?;
    for statement in statements(developers, &["ANALYZE"]) {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection.close().await?;
    let server = test_servers::Postgres::start().await;
    let postgres = server.database("discovery");
    Store::open(&postgres, 4).await?.close().await;
    let mut connection = PgConnection::connect(&postgres).await?;
    for statement in statements(developers, &["VACUUM ANALYZE"]) {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection.close().await?;
    let in_sqlite = measure(&sqlite, developers, rounds).await?;
    let in_postgres = measure(&postgres, developers, rounds).await?;
    let mut results = Results::new(
        "discovery_pages",
        "List pages of the discovery crawler, asked within the process over real databases.",
    );
    let size = format!(
        "{developers} developers and ten times as many edges; ten developers have a hundred times as many followers. {rounds} reads of each page."
    );
    results.notes.push(size);
    let mut section = Section::new("pages", "Pages of a list", "page", &COLUMNS);
    for (((name, _), one), other) in PAGES.iter().zip(in_sqlite).zip(in_postgres) {
        let times = [one.median(), one.p99(), other.median(), other.p99()];
        section.row(*name, times.map(|time| Some(microseconds(time) / 1e3)));
    }
    results.sections.push(section.drawn(Plot::Bars));
    results.publish()
}

/// Both databases read these. Indexes are made after the rows, as whoever loads so much at once would.
fn statements(developers: i64, end: &[&str]) -> Vec<String> {
    let repositories = developers / 2;
    let numbers = |count: i64| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
        )
    };
    let edges = |kind: i64, each: i64, targets: i64| {
        format!(
            "{} , m(j) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT j + 1 FROM m WHERE j < {each}) \
             INSERT INTO edges (kind, from_id, to_id, opened_at, seen) \
             SELECT {kind}, i, 1 + (i * 7919 + j * 104729 + i * j * 31) % {targets}, 0, 1 FROM n, m \
             WHERE true ON CONFLICT (kind, from_id, to_id) DO NOTHING",
            numbers(developers)
        )
    };
    let hot = format!(
        "{} INSERT INTO edges (kind, from_id, to_id, opened_at, seen) \
         SELECT 1, i, {developers} - i % 10, 0, 1 FROM n \
         WHERE true ON CONFLICT (kind, from_id, to_id) DO NOTHING",
        numbers(10_000.min(developers / 2))
    );
    let mut all = vec![
        "DROP INDEX edges_open_from".to_owned(),
        "DROP INDEX edges_open_to".to_owned(),
        format!(
            "{} INSERT INTO developers (github_id, login, login_key, login_seen_at, name, created_at, updated_at, \
             followers_count, following_count, public_gists, public_repos, fetched_at, depth, first_seen_at, due_at) \
             SELECT i, 'dev' || i, 'dev' || i, 0, 'Name ' || i, (i / 3) * 1500000, 0, i % 1000, 10, 0, 1, 0, 1, 0, 0 FROM n",
            numbers(developers)
        ),
        format!(
            "{} INSERT INTO repositories (github_id, owner_id, name, full_name, full_name_key, name_seen_at, created_at, \
             stargazers_count, first_seen_at, due_at) \
             SELECT i, i, 'r' || i, 'dev' || i || '/r' || i, 'dev' || i || '/r' || i, 0, i * 1000000, 2, 0, 0 FROM n",
            numbers(repositories)
        ),
        edges(1, 9, developers),
        edges(2, 1, repositories),
        hot,
        "CREATE INDEX edges_open_from ON edges (kind, from_id, to_id, closed_at) WHERE closed_at IS NULL"
            .to_owned(),
        "CREATE INDEX edges_open_to ON edges (kind, to_id, from_id, closed_at) WHERE closed_at IS NULL"
            .to_owned(),
        format!("UPDATE counters SET value = {developers} WHERE name = 'developers'"),
        format!("UPDATE counters SET value = {repositories} WHERE name = 'repositories'"),
    ];
    // As the migration counts what was there before it.
    all.extend(["developers", "repositories"].map(|list| {
        format!(
            "INSERT INTO ages (list, bucket, items) \
             SELECT '{list}', COALESCE(created_at >> 31, -4294967297), count(*) FROM {list} GROUP BY 2"
        )
    }));
    all.extend(end.iter().map(|&statement| statement.to_owned()));
    all
}

async fn measure(url: &str, developers: i64, rounds: usize) -> Fallible<Vec<Latencies>> {
    let store = Store::open(url, 4).await?;
    let clock = SystemClock;
    let key = add_user(&store, "bench", "a long password", clock.now()).await?;
    let parts = ApiParts {
        store: store.clone(),
        clock: Arc::new(clock),
        metrics: Metrics::new("bench")?,
        readiness: Shutdown::new().readiness(),
        access_log: None,
    };
    let api = Api::new(&Config::default(), parts)?;
    let mut all = Vec::new();
    for (name, path) in PAGES {
        let path = path.replace("MIDDLE", &(developers / 20).to_string());
        let mut times = Latencies::default();
        for _ in 0..rounds {
            let request = Request::get(&path).header("x-api-key", &key);
            let started = Instant::now();
            let answer = api.answer(request.body(Body::empty())?).await;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            times.record(started.elapsed());
            let items = body
                .windows(10)
                .filter(|part| *part == b"\"last_full")
                .count();
            if status != 200 || items == 0 {
                return Err(format!("{name}: {status}, {items} items").into());
            }
        }
        all.push(times);
    }
    store.close().await;
    Ok(all)
}
