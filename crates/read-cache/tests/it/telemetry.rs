//! Traces and metrics at a collector: one span per request, with templates and outcomes, without paths and tokens.

use std::time::Duration;

use http::Method;
use service_runtime::Metrics;
use service_runtime::export::{OtlpOptions, Traces};
use test_servers::{Collector, attribute};

use crate::rig::Rig;

fn options(collector: &Collector) -> OtlpOptions {
    OtlpOptions {
        endpoint: collector.endpoint().to_owned(),
        interval: Duration::from_secs(3600),
        trace_ratio: 1.0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_span_that_gives_no_path_and_no_token_away() {
    let collector = Collector::start().await;
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let traces = Traces::start("github-read-cache", &options(&collector)).unwrap();
    node.cache.trace_to(traces);
    let traced = [(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )];
    rig.get_with(&node, "/view/top/1/stars", &traced).await;
    rig.get(&node, "/orgs/NETFLIX/repos").await;
    rig.get(&node, "/users/xuorig/orgs?q=SECRET").await;
    let wrong = [("authorization", "Bearer wrong")];
    let refresh = "/admin/refresh?path=/";
    rig.send(&node.url, Method::POST, refresh, &wrong, "").await;
    // What is waiting is sent when the process ends.
    let token = rig.token.clone();
    node.stop().await;

    let spans = collector.wait_for_spans(4).await;
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        found.unwrap_or_else(|| panic!("no {name} among {names:?}"))
    };
    let view = named("GET /orgs/{org}/view");
    assert_eq!(attribute(view, "http.response.status_code"), "200");
    assert_eq!(attribute(view, "outcome"), "node");
    let parent = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];
    assert_eq!(view.parent_span_id, parent);
    assert!(view.end_time_unix_nano >= view.start_time_unix_nano);
    let list = named("GET /orgs/{org}/repos");
    assert!(list.parent_span_id.is_empty());
    let proxied = named("GET proxy");
    assert_eq!(attribute(proxied, "outcome"), "fetched");
    let sent: Vec<Vec<u8>> = collector.received("/v1/traces");
    for body in sent {
        let text = String::from_utf8_lossy(&body);
        for secret in [token.as_str(), "SECRET", "xuorig", "NETFLIX", "wrong"] {
            assert!(!text.contains(secret), "{secret} was sent to the collector");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_arrive_under_the_same_names() {
    let collector = Collector::start().await;
    let rig = Rig::frozen().await;
    let metrics = Metrics::exported("github-read-cache", Some(&options(&collector))).unwrap();
    let node = rig.node_with(|_| {}, metrics.clone());
    rig.wait_full(&node).await;
    tokio::task::spawn_blocking(move || metrics.flush())
        .await
        .unwrap();
    let names = collector.wait_for_metrics().await;
    for name in [
        "http_request_total",
        "github_read_cache_items",
        "github_read_cache_refreshes_total",
    ] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
}
