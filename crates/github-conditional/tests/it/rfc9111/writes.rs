//! Writes: what they outdate, and what of their answers is stored.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;

use super::origin::{Rig, answer};

const URL: &str = "http://origin.example/a";
const OTHER: &str = "http://origin.example/b";

async fn stored(rig: &Rig, url: &str) {
    rig.origin
        .next(answer("old").with("cache-control", "max-age=60"));
    rig.get(url).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_outdates_its_target_and_what_its_answer_names() {
    for (name, value) in [
        ("location", "/b"),
        ("content-location", "http://origin.example/b"),
    ] {
        let rig = Rig::new();
        stored(&rig, URL).await;
        stored(&rig, OTHER).await;
        rig.origin.next(answer("").status(201).with(name, value));
        rig.send(Method::POST, URL, &[]).await.check(
            201,
            "",
            "c; fwd=method; fwd-status=201; detail=method",
        );
        for url in [URL, OTHER] {
            rig.origin
                .next(answer("new").with("cache-control", "max-age=60"));
            assert_eq!(
                rig.get(url).await.body.as_deref(),
                Some(&b"new"[..]),
                "{name} {url}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_to_another_origin_and_one_that_failed_outdate_nothing() {
    let rig = Rig::new();
    stored(&rig, URL).await;
    stored(&rig, OTHER).await;
    rig.origin.next(
        answer("")
            .status(201)
            .with("location", "http://elsewhere.example/b"),
    );
    rig.send(Method::POST, "http://origin.example/c", &[]).await;
    rig.origin.next(answer("").status(500));
    rig.send(Method::PUT, URL, &[]).await;
    for url in [URL, OTHER] {
        rig.get(url).await.check(200, "old", "c; hit; ttl=60");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_may_have_taken_effect() {
    let rig = Rig::new();
    stored(&rig, URL).await;
    rig.origin.next(answer("").broken());
    rig.send(Method::DELETE, URL, &[]).await;
    rig.origin.next(answer("new"));
    assert_eq!(rig.get(URL).await.body.as_deref(), Some(&b"new"[..]));
}

#[tokio::test(start_paused = true)]
async fn regression_an_answer_from_before_a_write_is_not_fresh_after_it() {
    let rig = Arc::new(Rig::new());
    let gate = Arc::new(Semaphore::new(0));
    rig.origin.next(
        answer("old")
            .with("cache-control", "max-age=60")
            .gated(&gate),
    );
    let early = {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.get(URL).await.body })
    };
    while rig.origin.calls() < 1 {
        tokio::task::yield_now().await;
    }
    rig.origin.next(answer("").status(204));
    rig.send(Method::PUT, URL, &[]).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    // Who asks after the write does not wait for the answer from before it.
    rig.origin
        .next(answer("new").with("cache-control", "max-age=60"));
    assert_eq!(rig.get(URL).await.body.as_deref(), Some(&b"new"[..]));
    gate.add_permits(1);
    assert_eq!(early.await.unwrap().as_deref(), Some(&b"old"[..]));
    rig.get(URL).await.check(200, "new", "c; hit; ttl=60");
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_post_that_is_one_to_a_get_is_stored() {
    let rig = Rig::new();
    let about_itself = |length: &str| {
        answer("made")
            .with("content-location", "/a")
            .with("cache-control", length)
    };
    rig.origin.next(about_itself("max-age=60"));
    rig.send(Method::POST, URL, &[]).await;
    rig.get(URL).await.check(200, "made", "c; hit; ttl=60");
    tokio::time::advance(Duration::from_secs(1)).await;
    rig.origin.next(about_itself("no-store"));
    rig.send(Method::POST, URL, &[]).await;
    rig.origin.next(answer("asked"));
    assert_eq!(rig.get(URL).await.body.as_deref(), Some(&b"asked"[..]));
}
