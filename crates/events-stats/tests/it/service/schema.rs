//! Schemathesis: what the service's own description allows and forbids, sent to it.

use std::process::Stdio;

use tokio::process::Command;

use super::served::Served;

/// For each operation; enough for every parameter's edges, few enough for every run.
const EXAMPLES: &str = "15";

#[tokio::test]
async fn the_service_keeps_what_its_description_promises() {
    let Some(program) = test_servers::provided("SCHEMATHESIS") else {
        return;
    };
    let served = Served::start(|config| {
        config.api_keys = "key".into();
        config.max_active = 50;
        // A stream without an end would be read for ever.
        config.stream.max_clients = 1;
    })
    .await;
    served.github.repository("r");
    served.github.happen("r", 40, 60);
    let keyed = [("x-api-key", "key")];
    let body = r#"{"full_name":"octo/r"}"#;
    let added = served
        .send(http::Method::POST, "/api/repos", &keyed, body)
        .await;
    assert_eq!(added.status, 201, "{}", added.text());
    let output = Command::new(program)
        .current_dir(served.folder.path())
        .args(["run", &format!("{}/api/openapi.json", served.url)])
        .args(["--header", "X-API-Key: key"])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--mode", "all", "--max-examples", EXAMPLES, "--seed", "7"])
        .args(["--exclude-path", "/api/stream"])
        .args(["--workers", "1", "--request-timeout", "120", "--no-color"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // It has been asked, and has answered.
    assert!(served.github.sim.counters().total > 0);
}
