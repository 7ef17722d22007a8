//! One upstream call for all who may have its answer.

use std::sync::Arc;

use github_conditional::rfc9111::Options;
use http::Method;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::origin::{Rig, Seen, answer};

const URL: &str = "http://origin.example/a";

fn spawn(rig: &Arc<Rig>, headers: &'static [(&'static str, &'static str)]) -> JoinHandle<Seen> {
    let rig = Arc::clone(rig);
    tokio::spawn(async move { rig.send(Method::GET, URL, headers).await })
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_readers_share_one_call() {
    let rig = Arc::new(Rig::new());
    let gate = Arc::new(Semaphore::new(0));
    rig.origin
        .next(answer("x").with("cache-control", "max-age=60").gated(&gate));
    let readers: Vec<_> = (0..5).map(|_| spawn(&rig, &[])).collect();
    settle().await;
    gate.add_permits(1);
    for reader in readers {
        let seen = reader.await.unwrap();
        assert_eq!((seen.status, seen.body.as_deref()), (200, Some(&b"x"[..])));
    }
    assert_eq!(rig.origin.calls(), 1);
}

/// The beginning of a body for which there is no memory passes at once. All who waited for it have their places by then.
#[tokio::test(start_paused = true)]
async fn a_crowd_shares_a_body_that_nothing_keeps() {
    let mut options = Options::default();
    options.max_recording_bytes = 3;
    let rig = Arc::new(Rig::with(options));
    let gate = Arc::new(Semaphore::new(0));
    rig.origin.next(
        answer("longer than that")
            .with("cache-control", "max-age=60")
            .gated(&gate),
    );
    let readers: Vec<_> = (0..20).map(|_| spawn(&rig, &[])).collect();
    settle().await;
    gate.add_permits(1);
    for reader in readers {
        let body = reader.await.unwrap().body;
        assert_eq!(body.as_deref(), Some(&b"longer than that"[..]));
    }
    assert_eq!(rig.origin.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_whom_the_answer_does_not_fit_ask_for_themselves() {
    let rig = Arc::new(Rig::new());
    let gate = Arc::new(Semaphore::new(0));
    let vary = |body| {
        answer(body)
            .with("cache-control", "max-age=60")
            .with("vary", "foo")
    };
    rig.origin.next(vary("one").gated(&gate));
    let one = spawn(&rig, &[("foo", "1")]);
    settle().await;
    let two = spawn(&rig, &[("foo", "2")]);
    settle().await;
    rig.origin.next(vary("two"));
    gate.add_permits(1);
    assert_eq!(one.await.unwrap().body.as_deref(), Some(&b"one"[..]));
    assert_eq!(two.await.unwrap().body.as_deref(), Some(&b"two"[..]));
    assert_eq!(rig.origin.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn regression_a_private_answer_is_not_shared_with_those_who_waited() {
    let rig = Arc::new(Rig::new());
    let gate = Arc::new(Semaphore::new(0));
    rig.origin.next(
        answer("alice's")
            .with("cache-control", "max-age=60")
            .gated(&gate),
    );
    let alice = spawn(&rig, &[("authorization", "token alice")]);
    settle().await;
    let bob = spawn(&rig, &[("authorization", "token bob")]);
    settle().await;
    rig.origin
        .next(answer("bob's").with("cache-control", "max-age=60"));
    gate.add_permits(1);
    assert_eq!(alice.await.unwrap().body.as_deref(), Some(&b"alice's"[..]));
    assert_eq!(bob.await.unwrap().body.as_deref(), Some(&b"bob's"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_goes_away_hands_over() {
    let rig = Arc::new(Rig::new());
    let gate = Arc::new(Semaphore::new(0));
    rig.origin.next(
        answer("lost")
            .with("cache-control", "max-age=60")
            .gated(&gate),
    );
    let leader = spawn(&rig, &[]);
    settle().await;
    let follower = spawn(&rig, &[]);
    settle().await;
    rig.origin
        .next(answer("x").with("cache-control", "max-age=60"));
    leader.abort();
    assert_eq!(follower.await.unwrap().body.as_deref(), Some(&b"x"[..]));
}
