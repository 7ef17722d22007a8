//! Front and generated universe together, as users of the simulator meet them.

use crate::client::{get, request};
use github_sim::{Simulator, Switches};
use sha2::{Digest, Sha256};

const REPOSITORY: &str = "/repos/octocat/Hello-World";

async fn start() -> Simulator {
    Simulator::builder().seed(7).start().await.unwrap()
}

#[tokio::test]
async fn a_repository_has_the_computable_tag_and_a_free_304() {
    let sim = start().await;
    let token = sim.user_token("octocat");
    let ask = || {
        let accept = "application/vnd.github+json";
        get(REPOSITORY)
            .token(&token)
            .header("Accept", accept)
            .header("Accept-Encoding", "gzip")
    };
    let first = ask().send(&sim).await.expect(200);
    assert_eq!(first.json()["full_name"], "octocat/Hello-World");
    let hashed = format!("application/vnd.github+json:token {token}:{}", first.text());
    assert_eq!(
        first.etag(),
        format!("W/\"{}\"", hex::encode(Sha256::digest(hashed)))
    );
    assert!(first.header("last-modified").is_some());
    let again = ask()
        .header("If-None-Match", first.etag())
        .send(&sim)
        .await
        .expect(304);
    assert_eq!(again.number("x-ratelimit-used"), 1);
}

#[tokio::test]
async fn equal_seeds_make_equal_universes_and_others_do_not() {
    let body = async |seed: u64| {
        let sim = Simulator::builder().seed(seed).start().await.unwrap();
        let issues = get(&format!("{REPOSITORY}/issues?state=all"))
            .send(&sim)
            .await
            .expect(200);
        issues.text()
    };
    assert_eq!(body(7).await, body(7).await);
    assert_ne!(body(7).await, body(8).await);
}

#[tokio::test]
async fn private_things_exist_for_those_who_may_see_them() {
    let sim = start().await;
    let secret = || get("/repos/octocat/secret-plans");
    secret().send(&sim).await.expect(404);
    secret()
        .token(&sim.user_token("hubot"))
        .send(&sim)
        .await
        .expect(404);
    secret()
        .token(&sim.user_token("octocat"))
        .send(&sim)
        .await
        .expect(200);
}

#[tokio::test]
async fn id_urls_are_aliases_with_the_same_tag() {
    let sim = start().await;
    let token = sim.user_token("octocat");
    let named = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    let by_id = format!("/repositories/{}", named.json()["id"]);
    let aliased = get(&by_id).token(&token).send(&sim).await.expect(200);
    assert_eq!(aliased.etag(), named.etag());
}

#[tokio::test]
async fn files_have_the_tag_of_their_blob_for_every_token() {
    let sim = start().await;
    let path = format!("{REPOSITORY}/contents/README.md");
    let mut tags = Vec::new();
    for login in ["octocat", "hubot"] {
        let file = get(&path)
            .token(&sim.user_token(login))
            .send(&sim)
            .await
            .expect(200);
        assert_eq!(
            file.etag(),
            format!("\"{}\"", file.json()["sha"].as_str().unwrap())
        );
        tags.push(file.etag().to_owned());
    }
    assert_eq!(tags[0], tags[1]);
}

#[tokio::test]
async fn search_has_its_bucket_and_no_validator() {
    let sim = start().await;
    let token = sim.user_token("octocat");
    let found = get("/search/repositories?q=hello")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(found.header("x-ratelimit-resource"), Some("search"));
    assert_eq!(
        (found.header("etag"), found.header("cache-control")),
        (None, Some("no-cache"))
    );
}

#[tokio::test]
async fn feeds_name_their_poll_interval_and_are_young() {
    let sim = start().await;
    let token = sim.user_token("octocat");
    let feed = get("/events?per_page=100")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(feed.header("x-poll-interval"), Some("60"));
    assert!(!feed.json().as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_installation_of_the_universe_mints_and_reads_its_repositories() {
    let sim = start().await;
    let bearer = format!("Bearer {}", sim.app_jwt());
    let list = get("/app/installations")
        .header("Authorization", &bearer)
        .send(&sim)
        .await;
    let installation = list.expect(200).json()[0].clone();
    assert_eq!(installation["account"]["login"], "octo-org");
    let path = format!("/app/installations/{}/access_tokens", installation["id"]);
    let minted = request("POST", &path)
        .header("Authorization", &bearer)
        .send(&sim)
        .await;
    let token = minted.expect(201).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let repositories = get("/installation/repositories")
        .token(&token)
        .send(&sim)
        .await;
    let first = repositories.expect(200).json()["repositories"][0].clone();
    assert_eq!(first["owner"]["login"], "octo-org");
}

#[tokio::test]
async fn the_front_answers_what_no_universe_knows() {
    let sim = Simulator::builder()
        .seed(7)
        .switches(Switches::unlimited())
        .start()
        .await
        .unwrap();
    for path in [
        "/",
        "/zen",
        "/octocat",
        "/meta",
        "/emojis",
        "/versions",
        "/feeds",
        "/rate_limit",
    ] {
        get(path).send(&sim).await.expect(200);
    }
    get("/nowhere").send(&sim).await.expect(404);
}

#[tokio::test]
async fn every_user_of_the_example_can_be_asked_who_he_is() {
    let sim = start().await;
    let token = sim.example_token().unwrap();
    let user = get("/user").token(&token).send(&sim).await.expect(200);
    assert_eq!(user.json()["login"], "octocat");
}

#[tokio::test]
async fn changes_by_http_reach_the_tag_and_the_url() {
    let sim = start().await;
    let token = sim.user_token("octocat");
    let change = async |order: &str| request("POST", "/_sim/change").body(order).send(&sim).await;
    let first = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    let conditional = || {
        get(REPOSITORY)
            .token(&token)
            .header("If-None-Match", first.etag())
    };
    conditional().send(&sim).await.expect(304);
    let touch = r#"{"change":"touch_repository","repo":"octocat/Hello-World"}"#;
    change(touch).await.expect(200);
    conditional().send(&sim).await.expect(200);
    let rename =
        r#"{"change":"rename_repository","repo":"octocat/Hello-World","name":"Greetings"}"#;
    change(rename).await.expect(200);
    let by_id = format!("https://api.github.com/repositories/{}", first.json()["id"]);
    let moved = get(REPOSITORY).token(&token).send(&sim).await.expect(301);
    assert_eq!(moved.header("location"), Some(by_id.as_str()));
    let write = request("PATCH", REPOSITORY)
        .token(&token)
        .body("{}")
        .send(&sim)
        .await;
    write.expect(307);
    get("/repos/octocat/Greetings")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    let unknown = change(r#"{"change":"conjure"}"#).await.expect(400).text();
    assert!(unknown.contains("touch_repository"), "{unknown}");
}
