//! Bodies: what is stored only whole, what is never stored, and what streams past in flat memory.

use std::time::Duration;

use bytes::Bytes;
use github_conditional::Options;
use http_body_util::BodyExt;

use crate::bench::{ALICE, BOB, Bench, finish, settle};
use crate::github::{Manner, Resource, Tap};

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";

/// The next read is a fetch like the first one: nothing was stored.
async fn check_nothing_stored(bench: &Bench) {
    assert!(
        bench
            .take_events()
            .iter()
            .all(|event| !event.starts_with("committed"))
    );
    bench.github.take_calls();
    bench.get(ALICE, REPO).await;
    let call = bench.github.take_calls().remove(0);
    assert!(
        !call.headers.contains_key("if-none-match"),
        "something was stored"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_shorter_than_announced_is_an_error_and_not_stored() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(Some(9));
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let answer = bench.begin(ALICE, REPO).await;
    tap.send(ONE);
    tap.end();
    let seen = finish(answer).await;
    assert!(!seen.body.unwrap_err().is_timeout());
    assert_eq!(bench.take_events(), ["dropped broken"]);
    check_nothing_stored(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_an_error_and_not_stored() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let answer = bench.begin(ALICE, REPO).await;
    tap.send("{\"id\"");
    tap.break_off();
    assert!(finish(answer).await.body.is_err());
    assert_eq!(bench.take_events(), ["dropped broken"]);
    check_nothing_stored(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_fails_after_its_time() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let answer = bench.begin(ALICE, REPO).await;
    tap.send("{\"id\"");
    let before = tokio::time::Instant::now();
    assert!(finish(answer).await.body.unwrap_err().is_timeout());
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    assert!(!tap.is_wanted());
    check_nothing_stored(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn the_body_is_stored_before_its_end_can_be_seen() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
    // No turn for any other task in between.
    bench.get(BOB, REPO).await.check(
        200,
        ONE,
        "github-mirror; fwd=stale; fwd-status=304; detail=predicted",
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_never_stored() {
    #[track_caller]
    fn name(reason: &str) -> String {
        format!("github-mirror; fwd=miss; fwd-status=200; detail={reason}")
    }
    let cases: [(&str, &str, &str); 6] = [
        ("cache-control", "private, no-store", "forbidden"),
        ("content-type", "text/event-stream", "forbidden"),
        ("content-range", "bytes 0-1/8", "forbidden"),
        ("vary", "*", "forbidden"),
        ("content-encoding", "gzip", "encoded"),
        ("x-nothing", "at all", "recorded"),
    ];
    for (header, value, reason) in cases {
        let bench = Bench::new();
        bench
            .github
            .put(REPO, Resource::new(ONE).header(leak(header), value));
        let seen = bench.get(ALICE, REPO).await;
        if reason == "recorded" {
            seen.check(200, ONE, "github-mirror; fwd=miss; fwd-status=200; stored");
            continue;
        }
        seen.check(200, ONE, &name(reason));
        assert_eq!(seen.header(header), Some(value));
        check_nothing_stored(&bench).await;
    }
    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }
}

#[tokio::test(start_paused = true)]
async fn other_statuses_are_passed_on_and_not_stored() {
    const TAG: &[(&str, &str)] = &[
        ("etag", "\"x\""),
        ("location", "https://api.github.com/repositories/1"),
    ];
    for status in [
        201, 202, 203, 204, 206, 301, 302, 307, 400, 404, 410, 422, 451,
    ] {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        let body = if status == 204 {
            ""
        } else {
            "{\"message\":\"x\"}"
        };
        bench.github.next(REPO, Manner::Answer(status, TAG, body));
        let seen = bench.get(ALICE, REPO).await;
        let how = format!("github-mirror; fwd=miss; fwd-status={status}; detail=status");
        seen.check(status, body, &how);
        assert_eq!(
            seen.header("location"),
            Some("https://api.github.com/repositories/1")
        );
        check_nothing_stored(&bench).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_validators_is_shared_among_those_who_wait_but_not_stored() {
    let bench = Bench::new();
    bench
        .github
        .put(REPO, Resource::new(ONE).tags(crate::github::Tags::None));
    bench.get(ALICE, REPO).await.check(
        200,
        ONE,
        "github-mirror; fwd=miss; fwd-status=200; detail=no-validator",
    );
    check_nothing_stored(&bench).await;
}

fn small() -> Options {
    let mut options = Options::default();
    options.max_cacheable_body_bytes = 1000;
    options
}

#[tokio::test(start_paused = true)]
async fn a_large_body_that_is_announced_streams_straight_through() {
    let bench = Bench::with(small());
    bench.github.serve(REPO, "x".repeat(1001));
    let seen = bench.get(ALICE, REPO).await;
    seen.check(
        200,
        &"x".repeat(1001),
        "github-mirror; fwd=miss; fwd-status=200; detail=too-large",
    );
    assert_eq!(seen.header("content-length"), Some("1001"));
    check_nothing_stored(&bench).await;
    bench.github.update(REPO, "x".repeat(1000));
    bench.get(ALICE, REPO).await;
    assert!(bench.take_events().contains(&"committed 1000".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_large_body_that_is_not_announced_streams_in_flat_memory() {
    const CHUNK: usize = 100 << 10;
    let mut options = Options::default();
    options.max_cacheable_body_bytes = 250 << 10;
    let bench = Bench::with(options);
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let mut answer = bench.begin(ALICE, REPO).await;
    let mut received = 0;
    for position in 0..50 {
        tap.send(vec![7; CHUNK]);
        received += answer
            .body_mut()
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len();
        let held = bench.inspect.recording_bytes();
        let expected = if position < 2 {
            (position + 1) * CHUNK
        } else {
            0
        };
        assert_eq!(held, expected, "after {} chunks", position + 1);
    }
    tap.end();
    assert!(answer.body_mut().frame().await.is_none());
    assert_eq!(received, 50 * CHUNK);
    assert_eq!(bench.take_events(), ["dropped too-large"], "told once");
    check_nothing_stored(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_large_body_waits_for_its_reader_and_ends_with_it() {
    const CHUNK: usize = 100 << 10;
    let bench = Bench::with(small());
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let answer = bench.begin(ALICE, REPO).await;
    for _ in 0..50 {
        tap.send(vec![7; CHUNK]);
    }
    settle().await;
    assert!(tap.is_wanted());
    drop(answer);
    settle().await;
    assert!(!tap.is_wanted(), "nobody reads it and nobody will");
    assert_eq!(bench.inspect.calls_in_flight(), 0);
    assert_eq!(bench.take_events(), ["dropped too-large"]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_too_late_for_a_large_body_fetches_it() {
    let bench = Bench::with(small());
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let mut answer = bench.begin(ALICE, REPO).await;
    tap.send(vec![b'x'; 2000]);
    answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
    assert_eq!(
        bench.github.take_lines(),
        ["GET /repos/o/r 200", "GET /repos/o/r 200"]
    );
    tap.end();
    assert!(finish(answer).await.body.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_memory_for_recordings_bodies_stream_and_are_not_stored() {
    let mut options = Options::default();
    options.max_recording_bytes = 10;
    let bench = Bench::with(options);
    bench.github.serve(REPO, ONE);
    let first = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(first.clone()));
    let holding = bench.begin(ALICE, REPO).await;
    first.send("{\"id\":");
    settle().await;
    assert_eq!(bench.inspect.recording_bytes(), 6);

    bench.github.serve("/user", ONE);
    let second = Tap::new(None);
    bench.github.next("/user", Manner::Tap(second.clone()));
    let starved = bench.begin(ALICE, "/user").await;
    second.send("{\"id\":");
    second.send("1}");
    second.end();
    assert_eq!(finish(starved).await.text(), ONE);
    assert_eq!(bench.take_events(), ["dropped too-large"]);

    first.send("1}");
    first.end();
    assert_eq!(finish(holding).await.text(), ONE);
    assert_eq!(bench.take_events(), ["matched", "committed 8"]);
    assert_eq!(bench.inspect.recording_bytes(), 0);
}

/// The pump runs on another thread and may have outrun the leader before that reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_whose_body_outgrows_its_limit_at_once_still_reads_it_from_the_start() {
    let bench = Bench::with(small());
    for number in 0..500 {
        let target: &'static str = Box::leak(format!("/repos/o/r{number}").into_boxed_str());
        bench.github.serve(target, ONE);
        let tap = Tap::new(None);
        tap.send(vec![b'x'; 1500]);
        tap.send(vec![b'y'; 1500]);
        tap.end();
        bench.github.next(target, Manner::Tap(tap));
        // Asked from a thread that is no worker, so that a worker takes the pump at once.
        let seen = bench.get(ALICE, target).await;
        let expected: Bytes = [vec![b'x'; 1500], vec![b'y'; 1500]].concat().into();
        assert_eq!(seen.body.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_on_whole_or_not_at_all() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let large: &'static str = Box::leak("x".repeat(70 << 10).into_boxed_str());
    bench.github.next(
        REPO,
        Manner::Answer(403, &[("content-length", "71680")], large),
    );
    let seen = bench.get(ALICE, REPO).await;
    assert_eq!((seen.status.as_u16(), seen.text()), (403, large));
    // Far beyond anything that GitHub says: an error, and not an answer that looks empty.
    let huge: &'static str = Box::leak("x".repeat(2 << 20).into_boxed_str());
    bench.github.next(REPO, Manner::Answer(403, &[], huge));
    assert!(bench.fail(ALICE, REPO).await.is_connection());
}
