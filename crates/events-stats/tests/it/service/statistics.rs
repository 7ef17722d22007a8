//! Statistics and pictures on the wire.

use serde_json::{Value, json};

use super::place::{Place, over_both};

over_both!(
    statistics_have_the_shape_of_the_contract,
    an_unseen_type_has_none_and_no_average,
    what_has_not_changed_has_the_same_tag_though_the_clock_goes_on,
    pictures_are_pictures,
    what_is_counted_and_how_it_fares,
);

async fn statistics_have_the_shape_of_the_contract(place: &Place) {
    let served = place.with_events(4).await;
    let reply = served.get("/api/repos/octo/r/events/stats/").await;
    assert_eq!(reply.status, 200);
    let stats = reply.json();
    assert_eq!(stats["repository"], "octo/r");
    let window = &stats["window"];
    assert_eq!(
        (&window["days"], &window["max_events"]),
        (&json!(7), &json!(500))
    );
    assert_eq!(
        (&window["events"], &window["limited_by"]),
        (&json!(4), &json!("age"))
    );
    assert_eq!(
        (&window["complete"], &window["gaps"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(window["to"], stats["computed_at"]);
    // Four events, a minute apart.
    let row = json!({
        "type": "WatchEvent", "count": 4, "average_seconds": 60.0, "median_seconds": 60.0, "p90_seconds": 60.0,
        "min_seconds": 60.0, "max_seconds": 60.0, "first_at": stats["stats"][0]["first_at"],
        "last_at": stats["stats"][0]["last_at"], "rate_per_hour": 4.0 / 168.0,
    });
    assert_eq!(stats["stats"], json!([row]));
    let mut all = row;
    all.as_object_mut().unwrap().remove("type");
    assert_eq!(stats["all"], all);
    assert_eq!(served.get("/api/stats/").await.json(), json!([stats]));
}

async fn an_unseen_type_has_none_and_no_average(place: &Place) {
    let served = place.with_events(4).await;
    let target =
        "/api/repos/octo/r/events/stats?type=PushEvent&type=WatchEvent&days=1&max_events=3";
    let stats = served.get(target).await.json();
    let counts: Vec<&Value> = [0, 1].map(|at| &stats["stats"][at]["count"]).to_vec();
    assert_eq!(counts, [&json!(0), &json!(3)]);
    assert_eq!(stats["stats"][0]["average_seconds"], Value::Null);
    assert_eq!(stats["stats"][0]["rate_per_hour"], 0.0);
    assert_eq!(stats["window"]["limited_by"], "count");
    let only = served
        .get("/api/repos/octo/r/events/stats?type=PushEvent")
        .await
        .json();
    // The window is cut before types are chosen, and `all` follows the choice.
    assert_eq!(
        (&only["window"]["events"], &only["all"]["count"]),
        (&json!(4), &json!(0))
    );
}

async fn what_has_not_changed_has_the_same_tag_though_the_clock_goes_on(place: &Place) {
    let served = place.with_events(4).await;
    for target in ["/api/repos/octo/r/events/stats", "/api/stats"] {
        let tag = served.get(target).await.header("etag").to_owned();
        assert!(tag.starts_with("W/"), "{tag}");
        served.github.pass(5);
        let reply = served.get_with(target, &[("if-none-match", &tag)]).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (304, ""), "{target}");
    }
    let tag = served.get("/api/stats").await.header("etag").to_owned();
    let reply = served
        .get_with("/api/stats?days=1", &[("if-none-match", &tag)])
        .await;
    assert_eq!(reply.status, 200);
}

async fn pictures_are_pictures(place: &Place) {
    let served = place.with_events(4).await;
    for (query, title) in [
        ("", "Time between events"),
        ("?kind=gaps", "Time between events"),
        ("?kind=rate", "Events per"),
        ("?kind=timeline&days=1", "Events by type"),
        ("?type=PushEvent", "no events in this window"),
    ] {
        let reply = served
            .get(&format!("/api/repos/octo/r/events/stats.svg{query}"))
            .await;
        assert_eq!(reply.header("content-type"), "image/svg+xml; charset=utf-8");
        assert!(reply.text().starts_with("<svg "), "{}", reply.text());
        assert!(reply.text().contains(title), "{query}: {}", reply.text());
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
}

async fn what_is_counted_and_how_it_fares(place: &Place) {
    let served = place.with_events(4).await;
    assert_eq!(
        served.get("/healthcheck/").await.json(),
        json!({"status": "ok"})
    );
    let metrics = served.get("/metrics").await;
    for line in [
        r#"http_request_total{method="POST",outcome="answered",route="/api/repos",status="201"} 1"#,
        r#"github_events_repository_events{repository="octo/r"} 4"#,
        r#"github_events_repository_failing{repository="octo/r"} 0"#,
        "github_events_active_repositories 1",
        "github_events_stored_total 4",
        r#"github_events_stream_messages_total{topic="event"} 4"#,
    ] {
        assert!(
            metrics.text().contains(line),
            "{line} is not in\n{}",
            metrics.text()
        );
    }
    assert!(
        !metrics.text().contains(&served.github.token),
        "a token in the metrics"
    );
}
