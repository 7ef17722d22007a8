//! Shared values on real servers: an older one never replaces a newer, and everybody is told.

use std::time::Duration;

use bytes::Bytes;
use cache_backends::{
    Publication, Published, RedisConnection, RedisDeployment, RedisOptions, SharedChange,
    SharedHead, SharedValue, SharedValues,
};
use tokio::sync::broadcast::Receiver;

use test_servers::{Cluster, Plan, Programs, until};

use super::{options, standalone};

fn publication(fencing: u64, body: Option<&'static str>) -> Publication<'static> {
    Publication {
        name: "/orgs/a",
        fencing,
        head: Bytes::from(format!("head {fencing}")),
        body_tag: "tag",
        body: body.map(|body| Bytes::from_static(body.as_bytes())),
        lives: Duration::from_secs(600),
    }
}

async fn connected(options: &RedisOptions) -> SharedValues {
    let values = SharedValues::open(options).unwrap();
    until("a connection", async || {
        (values.connection() == RedisConnection::Up).then_some(())
    })
    .await;
    values
}

/// Waits until this is told; other things may be told before.
async fn told(changes: &mut Receiver<SharedChange>, expected: &SharedChange) {
    until("the word", async || {
        let heard = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
        matches!(heard, Ok(Ok(change)) if change == *expected).then_some(())
    })
    .await;
}

fn changed() -> SharedChange {
    SharedChange::Changed {
        name: "/orgs/a".into(),
    }
}

/// The whole contract, on one form of deployment.
async fn check(options: RedisOptions) {
    let (one, other) = (connected(&options).await, connected(&options).await);
    let mut changes = other.changes();
    assert_eq!(one.head("/orgs/a").await.unwrap(), None);
    assert_eq!(one.load("/orgs/a").await.unwrap(), None);
    // A body that is believed to be there, and is not.
    let needed = one.publish(publication(5, None)).await.unwrap();
    assert_eq!(needed, Published::BodyNeeded);
    assert_eq!(
        one.head("/orgs/a").await.unwrap(),
        None,
        "nothing by halves"
    );
    // The subscription may come later than the connection.
    until("a word that is heard", async || {
        let stored = one.publish(publication(5, Some("five"))).await.unwrap();
        assert_eq!(stored, Published::Stored);
        let heard = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
        matches!(heard, Ok(Ok(change)) if change == changed()).then_some(())
    })
    .await;
    let head = SharedHead {
        fencing: 5,
        head: Bytes::from_static(b"head 5"),
    };
    assert_eq!(other.head("/orgs/a").await.unwrap(), Some(head));
    // Too late.
    let outdated = other.publish(publication(4, Some("four"))).await.unwrap();
    assert_eq!(outdated, Published::Outdated { stored: 5 });
    // The body stays, the head is new.
    let stored = other.publish(publication(6, None)).await.unwrap();
    assert_eq!(stored, Published::Stored);
    let value = SharedValue {
        fencing: 6,
        head: Bytes::from_static(b"head 6"),
        body: Bytes::from_static(b"five"),
    };
    assert_eq!(one.load("/orgs/a").await.unwrap(), Some(value));
    // Numbers as large as the leases' are compared exactly.
    let now = 1_785_412_800_000_000;
    let stored = one.publish(publication(now + 1, None)).await.unwrap();
    assert_eq!(stored, Published::Stored);
    let outdated = one.publish(publication(now, None)).await.unwrap();
    assert_eq!(outdated, Published::Outdated { stored: now + 1 });
    // Notes.
    assert_eq!(other.note("/orgs/a").await.unwrap(), None);
    let note = Bytes::from_static(b"later");
    one.leave_note("/orgs/a", note.clone(), Duration::from_secs(600))
        .await
        .unwrap();
    told(&mut changes, &changed()).await;
    assert_eq!(other.note("/orgs/a").await.unwrap(), Some(note));
    one.leave_note(
        "/orgs/a",
        Bytes::from_static(b"x"),
        Duration::from_millis(1),
    )
    .await
    .unwrap();
    until("the note is gone", async || {
        let note = other.note("/orgs/a").await.unwrap();
        note.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shared_values_on_one_server() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let server = Plan::plain(&programs).start().await;
    check(standalone(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shared_values_on_a_cluster() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    check(options(RedisDeployment::Cluster {
        seeds: cluster
            .seeds()
            .iter()
            .map(|seed| seed.parse().unwrap())
            .collect(),
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_connection_is_told_because_something_was_missed() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut server = Plan::plain(&programs).start().await;
    let values = connected(&standalone(&server)).await;
    let mut changes = values.changes();
    server.kill();
    until("errors at once", async || {
        values.head("/orgs/a").await.is_err().then_some(())
    })
    .await;
    server.start().await;
    told(&mut changes, &SharedChange::Connected).await;
    until("it serves again", async || {
        let stored = values.publish(publication(1, Some("one"))).await;
        matches!(stored, Ok(Published::Stored)).then_some(())
    })
    .await;
    until("words are heard again", async || {
        values.publish(publication(1, Some("one"))).await.ok()?;
        let heard = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
        matches!(heard, Ok(Ok(change)) if change == changed()).then_some(())
    })
    .await;
}
