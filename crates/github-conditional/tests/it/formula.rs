//! The formula fails: predictions stop, callers keep their own tags, and nothing wrong is ever shown.

use github_conditional::{Prediction, SpeculateEmptyLists};

use crate::bench::{ALICE, BOB, Bench, CAROL};
use crate::github::{Caller, Tags};

const MISS: &str = "github-mirror; fwd=miss; fwd-status=200; stored";
const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
const PREDICTED: &str = "github-mirror; fwd=stale; fwd-status=304; detail=predicted";

fn repo(number: u32) -> &'static str {
    Box::leak(format!("/repos/o/r{number}").into_boxed_str())
}

fn prediction(bench: &Bench) -> Prediction {
    let learned = bench.inspect.confidence();
    let [(subject, learned)] = &learned[..] else {
        panic!("one route is in use: {learned:?}");
    };
    assert_eq!(subject.0, "/repos/{owner}/{repo}");
    learned.prediction
}

#[tokio::test(start_paused = true)]
async fn prediction_stops_where_the_formula_fails_and_resumes_where_it_holds() {
    let bench = Bench::new();
    for number in 0..10 {
        bench
            .github
            .serve(repo(number), format!("{{\"id\":{number}}}"));
    }
    // Known to the formula before it breaks.
    bench.get(ALICE, repo(0)).await;
    assert_eq!(prediction(&bench), Prediction::On);
    for number in 0..10 {
        bench.github.set_tags(repo(number), Tags::Unexplained);
    }
    for number in 1..4 {
        assert_eq!(
            prediction(&bench),
            Prediction::On,
            "after {} failures",
            number - 1
        );
        bench
            .get(ALICE, repo(number))
            .await
            .check(200, &format!("{{\"id\":{number}}}"), MISS);
    }
    assert_eq!(prediction(&bench), Prediction::Off);
    assert_eq!(
        bench
            .take_events()
            .iter()
            .filter(|event| *event == "mismatched")
            .count(),
        3
    );

    // A body that could be predicted is not asked about for others now.
    bench.github.take_calls();
    bench.get(BOB, repo(0)).await.check(200, "{\"id\":0}", MISS);
    assert!(
        !bench.github.take_calls()[0]
            .headers
            .contains_key("if-none-match")
    );

    // Every caller still has its own tag.
    for caller in [BOB, CAROL] {
        bench
            .get(caller, repo(1))
            .await
            .check(200, "{\"id\":1}", MISS);
    }
    for caller in [ALICE, BOB, CAROL] {
        bench
            .get(caller, repo(1))
            .await
            .check(200, "{\"id\":1}", OWN);
    }

    for number in 0..10 {
        bench.github.set_tags(repo(number), Tags::Formula);
    }
    for number in 4..7 {
        assert_eq!(prediction(&bench), Prediction::Off);
        bench.get(ALICE, repo(number)).await;
    }
    assert_eq!(prediction(&bench), Prediction::On);
    bench
        .get(BOB, repo(4))
        .await
        .check(200, "{\"id\":4}", PREDICTED);
}

#[tokio::test(start_paused = true)]
async fn where_it_fails_no_empty_list_is_guessed_either() {
    let bench = Bench::new();
    assert_eq!(
        github_conditional::Options::default().speculate_empty_lists,
        SpeculateEmptyLists::Yes
    );
    for number in 0..4 {
        let list: &'static str = Box::leak(format!("/repos/o/r{number}/issues").into_boxed_str());
        bench.github.serve(list, "[]");
        bench.github.set_tags(list, Tags::Unexplained);
        bench.get(ALICE, list).await.check(200, "[]", MISS);
    }
    let asked: Vec<_> = bench.github.take_calls();
    let guessed: Vec<_> = asked
        .iter()
        .map(|call| call.headers.contains_key("if-none-match"))
        .collect();
    assert_eq!(guessed, [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_body_under_an_unexplained_tag_is_shared_with_nobody() {
    let bench = Bench::new();
    let secret: Caller = BOB;
    bench.github.put(
        "/user",
        crate::github::Resource::new("{\"login\":\"x\"}")
            .tags(Tags::Unexplained)
            .own(secret, "{\"login\":\"bob\"}"),
    );
    bench
        .get(secret, "/user")
        .await
        .check(200, "{\"login\":\"bob\"}", MISS);
    bench
        .get(ALICE, "/user")
        .await
        .check(200, "{\"login\":\"x\"}", MISS);
    for call in bench.github.take_calls() {
        assert!(
            !call.headers.contains_key("if-none-match"),
            "nothing to ask about"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn tags_of_other_kinds_say_nothing_about_the_formula() {
    let bench = Bench::new();
    for number in 0..5 {
        bench.github.serve(repo(number), "{}");
        bench.github.set_tags(repo(number), Tags::GitObject);
        bench.get(ALICE, repo(number)).await;
    }
    assert!(bench.inspect.confidence().is_empty());
    assert!(bench.take_events().contains(&"not-applicable".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn texts_are_predicted_by_their_own_rule() {
    let bench = Bench::new();
    let diff = "diff --git a/\u{fc} b/\"x\"\n+\tline\n";
    let literal = "\"diff --git a/\u{fc} b/\\\"x\\\"\\n+\\tline\\n\"";
    let pull = "/repos/o/r/pulls/1";
    let accept = "application/vnd.github.diff";
    let hash = |authorization: &str| {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(format!(
            "{accept}:{authorization}:{literal}"
        )))
    };
    let answer = |authorization: &str| -> &'static str {
        Box::leak(format!("\"{}\"", hash(authorization)).into_boxed_str())
    };
    bench.github.serve(pull, diff);
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([
        ("content-type", "application/vnd.github.diff; charset=utf-8"),
        ("vary", "Accept, Authorization, Cookie"),
        ("etag", answer("Bearer alice")),
    ]));
    bench
        .github
        .next(pull, crate::github::Manner::Answer(200, headers, diff));
    let read = |caller| {
        let mut request = crate::bench::get(caller, pull, &[]);
        request
            .headers_mut()
            .insert("accept", accept.parse().unwrap());
        bench.read(request)
    };
    read(ALICE).await.check(200, diff, MISS);
    bench.github.take_calls();
    bench
        .github
        .next(pull, crate::github::Manner::Answer(304, &[], ""));
    read(BOB).await.check(200, diff, PREDICTED);
    let asked = bench.github.take_calls().remove(0);
    assert_eq!(asked.headers["if-none-match"], answer("token bob"));
}
