//! The API on a real socket: in a browser, and under Schemathesis.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use service_runtime::Drain;
use service_runtime::listener::{Limits, Listener, serve};
use tokio::process::Command;

use super::*;

/// A program that `cargo xtask test` provides; without it there is nothing to test with.
fn provided(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        let ci = std::env::var_os("CI");
        assert!(ci.is_none(), "{variable} is not set: run cargo xtask test");
        println!("not run: {variable} is not set; cargo xtask test sets it");
    }
    found
}

/// Serves until the test ends; where.
fn on_a_socket(rig: &Rig) -> String {
    let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.address().to_string();
    let drain = Drain {
        shutdown: Shutdown::new(),
        grace: Duration::ZERO,
        limit: Duration::ZERO,
    };
    let api = rig.api.clone();
    let service = move |_peer| api.service();
    tokio::spawn(serve(vec![listener], service, Limits::default(), drain));
    format!("http://{}", address.trim_start_matches("tcp://"))
}

async fn browse(chromium: &Path, url: &str, arguments: &[&str]) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-sync",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=10000"])
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

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_pages_within_their_own_policies() {
    let Some(chromium) = provided("CHROMIUM") else {
        return;
    };
    let rig = rig().await;
    rig.fill().await;
    rig.post(
        "application/json",
        r#"{"name":"full_profile_sync","username":"dev1"}"#,
    )
    .await;
    let base = on_a_socket(&rig);
    let key = format!("/dashboard/#key={}", rig.key);
    for (path, parts) in [
        (
            "/dashboard/",
            &["The data needs credentials", "API key"][..],
        ),
        ("/dashboard/#key=wrong", &["Invalid token."]),
        (
            &key,
            &[
                "Renewed every ten seconds",
                "Queue: 1",
                "dev24",
                "<circle",
                "<line",
                "GitHub was not asked yet",
            ],
        ),
        (
            "/github/redoc/",
            &["/github/developers/{id}/", "followers_count__gte"],
        ),
        (
            "/github/swagger/",
            &["github-discovery", "/github/graph/path"],
        ),
    ] {
        let (page, said) = browse(&chromium, &format!("{base}{path}"), &["--dump-dom"]).await;
        for part in parts {
            assert!(page.contains(part), "{path}: no {part} in {page}");
        }
        assert!(!said.contains("Content Security Policy"), "{path}: {said}");
        assert!(!page.contains(&rig.key), "{path} shows the key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_description_allows_or_forbids_breaks_the_service() {
    let Some(schemathesis) = provided("SCHEMATHESIS") else {
        return;
    };
    let rig = rig().await;
    rig.fill().await;
    let base = on_a_socket(&rig);
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(schemathesis)
        .args(["run", &format!("{base}/github/openapi.json")])
        .args(["--header", &format!("X-API-Key: {}", rig.key)])
        .args([
            "--checks",
            "not_a_server_error,content_type_conformance,response_schema_conformance",
        ])
        .args(["--max-examples", "4", "--seed", "1", "--no-color"])
        .args(["--phases", "fuzzing"])
        .args(["--suppress-health-check", "all", "--warnings", "off"])
        .args(["--generation-database", "none"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
