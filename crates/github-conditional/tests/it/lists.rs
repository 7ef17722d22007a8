//! Lists: empty ones that were never seen, and full last pages behind which something has grown.

use std::time::Duration;

use github_conditional::{Options, SpeculateEmptyLists};

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, CAROL};
use crate::github::Resource;

const ISSUES: &str = "/repos/o/r/issues";
const SPECULATIVE: &str = "github-mirror; fwd=stale; fwd-status=304; detail=speculative";
const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
const PREDICTED: &str = "github-mirror; fwd=stale; fwd-status=304; detail=predicted";
const MISS: &str = "github-mirror; fwd=miss; fwd-status=200; stored";

fn items(count: usize) -> String {
    format!("[{}]", vec!["{\"id\":1}"; count].join(","))
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_that_was_never_seen_costs_nothing() {
    let bench = Bench::new();
    bench.github.serve(ISSUES, "[]");
    let first = bench.get(ALICE, ISSUES).await;
    first.check(200, "[]", SPECULATIVE);
    assert_eq!(
        first.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(first.header("content-length"), Some("2"));
    let second = bench.get(ALICE, ISSUES).await;
    second.check(200, "[]", OWN);
    assert_eq!(second.tag(), first.tag());
    bench.get(BOB, ISSUES).await.check(200, "[]", PREDICTED);
    assert_eq!(bench.github.take_charged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_empty_gets_items() {
    let bench = Bench::new();
    bench.github.serve(ISSUES, "[]");
    bench.get(ALICE, ISSUES).await;
    bench.github.update(ISSUES, items(1));
    bench.get(ALICE, ISSUES).await.check(
        200,
        &items(1),
        "github-mirror; fwd=stale; fwd-status=200; stored",
    );
    bench
        .get(BOB, ISSUES)
        .await
        .check(200, &items(1), PREDICTED);
    bench.github.update(ISSUES, "[]");
    assert_eq!(bench.get(BOB, ISSUES).await.text(), "[]");
    bench.get(BOB, ISSUES).await.check(200, "[]", OWN);
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_is_wrong_costs_what_a_plain_request_costs() {
    let bench = Bench::new();
    bench.github.serve(ISSUES, items(2));
    bench.get(ALICE, ISSUES).await.check(200, &items(2), MISS);
    assert_eq!(bench.github.take_charged(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_pays_for_a_304_and_what_is_no_list_is_not_guessed_about() {
    let bench = Bench::new();
    bench.github.serve(ISSUES, "[]");
    bench.github.serve("/repos/o/r", "{}");
    bench.get(ANONYMOUS, ISSUES).await.check(200, "[]", MISS);
    bench.get(ALICE, "/repos/o/r").await.check(200, "{}", MISS);
    let off = Bench::with({
        let mut options = Options::default();
        options.speculate_empty_lists = SpeculateEmptyLists::No;
        options
    });
    off.github.serve(ISSUES, "[]");
    off.get(ALICE, ISSUES).await.check(200, "[]", MISS);
    for call in bench.github.calls().iter().chain(&off.github.calls()) {
        assert!(!call.headers.contains_key("if-none-match"));
    }
}

mod full_last_page {
    use super::*;

    const STARS: &str = "/repos/o/r/stargazers";
    const BEHIND: &str = "/repos/o/r/stargazers?page=2";

    #[tokio::test(start_paused = true)]
    async fn that_is_still_the_last_is_known_for_nothing() {
        let bench = Bench::new();
        bench.github.serve(STARS, items(30));
        bench.github.serve(BEHIND, "[]");
        bench.get(ALICE, STARS).await;
        bench.github.take_charged();
        bench.take_events();
        for _ in 0..3 {
            let page = bench.get(ALICE, STARS).await;
            page.check(200, &items(30), OWN);
            assert_eq!(page.header("link"), None);
        }
        assert_eq!(bench.github.take_charged(), 0);
        assert_eq!(bench.take_events(), ["still-last"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn that_has_grown_gets_its_links_and_the_next_page_is_stored() {
        let bench = Bench::new();
        bench.github.serve(STARS, items(30));
        bench.github.serve(BEHIND, "[]");
        bench.get(ALICE, STARS).await;
        bench.get(ALICE, STARS).await;
        bench.github.update(BEHIND, items(1));
        bench.github.take_charged();
        bench.take_events();

        let grown = bench.get(ALICE, STARS).await;
        grown.check(200, &items(30), OWN);
        let link = "<https://api.github.com/repos/o/r/stargazers?page=2>; rel=\"next\", \
                    <https://api.github.com/repos/o/r/stargazers?page=2>; rel=\"last\"";
        assert_eq!(grown.header("link"), Some(link));
        assert_eq!(bench.github.take_charged(), 1);
        assert!(bench.take_events().contains(&"grown".to_owned()));

        // From now on the page is conclusive, for everybody, also in a 304 to the client.
        bench.github.take_calls();
        assert_eq!(bench.get(ALICE, STARS).await.header("link"), Some(link));
        let bobs = bench.get(BOB, STARS).await;
        bobs.check(200, &items(30), PREDICTED);
        assert_eq!(bobs.header("link"), Some(link));
        let unchanged = bench
            .get_with(BOB, STARS, &[("if-none-match", bobs.tag())])
            .await;
        assert_eq!(
            (unchanged.status.as_u16(), unchanged.header("link")),
            (304, Some(link))
        );
        bench
            .get(CAROL, BEHIND)
            .await
            .check(200, &items(1), PREDICTED);
        assert_eq!(bench.github.take_charged(), 0);
        assert_eq!(bench.github.take_calls().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn anonymous_callers_do_not_look_because_they_would_pay() {
        let bench = Bench::with({
            let mut options = Options::default();
            options.anonymous = github_conditional::Freshness::Revalidate;
            options
        });
        bench.github.serve(STARS, items(30));
        bench.github.serve(BEHIND, items(1));
        bench.get(ANONYMOUS, STARS).await;
        bench
            .get(ANONYMOUS, STARS)
            .await
            .check(200, &items(30), OWN);
        assert_eq!(bench.github.take_lines().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_behind_does_not_spoil_the_page() {
        let bench = Bench::new();
        bench.github.serve(STARS, items(30));
        bench.github.serve(BEHIND, "[]");
        bench.get(ALICE, STARS).await;
        bench.take_events();
        for manner in [
            crate::github::Manner::Refused,
            crate::github::Manner::Answer(422, &[], "{}"),
            crate::github::Manner::Answer(503, &[], "<html>"),
        ] {
            bench.github.next(BEHIND, manner);
            let page = bench.get(ALICE, STARS).await;
            page.check(200, &items(30), OWN);
            assert_eq!(page.header("link"), None);
            // A look that failed may have been charged: nobody looks again for ten minutes.
            bench.github.take_calls();
            tokio::time::advance(Duration::from_secs(599)).await;
            bench.get(ALICE, STARS).await.check(200, &items(30), OWN);
            assert_eq!(bench.github.take_lines().len(), 1);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(bench.take_events(), ["failed"; 3]);
    }

    /// Clients count a list with one item to a page, by the last page that the first one names.
    #[tokio::test(start_paused = true)]
    async fn a_first_page_learns_of_a_new_last_page_within_a_minute() {
        let first = "/repos/o/r/stargazers?per_page=1";
        let page = |number: u32| {
            format!("<https://api.github.com/repositories/1/stargazers?per_page=1&page={number}>")
        };
        let link = |last| format!("{}; rel=\"next\", {}; rel=\"last\"", page(2), page(last));
        let bench = Bench::new();
        bench
            .github
            .put(first, Resource::new("[1]").header("link", &link(3)));
        bench
            .github
            .serve("/repos/o/r/stargazers?per_page=1&page=4", "[]");
        bench.get(ALICE, first).await;
        bench
            .github
            .serve("/repos/o/r/stargazers?per_page=1&page=4", "[4]");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(
            bench.get(ALICE, first).await.header("link"),
            Some(link(3).as_str())
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        bench.github.take_calls();
        assert_eq!(
            bench.get(ALICE, first).await.header("link"),
            Some(link(4).as_str())
        );
        assert_eq!(bench.github.take_lines().len(), 2);
        assert_eq!(
            bench.get(ALICE, first).await.header("link"),
            Some(link(4).as_str())
        );
        assert_eq!(
            bench.github.take_lines().len(),
            1,
            "once a minute is enough"
        );
    }

    /// Nobody looks behind a page that was only looked at: a list that answers every page number with something full
    /// would be walked for ever, one deeper with each read.
    #[tokio::test(start_paused = true)]
    async fn a_look_behind_looks_no_further() {
        let bench = Bench::new();
        bench.github.serve("/no/such/route", items(30));
        for page in 2..9 {
            bench
                .github
                .serve(&format!("/no/such/route?page={page}"), items(30));
        }
        for _ in 0..5 {
            bench.get(ALICE, "/no/such/route").await;
            tokio::time::advance(Duration::from_secs(700)).await;
        }
        let asked = bench.github.take_lines();
        assert!(
            asked.iter().all(|line| !line.contains("page=3")),
            "{asked:?}"
        );
    }

    /// A list that knows no pages answers any page number with itself.
    #[tokio::test(start_paused = true)]
    async fn the_same_list_again_is_no_next_page() {
        let bench = Bench::new();
        bench.github.serve("/no/such/route", items(30));
        bench.github.serve("/no/such/route?page=2", items(30));
        for _ in 0..3 {
            let page = bench.get(ALICE, "/no/such/route").await;
            assert_eq!(
                (page.text(), page.header("link")),
                (items(30).as_str(), None)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_page_keeps_the_links_it_has() {
        let bench = Bench::new();
        let links = "<https://api.github.com/repositories/1/stargazers?page=1>; rel=\"prev\", \
                     <https://api.github.com/repositories/1/stargazers?page=1>; rel=\"first\"";
        bench
            .github
            .put(BEHIND, Resource::new(items(30)).header("link", links));
        bench.github.serve("/repos/o/r/stargazers?page=3", items(3));
        bench.get(ALICE, BEHIND).await;
        let grown = bench.get(ALICE, BEHIND).await;
        assert_eq!(
            grown.header("link"),
            Some(
                "<https://api.github.com/repositories/1/stargazers?page=1>; rel=\"prev\", \
                 <https://api.github.com/repositories/1/stargazers?page=3>; rel=\"next\", \
                 <https://api.github.com/repositories/1/stargazers?page=3>; rel=\"last\", \
                 <https://api.github.com/repositories/1/stargazers?page=1>; rel=\"first\""
            )
        );
    }
}
