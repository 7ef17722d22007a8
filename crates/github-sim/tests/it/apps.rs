//! GitHub Apps: JSON web tokens, installations and their tokens (behaviour notes 2 and 6).

use crate::client::{get, request};
use crate::tiny;
use github_sim::{AppSpec, InstallationSpec, Simulator, Switches};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Signed once for the instant at which a still clock starts; the private key is gone.
const SIGNED: &str = include_str!("fixtures/app.jwt");
const PUBLIC_KEY: &str = include_str!("fixtures/app.pub.pem");

async fn installed() -> Simulator {
    let sim = tiny::start().await;
    sim.add_installation(InstallationSpec {
        id: 7,
        app_id: 12_345,
        account: "octo".to_owned(),
    });
    sim
}

#[tokio::test]
async fn a_json_web_token_sees_no_quota_and_varies_by_accept_only() {
    let sim = installed().await;
    let ask = |jwt: String| get("/app").header("Authorization", &format!("Bearer {jwt}"));
    let answer = ask(sim.app_jwt()).send(&sim).await.expect(200);
    assert_eq!(answer.json()["client_id"], "Iv23liSimulatorApp00");
    assert!(
        !answer
            .names()
            .iter()
            .any(|name| name.starts_with("x-ratelimit"))
    );
    assert_eq!(answer.all("vary")[0], "Accept");
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=60, s-maxage=60")
    );
    assert_eq!(
        answer.etag(),
        format!("\"{}\"", hex::encode(Sha256::digest(answer.text())))
    );
    // So the tag survives the renewal of the token.
    let first = sim.app_jwt();
    sim.clock().advance(Duration::from_secs(120));
    let renewed = sim.app_jwt();
    assert_ne!(first, renewed);
    ask(renewed)
        .header("If-None-Match", answer.etag())
        .send(&sim)
        .await
        .expect(304);
    assert!(sim.counters().quota_used.is_empty());
}

#[tokio::test]
async fn a_bad_json_web_token_is_told_why() {
    let sim = installed().await;
    let answer = get("/app")
        .header("Authorization", "Bearer eyJhbGciOi.x.y")
        .send(&sim)
        .await;
    let answer = answer.expect(401);
    assert_eq!(answer.message(), "A JSON web token could not be decoded");
    assert_eq!(answer.header("x-ratelimit-limit"), None);
    let jwt = sim.app_jwt();
    sim.clock().advance(Duration::from_secs(541));
    let late = get("/app")
        .header("Authorization", &format!("Bearer {jwt}"))
        .send(&sim)
        .await;
    assert!(
        late.expect(401)
            .message()
            .starts_with("'Expiration time' claim ('exp')")
    );
    get("/app")
        .token(&sim.user_token("octo"))
        .send(&sim)
        .await
        .expect(401);
}

#[tokio::test]
async fn a_registered_key_is_verified() {
    let sim = installed().await;
    sim.add_app(AppSpec::default().with_public_key_pem(PUBLIC_KEY).unwrap());
    let ask = |jwt: &str| get("/app").header("Authorization", &format!("Bearer {jwt}"));
    ask(SIGNED).send(&sim).await.expect(200);
    let forged = ask(&sim.app_jwt()).send(&sim).await.expect(401);
    assert_eq!(forged.message(), "A JSON web token could not be decoded");
    assert!(AppSpec::default().with_public_key_pem("no key").is_err());
}

#[tokio::test]
async fn an_installation_token_is_minted_and_ends_after_an_hour() {
    let sim = installed().await;
    let bearer = format!("Bearer {}", sim.app_jwt());
    let mint = |id: u64| {
        request("POST", &format!("/app/installations/{id}/access_tokens"))
            .header("Authorization", &bearer)
    };
    let minted = mint(7).send(&sim).await.expect(201);
    assert!(minted.etag().len() > 60);
    let body = minted.json();
    assert_eq!(body["expires_at"], "2026-07-30T13:00:00Z");
    assert_eq!(body["repository_selection"], "all");
    assert_eq!(body["permissions"]["metadata"], "read");
    let token = body["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("ghs_") && token.len() == 40, "{token}");
    let ask = || get("/repos/octo/hello").token(&token);
    assert_eq!(
        ask()
            .send(&sim)
            .await
            .expect(200)
            .number("x-ratelimit-limit"),
        5_000
    );
    assert_eq!(sim.counters().quota_used["installation:7/core"], 1);
    mint(8).send(&sim).await.expect(404);
    let refused = mint(7)
        .body(r#"{"permissions":{"administration":"write"}}"#)
        .send(&sim)
        .await;
    let message = "The permissions requested are not granted to this installation.";
    assert_eq!(refused.expect(422).message(), message);
    let narrowed = mint(7)
        .body(r#"{"repositories":["hello"]}"#)
        .send(&sim)
        .await
        .expect(201);
    assert_eq!(narrowed.json()["repository_selection"], "selected");
    sim.clock().advance(Duration::from_secs(3_600));
    ask().send(&sim).await.expect(401);
}

#[tokio::test]
async fn stateless_tokens_are_long_and_dotted() {
    let sim = installed().await;
    let bearer = format!("Bearer {}", sim.app_jwt());
    let mint =
        || request("POST", "/app/installations/7/access_tokens").header("Authorization", &bearer);
    let token = |answer: crate::client::Answer| answer.json()["token"].as_str().unwrap().to_owned();
    let asked = mint()
        .header("X-GitHub-Stateless-S2S-Token", "enabled")
        .send(&sim)
        .await;
    let long = token(asked.expect(201));
    assert!(
        (500..=560).contains(&long.len()) && long.contains('.'),
        "{}",
        long.len()
    );
    get("/repos/octo/hello")
        .token(&long)
        .send(&sim)
        .await
        .expect(200);
    sim.set_switches(Switches {
        stateless_installation_tokens: true,
        ..Switches::default()
    });
    assert!(token(mint().send(&sim).await.expect(201)).len() > 500);
    assert!(sim.installation_token(7).len() > 500);
    let refused = mint()
        .header("X-GitHub-Stateless-S2S-Token", "disabled")
        .send(&sim)
        .await;
    assert_eq!(token(refused.expect(201)).len(), 40);
}

#[tokio::test]
async fn an_app_lists_its_installations() {
    let sim = installed().await;
    let bearer = format!("Bearer {}", sim.app_jwt());
    let list = get("/app/installations")
        .header("Authorization", &bearer)
        .send(&sim)
        .await;
    let list = list.expect(200).json();
    assert_eq!(list[0]["account"]["login"], "octo");
    // The world's own installation comes after the registered one, and mints too.
    assert_eq!(list[1]["account"]["login"], "mona");
    let minted = request("POST", "/app/installations/40/access_tokens")
        .header("Authorization", &bearer)
        .send(&sim)
        .await;
    minted.expect(201);
}
