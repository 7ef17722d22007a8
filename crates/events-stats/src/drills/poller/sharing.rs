//! Several processes on one database: each repository is polled by one of them, once in an interval.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::store::{Store, StoreOptions};
use github_sim::Simulator;
use test_servers::Postgres;

use crate::drills::rig::{Github, Monitor, added, every_five_minutes, opened};

/// First pages asked for, by repository.
fn asked(sim: &Simulator) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in sim.requests() {
        if let Some(path) = request.target.strip_suffix("/events?per_page=100") {
            *asked.entry(path.to_owned()).or_default() += 1;
        }
    }
    asked
}

#[tokio::test]
async fn nobody_polls_twice_and_who_is_killed_is_replaced() {
    let server = Postgres::start().await;
    let address = server.database("events");
    let github = Github::start().await;
    let (one, two) = (opened(&address).await, opened(&address).await);
    for name in ["a", "b", "c"] {
        github.repository(name);
        github.happen(name, 5, 60);
        added(&one, &format!("octo/{name}")).await;
    }
    let first = Monitor::over(&github, one, every_five_minutes());
    let second = Monitor::over(&github, two, every_five_minutes());
    for interval in 1..=4 {
        // Both at once, again and again, and each renews its leases every ten seconds.
        for _ in 0..30 {
            tokio::join!(first.round(), second.round());
            github.pass(10);
        }
        let asked = asked(&github.sim);
        assert_eq!(asked.len(), 3);
        assert!(asked.values().all(|count| *count == interval), "{asked:?}");
    }
    // Killed: its leases stay until they end.
    let (dead, alive) = match first.windows.watched(first.repository("a").await.id) {
        Some(_) => (first, second),
        None => (second, first),
    };
    drop(dead);
    let before = asked(&github.sim);
    alive.round().await;
    assert_eq!(asked(&github.sim), before);
    for name in ["a", "b", "c"] {
        github.happen(name, 1, 0);
    }
    github.pass(30);
    alive.round().await;
    let after = asked(&github.sim);
    for (path, count) in &before {
        assert_eq!(after[path], count + 1, "{path}");
    }
    for name in ["a", "b", "c"] {
        assert_eq!(alive.ids(name).await.len(), 6);
        assert_eq!(alive.gaps(name).await, []);
    }
}

#[tokio::test]
async fn the_database_may_be_away_for_a_while() {
    let mut server = Postgres::start().await;
    let address = server.database("events");
    let github = Github::start().await;
    let options = StoreOptions {
        wait: Duration::from_secs(2),
        ..StoreOptions::default()
    };
    let store = Store::open(&address, options).await.unwrap();
    github.repository("r");
    added(&store, "octo/r").await;
    let monitor = Monitor::over(&github, store, every_five_minutes());
    github.happen("r", 2, 60);
    monitor.round().await;
    server.psql("postgres", "CHECKPOINT").unwrap();
    server.kill();
    github.pass(300);
    let asked = github.polls();
    monitor.poller.round().await.unwrap_err();
    assert_eq!(
        github.polls(),
        asked,
        "what cannot be stored is not asked for"
    );
    server.start_again().await;
    github.happen("r", 1, 0);
    github.pass(40);
    monitor.round().await;
    assert_eq!(monitor.ids("r").await.len(), 3);
    assert_eq!(monitor.gaps("r").await, []);
}
