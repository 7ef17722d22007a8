//! Deliveries: signed or not, repeated, too large, unreadable.

use std::collections::BTreeSet;
use std::time::Duration;

use http_body_util::Full;
use parking_lot::Mutex;

use super::*;

const SECRET: &str = "It's a Secret to Everybody";

/// Notes what it is told.
#[derive(Default)]
struct Marked(Mutex<Vec<(BTreeSet<String>, Duration)>>);

impl Marker for Marked {
    fn mark(&self, paths: &[PathPattern], settle: Duration) {
        let paths = paths.iter().map(ToString::to_string).collect();
        self.0.lock().push((paths, settle));
    }
}

struct Bench {
    receiver: Receiver,
    marked: Arc<Marked>,
}

fn bench(change: impl FnOnce(&mut WebhookConfig)) -> Bench {
    let mut config = WebhookConfig {
        secret: Some(SECRET.into()),
        ..WebhookConfig::default()
    };
    change(&mut config);
    let marked = Arc::<Marked>::default();
    Bench {
        receiver: Receiver::new(
            &config,
            Some(Arc::clone(&marked) as Arc<dyn Marker>),
            &Metrics::new("test").unwrap(),
        ),
        marked,
    }
}

fn sign(body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}

fn delivery(event: &str, number: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post("/_mirror/webhook")
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", number)
        .header("x-hub-signature-256", sign(body))
        .body(Full::from(body.to_owned()))
        .unwrap()
}

const STATUS: &str = r#"{"repository":{"id":7,"full_name":"o/r"}}"#;

impl Bench {
    async fn receive(&self, request: Request<Full<Bytes>>) -> Result<Received, Refusal> {
        self.receiver.receive(request).await
    }

    fn marks(&self) -> usize {
        self.marked.0.lock().len()
    }
}

#[tokio::test]
async fn a_genuine_delivery_marks_and_says_how_long_github_needs() {
    let bench = bench(|config| config.settle_seconds = 3);
    let received = bench.receive(delivery("status", "1", STATUS)).await;
    assert_eq!(received, Ok(Received::Marked(8)));
    let (paths, settle) = bench.marked.0.lock().pop().unwrap();
    assert_eq!(settle, Duration::from_secs(3));
    let expected = [
        "/repos/o/r/commits/*/status",
        "/repos/o/r/commits/*/statuses",
        "/repos/o/r/pulls/**",
        "/repos/o/r/statuses/**",
        "/repositories/7/commits/*/status",
        "/repositories/7/commits/*/statuses",
        "/repositories/7/pulls/**",
        "/repositories/7/statuses/**",
    ];
    assert_eq!(paths, expected.map(str::to_owned).into());
}

/// The peers' failure: a signature that is only logged.
#[tokio::test]
async fn what_is_not_signed_with_our_secret_is_refused() {
    let bench = bench(|_| {});
    let mut unsigned = delivery("status", "1", STATUS);
    unsigned.headers_mut().remove("x-hub-signature-256");
    assert_eq!(bench.receive(unsigned).await, Err(Refusal::Signature));
    let mut forged = delivery("status", "1", STATUS);
    *forged.body_mut() = Full::from("{}");
    assert_eq!(bench.receive(forged).await, Err(Refusal::Signature));
    // Not even a ping or nonsense is looked at.
    for (event, body) in [("ping", "{}"), ("status", "no json"), ("unheard_of", "{}")] {
        let mut forged = delivery(event, "1", body);
        let signature = sign("something else").parse().unwrap();
        forged
            .headers_mut()
            .insert("x-hub-signature-256", signature);
        assert_eq!(
            bench.receive(forged).await,
            Err(Refusal::Signature),
            "{event}"
        );
    }
    assert_eq!(bench.marks(), 0);
}

#[tokio::test]
async fn without_a_secret_there_is_no_receiver() {
    let bench = bench(|config| config.secret = None);
    let refused = bench.receive(delivery("ping", "1", "{}")).await;
    assert_eq!(refused, Err(Refusal::NotOffered));
}

#[tokio::test]
async fn a_delivery_is_taken_in_once() {
    let bench = bench(|_| {});
    for expected in [Received::Marked(8), Received::Repeated] {
        assert_eq!(
            bench.receive(delivery("status", "1", STATUS)).await,
            Ok(expected)
        );
    }
    assert_eq!(bench.marks(), 1);
    // A forged number does not keep the genuine delivery out.
    let mut forged = delivery("status", "2", STATUS);
    forged.headers_mut().remove("x-hub-signature-256");
    assert_eq!(bench.receive(forged).await, Err(Refusal::Signature));
    assert_eq!(
        bench.receive(delivery("status", "2", STATUS)).await,
        Ok(Received::Marked(8))
    );
}

#[tokio::test]
async fn what_touches_nothing_is_ignored() {
    let bench = bench(|_| {});
    assert_eq!(
        bench.receive(delivery("ping", "1", "{}")).await,
        Ok(Received::Pong)
    );
    let sponsorship = delivery("sponsorship", "2", "{}");
    assert_eq!(bench.receive(sponsorship).await, Ok(Received::Ignored));
    assert_eq!(bench.marks(), 0);
    let mut nameless = delivery("push", "3", "{}");
    nameless.headers_mut().remove("x-github-event");
    assert_eq!(bench.receive(nameless).await, Err(Refusal::NoEvent));
}

/// Signed, so GitHub has something to tell; what it is cannot be known.
#[tokio::test]
async fn a_genuine_delivery_that_cannot_be_read_marks_everything() {
    let bench = bench(|_| {});
    let mut form = delivery("push", "1", STATUS);
    let form_type = "application/x-www-form-urlencoded".parse().unwrap();
    form.headers_mut().insert("content-type", form_type);
    for unreadable in [delivery("push", "1", "no json"), form] {
        assert_eq!(bench.receive(unreadable).await, Err(Refusal::NotJson));
        let (paths, _) = bench.marked.0.lock().pop().unwrap();
        assert_eq!(paths, BTreeSet::from(["/**".to_owned()]));
    }
    // Fields that have vanished.
    let bare = delivery("push", "2", r#"{"repository":{"id":"seven"}}"#);
    assert!(matches!(bench.receive(bare).await, Ok(Received::Marked(_))));
    let (paths, _) = bench.marked.0.lock().pop().unwrap();
    assert!(paths.contains("/**"), "{paths:?}");
}

#[tokio::test]
async fn a_payload_is_bounded() {
    let bench = bench(|config| config.max_body_bytes = STATUS.len() - 1);
    let refused = bench.receive(delivery("status", "1", STATUS)).await;
    assert_eq!(refused, Err(Refusal::TooLarge));
    assert_eq!(bench.marks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_come_is_given_up() {
    struct Never;
    impl Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    let bench = bench(|config| config.max_concurrent_deliveries = 1);
    let never = || delivery("push", "1", "{}").map(|_| Never);
    // The second waits for the first one's place.
    let (first, second) = tokio::join!(
        bench.receiver.receive(never()),
        bench.receiver.receive(never())
    );
    assert_eq!(
        (first, second),
        (Err(Refusal::TooSlow), Err(Refusal::TooSlow))
    );
    assert_eq!(
        bench.receive(delivery("status", "1", STATUS)).await,
        Ok(Received::Marked(8))
    );
}

#[tokio::test]
async fn settings_are_replaced_while_it_runs() {
    let bench = bench(|_| {});
    let mut config = WebhookConfig {
        secret: Some("another".into()),
        ..WebhookConfig::default()
    };
    bench.receiver.replace(&config);
    let refused = bench.receive(delivery("status", "1", STATUS)).await;
    assert_eq!(refused, Err(Refusal::Signature));
    config.secret = None;
    bench.receiver.replace(&config);
    let refused = bench.receive(delivery("status", "1", STATUS)).await;
    assert_eq!(refused, Err(Refusal::NotOffered));
}
