//! The acceptance script passes.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::rig::Rig;

async fn accept(url: &str, health_attempts: &str) -> (i32, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance.sh");
    let output = Command::new("bash")
        .arg(script)
        .arg(url)
        .env("HEALTH_ATTEMPTS", health_attempts)
        // The script sets its own.
        .env("LC_ALL", "en_US.UTF-8")
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_acceptance_script_passes() {
    let rig = Rig::frozen().await;
    // It waits for health by itself.
    let node = rig.node(|_| {});
    let (code, text) = accept(&node.url, "3000").await;
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("131 passed, 0 failed\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_acceptance_script_can_fail() {
    let rig = Rig::frozen().await;
    // GitHub itself has no views and no health.
    let (code, text) = accept(&rig.sim.url(), "1").await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("FAILED /view/top/1/forks"), "{text}");
}
