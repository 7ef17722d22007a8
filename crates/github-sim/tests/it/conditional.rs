//! Entity tags, 304, and what they cost (behaviour notes 1.1 to 1.9).

use crate::client::{Answer, get, request};
use crate::tiny::{self, DIFF, MODIFIED, repository};
use github_sim::{Simulator, Switches, TagHash};
use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256};

const REPOSITORY: &str = "/repos/octo/hello";
const MODIFIED_DATE: &str = "Thu, 30 Jul 2026 11:00:00 GMT";

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

async fn read(sim: &Simulator, token: &str) -> Answer {
    get(REPOSITORY).token(token).send(sim).await.expect(200)
}

#[tokio::test]
async fn the_tag_hashes_accept_authorization_cookie_and_body() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let body = repository(0);
    let plain = read(&sim, &token).await;
    assert_eq!(
        plain.etag(),
        format!("\"{}\"", sha256(&format!("token {token}:{body}")))
    );
    let full = get(REPOSITORY)
        .header("Authorization", &format!("Bearer {token}"))
        .header("Accept", "application/vnd.github+json")
        .header("Cookie", "a=b")
        .header("X-GitHub-OTP", "123456")
        .header("X-GitHub-Api-Version", "2026-03-10")
        .send(&sim)
        .await;
    let hashed = format!("application/vnd.github+json:Bearer {token}:a=b:{body}");
    assert_eq!(full.etag(), format!("\"{}\"", sha256(&hashed)));
}

#[tokio::test]
async fn anonymous_tags_hash_accept_only() {
    let sim = tiny::start().await;
    let answer = get(REPOSITORY)
        .header("Accept", "*/*")
        .header("Cookie", "a=b")
        .send(&sim)
        .await;
    assert_eq!(
        answer.etag(),
        format!("\"{}\"", sha256(&format!("*/*:{}", repository(0))))
    );
}

#[tokio::test]
async fn the_hash_can_be_switched() {
    let sim = tiny::start_with(Switches {
        tag_hash: TagHash::Md5,
        ..Switches::default()
    })
    .await;
    let token = sim.user_token("octo");
    let hashed = format!("token {token}:{}", repository(0));
    let md5 = hex::encode(Md5::digest(&hashed));
    assert_eq!(read(&sim, &token).await.etag(), format!("\"{md5}\""));
    let otp = Switches {
        hash_one_time_password: true,
        ..Switches::default()
    };
    sim.set_switches(otp);
    let answer = get(REPOSITORY)
        .token(&token)
        .header("X-GitHub-OTP", "1")
        .send(&sim)
        .await;
    let hashed = format!("token {token}:1:{}", repository(0));
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&hashed)));
    sim.set_switches(Switches {
        tag_hash: TagHash::Opaque,
        ..Switches::default()
    });
    let hashed = format!("token {token}:{}", repository(0));
    assert_ne!(
        read(&sim, &token).await.etag(),
        format!("\"{}\"", sha256(&hashed))
    );
}

#[tokio::test]
async fn a_diff_is_hashed_as_a_json_string_and_never_compressed() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let answer = get("/repos/octo/hello/commits/abc")
        .token(&token)
        .header("Accept", "application/vnd.github.diff")
        .header("Accept-Encoding", "gzip")
        .send(&sim)
        .await
        .expect(200);
    let literal = serde_json::to_string(DIFF).unwrap();
    let hashed = format!("application/vnd.github.diff:token {token}:{literal}");
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&hashed)));
    assert_eq!(
        answer.header("x-github-media-type"),
        Some("github.v3; param=diff")
    );
    assert_eq!(
        (answer.header("content-encoding"), answer.text().as_str()),
        (None, DIFF)
    );
}

#[tokio::test]
async fn git_objects_have_one_tag_for_everybody() {
    let sim = tiny::start().await;
    let tag = "\"1234567890123456789012345678901234567890\"";
    for token in [sim.user_token("octo"), sim.user_token("mona")] {
        let answer = get("/repos/octo/hello/readme")
            .token(&token)
            .send(&sim)
            .await;
        assert_eq!(answer.etag(), tag);
    }
}

#[tokio::test]
async fn compression_weakens_the_tag_of_long_json_only() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let gzip = |path: &str| {
        get(path)
            .token(&token)
            .header("Accept-Encoding", "deflate, gzip")
    };
    let long = gzip(REPOSITORY).send(&sim).await.expect(200);
    assert!(long.etag().starts_with("W/\""), "{}", long.etag());
    assert_eq!(long.header("content-encoding"), Some("gzip"));
    assert_eq!(long.header("content-length"), None);
    assert_eq!(long.text(), repository(0));
    let empty = gzip("/repos/octo/hello/labels")
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(
        (empty.header("content-encoding"), empty.text().as_str()),
        (None, "[]")
    );
    assert!(empty.etag().starts_with('"'), "{}", empty.etag());
    sim.set_switches(Switches {
        weaken_gzip_tags: false,
        ..Switches::default()
    });
    assert!(gzip(REPOSITORY).send(&sim).await.etag().starts_with('"'));
    sim.set_switches(Switches {
        gzip: false,
        ..Switches::default()
    });
    assert_eq!(
        gzip(REPOSITORY).send(&sim).await.header("content-encoding"),
        None
    );
}

#[tokio::test]
async fn a_304_is_free_and_has_exactly_these_headers() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let first = get(REPOSITORY)
        .token(&token)
        .header("Accept-Encoding", "gzip")
        .send(&sim)
        .await
        .expect(200);
    let again = get(REPOSITORY)
        .token(&token)
        .header("Accept-Encoding", "gzip")
        .header("If-None-Match", first.etag())
        .send(&sim)
        .await
        .expect(304);
    assert_eq!(Some(again.etag()), first.etag().strip_prefix("W/"));
    assert_eq!(
        again.number("x-ratelimit-used"),
        first.number("x-ratelimit-used")
    );
    let names: Vec<&str> = again
        .names()
        .into_iter()
        .filter(|name| *name != "connection")
        .collect();
    assert_eq!(
        names,
        [
            "date",
            "server",
            "cache-control",
            "vary",
            "vary",
            "etag",
            "last-modified",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-used",
            "x-ratelimit-resource",
            "x-github-api-version-selected",
            "access-control-expose-headers",
            "access-control-allow-origin",
            "strict-transport-security",
            "x-frame-options",
            "x-content-type-options",
            "x-xss-protection",
            "referrer-policy",
            "content-security-policy",
            "x-github-request-id",
        ]
    );
    assert!(again.wire.is_empty());
    assert_eq!(sim.counters().quota_used["user:octo/core"], 1);
}

#[tokio::test]
async fn a_304_has_no_link_unless_switched() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let issues = || get("/repos/octo/hello/issues").token(&token);
    let first = issues().send(&sim).await.expect(200);
    assert!(first.header("link").unwrap().contains("rel=\"next\""));
    let conditional = || issues().header("If-None-Match", first.etag());
    assert_eq!(
        conditional().send(&sim).await.expect(304).header("link"),
        None
    );
    sim.set_switches(Switches {
        link_on_not_modified: true,
        ..Switches::default()
    });
    assert!(
        conditional()
            .send(&sim)
            .await
            .expect(304)
            .header("link")
            .is_some()
    );
}

#[tokio::test]
async fn conditions_on_the_wire() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let tag = read(&sim, &token).await.etag().to_owned();
    let ask = |name: &str, value: &str| get(REPOSITORY).token(&token).header(name, value);
    for value in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        ask("If-None-Match", &value).send(&sim).await.expect(304);
    }
    ask("If-None-Match", tag.trim_matches('"'))
        .send(&sim)
        .await
        .expect(200);
    ask("If-Modified-Since", MODIFIED_DATE)
        .send(&sim)
        .await
        .expect(304);
    ask("If-Modified-Since", "Thu, 30 Jul 2026 10:59:59 GMT")
        .send(&sim)
        .await
        .expect(200);
    let both = ask("If-None-Match", "\"x\"").header("If-Modified-Since", MODIFIED_DATE);
    both.send(&sim).await.expect(200);
    let head = request("HEAD", REPOSITORY)
        .token(&token)
        .header("If-None-Match", &tag);
    head.send(&sim).await.expect(304);
    let head = request("HEAD", REPOSITORY)
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert!(head.wire.is_empty());
    assert_eq!(head.etag(), tag);
    assert_eq!(
        head.number("content-length"),
        i64::try_from(repository(0).len()).unwrap()
    );
}

#[tokio::test]
async fn a_change_changes_the_tag() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let tag = read(&sim, &token).await.etag().to_owned();
    sim.change(json!({"stars": 5})).unwrap();
    let answer = get(REPOSITORY)
        .token(&token)
        .header("If-None-Match", &tag)
        .send(&sim)
        .await;
    assert_eq!(answer.expect(200).text(), repository(5));
    sim.change(json!({"stars": 0})).unwrap();
    get(REPOSITORY)
        .token(&token)
        .header("If-None-Match", &tag)
        .send(&sim)
        .await
        .expect(304);
}

#[tokio::test]
async fn rotation_changes_the_tag_in_the_computable_way() {
    let sim = tiny::start().await;
    let old = sim.user_token("octo");
    let before = read(&sim, &old).await;
    let new = sim.rotate_token(&old);
    get(REPOSITORY).token(&old).send(&sim).await.expect(401);
    let conditional = |tag: &str| get(REPOSITORY).token(&new).header("If-None-Match", tag);
    conditional(before.etag()).send(&sim).await.expect(200);
    let computed = format!("\"{}\"", sha256(&format!("token {new}:{}", before.text())));
    conditional(&computed).send(&sim).await.expect(304);
}

#[tokio::test]
async fn lists_have_no_last_modified_and_things_have() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    assert_eq!(
        read(&sim, &token).await.header("last-modified"),
        Some(MODIFIED_DATE)
    );
    assert_eq!(MODIFIED % 3_600, 0);
    let list = get("/repos/octo/hello/labels")
        .token(&token)
        .send(&sim)
        .await;
    assert_eq!(list.header("last-modified"), None);
}

#[tokio::test]
async fn a_date_lies_about_what_was_missing_if_switched() {
    let lying = Switches {
        stale_modified_since: true,
        ..Switches::default()
    };
    let sim = tiny::start_with(lying).await;
    let token = sim.user_token("octo");
    let since = || {
        get("/appears")
            .token(&token)
            .header("If-Modified-Since", MODIFIED_DATE)
    };
    since().send(&sim).await.expect(404);
    sim.change(json!({"stars": 1})).unwrap();
    since().send(&sim).await.expect(304);
    sim.set_switches(Switches::default());
    since().send(&sim).await.expect(200);
}
