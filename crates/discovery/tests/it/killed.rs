//! Workers that are killed at random points lose no task, run none twice to its end, and double no edge.

use tokio::process::Child;

use crate::rig::{PEOPLE, Rig, count, until};

/// Kills one worker after the other until so many have died, then lets the rest finish.
async fn drill(rig: &Rig, database: &str, workers: usize, deaths: u32) -> usize {
    let mut seed = vec!["seed"];
    seed.extend(PEOPLE);
    let ids = rig.said(database, &seed).await;
    assert_eq!(ids.lines().count(), PEOPLE.len());
    // The same again is the same.
    assert_eq!(rig.said(database, &seed).await, ids);

    let mut alive: Vec<Child> = (0..workers).map(|_| rig.worker(database)).collect();
    let mut chance = 20_261_126_u64;
    for _ in 0..deaths {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // A moment of another process: no clock of ours decides it.
        let asked = rig.sim.counters().total;
        let more = 3 + chance % 10;
        until("the workers have got on", async || {
            rig.sim.counters().total >= asked + more || idle(rig, database).await
        })
        .await;
        let victim = usize::try_from(chance >> 33).unwrap() % workers;
        alive[victim].kill().await.unwrap();
        alive[victim] = rig.worker(database);
    }
    until("every task has ended", async || idle(rig, database).await).await;
    PEOPLE.len()
}

async fn idle(rig: &Rig, database: &str) -> bool {
    let status = rig.said(database, &["status"]).await;
    ["queued", "waiting_quota", "running"]
        .iter()
        .all(|state| count(&status, state) == 0)
}

async fn check(rig: &Rig, database: &str, tasks: usize) {
    let status = rig.said(database, &["status"]).await;
    assert_eq!(
        count(&status, "done"),
        i64::try_from(tasks).unwrap(),
        "{status}"
    );
    for state in ["failed", "dead", "cancelled"] {
        assert_eq!(count(&status, state), 0, "{status}");
    }
    // As one worker that nobody kills would have it.
    let calm = rig.file("calm.db");
    for login in PEOPLE {
        rig.said(&calm, &["sync", "user", login]).await;
    }
    let (found, expected) = (rig.edges(database).await, rig.edges(&calm).await);
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
    for kind in ["follows", "stars", "owns"] {
        let counted = rig.status(database, kind).await;
        assert_eq!(counted, rig.status(&calm, kind).await, "{kind}");
    }
}

#[tokio::test]
async fn one_worker_on_sqlite() {
    let rig = Rig::start().await;
    let database = rig.file("killed.db");
    let tasks = drill(&rig, &database, 1, 6).await;
    check(&rig, &database, tasks).await;
}

#[tokio::test]
async fn four_workers_on_postgresql() {
    let rig = Rig::start().await;
    let server = test_servers::Postgres::start().await;
    let database = server.database("killed");
    let tasks = drill(&rig, &database, 4, 10).await;
    check(&rig, &database, tasks).await;
}
