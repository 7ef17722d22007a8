//! A cache that is broken breaks no request.

use std::time::Duration;

use cache_backends::{Fault, FaultControl, FaultStore, MemoryStore, Operation};
use github_conditional::{Entry, Options};

use crate::bench::{ALICE, BOB, Bench, Seen, settle};
use crate::github::{Gate, Manner, Resource};

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";
const MISS: &str = "github-mirror; fwd=miss; fwd-status=200; stored";
const PREDICTED: &str = "github-mirror; fwd=stale; fwd-status=304; detail=predicted";
const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";

fn faulty() -> (Bench<FaultStore<MemoryStore<Entry>>>, FaultControl) {
    let (store, control) = FaultStore::new(MemoryStore::default());
    let bench = Bench::on(store, Options::default());
    bench.github.serve(REPO, ONE);
    (bench, control)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_a_miss() {
    for fault in [Fault::Unavailable, Fault::Corrupt, Fault::Lost] {
        let (bench, control) = faulty();
        bench.get(ALICE, REPO).await;
        control.set(Operation::Load, Some(fault));
        bench.take_events();
        bench.get(ALICE, REPO).await.check(200, ONE, MISS);
        let told = bench.take_events().contains(&"store failed".to_owned());
        assert_eq!(told, fault != Fault::Lost);
        control.set(Operation::Load, None);
        bench.get(ALICE, REPO).await.check(200, ONE, OWN);
    }
}

/// Another caller's first confirmation and new headers: a store in another process would be written to twice.
#[tokio::test(start_paused = true)]
async fn what_one_304_changes_twice_is_written_once() {
    let (bench, control) = faulty();
    bench.get(ALICE, REPO).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    let touched = Resource::new(ONE).modified("Thu, 22 Jun 2023 07:00:00 GMT");
    bench.github.put(REPO, touched);
    control.set(Operation::Merge, Some(Fault::Unavailable));
    bench.take_events();
    bench.get(BOB, REPO).await.check(200, ONE, PREDICTED);
    let written = bench.take_events();
    assert_eq!(
        written
            .iter()
            .filter(|event| *event == "store failed")
            .count(),
        1,
        "{written:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_written_costs_a_later_miss() {
    for fault in [Fault::Unavailable, Fault::Corrupt, Fault::Lost] {
        let (bench, control) = faulty();
        control.set(Operation::Merge, Some(fault));
        for _ in 0..2 {
            bench.get(ALICE, REPO).await.check(200, ONE, MISS);
        }
        assert!(bench.take_events().contains(&"store failed".to_owned()));
        control.set(Operation::Merge, None);
        bench.get(ALICE, REPO).await.check(200, ONE, MISS);
        bench.get(ALICE, REPO).await.check(200, ONE, OWN);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_vanishes_between_look_up_and_write_harms_nobody() {
    let (bench, control) = faulty();
    bench.get(ALICE, REPO).await;
    control.set(Operation::Merge, Some(Fault::Lost));
    bench.get(BOB, REPO).await.check(
        200,
        ONE,
        "github-mirror; fwd=stale; fwd-status=304; detail=predicted",
    );
    bench.get(ALICE, REPO).await.check(200, ONE, MISS);
}

#[tokio::test(start_paused = true)]
async fn without_a_store_trouble_is_shown_as_it_is() {
    let (bench, control) = faulty();
    bench.get(ALICE, REPO).await;
    control.set(Operation::Load, Some(Fault::Unavailable));
    bench.github.outage(Some(Manner::Refused));
    assert!(bench.fail(ALICE, REPO).await.is_connection());
}

/// The store does not answer when Alice, who is known, asks again; when GitHub answers, it is there again.
async fn asked_while_the_store_was_away(
    status: u16,
) -> (Bench<FaultStore<MemoryStore<Entry>>>, Seen) {
    let (bench, control) = faulty();
    bench.get(ALICE, REPO).await;
    let gate = Gate::shut();
    bench.github.next(REPO, Manner::Gate(gate.clone()));
    bench.github.permit(REPO, ALICE, status);
    control.set(Operation::Load, Some(Fault::Unavailable));
    let asking = tokio::spawn({
        let bench = bench.clone();
        async move { bench.get(ALICE, REPO).await }
    });
    settle().await;
    control.set(Operation::Load, None);
    gate.open();
    (bench, asking.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_while_the_store_is_away_is_not_shown_it_later() {
    for refusal in [401, 403, 404] {
        let (bench, seen) = asked_while_the_store_was_away(refusal).await;
        assert_eq!(seen.status, refusal);
        bench.github.outage(Some(Manner::Refused));
        bench.fail(ALICE, REPO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_for_a_moment_still_helps_in_trouble() {
    let (_bench, seen) = asked_while_the_store_was_away(500).await;
    let stale = "github-mirror; fwd=stale; fwd-status=500; detail=server-error";
    seen.check(200, ONE, stale);
}
