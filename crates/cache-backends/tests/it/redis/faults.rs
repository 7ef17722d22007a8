//! A sick Redis: every load ends within its time, nothing panics, and the store heals by itself.

use std::sync::Arc;
use std::time::Duration;

use cache_backends::conformance::{Sample, key};
use cache_backends::{
    CacheStore, RedisConnection, RedisDeployment, RedisOptions, RedisStats, Secret,
};
use test_servers::{Cluster, Network, Plan, Programs, Sentinels, Server, until};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::forms::{behind, nodes};
use super::{Store, at, connected, nobody, options, standalone};

/// What a production server would have.
const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// What a busy test machine may add before a timer is looked at.
const SLACK: Duration = Duration::from_millis(450);

fn impatient(form: RedisOptions) -> RedisOptions {
    RedisOptions {
        read_timeout: READ_TIMEOUT,
        write_timeout: Duration::from_millis(500),
        unresponsive_after: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        ..form
    }
}

/// Loads until `is_enough`, and holds every one of them to its time.
async fn load_until(
    store: &Store,
    what: &str,
    mut is_enough: impl FnMut(&RedisStats, bool) -> bool,
) {
    until(what, async || {
        let start = Instant::now();
        let loaded = store.load(&key(1)).await;
        let took = start.elapsed();
        assert!(took <= READ_TIMEOUT + SLACK, "{what}: {took:?} {loaded:?}");
        if let Err(error) = &loaded {
            assert!(error.is_timeout() || error.is_unavailable(), "{error}");
        }
        is_enough(&store.stats(), loaded.is_ok()).then_some(())
    })
    .await;
}

/// Writes until one has reached Redis, so that it is known to take them again.
async fn write_until_done(store: &Store) {
    let before = store.stats().writes_done;
    until("a write to arrive", async || {
        let _ = store.merge(&key(1), Sample::new(1, 10)).await;
        (store.stats().writes_done > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_and_started_again() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut server = Plan::plain(&programs).start().await;
    let store = connected(&impatient(standalone(&server))).await;
    write_until_done(&store).await;
    store.flush().await;
    for _ in 0..3 {
        server.kill();
        let errors = store.stats().load_errors;
        load_until(&store, "errors while it is away", |stats, _| {
            stats.load_errors >= errors + 20
        })
        .await;
        let connects = store.stats().connects;
        server.start().await;
        load_until(&store, "it to be back", |_, is_ok| is_ok).await;
        until("it to be counted", async || {
            (store.stats().connects > connects).then_some(())
        })
        .await;
        assert_eq!(store.load(&key(1)).await.unwrap(), None, "it forgot all");
        write_until_done(&store).await;
        store.flush().await;
        assert!(store.load(&key(1)).await.unwrap().is_some());
    }
    assert!(store.stats().connection_errors > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hanging_and_woken_up() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let store = connected(&impatient(standalone(&server))).await;
    write_until_done(&store).await;
    store.flush().await;

    server.freeze();
    load_until(&store, "timeouts", |stats, _| stats.load_timeouts >= 5).await;
    // The silence is noticed: from now on nobody waits at all.
    load_until(&store, "the connection to be given up", |stats, _| {
        stats.load_errors >= 20
    })
    .await;
    assert_eq!(store.connection(), RedisConnection::Down);
    server.thaw();
    load_until(&store, "it to be back", |_, is_ok| is_ok).await;
    write_until_done(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_short_hang_costs_timeouts_and_no_connection() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        unresponsive_after: Duration::from_secs(60),
        ..impatient(standalone(&server))
    };
    let store = connected(&form).await;
    server.freeze();
    load_until(&store, "timeouts", |stats, _| stats.load_timeouts >= 10).await;
    server.thaw();
    load_until(&store, "it to be back", |_, is_ok| is_ok).await;
    let stats = store.stats();
    assert_eq!((stats.connects, stats.connection_errors), (1, 0));
    // Answers that came too late are not taken for those of later questions.
    for number in 2..50 {
        let value = Sample::new(number, 10);
        store.merge(&key(number), value.clone()).await.unwrap();
        store.flush().await;
        until("the right answer", async || {
            let loaded = store.load(&key(number)).await.ok()?;
            assert_eq!(loaded.as_ref(), Some(&value));
            Some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_survive_a_restart_of_the_server() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        write_patience: Duration::from_secs(600),
        ..impatient(standalone(&server))
    };
    let store = connected(&form).await;
    server.kill();
    for number in 0..100 {
        store
            .merge(&key(number), Sample::new(number, 10))
            .await
            .unwrap();
    }
    store.remove(&key(7)).await.unwrap();
    assert!(
        store.load(&key(1)).await.unwrap().is_some(),
        "this process sees its own"
    );
    assert_eq!(store.load(&key(7)).await.unwrap(), None);
    until("retries", async || {
        (store.stats().write_retries > 0).then_some(())
    })
    .await;
    server.start().await;
    store.flush().await;
    assert_eq!(store.stats().writes_dropped, 0);
    let reader = connected(&standalone_like(&form)).await;
    for number in (0..100).filter(|number| *number != 7) {
        assert!(reader.load(&key(number)).await.unwrap().is_some());
    }
    assert_eq!(reader.load(&key(7)).await.unwrap(), None);
}

/// The same servers and keys, read with patience.
fn standalone_like(form: &RedisOptions) -> RedisOptions {
    RedisOptions {
        read_timeout: Duration::from_secs(5),
        ..form.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_there_from_the_start() {
    let form = RedisOptions {
        write_queue: 10,
        write_patience: Duration::from_millis(300),
        ..impatient(options(RedisDeployment::Standalone {
            primary: nobody(),
            reader: None,
        }))
    };
    let store = Store::new(form).unwrap();
    let mut refused = 0;
    for number in 0..30 {
        let start = Instant::now();
        match store.merge(&key(number), Sample::new(1, 10)).await {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_unavailable(), "{error}");
                refused += 1;
            }
        }
        assert!(start.elapsed() < SLACK, "a write never waits");
    }
    assert_eq!(refused, 20, "the queue is full");
    let stats = store.stats();
    assert_eq!((stats.writes_queued, stats.writes_refused), (10, 20));
    assert_eq!(stats.queue_keys, 10);
    let error = store.remove(&key(29)).await.unwrap_err();
    assert!(error.is_unavailable());
    assert!(store.load(&key(29)).await.unwrap_err().is_unavailable());
    // What waits too long is given up, and the queue takes writes again.
    store.flush().await;
    let stats = store.stats();
    assert_eq!((stats.writes_dropped, stats.queue_keys), (10, 0));
    assert_eq!(stats.queue_bytes, 0);
    assert!(stats.last_error.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_password_that_becomes_right_needs_no_restart() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let wrong = ["ACL", "SETUSER", "mirror", "on", ">old", "~*", "+@all"];
    assert_eq!(server.ask(&wrong), "OK");
    let store = Store::new(RedisOptions {
        username: Some("mirror".to_owned()),
        password: Some(Secret::new("new")),
        ..impatient(standalone(&server))
    })
    .unwrap();
    until("the refusal", async || {
        (store.stats().connection_errors > 1).then_some(())
    })
    .await;
    assert!(store.load(&key(1)).await.unwrap_err().is_unavailable());
    let trouble = store.stats().last_error.unwrap();
    assert!(trouble.contains("WRONGPASS"), "{trouble}");
    assert_eq!(server.ask(&["ACL", "SETUSER", "mirror", ">new"]), "OK");
    load_until(&store, "it to get in", |_, is_ok| is_ok).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_server_refuses_writes_and_goes_on_answering() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let store = connected(&standalone(&server)).await;
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.flush().await;
    let full = [
        "CONFIG",
        "SET",
        "maxmemory",
        "1",
        "maxmemory-policy",
        "noeviction",
    ];
    assert_eq!(server.ask(&full), "OK");
    for number in 1..20 {
        store.merge(&key(number), Sample::new(2, 10)).await.unwrap();
    }
    store.flush().await;
    let stats = store.stats();
    assert_eq!((stats.writes_done, stats.writes_dropped), (1, 19));
    assert_eq!(stats.write_errors, 19);
    let trouble = stats.last_error.unwrap();
    assert!(trouble.contains("OOM"), "{trouble}");
    let old = store.load(&key(1)).await.unwrap().unwrap();
    assert_eq!(old.newest(), 1, "what was there is still answered");
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    write_until_done(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_read_is_a_miss_and_is_written_over() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let store = connected(&form).await;
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.flush().await;
    let name = server.ask(&["RANDOMKEY"]);
    let length: usize = server.ask(&["STRLEN", &name]).parse().unwrap();

    // 8 bytes revision, two that never change, then the version.
    let damages: [&[&str]; 4] = [
        &["SETRANGE", &name, "10", "\u{7f}"],
        &["SETRANGE", &name, &(length - 1).to_string(), "x"],
        &["SET", &name, "short"],
        &["SET", &name, ""],
    ];
    for (nth, damage) in damages.iter().enumerate() {
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
        store.flush().await;
        assert!(store.load(&key(1)).await.unwrap().is_some());
        server.ask(damage);
        assert_eq!(store.load(&key(1)).await.unwrap(), None, "{damage:?}");
        assert_eq!(store.stats().unreadable, nth as u64 + 1);
    }
    store.merge(&key(1), Sample::new(5, 10)).await.unwrap();
    store.flush().await;
    assert_eq!(store.load(&key(1)).await.unwrap(), Some(Sample::new(5, 10)));

    // Something that is no string at all.
    server.ask(&["DEL", &name]);
    server.ask(&["LPUSH", &name, "x"]);
    assert!(store.load(&key(1)).await.unwrap_err().is_corrupt());
    let dropped = store.stats().writes_dropped;
    store.merge(&key(1), Sample::new(6, 10)).await.unwrap();
    store.flush().await;
    assert_eq!(store.stats().writes_dropped, dropped + 1);
    store.remove(&key(1)).await.unwrap();
    store.merge(&key(1), Sample::new(7, 10)).await.unwrap();
    store.flush().await;
    assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sentinel_primary_is_killed() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut sentinels = Sentinels::start(&programs).await;
    let store = connected(&impatient(behind(&sentinels))).await;
    write_until_done(&store).await;
    store.flush().await;
    until("the replica to have it", async || {
        (sentinels.replica.ask(&["DBSIZE"]) == "1").then_some(())
    })
    .await;
    sentinels.primary.kill();
    load_until(&store, "errors", |stats, _| stats.load_errors > 0).await;
    load_until(&store, "the replica to take over", |_, is_ok| is_ok).await;
    assert!(
        store.load(&key(1)).await.unwrap().is_some(),
        "it has the value"
    );
    write_until_done(&store).await;
    assert_eq!(
        sentinels.replica.info("replication", "role").as_deref(),
        Some("master")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slot_moves_while_it_is_used() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    let form = RedisOptions {
        write_patience: Duration::from_secs(600),
        ..options(RedisDeployment::Cluster {
            seeds: nodes(&cluster),
        })
    };
    let (one, other) = (connected(&form).await, connected(&form).await);
    one.merge(&key(1), Sample::new(0, 10)).await.unwrap();
    one.flush().await;
    let holder = |cluster: &Cluster| {
        let holds = |node: &Server| node.ask(&["DBSIZE"]) == "1";
        cluster.nodes.iter().position(holds)
    };
    let from = holder(&cluster).unwrap();
    let to = (from + 1) % 3;
    let name = cluster.nodes[from].ask(&["RANDOMKEY"]);
    let slot: u16 = cluster.nodes[0]
        .ask(&["CLUSTER", "KEYSLOT", &name])
        .parse()
        .unwrap();

    let mut version = 0;
    let mut use_it = async |times: u64| {
        for _ in 0..times {
            version += 1;
            one.merge(&key(1), Sample::new(version, 10)).await.unwrap();
            one.flush().await;
            until("the latest value", async || {
                let loaded = other.load(&key(1)).await.ok()??;
                assert_eq!(loaded.newest(), version);
                assert_eq!(loaded.marks().len() as u64, version + 1, "none is lost");
                Some(())
            })
            .await;
        }
    };
    use_it(10).await;
    cluster.open_slot(slot, from, to);
    use_it(10).await;
    // Half moved: the key is at the new node, the slot at the old one.
    let port = cluster.nodes[to].port().to_string();
    let moved = cluster.nodes[from].ask(&["MIGRATE", "127.0.0.1", &port, &name, "0", "5000"]);
    assert_eq!(moved, "OK");
    let before = (one.stats(), other.stats());
    one.merge(&key(1), Sample::new(0, 10)).await.unwrap();
    for _ in 0..20 {
        // fred does not follow to the new node: a miss with an error, and a write that waits.
        let error = other.load(&key(1)).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert!(one.load(&key(1)).await.unwrap().is_some(), "its own");
    }
    until("a retry", async || {
        (one.stats().write_retries > before.0.write_retries).then_some(())
    })
    .await;
    assert_eq!(one.stats().queue_keys, 1);
    for (store, before) in [(&one, before.0), (&other, before.1)] {
        let stats = store.stats();
        assert_eq!(stats.connection_errors, before.connection_errors);
        assert_eq!(store.connection(), RedisConnection::Up);
    }
    cluster.close_slot(slot, from, to);
    use_it(10).await;
    assert_eq!(holder(&cluster), Some(to));
    assert_eq!(one.stats().writes_dropped, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_node_is_killed_and_started_again() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut cluster = Cluster::start(&programs).await;
    let form = RedisOptions {
        write_patience: Duration::from_secs(600),
        ..impatient(options(RedisDeployment::Cluster {
            seeds: nodes(&cluster),
        }))
    };
    let store = connected(&form).await;
    write_until_done(&store).await;
    store.flush().await;
    cluster.nodes[0].kill();
    let errors = store.stats().load_errors + store.stats().load_timeouts;
    // Some loads fail and others may not; none takes longer than it may.
    for number in 0..200 {
        let start = Instant::now();
        let loaded = store.load(&key(number)).await;
        let took = start.elapsed();
        assert!(took <= READ_TIMEOUT + SLACK, "{took:?} {loaded:?}");
    }
    assert!(store.stats().load_errors + store.stats().load_timeouts > errors);
    for number in 0..100 {
        store
            .merge(&key(number), Sample::new(number, 10))
            .await
            .unwrap();
    }
    cluster.nodes[0].start().await;
    store.flush().await;
    assert_eq!(store.stats().writes_dropped, 0);
    let reader = connected(&standalone_like(&form)).await;
    for number in 0..100 {
        let loaded = reader.load(&key(number)).await.unwrap();
        assert!(loaded.is_some(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stalled_network_with_more_to_write_than_it_holds() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let network = Network::to(server.port());
    let form = RedisOptions {
        write_patience: Duration::from_secs(600),
        ..impatient(options(RedisDeployment::Standalone {
            primary: at(network.port()),
            reader: None,
        }))
    };
    let store = connected(&form).await;
    for _ in 0..2 {
        for number in 100..140 {
            // Marks do not compress: some hundred KiB each reach the network.
            let marks =
                (0..20_000_u64).map(|mark| (mark + number).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            store
                .merge(&key(number), Sample::of_marks(marks, 10))
                .await
                .unwrap();
        }
        network.stall();
        let errors = store.stats().load_errors;
        load_until(&store, "errors without waiting", |stats, _| {
            stats.load_errors >= errors + 20
        })
        .await;
        assert_eq!(store.connection(), RedisConnection::Down);
        network.open();
        // One answer is not enough: commands that went down with a connection must not hold up those of the next.
        let mut in_a_row = 0;
        load_until(&store, "it to be back", |_, is_ok| {
            in_a_row = if is_ok { in_a_row + 1 } else { 0 };
            in_a_row == 20
        })
        .await;
        store.flush().await;
        assert_eq!(store.stats().writes_dropped, 0);
    }
    let reader = connected(&standalone_like(&form)).await;
    for number in 100..140 {
        assert!(reader.load(&key(number)).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_went_down_with_a_connection_does_not_hold_up_the_next() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let network = Network::to(server.port());
    let form = impatient(options(RedisDeployment::Standalone {
        primary: at(network.port()),
        reader: None,
    }));
    let store = Arc::new(connected(&form).await);
    for _ in 0..5 {
        network.stall();
        // Many and not in step, so that some are on their way to the connection when it is given up.
        let mut loads = JoinSet::new();
        for number in 0..256 {
            let store = Arc::clone(&store);
            loads.spawn(async move {
                while store.connection() != RedisConnection::Down {
                    tokio::time::sleep(Duration::from_micros(number * 200)).await;
                    let _ = store.load(&key(number)).await;
                }
            });
        }
        loads.join_all().await;
        network.open();
        let mut in_a_row = 0;
        load_until(&store, "many answers in a row", |_, is_ok| {
            in_a_row = if is_ok { in_a_row + 1 } else { 0 };
            in_a_row == 20
        })
        .await;
    }
}
