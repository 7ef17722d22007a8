//! Files of past events: of each file all or nothing, and only of repositories that are watched.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::command::{backfill, simulate_file};
use crate::policy::{Allowance, Policy};
use crate::store::{Standing, Store};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::drills::rig::{added, at, named, opened};

fn line(id: u64, number: u64, name: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"PushEvent","actor":{{"login":"a"}},"repo":{{"id":{number},"name":"{name}"}},"created_at":"{}"}}"#,
        at(i64::try_from(id).unwrap())
    )
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let bytes = match name.ends_with(".gz") {
        false => text.as_bytes().to_vec(),
        true => {
            // GH Archive's files are made of several members.
            let (one, other) = text.split_at(text.len() / 2);
            let member = |text: &str| {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            };
            [member(one), member(other)].concat()
        }
    };
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn stored(store: &Store, name: &str) -> u64 {
    let found = store.repository(&named(name)).await.unwrap();
    found.unwrap().events_stored
}

#[tokio::test]
async fn only_watched_repositories_and_no_event_twice() {
    let folder = TempDir::new().unwrap();
    let store = opened(folder.path().join("events.db").to_str().unwrap()).await;
    let numbered = added(&store, "o/Numbered").await;
    store
        .rename(numbered.id, &named("o/Renamed"), 7)
        .await
        .unwrap();
    added(&store, "o/named").await;
    let lines = [
        line(1, 7, "o/Numbered"),
        line(2, 7, "somewhere/else"),
        line(3, 8, "O/Named"),
        line(4, 9, "o/unknown"),
        String::new(),
    ];
    let text = lines.join("\n");
    let files = [
        write(folder.path(), "plain.json", &text),
        write(
            folder.path(),
            "packed.json.gz",
            &format!("{text}\n{}\n", line(5, 8, "o/named")),
        ),
    ];
    let done = backfill(&store, &files).await.unwrap();
    assert_eq!((done.read, done.of_watched, done.new), (9, 7, 4));
    assert_eq!(stored(&store, "o/renamed").await, 2);
    assert_eq!(stored(&store, "o/named").await, 2);
    let repository = store.repository(&named("o/named")).await.unwrap().unwrap();
    assert_eq!(repository.standing, Standing::Active);
    assert_eq!(repository.covered_from, None, "an archive covers nothing");
}

#[tokio::test]
async fn a_broken_file_is_named_with_its_line_and_nothing_of_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let store = opened(folder.path().join("events.db").to_str().unwrap()).await;
    added(&store, "o/r").await;
    let good = line(1, 7, "o/r");
    let check = async |name: &str, text: &str, cut: usize, expected: &str| {
        let path = write(folder.path(), name, text);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let problem = backfill(&store, &[path]).await.unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(problem.contains(name), "{problem}");
        assert_eq!(stored(&store, "o/r").await, 0);
    };
    check(
        "a.json",
        &format!("{good}\nno event\n"),
        0,
        "line 2: not an event",
    )
    .await;
    check(
        "b.json",
        &format!("{good}\n{good}"),
        3,
        "line 2: not an event",
    )
    .await;
    check("c.json.gz", &format!("{good}\n"), 9, "cannot be read").await;
    check("d.json", &format!("{good}\n{{\"id\":\"x\"}}"), 0, "line 2").await;
    let absent = [folder.path().join("absent.json")];
    let problem = backfill(&store, &absent).await.unwrap_err().to_string();
    assert!(problem.contains("absent.json"), "{problem}");
}

#[test]
fn a_history_is_simulated_under_each_policy() {
    let folder = TempDir::new().unwrap();
    let lines: Vec<String> = (1..200)
        .map(|id| line(id * 10, id % 3, &format!("o/r{}", id % 3)))
        .collect();
    let path = write(folder.path(), "history.json", &lines.join("\n"));
    let policies = [Policy::Sqrt, Policy::Fixed];
    let compared = simulate_file(&path, &policies, Allowance::default(), 2).unwrap();
    assert_eq!(compared.0.len(), 2);
    for (_, one) in &compared.0 {
        assert_eq!((one.lost, one.gaps), (0, 0));
        assert!(one.requests > 0 && one.mean_delay_seconds.is_some());
    }
    let text = compared.to_string();
    assert!(text.starts_with("policy"), "{text}");
    assert!(text.lines().nth(2).unwrap().starts_with("fixed"), "{text}");
}
