//! The page in a real browser: its script renews it, and nothing is against its own policy.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::clients::provided;
use crate::rig::Rig;

/// What the browser made of a page, and what it complained of.
async fn shown(chromium: &Path, url: &str, arguments: &[&str]) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), said)
}

#[tokio::test]
async fn a_browser_renews_the_page_within_its_own_policy() {
    let Some(chromium) = provided("CHROMIUM") else {
        return;
    };
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    rig.get("/repos/octo/hello", &token).await;
    rig.get("/repos/octo/hello", &token).await;
    let url = format!("{}/_mirror/", rig.url);

    let (live, said) = shown(&chromium, &url, &["--virtual-time-budget=10000"]).await;
    assert!(
        live.contains("class=\"live on\""),
        "the script did not renew the page: {live}"
    );
    assert!(!said.contains("Content Security Policy"), "{said}");

    for part in [
        "50.0\u{202f}%",
        "/repos/{owner}/{repo}",
        "4\u{202f}999 of 5\u{202f}000",
        "memory",
    ] {
        assert!(live.contains(part), "no {part} in {live}");
    }
}
