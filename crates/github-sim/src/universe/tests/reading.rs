//! Determinism, media types, tags and dates.

use super::*;
use crate::answer::TagRule;

const REPO: &str = "/repos/octocat/Hello-World";

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let targets = [
        "/users",
        "/repositories",
        REPO,
        "/repos/octocat/Hello-World/commits",
        "/events",
        "/search/issues?q=the",
    ];
    let bodies = |seed: u64| -> Vec<String> {
        let mut client = Client::of(Universe::generate(&UniverseOptions {
            seed,
            ..UniverseOptions::default()
        }));
        targets
            .iter()
            .map(|target| client.json(target).to_string())
            .collect()
    };
    assert_eq!(bodies(7), bodies(7));
    for (one, other) in bodies(7).iter().zip(bodies(8)) {
        assert_ne!(*one, other);
    }
}

#[test]
fn what_was_forgotten_is_made_again_alike() {
    let mut client = client().logged_in("octocat");
    let before = client.json("/repos/octocat/Hello-World/issues?state=all&per_page=100");
    let index = client
        .universe
        .model
        .find_repository("octocat/hello-world")
        .unwrap();
    client.universe.model.repository_mut(index).content = None;
    client.universe.built.clear();
    assert_eq!(
        client.json("/repos/octocat/Hello-World/issues?state=all&per_page=100"),
        before
    );
}

#[test]
fn names_compare_without_case_and_ids_lead_to_the_same_body() {
    let mut client = client();
    let body = client.json(REPO);
    assert_eq!(client.json("/repos/OCTOCAT/hello-world"), body);
    assert_eq!(client.json(&format!("/repositories/{}", body["id"])), body);
    let user = client.json("/users/octocat");
    assert_eq!(client.json(&format!("/user/{}", user["id"])), user);
    let organization = client.json("/orgs/octo-org");
    assert_eq!(
        client.json(&format!("/organizations/{}", organization["id"])),
        organization
    );
}

#[test]
fn counts_agree_with_lists() {
    let mut client = client();
    let body = client.json(REPO);
    let count = |client: &mut Client, list: &str| -> usize {
        (1..)
            .map(|page| {
                client
                    .json(&format!("{REPO}/{list}&per_page=100&page={page}"))
                    .as_array()
                    .unwrap()
                    .len()
            })
            .take_while(|items| *items > 0)
            .sum()
    };
    assert_eq!(
        body["open_issues_count"],
        count(&mut client, "issues?state=open")
    );
    assert_eq!(
        body["stargazers_count"],
        count(&mut client, "stargazers?x=1")
    );
    assert_eq!(
        body["subscribers_count"],
        count(&mut client, "subscribers?x=1")
    );
    let user = client.json("/users/octocat");
    let followers = client.json("/users/octocat/followers?per_page=100");
    assert_eq!(user["followers"], followers.as_array().unwrap().len());
    let repositories = client.json("/users/octocat/repos?per_page=100");
    assert_eq!(user["public_repos"], repositories.as_array().unwrap().len());
}

/// Behaviour notes 1.3, line by line.
#[test]
fn tags_of_git_objects() {
    let mut client = client();
    let commit = client.json(&format!("{REPO}/commits/main"));
    let file = client.found(&format!("{REPO}/contents/README.md"));
    let sha = value(&file)["sha"].as_str().unwrap().to_owned();
    assert_eq!(file.tag, TagRule::GitObject(sha.clone()));
    let root = TagRule::GitObject(commit["commit"]["tree"]["sha"].as_str().unwrap().to_owned());
    assert_eq!(client.found(&format!("{REPO}/contents")).tag, root);
    assert_eq!(client.found(&format!("{REPO}/contents/src")).tag, root);
    assert_eq!(client.found(&format!("{REPO}/contents/src/net")).tag, root);
    assert_eq!(
        client.found(&format!("{REPO}/readme")).tag,
        TagRule::GitObject(sha.clone())
    );
    assert_eq!(
        client
            .found(&format!(
                "{REPO}/git/commits/{}",
                commit["sha"].as_str().unwrap()
            ))
            .tag,
        TagRule::Formula
    );
    client.media = Media::Raw;
    let raw = client.found(&format!("{REPO}/contents/README.md"));
    assert_eq!(raw.tag, TagRule::GitObject(sha.clone()));
    let Content::Text { text, .. } = &raw.content else {
        panic!("{raw:?}")
    };
    assert_eq!(super::super::git::object_id("blob", text.as_bytes()), sha);
    client.media = Media::Html;
    assert_eq!(
        client.found(&format!("{REPO}/readme")).tag,
        TagRule::Formula
    );
    client.media = Media::Sha;
    let bare = client.found(&format!("{REPO}/commits/main"));
    assert_eq!(
        bare.tag,
        TagRule::GitObject(commit["sha"].as_str().unwrap().to_owned())
    );
    let Content::Text { text, .. } = bare.content else {
        panic!()
    };
    assert_eq!(text, commit["sha"].as_str().unwrap());
    client.media = Media::Json;
    assert_eq!(client.found("/search/users?q=octocat").tag, TagRule::None);
}

#[test]
fn a_blob_is_what_its_id_says() {
    use base64::Engine as _;
    let mut client = client();
    let tree = client.json(&format!("{REPO}/git/trees/main?recursive=1"));
    let blobs: Vec<&Value> = tree["tree"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["type"] == "blob")
        .collect();
    assert!(blobs.len() >= 4);
    for entry in blobs {
        let blob = client.json(&format!(
            "{REPO}/git/blobs/{}",
            entry["sha"].as_str().unwrap()
        ));
        let encoded: String = blob["content"]
            .as_str()
            .unwrap()
            .split_whitespace()
            .collect();
        let body = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap();
        assert_eq!(
            super::super::git::object_id("blob", &body),
            entry["sha"].as_str().unwrap()
        );
        assert_eq!(blob["size"], body.len());
    }
}

#[test]
fn diffs_and_patches_are_text() {
    let mut client = client();
    let pull = client.json(&format!("{REPO}/pulls?state=all"))[0]["number"].clone();
    let targets = [
        format!("{REPO}/pulls/{pull}"),
        format!("{REPO}/commits/main"),
        format!("{REPO}/compare/main~...main"),
    ];
    let older = client.json(&format!("{REPO}/commits?per_page=4"))[3]["sha"]
        .as_str()
        .unwrap()
        .to_owned();
    for target in [
        &targets[0],
        &targets[1],
        &format!("{REPO}/compare/{older}...main"),
    ] {
        for (media, start) in [(Media::Diff, "diff --git a/"), (Media::Patch, "From ")] {
            client.media = media;
            let found = client.found(target);
            let Content::Text { text, .. } = found.content else {
                panic!("{target}")
            };
            assert!(text.starts_with(start), "{target}: {text}");
            assert!(text.contains("\n@@ -"), "{target}: {text}");
        }
    }
    client.media = Media::Json;
    assert_eq!(client.status(&targets[2]), 404);
}

#[track_caller]
fn check_date(client: &mut Client, target: &str, dated: Dated) {
    let found = client.found(target);
    assert_eq!(
        found.last_modified.is_some(),
        dated == Dated::Yes,
        "{target}"
    );
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dated {
    Yes,
    No,
}

/// Behaviour notes 1.6.
#[test]
fn who_says_last_modified() {
    let mut client = client().logged_in("octocat");
    let tag = client.json(&format!("{REPO}/releases"))[0]["tag_name"]
        .as_str()
        .unwrap()
        .to_owned();
    for target in [
        "",
        "/commits",
        "/commits/main",
        "/compare/main...develop",
        "/contents/README.md",
        "/contents/src",
        "/readme",
        "/git/trees/main",
        "/git/ref/heads/main",
        "/git/matching-refs/heads",
        "/issues/1",
        "/issues/1/labels",
        "/labels/bug",
        "/milestones/1",
        "/releases/latest",
        "/tags",
        "/events",
    ] {
        check_date(&mut client, &format!("{REPO}{target}"), Dated::Yes);
    }
    check_date(
        &mut client,
        &format!("{REPO}/releases/tags/{tag}"),
        Dated::Yes,
    );
    for target in [
        "/users/octocat",
        "/user",
        "/orgs/octo-org",
        "/orgs/octo-org/teams/docs",
        "/events",
        "/notifications",
    ] {
        check_date(&mut client, target, Dated::Yes);
    }
    for target in [
        "/issues",
        "/pulls",
        "/releases",
        "/branches",
        "/branches/main",
        "/labels",
        "/milestones",
        "/stargazers",
        "/issues/1/comments",
        "/collaborators",
        "/actions/runs",
        "/commits/main/check-runs",
    ] {
        check_date(&mut client, &format!("{REPO}{target}"), Dated::No);
    }
    for target in [
        "/users/octocat/repos",
        "/user/repos",
        "/orgs/octo-org/teams",
        "/repositories",
        "/users",
        "/organizations",
    ] {
        check_date(&mut client, target, Dated::No);
    }
}

#[test]
fn the_2026_version_drops_what_it_announced() {
    let mut client = client();
    let pulls = format!("{REPO}/pulls?state=all");
    assert!(client.json(REPO).get("has_downloads").is_some());
    assert!(client.json(&pulls)[0].get("assignee").is_some());
    client.version = ApiVersion::V2026_03_10;
    assert!(client.json(REPO).get("has_downloads").is_none());
    assert!(client.json(&pulls)[0].get("assignee").is_none());
    assert!(client.json(&pulls)[0].get("merge_commit_sha").is_none());
    assert!(
        client.json(&format!("{REPO}/issues"))[0]
            .get("assignee")
            .is_none()
    );
    assert!(client.json("/gists/public")[0].get("user").is_none());
}

#[test]
fn notifications_have_an_empty_tag_and_a_date() {
    let mut client = client().logged_in("octocat");
    let found = client.found("/notifications");
    assert_eq!(found.tag, TagRule::None);
    assert!(found.headers.contains(&("etag", "W/\"\"".to_owned())));
    assert_eq!(found.poll_interval, Some(60));
    assert!(!value(&found).as_array().unwrap().is_empty());
}

#[test]
fn redirects() {
    let mut client = client();
    let id = client.json(REPO)["id"].clone();
    let Answer::Redirect { location } = client.get(&format!("{REPO}/contents/src/")) else {
        panic!()
    };
    assert_eq!(
        location,
        format!("https://api.github.com/repositories/{id}/contents/src")
    );
    let organization = client.json("/orgs/octo-org")["id"].clone();
    let Answer::Redirect { location } = client.get("/orgs/octo-org/members/octocat") else {
        panic!()
    };
    assert_eq!(
        location,
        format!("https://api.github.com/organizations/{organization}/public_members/octocat")
    );
    let Answer::Redirect { location } = client.get(&format!("{REPO}/tarball/main")) else {
        panic!()
    };
    assert!(location.starts_with("https://codeload.github.com/octocat/Hello-World/"));
}

/// Deep, odd and hostile paths and queries: any status, no panic.
#[test]
fn nothing_panics() {
    let mut client = client().logged_in("octocat");
    let words = [
        "",
        "/",
        "%",
        "%ff",
        "..",
        "0",
        "-1",
        "18446744073709551616",
        "\u{e9}\u{1f600}",
        "a b",
        "main...main",
        "...",
        "x...",
        "1",
        "events",
        "teams",
        "team",
        "contents",
        "git",
        "refs",
        "trees",
        "cursor",
        "1a",
        "abcdefg",
        "e69de29",
        "\u{e9}bcdefg",
    ];
    let places = [
        "/repos/octocat/Hello-World",
        "/repositories",
        "/repos",
        "/users/octocat",
        "/user",
        "/orgs/octo-org",
        "/organizations",
        "/search",
        "/gists",
        "/notifications/threads",
        "/networks/octocat/Hello-World",
        "/repos/octocat/Hello-World/issues",
        "/repos/octocat/Hello-World/git",
        "/repos/octocat/Hello-World/commits",
        "/repos/octocat/Hello-World/compare",
        "/repos/octocat/Hello-World/releases",
        "/repos/octocat/Hello-World/actions/runs",
        "/repos/octocat/Hello-World/hooks",
        "/repos/octocat/Hello-World/actions/jobs",
        "/repos/octocat/Hello-World/pulls",
        "/repos/octocat/Hello-World/contents",
        "/repos/octocat/Hello-World/releases/assets",
        "/orgs/octo-org/teams",
        "/repos/octocat/Hello-World/labels",
    ];
    let queries = [
        "",
        "?",
        "?page=0&per_page=0",
        "?page=99999999999999999999",
        "?page=-1&per_page=-5",
        "?per_page=100000",
        "?since=x",
        "?cursor=v1_x&after=%%%&before=!!",
        "?q=",
        "?q=:&sort=x&order=y",
        "?state=&labels=,,&milestone=*&assignee=none",
        "?ref=%00",
    ];
    for place in places {
        for word in words {
            for query in queries {
                for method in [Method::GET, Method::POST, Method::PATCH, Method::PUT] {
                    let body: &[u8] = if query.is_empty() {
                        b"{\"title\":3,\"name\":[]}"
                    } else {
                        b"["
                    };
                    client.ask(&method, &format!("{place}/{word}{query}"), body);
                }
            }
        }
    }
}

#[test]
fn contents_are_kept_within_bounds_and_edits_for_ever() {
    let options = UniverseOptions {
        scale: Scale::Medium,
        ..UniverseOptions::default()
    };
    let mut client = Client::of(Universe::generate(&options));
    client.change(serde_json::json!({ "change": "push_commit", "repo": "octocat/Hello-World", "message": "kept" }));
    let names: Vec<String> = (1..=4)
        .flat_map(|page| {
            let body = client.json(&format!(
                "/search/repositories?q=stars:0..9&per_page=100&page={page}"
            ));
            body["items"].as_array().unwrap().clone()
        })
        .map(|repository| repository["full_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 400);
    for name in names {
        client.json(&format!("/repos/{name}/branches"));
    }
    let built = client
        .universe
        .model
        .repositories
        .iter()
        .filter(|repository| repository.content.is_some())
        .count();
    assert!(
        built <= super::super::CONTENTS_KEPT + 2,
        "{built} contents are in memory"
    );
    assert_eq!(
        client.json("/repos/octocat/Hello-World/commits")[0]["commit"]["message"],
        "kept"
    );
}
