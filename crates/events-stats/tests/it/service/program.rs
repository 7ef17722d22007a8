//! The program `github-events`: its command line beside a running server, and what it refuses.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::served::Served;

fn program() -> PathBuf {
    let folder = match std::env::var_os("MIRROR_TEST_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        // target/debug/deps/it-...
        None => {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().to_owned()
        }
    };
    let program = folder.join("github-events");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build -p github-events`",
        program.display()
    );
    program
}

async fn run(served: &Served, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .env("DATABASE_URL", served.folder.path().join("events.db"))
        .env("GITHUB_API_URL", served.github.sim.url())
        .env("GITHUB_API_TOKEN", &served.github.token)
        .output()
        .await
        .unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, said: &str) {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    let all = String::from_utf8_lossy(&all);
    assert_eq!(output.status.code(), Some(code), "{all}");
    assert!(all.contains(said), "{all}");
}

#[tokio::test]
async fn the_command_line_works_beside_a_running_server() {
    let served = Served::with_events(3).await;
    served.github.repository("s");
    check(
        &run(&served, &["add", "https://github.com/octo/s", "--inactive"]).await,
        0,
        "octo/s  added",
    );
    check(
        &run(&served, &["add", "octo/s", "octo/missing"]).await,
        1,
        "GitHub knows no repository octo/missing",
    );
    check(
        &run(&served, &["activate", "octo/s"]).await,
        0,
        "octo/s  activated",
    );
    check(
        &run(&served, &["deactivate", "octo/s"]).await,
        0,
        "octo/s  deactivated",
    );
    check(
        &run(&served, &["activate", "octo/s", "--max-active", "1"]).await,
        1,
        "at most 1 repositories can be active",
    );
    check(
        &run(&served, &["poll", "octo/s"]).await,
        1,
        "octo/s is not active",
    );
    check(
        &run(&served, &["poll", "octo/unknown"]).await,
        1,
        "octo/unknown is not watched",
    );
    check(
        &run(&served, &["activate", "octo"]).await,
        64,
        "not a repository",
    );
    check(
        &run(&served, &["list"]).await,
        0,
        "octo/r  active, 3 events",
    );
    let listed = run(&served, &["list", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed, served.get("/api/repos").await.json());
    // What the command line has changed, the server sees.
    assert_eq!(
        served.get("/api/repos/octo/s").await.json()["active"],
        false
    );
}

#[tokio::test]
async fn statistics_are_shown_in_three_forms_beside_a_running_server() {
    let served = Served::with_events(4).await;
    let json = run(&served, &["stats", "Octo/R", "--json", "--days", "3650"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let served_json = served.get("/api/repos/octo/r/events/stats?days=3650").await;
    assert_eq!(json["stats"], served_json.json()["stats"]);
    assert_eq!(json["all"]["count"], 4);
    let csv = run(
        &served,
        &["stats", "--csv", "--days", "3650", "--type", "WatchEvent"],
    )
    .await;
    check(&csv, 0, "repository,type,count,average_seconds,");
    check(&csv, 0, "octo/r,WatchEvent,4,60,60,60,60,60,");
    check(&csv, 0, "octo/r,all,4,60,");
    check(&run(&served, &["stats", "octo/r"]).await, 0, "octo/r: ");
    check(
        &run(&served, &["stats", "octo/none"]).await,
        1,
        "octo/none is not watched",
    );
    check(
        &run(&served, &["stats", "--json", "--csv"]).await,
        64,
        "--csv",
    );
}

#[tokio::test]
async fn past_events_are_stored_and_policies_compared() {
    let served = Served::with_events(1).await;
    let history = served.folder.path().join("history.jsonl");
    let event = |id: u64, name: &str| {
        format!(
            r#"{{"id":"{id}","type":"PushEvent","actor":{{"login":"a"}},"repo":{{"id":{id},"name":"{name}"}},"created_at":"2015-01-01T15:00:0{id}Z"}}"#
        )
    };
    let lines = [event(1, "octo/r"), event(2, "octo/other")].join("\n");
    std::fs::write(&history, lines).unwrap();
    let path = history.to_str().unwrap();
    let backfill = ["backfill", "--gharchive", path];
    let done = "2 events read, 1 of watched repositories, 1 of them new";
    check(&run(&served, &backfill).await, 0, done);
    let again = "2 events read, 1 of watched repositories, 0 of them new";
    check(&run(&served, &backfill).await, 0, again);
    let events = served.get("/api/repos/octo/r/events?type=PushEvent").await;
    assert_eq!(events.each("id"), ["1"]);
    let simulate = ["simulate", "--history", path, "--policy", "sqrt,fixed"];
    let compared = run(&served, &simulate).await;
    check(&compared, 0, "mean delay");
    assert_eq!(String::from_utf8_lossy(&compared.stdout).lines().count(), 3);
    std::fs::write(&history, "{\n").unwrap();
    check(&run(&served, &backfill).await, 1, "line 1");
    check(&run(&served, &simulate).await, 1, "line 1");
    let unknown = ["simulate", "--history", path, "--policy", "best"];
    check(&run(&served, &unknown).await, 64, "`best` is no policy");
}

#[tokio::test]
async fn it_does_not_start_where_everybody_could_read_it() {
    let served = Served::start(|_| {}).await;
    let refused = run(&served, &["serve", "--host", "0.0.0.0", "--port", "0"]).await;
    check(
        &refused,
        64,
        "without api_keys (API_KEYS) everybody who reaches this address",
    );
    let shown = run(&served, &["--print-config"]).await;
    check(&shown, 0, "env GITHUB_API_URL");
    let token = String::from_utf8_lossy(&shown.stdout).contains(&served.github.token);
    assert!(!token, "the token is shown");
    let second = run(&served, &["serve", "--port", "0"]).await;
    check(&second, 1, "another process polls");
}
