//! What stands before the routes: places in flight, the log line and what is counted.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};

use super::*;
use crate::SystemClock;

fn front(max_in_flight: usize) -> (Metrics, Front) {
    let metrics = Metrics::new("test").unwrap();
    let front = Front::new(&metrics, None, Arc::new(SystemClock), max_in_flight);
    (metrics, front)
}

async fn ask(front: &Front, method: &str) -> Response<PlacedBody<Full<Bytes>>> {
    let request = Request::builder().method(method).body(()).unwrap();
    let routes = |_| async {
        let mut answer = Response::new(Full::from("yes"));
        answer.extensions_mut().insert(Told {
            route: "/a/{b}",
            outcome: "stored",
        });
        answer
    };
    let refused = || {
        let mut answer = Response::new(Full::from("no"));
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        answer
    };
    front.answer(request, routes, refused).await
}

#[tokio::test]
async fn a_place_is_kept_until_the_body_has_gone_out() {
    let (_metrics, front) = front(1);
    let first = ask(&front, "GET").await;
    assert_eq!(ask(&front, "GET").await.status(), 503);
    let body = first.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "yes");
    assert_eq!(ask(&front, "GET").await.status(), 200);
}

#[tokio::test]
async fn what_is_counted_has_bounded_labels() {
    let (metrics, front) = front(1);
    drop(ask(&front, "GET").await);
    drop(ask(&front, "INVENTED").await);
    let kept = ask(&front, "GET").await;
    drop(ask(&front, "GET").await);
    drop(kept);
    let text = metrics.render().unwrap();
    for line in [
        r#"http_request_total{method="GET",outcome="stored",route="/a/{b}",status="200"} 2"#,
        r#"http_request_total{method="other",outcome="stored",route="/a/{b}",status="200"} 1"#,
        r#"http_request_total{method="GET",outcome="made-here",route="page",status="503"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
