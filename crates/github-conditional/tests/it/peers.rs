//! What other caches get wrong about fidelity, caching and pagination, each as a test named after the failure.
//!
//! Failures that have a test elsewhere; those of `mirror-core` go through real sockets:
//!
//! | failure | test |
//! |---|---|
//! | `Accept` and `X-GitHub-Api-Version` dropped on the way up | `mirror-core`: `fidelity::headers_go_up_unchanged_but_for_what_is_the_mirrors_business` |
//! | repeated or encoded query keys lost, `per_page` injected | `mirror-core`: `fidelity::targets_go_up_byte_for_byte` |
//! | rate-limit headers, `Retry-After`, `Location` stripped | `mirror-core`: `fidelity::redirects_are_passed_on_and_not_followed`; here: `what_github_says_of_quota_and_waiting_arrives` |
//! | whole bodies buffered | `mirror-core`: `memory::a_64_mib_body_streams_in_flat_memory_and_is_not_stored` |
//! | `Range` dropped | `mirror-core`: `fidelity::requests_that_vary_by_more_than_the_caller_bypass_the_cache` |
//! | redirects followed instead of passed on | `mirror-core`: `fidelity::redirects_are_passed_on_and_not_followed` |
//! | key = URL only, so tokens or media types share entries | `reading::variants_do_not_mix`, `rights` |
//! | a body committed when a client leaves in mid-body | `coalescing::cancelled_leaders::in_mid_body_leaves_a_body_that_is_stored_whole`, `mirror-core`: `faults::a_client_that_leaves_in_mid_body_spoils_nothing` |
//! | panic when an entry is evicted between lookup and load | `faults::an_entry_that_vanishes_between_look_up_and_write_harms_nobody` |
//! | validators appended beside the client's own | `clients::a_clients_tag_is_compared_with_what_is_served` |
//! | only three headers refreshed by a 304 | `reading::the_headers_of_a_304_win_over_stored_ones` |
//! | any status stored after a hit, 202 stored | `bodies::other_statuses_are_passed_on_and_not_stored`; here: `a_status_after_a_hit_replaces_nothing` |
//! | a late 304 pairs a new tag with an old body | `reading::strange_304s::one_that_names_another_tag_confirms_nothing` |
//! | both validators sent | `reading::without_tags::a_date_is_never_sent_beside_a_tag` |
//! | `Link` of a full last page stays without `next` for ever | `lists::full_last_page` |

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{ALICE, BOB, Bench, get};
use crate::github::{Manner, Resource, Tags};

const REPO: &str = "/repos/o/r";
const ISSUES: &str = "/repos/o/r/issues?per_page=2";
const ONE: &str = "{\"id\":1}";
const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";

#[tokio::test(start_paused = true)]
async fn what_github_says_of_quota_and_waiting_arrives() {
    const REFUSAL: &[(&str, &str)] = &[
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1700000600"),
        ("retry-after", "60"),
        ("x-github-request-id", "A:B"),
    ];
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.next(REPO, Manner::Answer(429, REFUSAL, "{}"));
    let refused = bench.get(ALICE, REPO).await;
    assert_eq!(refused.status, 429);
    for (name, value) in REFUSAL {
        assert_eq!(refused.header(name), Some(*value), "{name}");
    }
}

/// A JSON body is looked into once while it is stored, however often it is confirmed.
#[tokio::test(start_paused = true)]
async fn a_body_is_not_parsed_on_every_304() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    let parsed = AtomicUsize::new(0);
    for caller in [ALICE, BOB, ALICE, BOB] {
        let answer = bench.send(get(caller, REPO, &[])).await.unwrap();
        let length = answer.body().derive(|whole| {
            parsed.fetch_add(1, Ordering::Relaxed);
            whole.len()
        });
        assert_eq!(length.as_deref(), Some(&ONE.len()));
    }
    assert_eq!(parsed.into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_status_after_a_hit_replaces_nothing() {
    const TAGGED: &[(&str, &str)] = &[("etag", "\"other\"")];
    for status in [202, 204, 206, 301, 409, 422] {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.get(ALICE, REPO).await;
        bench.github.next(REPO, Manner::Answer(status, TAGGED, ""));
        assert_eq!(bench.get(ALICE, REPO).await.status, status);
        bench.get(ALICE, REPO).await.check(200, ONE, OWN);
    }
}

/// `Date` is when an answer was made, not when its resource changed.
#[tokio::test(start_paused = true)]
async fn no_modification_date_is_invented() {
    let bench = Bench::new();
    bench.github.put(REPO, Resource::new(ONE).tags(Tags::None));
    for _ in 0..3 {
        assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
    }
    let calls = bench.github.take_calls();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert!(!call.headers.contains_key("if-modified-since"));
        assert!(!call.headers.contains_key("if-none-match"));
    }
}

/// GitHub's 304 has no `Link`; the client needs it all the same.
#[tokio::test(start_paused = true)]
async fn a_cached_page_keeps_its_links() {
    let bench = Bench::new();
    let link = "<https://api.github.com/repositories/7/issues?per_page=2&page=2>; rel=\"next\"";
    let page = Resource::new("[1,2]").header("link", link);
    bench.github.put(ISSUES, page);
    bench.get(ALICE, ISSUES).await;
    bench.github.next(ISSUES, Manner::Answer(304, &[], ""));
    let cached = bench.get(ALICE, ISSUES).await;
    cached.check(200, "[1,2]", OWN);
    assert_eq!(cached.header("link"), Some(link));
}

/// Each page is GitHub's of this moment, so a walk over all of them is what GitHub would have given.
#[tokio::test(start_paused = true)]
async fn no_item_is_lost_or_doubled_by_a_cached_page() {
    let bench = Bench::new();
    let target = |page: usize| format!("{ISSUES}&page={page}");
    let put = |items: &[u32]| {
        for (number, page) in items.chunks(2).enumerate() {
            let body = serde_json::to_string(page).unwrap();
            bench.github.serve(&target(number + 1), body);
        }
    };
    put(&[5, 4, 3, 2, 1]);
    let walk = || async {
        let mut items: Vec<u32> = Vec::new();
        for page in 1..=3 {
            let seen = bench.get(ALICE, &target(page)).await;
            items.extend(serde_json::from_str::<Vec<u32>>(seen.text()).unwrap());
        }
        items
    };
    assert_eq!(walk().await, [5, 4, 3, 2, 1]);
    // A new one in front moves all the others.
    put(&[6, 5, 4, 3, 2, 1]);
    assert_eq!(walk().await, [6, 5, 4, 3, 2, 1]);
    // One in the middle is gone.
    put(&[6, 5, 3, 2, 1]);
    assert_eq!(walk().await, [6, 5, 3, 2, 1]);
}
