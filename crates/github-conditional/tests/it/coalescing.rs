//! Many at once: one upstream call for all of them, and nobody suffers from another one's leaving.

use std::time::Duration;

use cache_backends::{CacheStore, MemoryStore, TieredOptions, TieredStore};
use futures_util::future::join_all;
use github_conditional::{Entry, Options};
use http_body_util::BodyExt;

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, CAROL, Seen, finish, settle};
use crate::github::{Caller, Gate, Manner, Tap};

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";

fn spawn<St: CacheStore<Entry>>(
    bench: &Bench<St>,
    caller: Caller,
    target: &'static str,
) -> tokio::task::JoinHandle<Seen> {
    let bench = bench.clone();
    tokio::spawn(async move { bench.get(caller, target).await })
}

/// So many callers ask while the answer is held back.
async fn crowd(bench: &Bench, callers: impl Iterator<Item = Caller>) -> Vec<Seen> {
    let gate = Gate::shut();
    bench.github.next(REPO, Manner::Gate(gate.clone()));
    let waiting: Vec<_> = callers.map(|caller| spawn(bench, caller, REPO)).collect();
    settle().await;
    assert!(waiting.iter().all(|asked| !asked.is_finished()));
    gate.open();
    join_all(waiting)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn fifty_identical_requests_are_one_200() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let seen = crowd(&bench, std::iter::repeat_n(ALICE, 50)).await;
    assert_eq!(bench.github.take_lines(), ["GET /repos/o/r 200"]);
    let leaders = seen.iter().filter(|seen| {
        assert_eq!(seen.text(), ONE);
        seen.cache_status() == "github-mirror; fwd=miss; fwd-status=200; stored"
    });
    assert_eq!(leaders.count(), 1);
    let follower = "github-mirror; fwd=miss; fwd-status=200; stored; collapsed";
    assert_eq!(
        seen.iter()
            .filter(|seen| seen.cache_status() == follower)
            .count(),
        49
    );
    assert_eq!(bench.inspect.calls_in_flight(), 0);
}

/// The beginning of a body for which there is no memory passes at once. All who waited for it have their places by then.
#[tokio::test(start_paused = true)]
async fn a_crowd_shares_a_body_that_nothing_keeps() {
    let mut options = Options::default();
    options.max_recording_bytes = 3;
    let bench = Bench::with(options);
    bench.github.serve(REPO, ONE);
    let seen = crowd(&bench, std::iter::repeat_n(ALICE, 20)).await;
    assert_eq!(bench.github.take_lines(), ["GET /repos/o/r 200"]);
    assert!(seen.iter().all(|seen| seen.text() == ONE));
}

#[tokio::test(start_paused = true)]
async fn fifty_identical_requests_are_one_304() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let seen_before = bench.get(ALICE, REPO).await;
    bench.github.take_calls();
    let seen = crowd(&bench, std::iter::repeat_n(ALICE, 50)).await;
    assert_eq!(bench.github.take_lines(), ["GET /repos/o/r 304"]);
    let follower = "github-mirror; fwd=stale; fwd-status=304; collapsed; detail=own-tag";
    assert_eq!(
        seen.iter()
            .filter(|seen| seen.cache_status() == follower)
            .count(),
        49
    );
    assert!(
        seen.iter()
            .all(|seen| seen.text() == ONE && seen.tag() == seen_before.tag())
    );
}

#[tokio::test(start_paused = true)]
async fn different_tokens_on_a_cold_resource_are_one_200() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let names: Vec<Caller> = (0..20)
        .map(|number| Some(&*Box::leak(format!("Bearer t{number}").into_boxed_str())))
        .collect();
    let seen = crowd(&bench, names.into_iter()).await;
    assert!(seen.iter().all(|seen| seen.text() == ONE));
    assert_eq!((bench.github.count(200), bench.github.count(304)), (1, 19));
    assert_eq!(bench.github.take_charged(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_another_ones_first_fetch_for_ever() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.next(REPO, Manner::Hang);
    let stuck = spawn(&bench, ALICE, REPO);
    settle().await;
    let before = tokio::time::Instant::now();
    assert_eq!(bench.get(BOB, REPO).await.text(), ONE);
    assert_eq!(before.elapsed(), Duration::from_secs(10));
    stuck.abort();
}

#[tokio::test(start_paused = true)]
async fn anonymous_callers_do_not_wait_for_a_confirmation_they_would_pay_for() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.next(REPO, Manner::Hang);
    let stuck = spawn(&bench, ALICE, REPO);
    settle().await;
    let before = tokio::time::Instant::now();
    assert_eq!(bench.get(ANONYMOUS, REPO).await.text(), ONE);
    assert_eq!(before.elapsed(), Duration::ZERO);
    stuck.abort();
}

mod a_leader_who_leaves {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn before_the_head_hands_over() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.github.next(REPO, Manner::Hang);
        let leader = spawn(&bench, ALICE, REPO);
        settle().await;
        let followers: Vec<_> = (0..5).map(|_| spawn(&bench, ALICE, REPO)).collect();
        settle().await;
        assert_eq!(bench.github.calls().len(), 1);
        leader.abort();
        for follower in followers {
            assert_eq!(follower.await.unwrap().text(), ONE);
        }
        assert_eq!(
            bench.github.take_lines(),
            ["GET /repos/o/r -", "GET /repos/o/r 200"]
        );
        bench.get(BOB, REPO).await;
        assert_eq!(bench.github.take_lines(), ["GET /repos/o/r 304"]);
    }

    #[tokio::test(start_paused = true)]
    async fn others_who_wait_for_its_first_fetch_go_on() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.github.next(REPO, Manner::Hang);
        let leader = spawn(&bench, ALICE, REPO);
        settle().await;
        let other = spawn(&bench, BOB, REPO);
        settle().await;
        leader.abort();
        let before = tokio::time::Instant::now();
        assert_eq!(other.await.unwrap().text(), ONE);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_head_leaves_the_body_to_the_others() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        let tap = Tap::new(Some(8));
        bench.github.next(REPO, Manner::Tap(tap.clone()));
        let answer = bench.begin(ALICE, REPO).await;
        let followers: Vec<_> = (0..5).map(|_| spawn(&bench, ALICE, REPO)).collect();
        settle().await;
        drop(answer);
        tap.send("{\"id\"");
        settle().await;
        tap.send(":1}");
        tap.end();
        for follower in followers {
            assert_eq!(follower.await.unwrap().text(), ONE);
        }
        assert_eq!(bench.github.take_lines(), ["GET /repos/o/r 200"]);
    }

    #[tokio::test(start_paused = true)]
    async fn in_mid_body_leaves_a_body_that_is_stored_whole() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        let tap = Tap::new(None);
        bench.github.next(REPO, Manner::Tap(tap.clone()));
        let mut answer = bench.begin(ALICE, REPO).await;
        tap.send("{\"id\"");
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "{\"id\"");
        drop(answer);
        settle().await;
        assert!(tap.is_wanted(), "the rest is taken nevertheless");
        // Who comes while it is being recorded gets it from its beginning.
        let late = spawn(&bench, ALICE, REPO);
        settle().await;
        tap.send(":1}");
        tap.end();
        assert_eq!(late.await.unwrap().text(), ONE);
        bench.get(ALICE, REPO).await.check(
            200,
            ONE,
            "github-mirror; fwd=stale; fwd-status=304; detail=own-tag",
        );
        assert_eq!(
            bench.github.take_lines(),
            ["GET /repos/o/r 200", "GET /repos/o/r 304"]
        );
        assert_eq!(bench.inspect.recording_bytes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_slow_the_others() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let tap = Tap::new(None);
    bench.github.next(REPO, Manner::Tap(tap.clone()));
    let slow = bench.begin(ALICE, REPO).await;
    let quick = spawn(&bench, ALICE, REPO);
    settle().await;
    tap.send(ONE);
    tap.end();
    assert_eq!(quick.await.unwrap().text(), ONE);
    assert_eq!(bench.get(CAROL, REPO).await.text(), ONE);
    assert_eq!(finish(slow).await.text(), ONE);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_the_leaders_own_validators_is_not_the_followers() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let tag = bench.get(ALICE, REPO).await.tag().to_owned();
    let cold = Bench::new();
    cold.github.serve(REPO, ONE);
    let gate = Gate::shut();
    cold.github.next(REPO, Manner::Gate(gate.clone()));
    let leader = {
        let cold = cold.clone();
        tokio::spawn(async move { cold.get_with(ALICE, REPO, &[("if-none-match", &tag)]).await })
    };
    settle().await;
    let follower = spawn(&cold, ALICE, REPO);
    settle().await;
    gate.open();
    assert_eq!(leader.await.unwrap().status, 304);
    assert_eq!(follower.await.unwrap().text(), ONE);
}

/// Who asks after a write must not be given the answer to a question from before it.
#[tokio::test(start_paused = true)]
async fn a_question_after_a_write_does_not_join_one_from_before() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    bench.github.take_calls();
    let gate = Gate::shut();
    bench.github.next(REPO, Manner::Gate(gate.clone()));
    let before = spawn(&bench, ALICE, REPO);
    settle().await;
    let write = crate::bench::request(http::Method::PATCH, ALICE, REPO, &[]);
    bench.read(write).await;
    bench.github.update(REPO, "{\"id\":2}");
    let after = spawn(&bench, ALICE, REPO);
    settle().await;
    assert!(after.is_finished(), "it waits for the question from before");
    assert_eq!(after.await.unwrap().text(), "{\"id\":2}");
    gate.open();
    before.await.unwrap();
    let reads = bench.github.take_lines();
    assert_eq!(
        reads.iter().filter(|line| line.starts_with("GET")).count(),
        2,
        "{reads:?}"
    );
}

/// The far store is often one that is asked over the network.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_looked_for_once() {
    let (near, far) = (MemoryStore::default(), MemoryStore::default());
    let store = TieredStore::new(near, far, TieredOptions::default());
    let bench = Bench::on(store.clone(), Options::default());
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    settle().await;
    let stats = store.stats();
    assert_eq!((stats.near.misses, stats.far.misses), (1, 1));
    // Bob and Carol come while Alice fetches: they look once as well, and find what she has fetched.
    let other = "/repos/o/other";
    bench.github.serve(other, ONE);
    let gate = Gate::shut();
    bench.github.next(other, Manner::Gate(gate.clone()));
    let waiting = [ALICE, BOB, CAROL].map(|caller| spawn(&bench, caller, other));
    settle().await;
    gate.open();
    join_all(waiting).await;
    let calls = bench.github.take_lines();
    assert_eq!(
        calls[1..]
            .iter()
            .filter(|call| call.ends_with(" 200"))
            .count(),
        1,
        "{calls:?}"
    );
    settle().await;
    let stats = store.stats();
    assert_eq!((stats.near.misses, stats.far.misses), (4, 4));
    assert_eq!(stats.near.hits, 2);
}

/// Two processes share a store; the first fetch in one of them takes too long.
#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_finds_what_another_process_has_fetched() {
    let store = MemoryStore::default();
    let options = Options::default();
    let patience = options.cold_wait;
    let (here, there) = (
        Bench::on(store.clone(), options),
        Bench::on(store, Options::default()),
    );
    for bench in [&here, &there] {
        bench.github.serve(REPO, ONE);
    }
    here.github.next(REPO, Manner::Hang);
    let _stuck = spawn(&here, ALICE, REPO);
    settle().await;
    let waiting = spawn(&here, BOB, REPO);
    settle().await;
    there.get(BOB, REPO).await;
    assert!(!waiting.is_finished());
    tokio::time::advance(patience).await;
    let own = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
    waiting.await.unwrap().check(200, ONE, own);
}
