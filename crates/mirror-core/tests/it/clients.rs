//! Real clients through the mirror: they see what they would see at GitHub, and pay once.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use octocrab::Octocrab;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::rig::Rig;

pub(crate) use test_servers::provided;

const REPOSITORY: &str = "octocat/Hello-World";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// Runs a client's program and gives the line it prints.
async fn run(mut command: Command, work: &str, token: &str) -> Value {
    command
        .arg(work)
        .env("TOKEN", token)
        .env("REPOSITORY", REPOSITORY)
        .stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    let line = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(line.lines().last().unwrap_or_default()).unwrap()
}

/// Reads twice, writes, reads: the second read costs nothing, the last sees what was written.
async fn reads_writes_reads(rig: &Rig, command: impl Fn() -> Command) -> Value {
    let token = rig.sim.user_token("octocat");
    let first = run(command(), "read", &token).await;
    assert!(
        first["issues"].as_u64().unwrap() > 10,
        "several pages: {first}"
    );
    let (used, fetched) = (rig.quota_used(), rig.upstream(200));
    let second = run(command(), "read", &token).await;
    assert_eq!(second, first);
    assert_eq!(
        (rig.quota_used(), rig.upstream(200)),
        (used, fetched),
        "all hits"
    );
    let written = run(command(), "write", &token).await;
    assert_eq!(
        written["issues"].as_u64(),
        first["issues"].as_u64().map(|count| count + 1)
    );
    let after = run(command(), "read", &token).await;
    assert_eq!(after["titles_sha256"], written["titles_sha256"]);
    first
}

#[tokio::test]
async fn pygithub() {
    let Some(python) = provided("MIRROR_TEST_PYTHON") else {
        return;
    };
    let rig = Rig::universe(|_| {}).await;
    let command = || {
        let mut command = Command::new(&python);
        command
            .arg(scripts().join("pygithub_client.py"))
            .env("BASE_URL", &rig.url);
        command
    };
    reads_writes_reads(&rig, command).await;
}

#[tokio::test]
async fn github3_through_enterprise_paths() {
    let Some(python) = provided("MIRROR_TEST_GITHUB3_PYTHON") else {
        return;
    };
    let rig = Rig::universe(|_| {}).await;
    let command = || {
        let mut command = Command::new(&python);
        command
            .arg(scripts().join("github3_client.py"))
            .env("BASE_URL", &rig.url);
        command
    };
    reads_writes_reads(&rig, command).await;
}

/// What go-github sends with `WithEnterpriseURLs`: everything below `/api/v3/`, GraphQL at `/api/graphql`, and the next
/// page wherever `Link` says, as long as it is on the same host.
#[tokio::test]
async fn go_github_style_enterprise_paths() {
    let rig = Rig::universe(|_| {}).await;
    let token = rig.sim.user_token("octocat");
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ];
    let base = format!("{}/api/v3", rig.url);
    let mut target = format!("/api/v3/repos/{REPOSITORY}/issues?state=all&per_page=10");
    let mut numbers = Vec::new();
    loop {
        let page = rig.send(http::Method::GET, &target, &headers, "").await;
        assert_eq!(page.status, 200);
        for issue in page.json().as_array().unwrap() {
            let url = issue["url"].as_str().unwrap();
            assert!(url.starts_with(&base), "{url}");
            numbers.push(issue["number"].as_u64().unwrap());
        }
        let Some(link) = page.headers.get("link") else {
            break;
        };
        let next = link.to_str().unwrap().split(',').find_map(|part| {
            let (url, parameters) = part.split_once(';')?;
            let next = parameters.contains("rel=\"next\"");
            next.then(|| url.trim().trim_matches(['<', '>']).to_owned())
        });
        let Some(next) = next else { break };
        assert!(next.starts_with(&base), "{next}");
        target = next[rig.url.len()..].to_owned();
    }
    assert!(numbers.len() > 10, "several pages");
    numbers.sort_unstable();
    numbers.dedup();
    let alike = rig
        .get(
            &format!("/repos/{REPOSITORY}/issues?state=all&per_page=100"),
            &token,
        )
        .await;
    assert_eq!(alike.json().as_array().unwrap().len(), numbers.len());
    // The alias is no other resource: what came through one name is confirmed through the other.
    let repository = format!("/repos/{REPOSITORY}");
    rig.send(http::Method::GET, &repository, &headers, "").await;
    let (used, enterprise) = (rig.quota_used(), format!("/api/v3{repository}"));
    let again = rig.send(http::Method::GET, &enterprise, &headers, "").await;
    assert_eq!(again.header("x-cache"), "ONLINE_HIT");
    assert_eq!(rig.quota_used(), used);
    let query = r#"{"query":"{ viewer { login } }"}"#;
    let graphql = rig
        .send(http::Method::POST, "/api/graphql", &headers, query)
        .await;
    assert_eq!(graphql.status, 200, "{graphql:?}");
}

#[tokio::test]
async fn octokit() {
    let (Some(node), Some(modules)) = (
        provided("MIRROR_TEST_NODE"),
        provided("MIRROR_TEST_NODE_DIR"),
    ) else {
        return;
    };
    let rig = Rig::universe(|_| {}).await;
    let command = || {
        let mut command = Command::new(&node);
        command.arg(scripts().join("octokit_client.mjs"));
        command.env("BASE_URL", &rig.url).env("NODE_DIR", &modules);
        command
    };
    reads_writes_reads(&rig, command).await;
}

#[tokio::test]
async fn gh_over_a_unix_socket() {
    let Some(gh) = provided("MIRROR_TEST_GH") else {
        return;
    };
    let socket = std::env::temp_dir().join(format!("mirror-gh-{}.sock", std::process::id()));
    let rig = Rig::universe(|config| config.unix = Some(socket.clone())).await;
    let command = || {
        let mut command = Command::new("bash");
        command.arg(scripts().join("gh_client.sh"));
        command.env("GH", &gh).env("SOCKET", &socket);
        command
    };
    reads_writes_reads(&rig, command).await;
}

#[tokio::test]
async fn octocrab_lists_pages_reads_and_writes() {
    let rig = Rig::universe(|_| {}).await;
    let token = rig.sim.user_token("octocat");
    let client = Octocrab::builder()
        .base_uri(rig.url.as_str())
        .unwrap()
        .personal_token(token)
        .build()
        .unwrap();
    let read = async || {
        let (owner, name) = REPOSITORY.split_once('/').unwrap();
        let repository = client.repos(owner, name).get().await.unwrap();
        let page = client
            .issues(owner, name)
            .list()
            .per_page(10)
            .send()
            .await
            .unwrap();
        let issues = client.all_pages(page).await.unwrap();
        let titles: Vec<String> = issues.into_iter().map(|issue| issue.title).collect();
        (repository.full_name, titles)
    };
    let first = read().await;
    assert!(first.1.len() > 10, "several pages");
    let (used, fetched) = (rig.quota_used(), rig.upstream(200));
    assert_eq!(read().await, first);
    assert_eq!(
        (rig.quota_used(), rig.upstream(200)),
        (used, fetched),
        "all hits"
    );

    let created: Value = client
        .post(
            format!("/repos/{REPOSITORY}/issues"),
            Some(&json!({"title": "written by octocrab"})),
        )
        .await
        .unwrap();
    assert!(created["url"].as_str().unwrap().starts_with(&rig.url));
    let after = read().await;
    assert_eq!(after.1.len(), first.1.len() + 1);
    assert!(after.1.contains(&"written by octocrab".to_owned()));
}
