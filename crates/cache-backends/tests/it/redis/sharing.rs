//! Several processes on one Redis: nobody loses what another has written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cache_backends::conformance::{Sample, key};
use cache_backends::{
    BreakerLimits, CacheStore, Guarded, MemoryStore, RedisOptions, TieredOptions, TieredStore,
    Written,
};
use test_servers::{Plan, Programs, Server, until};

use super::{connected, standalone};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_merges_of_many_stores_take_effect() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    const STORES: u64 = 8;
    const MERGES: u64 = 40;
    let mut stores = Vec::new();
    for _ in 0..STORES {
        stores.push(connected(&form).await);
    }
    let writers: Vec<_> = (0..STORES)
        .zip(stores)
        .map(|(writer, store)| {
            tokio::spawn(async move {
                for step in 0..MERGES {
                    let version = writer * MERGES + step;
                    store
                        .merge(&key(1), Sample::new(version, 10))
                        .await
                        .unwrap();
                    // Each merge is a write of its own, so that the writers meet in Redis and not in their queues.
                    store.flush().await;
                }
                store.stats()
            })
        })
        .collect();
    let mut conflicts = 0;
    for writer in writers {
        let stats = writer.await.unwrap();
        assert_eq!(stats.writes_done, MERGES);
        assert_eq!(stats.writes_dropped, 0);
        conflicts += stats.write_conflicts;
    }
    assert!(conflicts > 0, "they met");
    let stored = connected(&form).await.load(&key(1)).await.unwrap().unwrap();
    assert_eq!(stored.marks(), &(0..STORES * MERGES).collect());
    assert_eq!(stored.newest(), STORES * MERGES - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_older_value_never_replaces_a_newer_one_of_another_process() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let (one, other) = (connected(&form).await, connected(&form).await);
    one.merge(&key(1), Sample::new(9, 10)).await.unwrap();
    one.flush().await;
    other.merge(&key(1), Sample::new(3, 10)).await.unwrap();
    other.flush().await;
    let stored = one.load(&key(1)).await.unwrap().unwrap();
    assert_eq!(stored.newest(), 9);
    assert_eq!(stored.marks(), &BTreeSet::from([3, 9]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_large_value_travels_unharmed() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let (one, other) = (connected(&form).await, connected(&form).await);
    let large = Sample::new(1, 4 << 20);
    one.merge(&key(1), large.clone()).await.unwrap();
    one.flush().await;
    assert_eq!(other.load(&key(1)).await.unwrap(), Some(large));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_too_large_takes_the_old_value_with_it() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        max_entry_bytes: 1000,
        ..standalone(&server)
    };
    let (one, other) = (connected(&form).await, connected(&form).await);
    one.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    one.flush().await;
    assert!(other.load(&key(1)).await.unwrap().is_some());
    let written = one.merge(&key(1), Sample::new(2, 5000)).await.unwrap();
    assert_eq!(written, Written::TooLarge);
    assert_eq!(one.load(&key(1)).await.unwrap(), None);
    one.flush().await;
    assert_eq!(other.load(&key(1)).await.unwrap(), None);

    // Each fits, and together they do not: 8 bytes a mark.
    for version in 0..100 {
        one.merge(&key(2), Sample::new(version, 400)).await.unwrap();
        one.flush().await;
    }
    assert!(one.stats().writes_too_large >= 2, "{:?}", one.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_expire_and_not_together() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        ttl: Duration::from_secs(1000),
        ttl_jitter: 0.5,
        ..standalone(&server)
    };
    let store = connected(&form).await;
    for number in 0..20 {
        store.merge(&key(number), Sample::new(1, 1)).await.unwrap();
    }
    store.flush().await;
    let names = server.ask(&["KEYS", "*"]);
    let lives: BTreeSet<u64> = names
        .lines()
        .map(|name| server.ask(&["PTTL", name]).parse().unwrap())
        .collect();
    assert!(lives.len() > 10, "{lives:?}");
    assert!(
        lives
            .iter()
            .all(|lives| (400_000..=1_000_000).contains(lives)),
        "{lives:?}"
    );
}

/// Milliseconds that the only entry has left.
fn left(server: &Server) -> i64 {
    let name = server.ask(&["RANDOMKEY"]);
    server.ask(&["PTTL", &name]).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_read_and_never_written_lives_on() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        ttl: Duration::from_secs(3600),
        ..standalone(&server)
    };
    let writer = connected(&form).await;
    writer.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    writer.flush().await;
    let name = server.ask(&["RANDOMKEY"]);
    let set_left = |seconds: &str| assert_eq!(server.ask(&["EXPIRE", &name, seconds]), "1");

    set_left("2000");
    let early = connected(&form).await;
    early.load(&key(1)).await.unwrap().unwrap();
    until("the expiry to be looked at", async || {
        (early.stats().expiries_checked == 1).then_some(())
    })
    .await;
    assert!(left(&server) <= 2_000_000, "more than half was left");

    set_left("1000");
    let late = connected(&form).await;
    late.load(&key(1)).await.unwrap().unwrap();
    until("the expiry to be put off", async || {
        (late.stats().expiries_renewed == 1).then_some(())
    })
    .await;
    assert!(
        left(&server) > 3_000_000,
        "the jitter takes a tenth at most"
    );

    // Asked again and again, it looks no more.
    set_left("1000");
    for _ in 0..100 {
        late.load(&key(1)).await.unwrap().unwrap();
    }
    assert_eq!(late.stats().expiries_checked, 1);
    assert!(left(&server) <= 1_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_read_from_the_near_store_lives_on_in_redis() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = RedisOptions {
        ttl: Duration::from_secs(3600),
        ..standalone(&server)
    };
    let writer = connected(&form).await;
    writer.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    writer.flush().await;
    let name = server.ask(&["RANDOMKEY"]);
    assert_eq!(server.ask(&["EXPIRE", &name, "1000"]), "1");

    let redis = connected(&form).await;
    let near = MemoryStore::default();
    near.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    let far = Guarded::new(redis.clone(), BreakerLimits::default());
    let tiered = TieredStore::new(near, far, TieredOptions::default());
    tiered.load(&key(1)).await.unwrap().unwrap();
    until("the expiry to be put off", async || {
        (redis.stats().expiries_renewed == 1).then_some(())
    })
    .await;
    assert_eq!(redis.stats().loads, 0, "nothing was read from Redis");
    assert!(left(&server) > 3_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_script_is_sent_once() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let store = connected(&standalone(&server)).await;
    for number in 0..10 {
        store.merge(&key(number), Sample::new(1, 1)).await.unwrap();
        store.flush().await;
    }
    let calls = |command: &str| {
        let stats = server.info("commandstats", &format!("cmdstat_{command}"))?;
        let calls = stats.split(',').next()?.strip_prefix("calls=")?.to_owned();
        calls.parse::<u64>().ok()
    };
    assert_eq!(calls("eval"), Some(1));
    assert_eq!(calls("evalsha"), Some(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn usage_tells_what_the_servers_hold() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let form = standalone(&server);
    let writer = connected(&form).await;
    for number in 0..7 {
        writer.merge(&key(number), Sample::new(1, 1)).await.unwrap();
    }
    writer.flush().await;
    let store = connected(&form).await;
    super::until("the first sample", async || {
        let usage = store.usage();
        (usage.entries == 7 && usage.bytes > 100_000).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_store_leaves_no_connection_behind() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    let store = Arc::new(connected(&standalone(&server)).await);
    let clients = || server.ask(&["CLIENT", "LIST"]).lines().count();
    let before = clients();
    assert!(before >= 2, "the store and redis-cli");
    drop(store);
    super::until("the connection to go", async || {
        (clients() < before).then_some(())
    })
    .await;
}
