//! One upstream 200 per version of a resource, whoever asks, however often.

use std::collections::HashMap;

use serde_json::json;

use crate::rig::Rig;

fn path(resource: usize) -> String {
    format!("/repos/octo/r{resource}/issues")
}

#[tokio::test]
async fn upstream_200s_are_versions_not_clients_times_resources() {
    const TOKENS: usize = 20;
    const RESOURCES: usize = 30;
    const ROUNDS: u64 = 6;
    let rig = Rig::unhurried().await;
    let mut tokens: Vec<_> = (0..TOKENS)
        .map(|number| rig.sim.user_token(&format!("user-{number}")))
        .collect();
    let mut versions: HashMap<usize, u64> = HashMap::new();
    for round in 0..ROUNDS {
        for resource in 0..RESOURCES {
            // In each round another third of the resources changes; in the first all appear.
            if round == 0 || (resource as u64 + round).is_multiple_of(3) {
                rig.shelf.put(
                    &path(resource),
                    &json!([{"resource": resource, "round": round}]),
                );
                *versions.entry(resource).or_default() += 1;
            }
            for reader in 0..TOKENS {
                let token = &tokens[(reader + resource) % TOKENS];
                let reply = rig.get(&path(resource), token).await;
                let newest = reply.json()[0]["round"].as_u64().unwrap();
                assert!(newest == round || !(resource as u64 + round).is_multiple_of(3));
            }
        }
        // Rotation changes every tag and adds nothing.
        tokens = tokens
            .iter()
            .map(|token| rig.sim.rotate_token(token))
            .collect();
    }
    let seen: u64 = versions.values().sum();
    let reads = ROUNDS * (TOKENS * RESOURCES) as u64;
    assert_eq!(rig.upstream(200), seen, "one 200 per version seen");
    assert_eq!(
        u64::from(rig.quota_used()),
        seen,
        "and nothing else was charged"
    );
    assert_eq!(rig.upstream(304), reads - seen);
}

#[tokio::test]
async fn callers_who_see_different_bytes_do_not_push_each_other_out() {
    const USERS: usize = 50;
    let rig = Rig::unhurried().await;
    let tokens: Vec<_> = (0..USERS)
        .map(|n| rig.sim.user_token(&format!("u{n}")))
        .collect();
    for number in 0..USERS {
        rig.shelf.put_for(
            "/user",
            &format!("u{number}"),
            &json!({"login": format!("u{number}")}),
        );
    }
    for _ in 0..3 {
        for (number, token) in tokens.iter().enumerate() {
            assert_eq!(
                rig.get("/user", token).await.json()["login"],
                format!("u{number}")
            );
        }
    }
    assert_eq!(rig.upstream(200), USERS as u64);
}

#[tokio::test]
async fn difference_is_found_out_where_the_path_does_not_tell() {
    let rig = Rig::unhurried().await;
    let target = "/repos/octo/hello";
    let tokens: Vec<_> = (0..20)
        .map(|n| rig.sim.user_token(&format!("u{n}")))
        .collect();
    for number in 0..20 {
        let admin = number % 2 == 0;
        let body = json!({"id": 1, "permissions": {"admin": admin}});
        rig.shelf.put_for(target, &format!("u{number}"), &body);
    }
    for _ in 0..5 {
        for (number, token) in tokens.iter().enumerate() {
            let admin = &rig.get(target, token).await.json()["permissions"]["admin"];
            assert_eq!(admin, &json!(number % 2 == 0));
        }
    }
    let learning = rig.upstream(200);
    assert!(
        learning <= 12,
        "{learning} fetches for two bodies and twenty callers"
    );
    for token in &tokens {
        rig.get(target, token).await;
    }
    assert_eq!(rig.upstream(200), learning, "nothing is left to find out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_requests_make_one_upstream_call() {
    let rig = Rig::unhurried().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    // The upstream is held back until all fifty are under way.
    rig.sim
        .fault(github_sim::FaultRule::new(github_sim::FaultKind::Delay {
            milliseconds: 300,
        }));
    let replies = (0..50).map(|_| rig.get("/repos/octo/hello", &token));
    let replies = futures_util::future::join_all(replies).await;
    assert!(replies.iter().all(|reply| reply.json() == json!({"id": 1})));
    assert_eq!(rig.sim.counters().total, 1);
    let collapsed = replies
        .iter()
        .filter(|reply| reply.header("cache-status").contains("collapsed"))
        .count();
    assert_eq!(collapsed, 49);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tokens_on_a_cold_resource_cost_one_request() {
    let rig = Rig::unhurried().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let tokens: Vec<_> = (0..20)
        .map(|n| rig.sim.user_token(&format!("u{n}")))
        .collect();
    rig.sim
        .fault(github_sim::FaultRule::new(github_sim::FaultKind::Delay {
            milliseconds: 100,
        }));
    let replies = tokens
        .iter()
        .map(|token| rig.get("/repos/octo/hello", token));
    let replies = futures_util::future::join_all(replies).await;
    assert!(replies.iter().all(|reply| reply.json() == json!({"id": 1})));
    assert_eq!((rig.upstream(200), rig.upstream(304)), (1, 19));
}

#[tokio::test]
async fn git_objects_are_not_shared_between_callers() {
    let rig = Rig::new().await;
    let target = "/repos/octo/hello/contents/a.txt";
    rig.shelf
        .git_object(target, "3d21ec53a331a6f037a91c368710b99387d012c1");
    for login in ["a", "b"] {
        rig.shelf.put_for(
            target,
            login,
            &json!({"download_url": format!("https://raw/x?token={login}")}),
        );
    }
    let (a, b) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    for _ in 0..2 {
        assert_eq!(
            rig.get(target, &a).await.json()["download_url"],
            "https://raw/x?token=a"
        );
        assert_eq!(
            rig.get(target, &b).await.json()["download_url"],
            "https://raw/x?token=b"
        );
    }
    assert_eq!((rig.upstream(200), rig.upstream(304)), (2, 2));
}
