//! The tag formula against real answers of GitHub, where the recordings are at hand: the simulator serves the recorded
//! bodies and has to come to the recorded tags.

use crate::client::get;
use github_sim::answer::{Answer, Ask, Content, Found, TagRule};
use github_sim::{Simulator, Switches, World};
use http::StatusCode;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `SHARED_DATA_DIR`, or the folder beside the checkout.
#[expect(
    clippy::disallowed_methods,
    reason = "a test may be told where its data lies"
)]
fn data() -> Option<PathBuf> {
    let told = std::env::var("SHARED_DATA_DIR").ok().map(PathBuf::from);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let file = told
        .unwrap_or_else(|| shared.join("data"))
        .join("recorded/etag-vectors.jsonl");
    if file.exists() {
        return Some(file);
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!(in_ci && shared.exists()), "{} is missing", file.display());
    None
}

/// Serves vector N at `/N`.
struct Replay(Vec<Value>);

impl World for Replay {
    fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        let index: usize = ask.path.trim_start_matches('/').parse().unwrap();
        let vector = &self.0[index];
        let body = vector["body"].as_str().unwrap().to_owned();
        Answer::Found(Box::new(Found {
            status: StatusCode::OK,
            content: match vector["rule"].as_str().unwrap() {
                "json" => Content::JsonBytes(body.into()),
                "text" => Content::Text {
                    content_type: "text/plain",
                    text: body,
                },
                other => panic!("unknown rule {other}"),
            },
            tag: TagRule::Formula,
            last_modified: None,
            link: vec![],
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: vec![],
        }))
    }

    fn control(&mut self, _change: &Value, _now: i64) -> Result<Value, String> {
        Err("recordings do not change".to_owned())
    }

    fn user_id(&self, _login: &str) -> Option<u64> {
        None
    }
}

#[tokio::test]
async fn recorded_bodies_get_their_recorded_tags() {
    let Some(file) = data() else {
        println!("recorded vectors are absent: nothing compared");
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let vectors: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sim = Simulator::builder()
        .world(Replay(vectors.clone()))
        .switches(Switches::unlimited())
        .start()
        .await
        .unwrap();
    assert!(!vectors.is_empty(), "no vectors in the file");
    for (index, vector) in vectors.iter().enumerate() {
        let mut request = get(&format!("/{index}"));
        if let Some(accept) = vector["accept"].as_str() {
            request = request.header("Accept", accept);
        }
        let recorded = vector["etag"].as_str().unwrap();
        // A weak tag was recorded by a client that took gzip.
        if recorded.starts_with("W/") {
            request = request.header("Accept-Encoding", "gzip");
        }
        let answer = request.send(&sim).await.expect(200);
        assert_eq!(answer.etag(), recorded, "{}", vector["url"]);
    }
    println!("{} recorded tags reproduced", vectors.len());
}
