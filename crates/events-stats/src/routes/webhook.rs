//! Deliveries of GitHub's webhooks: one that is signed brings the repository's next poll forward.
//!
//! A delivery has no event id of the feed, so that it cannot be stored beside what polls bring.

use axum::body::Body;
use axum::extract::State;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sha2::Sha256;

use super::Monitor;
use super::answer::{Answer, json};
use super::described::NoDatabase;
use super::shapes::{DeliveryObject, ErrorObject};
use crate::name::FullName;
use crate::problem::Problem;
use crate::store::{Delivery, Novelty, Requested};

#[derive(Deserialize)]
struct Payload {
    repository: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

/// Takes a delivery.
#[utoipa::path(
    post, path = "/api/webhook", tag = "events",
    request_body(content = Object, description = "As GitHub sends it"),
    params(
        ("X-Hub-Signature-256" = Option<String>, Header, description = "`sha256=` and the HMAC of the body under `WEBHOOK_SECRET`"),
        ("X-GitHub-Event" = Option<String>, Header, description = "`ping`, `push`, ..."),
        ("X-GitHub-Delivery" = Option<String>, Header, description = "The delivery's number: the same one twice does nothing"),
    ),
    responses(
        (status = 200, description = "A ping, or nothing was to be done", body = DeliveryObject),
        (status = 202, description = "The repository's next poll was brought forward", body = DeliveryObject),
        (status = 400, description = "The body cannot be read", body = ErrorObject),
        (status = 401, description = "No valid signature, or no secret is set", body = ErrorObject),
        (status = 413, description = "The body is too large", body = ErrorObject),
        NoDatabase,
    )
)]
pub(super) async fn receive(State(shared): Monitor, asked: HeaderMap, body: Body) -> Answer {
    let body = super::read_body(body, shared.max_body_bytes).await?;
    verify(shared.webhook_secret.expose(), &asked, &body)?;
    let text = |name: &str| asked.get(name)?.to_str().ok();
    let said = |status, message| json(status, &DeliveryObject { message });
    if text("x-github-event") == Some("ping") {
        return said(StatusCode::OK, "pong");
    }
    let payload: Payload = serde_json::from_slice(&body)
        .map_err(|_| Problem::Malformed("Problems parsing JSON".to_owned()))?;
    let Some(named) = payload.repository else {
        return said(StatusCode::OK, "it is about no repository");
    };
    let name = FullName::parse(&named.full_name)
        .map_err(|_| Problem::Malformed("repository.full_name is no name".to_owned()))?;
    let Some(repository) = shared.desk.store.repository(&name).await? else {
        return said(StatusCode::OK, "the repository is not watched");
    };
    let now = shared.now();
    if let Some(id) = text("x-github-delivery").filter(|id| id.len() <= 100)
        && shared.desk.store.deliver(Delivery(id), now).await? == Novelty::Known
    {
        return said(StatusCode::OK, "it has come before");
    }
    match shared.desk.store.request_poll(repository.id, now).await? {
        Requested::At(_) | Requested::NotBefore(_) => {
            shared.wake();
            said(StatusCode::ACCEPTED, "the next poll was brought forward")
        }
        Requested::Inactive => said(StatusCode::OK, "the repository is not active"),
    }
}

/// Compares in constant time. Without a secret no signature is valid.
fn verify(secret: &str, asked: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let sent = asked.get("x-hub-signature-256").and_then(|value| {
        let digits = value.as_bytes().strip_prefix(b"sha256=")?;
        hex::decode(digits).ok()
    });
    let (Some(sent), false) = (sent, secret.is_empty()) else {
        return Err(Problem::Signature);
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|_| Problem::Broken("the webhook secret cannot be used"))?;
    mac.update(body);
    mac.verify_slice(&sent).map_err(|_| Problem::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_githubs_documentation() {
        #[track_caller]
        fn check(secret: &str, signature: &str, expected: bool) {
            let mut asked = HeaderMap::new();
            asked.insert("x-hub-signature-256", signature.parse().unwrap());
            let verified = verify(secret, &asked, b"Hello, World!").is_ok();
            assert_eq!(verified, expected, "{secret} {signature}");
        }
        let secret = "It's a Secret to Everybody";
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        check(secret, right, true);
        check("another", right, false);
        check("", right, false);
        check(secret, &right[..70], false);
        check(secret, &right.replace("sha256", "sha1"), false);
        check(secret, "sha256=", false);
        assert!(verify(secret, &HeaderMap::new(), b"Hello, World!").is_err());
    }
}
