//! What the command line does beside serving.

use std::fs;

use serde_json::Value;

use crate::program::{Place, repository, until};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_beside_a_running_server() {
    let place = Place::new().await;
    place.happen(4);
    let mut server = place.serve();
    until("the server's database", async || {
        place.database().exists().then_some(())
    })
    .await;
    let store = place.store().await;
    until("events to be stored", async || {
        let stored = repository(&store).await?;
        (stored.events_stored == 4).then_some(())
    })
    .await;
    let json = place.run(&["stats", "octo/r", "--json"]).await;
    assert!(json.status.success(), "{}", text(&json.stderr));
    let object: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(object["stats"][0]["type"], "WatchEvent");
    assert_eq!(object["all"]["count"], 4);
    assert_eq!(object["window"]["complete"], true);
    let csv = place
        .run(&["stats", "Octo/R", "--csv", "--type", "ForkEvent"])
        .await;
    let csv = text(&csv.stdout);
    assert!(
        csv.lines()
            .nth(1)
            .unwrap()
            .starts_with("octo/r,ForkEvent,0,,,"),
        "{csv}"
    );
    let table = text(&place.run(&["stats", "octo/r"]).await.stdout);
    assert!(table.contains("4 events"), "{table}");
    let unknown = place.run(&["stats", "octo/unknown"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    // A second server on the same file says what is the matter.
    let second = place.run(&["serve"]).await;
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("another process polls"));
    server.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn past_events_are_stored_and_simulated_and_a_broken_file_is_named() {
    let place = Place::new().await;
    let added = place.run(&["add", "octo/r", "--inactive"]).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    let line = |id: u64, name: &str| {
        format!(
            r#"{{"id":"{id}","type":"PushEvent","actor":{{"login":"a"}},"repo":{{"id":{id},"name":"{name}"}},"created_at":"2026-01-01T00:{:02}:00Z"}}"#,
            id % 60
        )
    };
    let hour = place.folder.path().join("hour.json");
    fs::write(
        &hour,
        [line(1, "octo/r"), line(2, "o/other"), line(3, "octo/r")].join("\n"),
    )
    .unwrap();
    let hour = hour.to_str().unwrap();
    let filled = place.run(&["backfill", "--gharchive", hour, hour]).await;
    assert_eq!(
        text(&filled.stdout),
        "6 events read, 4 of watched repositories, 2 of them new\n",
        "{}",
        text(&filled.stderr)
    );
    let broken = place.folder.path().join("broken.json");
    fs::write(&broken, format!("{}\n{{", line(5, "octo/r"))).unwrap();
    let refused = place
        .run(&["backfill", "--gharchive", broken.to_str().unwrap()])
        .await;
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("broken.json, line 2: not an event"), "{said}");
    let simulated = place
        .run(&["simulate", "--history", hour, "--policy", "average,sqrt"])
        .await;
    let table = text(&simulated.stdout);
    let policies: Vec<&str> = table
        .lines()
        .skip(1)
        .filter_map(|row| row.split(' ').next())
        .collect();
    assert_eq!(policies, ["average", "sqrt"], "{table}");
}
