//! Primary and secondary limits (behaviour notes 1.8 and 2).

use crate::client::{get, request};
use crate::tiny;
use github_sim::{AtZero, FaultKind, FaultRule, LimitStatus, Switches, TokenSpec};
use std::time::Duration;

const REPOSITORY: &str = "/repos/octo/hello";

fn steady() -> Switches {
    Switches {
        reset_jitter: false,
        ..Switches::default()
    }
}

#[tokio::test]
async fn a_window_begins_with_the_first_request_and_stays() {
    let sim = tiny::start_with(steady()).await;
    let token = sim.user_token("octo");
    let ask = || get(REPOSITORY).token(&token);
    let reset = github_sim::START + 3_600;
    for used in 1..=3 {
        let answer = ask().send(&sim).await.expect(200);
        assert_eq!(answer.number("x-ratelimit-used"), used);
        assert_eq!(answer.number("x-ratelimit-remaining"), 5_000 - used);
        assert_eq!(answer.number("x-ratelimit-reset"), reset);
        sim.clock().advance(Duration::from_secs(1_000));
    }
    sim.clock().advance(Duration::from_secs(600));
    let next = ask().send(&sim).await.expect(200);
    assert_eq!(next.number("x-ratelimit-used"), 1);
    assert_eq!(next.number("x-ratelimit-reset"), reset + 3_600);
}

#[tokio::test]
async fn the_reset_wanders_by_a_second() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..32 {
        let answer = get(REPOSITORY).token(&token).send(&sim).await;
        seen.insert(answer.number("x-ratelimit-reset") - github_sim::START);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3_600, 3_601]);
}

#[tokio::test]
async fn remaining_may_go_up_but_the_sum_holds() {
    let sim = tiny::start_with(Switches {
        unsteady_remaining: true,
        ..Switches::default()
    })
    .await;
    let token = sim.user_token("octo");
    let mut remaining = Vec::new();
    for _ in 0..64 {
        let answer = get(REPOSITORY).token(&token).send(&sim).await;
        remaining.push(answer.number("x-ratelimit-remaining"));
        assert_eq!(
            remaining.last().unwrap() + answer.number("x-ratelimit-used"),
            5_000
        );
    }
    assert!(
        remaining.windows(2).any(|pair| pair[1] > pair[0]),
        "{remaining:?}"
    );
}

#[tokio::test]
async fn misses_and_redirects_cost_one_and_304s_nothing() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let first = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    get("/nowhere").token(&token).send(&sim).await.expect(404);
    get("/repos/octo/old")
        .token(&token)
        .send(&sim)
        .await
        .expect(301);
    let conditional = || {
        get(REPOSITORY)
            .token(&token)
            .header("If-None-Match", first.etag())
    };
    for _ in 0..5 {
        conditional().send(&sim).await.expect(304);
    }
    assert_eq!(sim.counters().quota_used["user:octo/core"], 3);
    sim.set_switches(Switches {
        charge_authorized_not_modified: true,
        ..Switches::default()
    });
    conditional().send(&sim).await.expect(304);
    assert_eq!(sim.counters().quota_used["user:octo/core"], 4);
}

#[tokio::test]
async fn an_exhausted_user_is_forbidden() {
    let sim = tiny::start_with(steady()).await;
    let token = sim.user_token("octo");
    sim.set_quota("user:octo/core", 0);
    let answer = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert!(
        answer
            .message()
            .starts_with("API rate limit exceeded for user ID 1.")
    );
    assert_eq!(answer.json()["status"], "403");
    assert_eq!(answer.number("x-ratelimit-remaining"), 0);
    assert_eq!(
        (answer.header("retry-after"), answer.header("etag")),
        (None, None)
    );
    sim.set_switches(Switches {
        exhausted_status: LimitStatus::TooManyRequests,
        ..steady()
    });
    get(REPOSITORY).token(&token).send(&sim).await.expect(429);
    // Another user and another resource go on.
    get(REPOSITORY)
        .token(&sim.user_token("mona"))
        .send(&sim)
        .await
        .expect(200);
    get("/search/repositories")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    sim.clock().advance(Duration::from_secs(3_600));
    get(REPOSITORY).token(&token).send(&sim).await.expect(200);
}

#[tokio::test]
async fn an_exhausted_address_is_told_the_good_news() {
    let sim = tiny::start().await;
    for _ in 0..60 {
        get(REPOSITORY).send(&sim).await.expect(200);
    }
    let answer = get(REPOSITORY).send(&sim).await.expect(403);
    let body = "{\"message\":\"API rate limit exceeded for 127.0.0.1. (But here's the good news: \
        Authenticated requests get a higher rate limit. Check out the documentation for more \
        details.)\",\"documentation_url\":\"https://docs.github.com/rest/overview/\
        resources-in-the-rest-api#rate-limiting\"}";
    assert_eq!(answer.text(), body);
}

#[tokio::test]
async fn an_exhausted_installation_is_named() {
    let sim = tiny::start().await;
    let token = sim.installation_token(7);
    sim.set_quota("installation:7/core", 0);
    let answer = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert!(
        answer
            .message()
            .starts_with("API rate limit exceeded for installation ID 7.")
    );
}

#[tokio::test]
async fn a_condition_at_zero_is_refused_unless_switched() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let tag = get(REPOSITORY)
        .token(&token)
        .send(&sim)
        .await
        .expect(200)
        .etag()
        .to_owned();
    sim.set_quota("user:octo/core", 0);
    let conditional = |tag: &str| get(REPOSITORY).token(&token).header("If-None-Match", tag);
    conditional(&tag).send(&sim).await.expect(403);
    sim.set_switches(Switches {
        conditional_at_zero: AtZero::Evaluate,
        ..Switches::default()
    });
    conditional(&tag).send(&sim).await.expect(304);
    conditional("\"other\"").send(&sim).await.expect(403);
}

#[tokio::test]
async fn search_has_a_small_window_of_its_own() {
    let sim = tiny::start_with(steady()).await;
    let token = sim.user_token("octo");
    for _ in 0..30 {
        get("/search/repositories")
            .token(&token)
            .send(&sim)
            .await
            .expect(200);
    }
    let answer = get("/search/repositories")
        .token(&token)
        .send(&sim)
        .await
        .expect(403);
    assert_eq!(answer.header("x-ratelimit-resource"), Some("search"));
    sim.clock().advance(Duration::from_secs(60));
    get("/search/repositories")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert!(!sim.counters().quota_used.contains_key("user:octo/core"));
}

#[tokio::test]
async fn rate_limit_is_free_and_lists_resources() {
    let sim = tiny::start_with(steady()).await;
    let token = sim.user_token("octo");
    get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    let answer = get("/rate_limit")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    let body = answer.json();
    assert_eq!(body["resources"]["core"]["used"], 1);
    assert_eq!(body["resources"]["core"]["remaining"], 4_999);
    assert_eq!(body["resources"]["search"]["limit"], 30);
    assert_eq!(body["rate"], body["resources"]["core"]);
    assert_eq!(answer.number("x-ratelimit-used"), 1);
    let new = get("/rate_limit")
        .token(&token)
        .header("X-GitHub-Api-Version", "2026-03-10");
    assert_eq!(new.send(&sim).await.json().get("rate"), None);
    let anonymous = get("/rate_limit").send(&sim).await.json();
    assert_eq!(anonymous["resources"]["core"]["limit"], 60);
    assert_eq!(anonymous["resources"].get("graphql"), None);
}

#[tokio::test]
async fn points_run_out_long_before_the_quota_shows() {
    let sim = tiny::start_with(Switches {
        points_per_minute: 3,
        ..Switches::default()
    })
    .await;
    let token = sim.user_token("octo");
    let tag = get(REPOSITORY)
        .token(&token)
        .send(&sim)
        .await
        .expect(200)
        .etag()
        .to_owned();
    let ask = || get(REPOSITORY).token(&token).header("If-None-Match", &tag);
    ask().send(&sim).await.expect(304);
    ask().send(&sim).await.expect(304);
    let limited = ask().send(&sim).await.expect(403);
    assert!(
        limited
            .message()
            .starts_with("You have exceeded a secondary rate limit.")
    );
    assert_eq!(limited.number("retry-after"), 60);
    // A rejected call consumes quota; a free 304 did not.
    assert_eq!(limited.number("x-ratelimit-used"), 2);
    sim.set_switches(Switches {
        points_per_minute: 3,
        secondary_retry_after_seconds: None,
        secondary_status: LimitStatus::TooManyRequests,
        ..Switches::default()
    });
    assert_eq!(
        ask().send(&sim).await.expect(429).header("retry-after"),
        None
    );
    sim.clock().advance(Duration::from_secs(60));
    ask().send(&sim).await.expect(304);
}

#[tokio::test]
async fn points_of_304s_can_be_free() {
    let free = Switches {
        points_per_minute: 2,
        points_for_not_modified: false,
        ..Switches::default()
    };
    let sim = tiny::start_with(free).await;
    let token = sim.user_token("octo");
    let tag = get(REPOSITORY)
        .token(&token)
        .send(&sim)
        .await
        .expect(200)
        .etag()
        .to_owned();
    for _ in 0..5 {
        get(REPOSITORY)
            .token(&token)
            .header("If-None-Match", &tag)
            .send(&sim)
            .await
            .expect(304);
    }
}

#[tokio::test]
async fn content_creation_has_a_limit_of_its_own() {
    let sim = tiny::start_with(Switches {
        content_per_minute: 2,
        ..Switches::default()
    })
    .await;
    let token = sim.user_token("octo");
    let post = || {
        request("POST", "/repos/octo/hello/issues")
            .token(&token)
            .body("{}")
    };
    post().send(&sim).await.expect(201);
    post().send(&sim).await.expect(201);
    let limited = post().send(&sim).await.expect(403);
    assert!(
        limited
            .message()
            .contains("temporarily blocked from content creation")
    );
}

#[tokio::test]
async fn too_many_at_once_are_refused() {
    let sim = tiny::start_with(Switches {
        concurrent_requests: 2,
        ..Switches::default()
    })
    .await;
    let token = sim.user_token("octo");
    // Two answers whose bodies never end stay in flight.
    sim.fault(FaultRule::new(FaultKind::Stall { after_bytes: 1 }).times(2));
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = tokio::net::TcpStream::connect(sim.addr()).await.unwrap();
        let bytes = get(REPOSITORY).token(&token).to_bytes();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes)
            .await
            .unwrap();
        let mut first = [0; 1];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first)
            .await
            .unwrap();
        held.push(stream);
    }
    let limited = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert!(limited.message().contains("secondary rate limit"));
    get(REPOSITORY)
        .token(&sim.user_token("mona"))
        .send(&sim)
        .await
        .expect(200);
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let sim = tiny::start_with(Switches::unlimited()).await;
    for _ in 0..100 {
        let answer = get("/repos/octo/hello/labels").send(&sim).await.expect(200);
        assert_eq!(answer.number("x-ratelimit-remaining"), 60);
    }
    assert!(sim.counters().quota_used.is_empty());
}

#[tokio::test]
async fn an_approved_app_with_a_higher_limit_exhausts_its_users_other_tokens() {
    let sim = tiny::start().await;
    let app = sim
        .add_token(TokenSpec::user("octo").core_limit(15_000).labelled("app"))
        .unwrap();
    let personal = sim.user_token("octo");
    sim.set_quota("user:octo/core", 2);
    get(REPOSITORY).token(&app).send(&sim).await.expect(200);
    get(REPOSITORY)
        .token(&personal)
        .send(&sim)
        .await
        .expect(200);
    get(REPOSITORY).token(&app).send(&sim).await.expect(403);
    get(REPOSITORY)
        .token(&personal)
        .send(&sim)
        .await
        .expect(403);
}
