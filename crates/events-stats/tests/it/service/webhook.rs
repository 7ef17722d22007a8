//! Deliveries of webhooks.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use serde_json::json;

use super::place::{Place, over_both};
use super::served::{Reply, Served};

over_both!(
    a_signed_delivery_brings_the_poll_forward_once,
    without_a_secret_every_delivery_is_refused,
);

const SECRET: &str = "It's a Secret to Everybody";
const BODY: &str = r#"{"action":"started","repository":{"id":1,"full_name":"Octo/R"}}"#;

fn signed(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

async fn deliver(served: &Served, event: &str, id: &str, signature: &str, body: &str) -> Reply {
    let headers = [
        ("x-github-event", event),
        ("x-github-delivery", id),
        ("x-hub-signature-256", signature),
    ];
    served
        .send(Method::POST, "/api/webhook/", &headers, body.to_owned())
        .await
}

async fn a_signed_delivery_brings_the_poll_forward_once(place: &Place) {
    let served = place
        .start(|config| {
            config.webhook_secret = SECRET.into();
            config.polling.requests_per_hour = 1.0;
        })
        .await;
    served.github.repository("r");
    served.github.happen("r", 1, 60);
    served.post("/api/repos", r#"{"full_name":"octo/r"}"#).await;
    served.until_polled("octo/r").await;
    let before = served.get("/api/repos/octo/r").await.json()["next_poll_at"].take();
    assert_ne!(
        before,
        json!(
            served
                .github
                .now()
                .after(std::time::Duration::from_secs(60))
        )
    );

    let wrong = deliver(&served, "watch", "1", &signed("another", BODY), BODY).await;
    assert_eq!(wrong.status, 401);
    let altered = deliver(&served, "watch", "1", &signed(SECRET, BODY), "{}").await;
    assert_eq!(altered.status, 401);
    assert_eq!(
        served.get("/api/repos/octo/r").await.json()["next_poll_at"],
        before
    );

    let reply = deliver(&served, "ping", "0", &signed(SECRET, "{}"), "{}").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (200, json!({"message": "pong"}))
    );
    let reply = deliver(&served, "watch", "1", &signed(SECRET, BODY), BODY).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    // Not before GitHub allows it.
    let due = served
        .github
        .now()
        .after(std::time::Duration::from_secs(60));
    assert_eq!(
        served.get("/api/repos/octo/r").await.json()["next_poll_at"],
        json!(due)
    );
    let again = deliver(&served, "watch", "1", &signed(SECRET, BODY), BODY).await;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (200, json!({"message": "it has come before"}))
    );
    // A delivery itself is no event.
    assert_eq!(
        served.get("/api/repos/octo/r").await.json()["events_stored"],
        1
    );
    for (body, status) in [
        ("{", 400),
        (r#"{"repository":{"full_name":"x"}}"#, 400),
        ("{}", 200),
        (r#"{"repository":{"full_name":"o/unknown"}}"#, 200),
    ] {
        let reply = deliver(&served, "push", "2", &signed(SECRET, body), body).await;
        assert_eq!(reply.status, status, "{body}");
    }
}

async fn without_a_secret_every_delivery_is_refused(place: &Place) {
    let served = place.start(|_| {}).await;
    for secret in ["", SECRET] {
        let reply = deliver(&served, "ping", "1", &signed(secret, "{}"), "{}").await;
        assert_eq!(reply.status, 401);
    }
}
