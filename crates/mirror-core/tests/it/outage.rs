//! Outage drills: GitHub dies and comes back, with everybody watching, in time that is moved by hand.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use github_sim::{FaultBody, FaultKind, FaultRule};
use http::Method;
use mirror_core::{Config, Hint, Standing};
use serde_json::json;

use crate::rig::{Reply, Rig};
use crate::still::Still;

const REPO: &str = "/repos/octo/hello";

fn dead() -> FaultRule {
    FaultRule::new(FaultKind::Outage)
}

fn failing(path: &str) -> FaultRule {
    let kind = FaultKind::Status {
        code: 503,
        body: FaultBody::Unicorn,
    };
    FaultRule::new(kind).path(path)
}

/// Requests that reached GitHub in any form.
fn reached(rig: &Rig) -> u64 {
    rig.sim.counters().total
}

/// Lets GitHub die, and the mirror notice.
async fn lose_github(still: &Still, token: &str) {
    still.rig.sim.fault(dead());
    for number in 0..5 {
        still.rig.get(&format!("/users/u{number}"), token).await;
    }
    still.until_upstream_is(Standing::Offline).await;
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_github() {
    const CLIENTS: usize = 20;
    const RESOURCES: usize = 12;
    const FIRST_SECOND: u64 = 10;
    let still = Still::with(|config| {
        config.offline.return_reads_per_second = FIRST_SECOND;
    })
    .await;
    let rig = &still.rig;
    let path = |resource: usize| format!("/repos/octo/r{resource}");
    for resource in 0..RESOURCES {
        rig.shelf.put(&path(resource), &json!({"id": resource}));
    }
    let tokens: Vec<_> = (0..CLIENTS)
        .map(|client| rig.sim.user_token(&format!("client-{client}")))
        .collect();
    // Each client reads every third resource.
    let mut confirmed = BTreeSet::new();
    for (client, token) in tokens.iter().enumerate() {
        for resource in (0..RESOURCES).filter(|resource| (client + resource) % 3 == 0) {
            assert_eq!(rig.get(&path(resource), token).await.status, 200);
            confirmed.insert((client, resource));
        }
    }

    // What went well a while ago does not outweigh what fails now.
    still.pass(10).await;
    rig.sim.reset_counters();
    rig.sim.fault(dead());
    let mut answers: BTreeMap<(u16, String), u64> = BTreeMap::new();
    for _ in 0..10 {
        for (client, token) in tokens.iter().enumerate() {
            for resource in 0..RESOURCES {
                let reply = rig.get(&path(resource), token).await;
                let x_cache = reply.header("x-cache").to_owned();
                let known = confirmed.contains(&(client, resource));
                assert_eq!(reply.status == 200, known, "{client} {resource} {reply:?}");
                assert_eq!(x_cache.ends_with("_HIT"), known, "{x_cache}");
                if known {
                    assert_eq!(reply.json(), json!({"id": resource}));
                } else {
                    assert!(!reply.body.starts_with(b"{\"id\""), "{reply:?}");
                }
                *answers.entry((reply.status.as_u16(), x_cache)).or_default() += 1;
            }
        }
        for _ in 0..60 {
            still.probe().await;
        }
    }
    let tries = rig.sim.counters().connections;
    let probes = rig.mirror.upstream_account().probes;
    println!(
        "ten minutes, {CLIENTS} clients, {RESOURCES} resources, {} confirmed pairs",
        confirmed.len()
    );
    for ((status, x_cache), count) in &answers {
        println!("{count:6} {status} {x_cache}");
    }
    println!("{tries:6} connections were tried, {probes} of them for probes");
    let count = |status, x_cache: &str| {
        answers
            .get(&(status, x_cache.to_owned()))
            .copied()
            .unwrap_or(0)
    };
    let offline = (count(200, "OFFLINE_HIT"), count(504, "OFFLINE_MISS"));
    let noticing = count(200, "API_CONNECTION_ERROR_HIT") + count(502, "API_CONNECTION_ERROR_MISS");
    assert_eq!(noticing, 5, "five failures are enough to know");
    assert_eq!(
        offline.0 + offline.1 + noticing,
        (10 * CLIENTS * RESOURCES) as u64
    );
    assert_eq!((probes, tries), (600, 600 + 5));

    // GitHub is back; the next probe finds out, and everybody asks at once.
    rig.sim.clear_faults();
    still.probe().await;
    still.until_upstream_is(Standing::Returning).await;
    rig.sim.reset_counters();
    let everybody = || async {
        let asked = confirmed.iter().map(|(client, resource)| {
            let target = path(*resource);
            let token = &tokens[*client];
            async move { rig.get(&target, token).await }
        });
        join_all(asked).await
    };
    let mut per_second = Vec::new();
    loop {
        let before = reached(rig);
        let replies = everybody().await;
        assert!(
            replies.iter().all(|reply| reply.status == 200),
            "nobody is turned away"
        );
        let online = replies
            .iter()
            .filter(|reply| reply.header("x-cache") == "ONLINE_HIT")
            .count();
        let asked = reached(rig) - before;
        assert_eq!(online as u64, asked, "the others are served what they were");
        per_second.push(asked);
        if online == confirmed.len() {
            break;
        }
        still.pass(1).await;
    }
    println!("upstream calls in each second of the return: {per_second:?}");
    assert_eq!(per_second, [10, 20, 40, 80]);
    still.pass(1).await;
    assert_eq!(rig.mirror.upstream_account().standing, Standing::Online);
    assert_eq!(rig.metric("github_mirror_offline"), 0.0);
    let changes = |to| {
        rig.metric(&format!(
            "github_mirror_standing_changes_total{{to=\"{to}\"}}"
        ))
    };
    assert_eq!(
        (changes("offline"), changes("returning"), changes("online")),
        (1.0, 1.0, 1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn below_the_threshold_failures_are_named_and_beyond_it_nothing_is_sent() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let (known, unknown) = (rig.sim.user_token("known"), rig.sim.user_token("unknown"));
    rig.get(REPO, &known).await;
    still.pass(10).await;
    rig.sim.fault(dead());
    for _ in 0..2 {
        rig.get(REPO, &known).await.check(
            200,
            "API_CONNECTION_ERROR_HIT",
            "fwd=stale; detail=connection-error",
        );
        let miss = rig.get(REPO, &unknown).await;
        miss.check(
            502,
            "API_CONNECTION_ERROR_MISS",
            "fwd=miss; detail=connection-error",
        );
        let message = miss.json()["message"].as_str().unwrap().to_owned();
        let named = format!("Error reaching {}: ", rig.sim.url());
        assert!(
            message.starts_with(&named) && message.len() > named.len(),
            "{message}"
        );
    }
    rig.get(REPO, &unknown).await;
    assert_eq!(rig.metric("github_mirror_offline"), 1.0);
    let before = reached(rig);
    let stale = rig.get(REPO, &known).await;
    stale.check(200, "OFFLINE_HIT", "fwd=stale; detail=offline");
    assert_eq!(stale.json(), json!({"id": 1}));
    let miss = rig.get(REPO, &unknown).await;
    miss.check(504, "OFFLINE_MISS", "fwd=miss; detail=offline");
    assert_eq!(miss.json(), json!({"message": "gateway timeout"}));
    assert_eq!(reached(rig), before, "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_write_in_offline_mode_is_refused_unsent() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    lose_github(&still, &token).await;
    rig.sim.reset_counters();
    rig.sim.clear_faults();
    let authorization = format!("token {token}");
    let headers = [("authorization", authorization.as_str())];
    let refused = rig.send(Method::POST, REPO, &headers, "{}").await;
    refused.check(504, "OFFLINE_MISS", "fwd=miss; detail=offline");
    assert_eq!(refused.json(), json!({"message": "gateway timeout"}));
    assert_eq!(reached(rig), 0, "a client that repeats it writes once");
    still.probe().await;
    still.until_upstream_is(Standing::Returning).await;
    rig.sim.reset_counters();
    assert_eq!(
        rig.send(Method::POST, REPO, &headers, "{}").await.status,
        201
    );
    assert_eq!(reached(rig), 1);
}

#[tokio::test(start_paused = true)]
async fn server_errors_count_and_refusals_do_not() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    let token = rig.sim.user_token("a");
    for _ in 0..20 {
        assert_eq!(rig.get("/repos/octo/none", &token).await.status, 404);
    }
    for _ in 0..8 {
        assert_eq!(rig.get("/repos/octo/none", "ghp_wrong").await.status, 401);
    }
    rig.sim
        .fault(FaultRule::new(FaultKind::PrimaryLimit).times(20));
    for number in 0..20 {
        let caller = rig.sim.user_token(&format!("limited-{number}"));
        assert_eq!(rig.get("/repos/octo/none", &caller).await.status, 403);
    }
    assert_eq!(rig.mirror.upstream_account().standing, Standing::Online);
    still.pass(11).await;
    rig.sim.fault(failing("/**"));
    for _ in 0..5 {
        assert_eq!(rig.get("/repos/octo/none", &token).await.status, 503);
    }
    rig.get("/repos/octo/none", &token).await.check(
        504,
        "OFFLINE_MISS",
        "fwd=miss; detail=offline",
    );
}

#[tokio::test(start_paused = true)]
async fn one_bad_route_among_good_ones_takes_nobody_offline() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.sim.fault(failing("/search/**"));
    for _ in 0..50 {
        rig.get(REPO, &token).await;
        rig.get(REPO, &token).await;
        assert_eq!(rig.get("/search/code", &token).await.status, 503);
    }
    assert_eq!(rig.mirror.upstream_account().standing, Standing::Online);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_answered_with_an_error_does_not_end_the_outage() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    let token = rig.sim.user_token("a");
    lose_github(&still, &token).await;
    rig.sim.clear_faults();
    rig.sim.fault(failing("/rate_limit"));
    for _ in 0..3 {
        still.probe().await;
    }
    assert_eq!(rig.mirror.upstream_account().standing, Standing::Offline);
    let probes = rig.sim.counters().count(|seen| {
        (&*seen.method, &*seen.path, &*seen.token) == ("HEAD", "/rate_limit", "anonymous")
    });
    assert_eq!(probes, 3);
    rig.sim.clear_faults();
    still.probe().await;
    still.until_upstream_is(Standing::Returning).await;
    still.pass(1).await;
    assert_eq!(
        rig.mirror.upstream_account().standing,
        Standing::Online,
        "nobody was held back"
    );
}

fn with_status_page(config: &mut Config) {
    config.status.url = format!("{}/api/v2/components.json", config.upstream);
}

/// Waits for one more answer of the status page.
async fn page_says(still: &Still, result: &str) {
    still
        .grows(&format!(
            "github_mirror_status_page_total{{result=\"{result}\"}}"
        ))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_status_page_that_cries_wolf_changes_nothing() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.sim.set_status("API Requests", "major_outage");
    page_says(&still, "major-outage").await;
    assert_eq!(rig.mirror.upstream_account().hint, Hint::MajorOutage);
    rig.get(REPO, &token).await;
    for _ in 0..20 {
        let reply = rig.get(REPO, &token).await;
        reply.check(
            200,
            "ONLINE_HIT",
            "fwd=stale; fwd-status=304; detail=own-tag",
        );
        page_says(&still, "major-outage").await;
    }
    // One failure among all that traffic is outweighed too.
    rig.sim.fault(failing("/repos/octo/hello").times(1));
    assert_eq!(
        rig.get(REPO, &token).await.header("x-cache"),
        "API_ERROR_HIT"
    );
    assert_eq!(rig.mirror.upstream_account().standing, Standing::Online);
}

#[tokio::test(start_paused = true)]
async fn a_status_page_that_is_right_saves_four_failures() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    let token = rig.sim.user_token("a");
    rig.sim.set_status("API Requests", "major_outage");
    page_says(&still, "major-outage").await;
    rig.sim.fault(failing("/repos/**"));
    rig.sim.fault(failing("/rate_limit"));
    assert_eq!(rig.get(REPO, &token).await.status, 503);
    rig.get(REPO, &token)
        .await
        .check(504, "OFFLINE_MISS", "fwd=miss; detail=offline");
    // And it cannot keep GitHub away: a probe is answered, whatever the page says.
    rig.sim.clear_faults();
    rig.shelf.put(REPO, &json!({"id": 1}));
    page_says(&still, "major-outage").await;
    still.until_upstream_is(Standing::Returning).await;
    assert_eq!(rig.get(REPO, &token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_status_page_that_is_asleep_hides_no_outage() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.get(REPO, &token).await;
    still.pass(10).await;
    rig.sim.fault(failing("/repos/**"));
    rig.sim.fault(failing("/rate_limit"));
    for _ in 0..5 {
        assert_eq!(
            rig.get(REPO, &token).await.header("x-cache"),
            "API_ERROR_HIT"
        );
        page_says(&still, "nothing").await;
    }
    assert_eq!(rig.get(REPO, &token).await.header("x-cache"), "OFFLINE_HIT");
}

/// Status page down = mirror down: a failure of other mirrors.
#[tokio::test(start_paused = true)]
async fn a_status_page_that_fails_changes_nothing() {
    let page = "/api/v2/components.json";
    let kinds = [
        (FaultKind::Reset, "failed"),
        (FaultKind::Garbage, "failed"),
        (FaultKind::Truncate { after_bytes: 20 }, "failed"),
        (
            FaultKind::Status {
                code: 500,
                body: FaultBody::Unicorn,
            },
            "failed",
        ),
        (
            FaultKind::Status {
                code: 200,
                body: FaultBody::Message,
            },
            "unreadable",
        ),
        (
            FaultKind::Status {
                code: 200,
                body: FaultBody::Empty,
            },
            "unreadable",
        ),
    ];
    for (kind, result) in kinds {
        let still = Still::with(with_status_page).await;
        let rig = &still.rig;
        rig.shelf.put(REPO, &json!({"id": 1}));
        let token = rig.sim.user_token("a");
        rig.sim.set_status("API Requests", "degraded_performance");
        rig.sim.fault(FaultRule::new(kind.clone()).path(page));
        for _ in 0..3 {
            page_says(&still, result).await;
            let reply = rig.get(REPO, &token).await;
            assert_eq!(reply.status, 200, "{kind:?}");
        }
        let account = rig.mirror.upstream_account();
        assert_eq!(
            (account.standing, account.hint),
            (Standing::Online, Hint::Nothing),
            "{kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_page_that_hangs_changes_nothing_and_is_given_up() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    page_says(&still, "nothing").await;
    // News, or it would be a 304, which has no body that could hang.
    rig.sim.set_status("API Requests", "degraded_performance");
    let stall = FaultRule::new(FaultKind::Stall { after_bytes: 10 });
    rig.sim.fault(stall.path("/api/v2/components.json"));
    let failed = "github_mirror_status_page_total{result=\"failed\"}";
    while rig.metric(failed) < 2.0 {
        still.pass(1).await;
        assert_eq!(rig.get(REPO, &token).await.status, 200);
    }
    rig.sim.clear_faults();
    page_says(&still, "nothing").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_status_page_said_fades_when_it_falls_silent() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    rig.sim.set_status("API Requests", "major_outage");
    page_says(&still, "major-outage").await;
    rig.sim
        .fault(FaultRule::new(FaultKind::Reset).path("/api/v2/components.json"));
    page_says(&still, "failed").await;
    assert_eq!(rig.mirror.upstream_account().hint, Hint::MajorOutage);
    for _ in 0..60 {
        page_says(&still, "failed").await;
    }
    assert_eq!(rig.mirror.upstream_account().hint, Hint::Nothing);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_simulated_page_is_conditional_and_without_credentials() {
    let still = Still::with(with_status_page).await;
    let rig = &still.rig;
    for _ in 0..3 {
        page_says(&still, "nothing").await;
    }
    for seen in rig.sim.requests() {
        assert_eq!(seen.target, "/api/v2/components.json");
        assert!(!seen.headers.contains_key("authorization"));
    }
}

/// A coalesced crowd in an outage: one try for all of them, and each gets its own right.
#[tokio::test(start_paused = true)]
async fn a_crowd_in_an_outage_is_answered_by_right() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let (known, unknown) = (rig.sim.user_token("known"), rig.sim.user_token("unknown"));
    rig.get(REPO, &known).await;
    lose_github(&still, &known).await;
    let crowd =
        (0..40).map(|number| rig.get(REPO, if number % 2 == 0 { &known } else { &unknown }));
    let replies: Vec<Reply> = join_all(crowd).await;
    for (number, reply) in replies.iter().enumerate() {
        let (status, x_cache) = if number % 2 == 0 {
            (200, "OFFLINE_HIT")
        } else {
            (504, "OFFLINE_MISS")
        };
        assert_eq!(
            (reply.status.as_u16(), reply.header("x-cache")),
            (status, x_cache)
        );
    }
}
