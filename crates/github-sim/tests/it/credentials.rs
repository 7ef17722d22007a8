//! Who is let in, and as whom (behaviour notes 1.8, 2 and 5).

use crate::client::get;
use crate::tiny;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use github_sim::{Switches, TokenSpec};

#[tokio::test]
async fn bad_credentials_cost_the_anonymous_bucket() {
    let sim = tiny::start().await;
    let answer = get("/user")
        .token("ghp_unknown")
        .send(&sim)
        .await
        .expect(401);
    let body = r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#;
    assert_eq!(answer.text(), body);
    assert_eq!(answer.number("x-ratelimit-limit"), 60);
    assert_eq!(answer.number("x-ratelimit-used"), 1);
    assert_eq!(sim.counters().quota_used["ip:127.0.0.1/core"], 1);
    assert_eq!(
        sim.counters().count(|one| one.token == "bad-credentials"),
        1
    );
}

#[tokio::test]
async fn every_scheme_and_kind_names_the_same_user() {
    let sim = tiny::start().await;
    for spec in [TokenSpec::user("octo"), TokenSpec::fine_grained("octo")] {
        let token = sim.add_token(spec).unwrap();
        let basic = format!(
            "Basic {}",
            STANDARD.encode(format!("{token}:x-oauth-basic"))
        );
        for authorization in [format!("token {token}"), format!("Bearer {token}"), basic] {
            let answer = get("/user")
                .header("Authorization", &authorization)
                .send(&sim)
                .await;
            assert_eq!(answer.expect(200).json()["login"], "octo");
        }
    }
    // All tokens of a user share one bucket.
    assert_eq!(sim.counters().quota_used["user:octo/core"], 6);
}

#[tokio::test]
async fn a_revoked_token_is_unknown() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    get("/user").token(&token).send(&sim).await.expect(200);
    assert_eq!(sim.revoke_token(&token), Some(()));
    get("/user").token(&token).send(&sim).await.expect(401);
}

#[tokio::test]
async fn too_many_failures_lock_the_door() {
    let limited = Switches {
        failed_logins_per_minute: Some(2),
        ..Switches::default()
    };
    let sim = tiny::start_with(limited).await;
    let token = sim.user_token("octo");
    for _ in 0..2 {
        get("/user").token("wrong").send(&sim).await.expect(401);
    }
    let answer = get("/user").token(&token).send(&sim).await.expect(403);
    let message = "Maximum number of login attempts exceeded. Please try again later.";
    assert_eq!(answer.message(), message);
    sim.clock().advance(std::time::Duration::from_secs(60));
    get("/user").token(&token).send(&sim).await.expect(200);
}

#[tokio::test]
async fn implicit_tokens_exist_when_switched_on() {
    let sim = tiny::start().await;
    get("/user")
        .token("ghp_mona_1")
        .send(&sim)
        .await
        .expect(401);
    sim.set_switches(Switches {
        implicit_user_tokens: true,
        ..Switches::default()
    });
    let answer = get("/user")
        .token("ghp_mona_1")
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(answer.json()["login"], "mona");
    get("/user")
        .token("ghp_nobody_1")
        .send(&sim)
        .await
        .expect(401);
}

#[tokio::test]
async fn an_oauth_app_reads_public_data_with_its_own_bucket() {
    let sim = tiny::start().await;
    sim.add_oauth_app("client", "secret");
    let basic = format!("Basic {}", STANDARD.encode("client:secret"));
    let answer = get("/repos/octo/hello")
        .header("Authorization", &basic)
        .send(&sim)
        .await;
    assert_eq!(answer.expect(200).number("x-ratelimit-limit"), 5_000);
    assert_eq!(sim.counters().quota_used["app:client/core"], 1);
}

#[tokio::test]
async fn a_workflow_has_a_thousand_requests_per_repository() {
    let sim = tiny::start().await;
    let token = sim.add_token(TokenSpec::actions("octo/hello")).unwrap();
    let answer = get("/repos/octo/hello")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(answer.number("x-ratelimit-limit"), 1_000);
    assert_eq!(sim.counters().quota_used["repository:octo/hello/core"], 1);
}
