//! What works without a server.

use crate::rig::{Rig, count};

#[tokio::test]
async fn a_developer_and_a_repository_are_synced_and_told() {
    let rig = Rig::start().await;
    let file = rig.file("one.db");
    let planned = rig
        .said(&file, &["sync", "user", "octocat", "--dry-run"])
        .await;
    let said = rig.said(&file, &["sync", "user", "octocat"]).await;
    assert!(said.starts_with("done ("), "{said}");
    let number = |text: &str| -> i64 {
        let digits: String = text
            .chars()
            .skip_while(|character| !character.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    };
    let (planned, made) = (number(&planned), number(&said));
    assert!(
        (planned - made).abs() * 20 <= made,
        "{planned} planned, {made} made"
    );

    let status = rig.said(&file, &["status"]).await;
    assert!(
        count(&status, "developers") > 1 && count(&status, "follows") > 1,
        "{status}"
    );
    assert_eq!(count(&status, "done"), 1);
    assert!(status.contains("quota "), "{status}");

    let ran = rig.said(&file, &["run", "--count", "2"]).await;
    assert_eq!(ran.lines().count(), 2, "{ran}");

    let missing = rig
        .output(&file, &["sync", "repo", "octocat/no-such-thing"])
        .await;
    assert!(!missing.status.success());
    let said = String::from_utf8(missing.stdout).unwrap();
    assert!(
        said.starts_with("failed: GitHub does not show it"),
        "{said}"
    );
    assert_eq!(rig.said(&file, &["dead"]).await, "");

    let all = String::from_utf8(rig.output(&file, &["export"]).await.stdout).unwrap();
    assert!(all.contains("octocat") && !all.contains(&rig.token));
}

#[tokio::test]
async fn settings_are_checked_before_anything_is_opened() {
    let rig = Rig::start().await;
    let file = rig.file("none.db");
    for (name, value, key) in [
        ("QUOTA_SHARE", "2", "github.quota_share"),
        ("DATABASE_URL", "mysql://u:secret@h/d", "database.url"),
    ] {
        let mut program = rig.program(&file, &["status"]);
        let output = program.env(name, value).output().await.unwrap();
        assert_eq!(output.status.code(), Some(64), "{name}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(key) && !said.contains("secret"), "{said}");
    }
    assert!(!rig.folder.path().join("none.db").exists());
}

#[tokio::test]
async fn without_an_address_there_is_a_file_in_the_working_directory() {
    let rig = Rig::start().await;
    let mut program = rig.program("", &["status"]);
    let output = program.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(rig.folder.path().join("github-discovery.db").exists());
}
