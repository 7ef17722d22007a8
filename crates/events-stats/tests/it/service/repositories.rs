//! The routes over repositories and their events, line by line of the contract.

use events_stats::Policy;
use http::Method;
use serde_json::{Value, json};

use super::place::{Place, over_both};
use super::served::Reply;

over_both!(
    a_repository_is_added_shown_and_removed,
    a_list_is_added_whole_or_not_at_all,
    wrong_bodies_and_parameters_say_what_is_wrong,
    events_are_githubs_own_in_pages_as_githubs,
    gaps_are_told_with_every_answer_that_they_touch,
    a_poll_is_made_when_github_allows_it,
    repositories_of_the_settings_are_added_once,
);

#[track_caller]
fn check(reply: &Reply, status: u16, body: Value) {
    assert_eq!((reply.status.as_u16(), reply.json()), (status, body));
}

async fn a_repository_is_added_shown_and_removed(place: &Place) {
    let served = place.with_events(3).await;
    let one = served.get("/api/repos/OCTO/R/").await.json();
    let id = format!("{}/repos/octo/r", served.github.sim.url());
    assert_eq!(one["full_name"], "octo/r");
    assert_eq!((&one["owner"], &one["name"]), (&json!("octo"), &json!("r")));
    assert_eq!(one["url"], id);
    assert_eq!(one["active"], true);
    assert_eq!(one["policy"], "sqrt");
    assert_eq!(one["events_stored"], 3);
    assert_eq!(one["gaps"], json!([]));
    assert_eq!(one["last_error"], Value::Null);
    assert_eq!(one["added_at"], one["activated_at"]);
    for key in ["etag", "next_poll_at", "oldest_event_at", "newest_event_at"] {
        assert!(one[key].is_string(), "{key}: {one}");
    }
    assert!(one["interval_s"].is_number(), "{one}");
    assert_eq!(one.as_object().unwrap().len(), 17, "{one}");

    // The same again, by another name, is known.
    let body = r#"{"url":"https://github.com/Octo/R.git","active":true}"#;
    let again = served.post("/api/repos", body).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["full_name"]),
        (200, &one["full_name"])
    );
    check(&served.get("/api/repos").await, 200, json!([one]));
    check(&served.get("/api/repos/active/").await, 200, json!([one]));

    let removed = served
        .send(Method::DELETE, "/api/repos/octo/r", &[], "")
        .await;
    assert_eq!((removed.status.as_u16(), removed.text()), (204, ""));
    let gone = json!({"message": "Not Found"});
    for (method, path) in [
        (Method::GET, "/api/repos/octo/r"),
        (Method::DELETE, "/api/repos/octo/r/"),
        (Method::POST, "/api/repos/octo/r/activate"),
        (Method::POST, "/api/repos/octo/r/deactivate"),
        (Method::POST, "/api/repos/octo/r/poll"),
        (Method::GET, "/api/repos/octo/r/events"),
        (Method::GET, "/api/repos/octo/r/events/stats"),
        (Method::GET, "/api/repos/octo/r/events/stats.svg"),
        (Method::GET, "/api/repos/no%20name/r"),
        (Method::GET, "/api/nothing"),
    ] {
        check(&served.send(method, path, &[], "").await, 404, gone.clone());
    }
    check(&served.get("/api/repos").await, 200, json!([]));
    let wrong = served.send(Method::PUT, "/api/repos", &[], "").await;
    check(&wrong, 405, json!({"message": "Method Not Allowed"}));
    served.stop().await;
}

async fn a_list_is_added_whole_or_not_at_all(place: &Place) {
    let served = place.start(|config| config.max_active = 2).await;
    for name in ["a", "b", "c"] {
        served.github.repository(name);
    }
    let body = r#"[{"full_name":"octo/a"},{"full_name":"octo/missing"}]"#;
    let reply = served.post("/api/repos", body).await;
    check(
        &reply,
        404,
        json!({"message": "GitHub knows no repository octo/missing"}),
    );
    let body = r#"[{"full_name":"octo/a"},{"full_name":"octo/b"},{"full_name":"octo/c"}]"#;
    assert_eq!(served.post("/api/repos", body).await.status, 409);
    check(&served.get("/api/repos").await, 200, json!([]));

    let body = r#"[{"full_name":"octo/a"},{"url":"https://github.com/octo/b"}]"#;
    let reply = served.post("/api/repos", body).await;
    assert_eq!(
        (reply.status.as_u16(), reply.each("full_name")),
        (201, vec!["octo/a".into(), "octo/b".into()])
    );
    let limit = json!({
        "message": "at most 2 repositories can be active", "active": ["octo/a", "octo/b"],
    });
    check(
        &served.post("/api/repos", r#"{"full_name":"octo/c"}"#).await,
        409,
        limit.clone(),
    );
    let reply = served
        .post(
            "/api/repos",
            r#"[{"full_name":"octo/a"},{"full_name":"octo/c","active":false}]"#,
        )
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.each("full_name")),
        (201, vec!["octo/a".into(), "octo/c".into()])
    );
    let inactive = served.get("/api/repos/octo/c").await.json();
    assert_eq!(
        (&inactive["active"], &inactive["activated_at"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(inactive["next_poll_at"], Value::Null);
    check(
        &served.post("/api/repos/octo/c/activate", "").await,
        409,
        limit,
    );
    // At the limit an active one stays what it is.
    assert_eq!(
        served.post("/api/repos/octo/a/activate/", "").await.status,
        200
    );
    let reply = served.post("/api/repos/octo/a/deactivate", "").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["active"]),
        (200, &json!(false))
    );
    assert_eq!(
        served.post("/api/repos/octo/a/deactivate", "").await.status,
        200
    );
    check(
        &served.post("/api/repos/octo/a/poll", "").await,
        409,
        json!({"message": "the repository is not active"}),
    );
    let reply = served.post("/api/repos/octo/c/activate", "").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["active"]),
        (200, &json!(true))
    );
    assert_eq!(
        served.get("/api/repos/active").await.each("full_name"),
        ["octo/b", "octo/c"]
    );
    check(&served.post("/api/repos", "[]").await, 200, json!([]));
}

async fn wrong_bodies_and_parameters_say_what_is_wrong(place: &Place) {
    let served = place.with_events(1).await;
    for body in [
        "",
        "{",
        "7",
        "{}",
        r#"{"full_name":"x"}"#,
        r#"[{"url":"http://x"}]"#,
        r#"{"full_name":1}"#,
    ] {
        let reply = served.post("/api/repos", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["message"].is_string());
    }
    for (target, name) in [
        ("/api/repos?page=0", "page"),
        ("/api/repos/active?per_page=101", "per_page"),
        ("/api/repos/octo/r/events?per_page=x", "per_page"),
        ("/api/repos/octo/r/events?since=yesterday", "since"),
        ("/api/repos/octo/r/events?until=1", "until"),
        ("/api/repos/octo/r/events?actor=a%00b", "actor"),
        ("/api/repos/octo/r/events?type=%F0%9F%92%A5", "type"),
        ("/api/repos/octo/r/events/stats?days=0", "days"),
        (
            "/api/repos/octo/r/events/stats/?max_events=many",
            "max_events",
        ),
        ("/api/repos/octo/r/events/stats.svg?kind=pie", "kind"),
        ("/api/stats?days=4000", "days"),
        ("/healthcheck?live=2", "live"),
    ] {
        let reply = served.get(target).await;
        assert_eq!(reply.status, 422, "{target}");
        let body = reply.json();
        assert_eq!(body["errors"], json!([{"field": name, "code": "invalid"}]));
        assert!(
            body["message"].as_str().unwrap().starts_with(name),
            "{body}"
        );
    }
    let small = place
        .start(|config| config.max_request_body_bytes = 10)
        .await;
    let reply = small.post("/api/repos", r#"{"full_name":"octo/r"}"#).await;
    check(&reply, 413, json!({"message": "the body is too large"}));
}

async fn events_are_githubs_own_in_pages_as_githubs(place: &Place) {
    let served = place.with_events(5).await;
    let events = "/api/repos/octo/r/events/";
    let all = served.get(events).await;
    assert_eq!(
        all.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert!(!all.headers.contains_key("link"), "one page is all");
    assert!(!all.headers.contains_key("x-events-gaps"));
    // Newest first, and each as GitHub sends it.
    let github = served.github.sim.ask(
        &http::Request::get("/repos/octo/r/events")
            .header("authorization", format!("Bearer {}", served.github.token))
            .header("user-agent", "test")
            .body(bytes::Bytes::new())
            .unwrap(),
    );
    let github: Vec<Value> = serde_json::from_slice(&github.body).unwrap();
    assert_eq!(all.json(), json!(github));
    let ids = all.each("id");

    let page = served
        .get("/api/repos/octo/r/events?type=WatchEvent&per_page=2&page=2")
        .await;
    assert_eq!(page.each("id"), ids[2..4]);
    let base = format!(
        "{}/api/repos/octo/r/events?type=WatchEvent&per_page=2",
        served.url
    );
    let expected = format!(
        "<{base}&page=1>; rel=\"prev\", <{base}&page=3>; rel=\"next\", <{base}&page=3>; rel=\"last\", <{base}&page=1>; rel=\"first\""
    );
    assert_eq!(page.header("link"), expected);
    check(
        &served.get("/api/repos/octo/r/events?page=7").await,
        200,
        json!([]),
    );

    // Filters.
    let moment = |at: usize| all.json()[at]["created_at"].as_str().unwrap().to_owned();
    let target = format!("{events}?since={}&until={}", moment(3), moment(1));
    assert_eq!(served.get(&target).await.each("id"), ids[1..4]);
    check(
        &served.get("/api/repos/octo/r/events?type=PushEvent").await,
        200,
        json!([]),
    );
    assert_eq!(
        served
            .get("/api/repos/octo/r/events?type=PushEvent&type=WatchEvent")
            .await
            .each("id"),
        ids
    );
    let login = all.json()[0]["actor"]["login"]
        .as_str()
        .unwrap()
        .to_uppercase();
    assert!(
        served
            .get(&format!("{events}?actor={login}"))
            .await
            .each("id")
            .contains(&ids[0])
    );
    check(
        &served.get("/api/repos/octo/r/events?actor=nobody").await,
        200,
        json!([]),
    );

    // Conditions.
    let tag = all.header("etag").to_owned();
    for wanted in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        let reply = served.get_with(events, &[("if-none-match", wanted)]).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (304, ""), "{wanted}");
        assert_eq!(reply.header("etag"), tag);
    }
    served.github.happen("r", 1, 1);
    served.pass(3_600);
    test_servers::until("the new event is shown", async || {
        let reply = served.get_with(events, &[("if-none-match", &tag)]).await;
        (reply.status == 200 && reply.each("id").len() == 6).then_some(())
    })
    .await;
}

async fn gaps_are_told_with_every_answer_that_they_touch(place: &Place) {
    let served = place.with_events(2).await;
    // More than a feed keeps come between two polls.
    served.github.pass(3_600);
    served.github.happen("r", 400, 1);
    served.pass(3_600);
    test_servers::until("the gap is known", async || {
        let gaps = served.get("/api/repos/octo/r").await.json()["gaps"].take();
        (gaps != json!([])).then_some(())
    })
    .await;
    let gaps = served.get("/api/repos/octo/r").await.json()["gaps"].take();
    assert_eq!(gaps[0]["reason"], "overflow");
    let told = |reply: &Reply| {
        reply
            .headers
            .get("x-events-gaps")
            .map(|value| serde_json::from_slice::<Value>(value.as_bytes()).unwrap())
    };
    assert_eq!(
        told(&served.get("/api/repos/octo/r/events?page=1").await),
        None
    );
    // 300 of the 400, then the two from before.
    for page in [10, 11] {
        let reply = served
            .get(&format!("/api/repos/octo/r/events?page={page}"))
            .await;
        assert_eq!(told(&reply).as_ref(), Some(&gaps), "page {page}");
    }
    let stats = served.get("/api/repos/octo/r/events/stats").await.json();
    assert_eq!(stats["window"]["gaps"], gaps);
    assert_eq!(stats["window"]["complete"], false);
    let newest = served
        .get("/api/repos/octo/r/events/stats?max_events=10")
        .await
        .json();
    assert_eq!(
        (
            &newest["window"]["complete"],
            &newest["window"]["limited_by"]
        ),
        (&json!(true), &json!("count"))
    );
}

async fn a_poll_is_made_when_github_allows_it(place: &Place) {
    // Due long after GitHub would allow it, so that only what is asked for is polled.
    let served = place
        .with(1, |config| {
            config.polling.policy = Policy::Fixed;
            config.polling.fixed_interval_seconds = 3_000.0;
        })
        .await;
    served.github.pass(61);
    let reply = served.post("/api/repos/octo/r/poll", "").await;
    check(&reply, 202, json!({"next_poll_at": served.github.now()}));
    test_servers::until("it is polled", async || {
        (served.github.polls().0 == 2).then_some(())
    })
    .await;
    let reply = served.post("/api/repos/octo/r/poll/", "").await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), "60");
    let due = served
        .github
        .now()
        .after(std::time::Duration::from_secs(60));
    assert_eq!(reply.json()["next_poll_at"], due.to_string());
}

async fn repositories_of_the_settings_are_added_once(place: &Place) {
    let served = place
        .start(|config| {
            config.repositories = vec!["octo/a".into(), "https://github.com/octo/b".into()];
            config.max_active = 1;
        })
        .await;
    let all = served.get("/api/repos").await.json();
    let active: Vec<bool> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["active"].as_bool().unwrap())
        .collect();
    assert_eq!(active, [true, false]);
    assert_eq!(
        served.get("/api/repos").await.each("full_name"),
        ["octo/a", "octo/b"]
    );
}
