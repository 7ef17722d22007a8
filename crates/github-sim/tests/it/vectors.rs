//! The tag formula against real answers of GitHub, where the recordings are at hand.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// `SHARED_DATA_DIR`, or the folder beside the checkout.
#[expect(clippy::disallowed_methods, reason = "a test may be told where its data lies")]
fn data() -> Option<PathBuf> {
    let told = std::env::var("SHARED_DATA_DIR").ok().map(PathBuf::from);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let file = told.unwrap_or_else(|| shared.join("data")).join("recorded/etag-vectors.jsonl");
    if file.exists() {
        return Some(file);
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!(in_ci && shared.exists()), "{} is missing", file.display());
    None
}

#[test]
fn the_formula_reproduces_recorded_tags() {
    let Some(file) = data() else {
        println!("recorded vectors are absent: nothing compared");
        return;
    };
    let mut compared = 0;
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let body = vector["body"].as_str().unwrap();
        let hashed = match vector["rule"].as_str().unwrap() {
            "json" => body.to_owned(),
            "text" => serde_json::to_string(body).unwrap(),
            other => panic!("unknown rule {other}"),
        };
        let prefix = vector["accept"].as_str().map(|accept| format!("{accept}:"));
        let computed = hex::encode(
            Sha256::new()
                .chain_update(prefix.unwrap_or_default())
                .chain_update(hashed)
                .finalize(),
        );
        let recorded = vector["etag"].as_str().unwrap();
        let opaque = recorded.trim_start_matches("W/").trim_matches('"');
        assert_eq!(opaque, computed, "{}", vector["url"]);
        compared += 1;
    }
    assert!(compared > 0, "no vectors in the file");
    println!("{compared} recorded tags reproduced");
}
