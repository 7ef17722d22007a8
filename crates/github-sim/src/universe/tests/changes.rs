//! Changes from outside: what they make, and that nothing else changes.

use super::*;
use serde_json::json;

const REPO: &str = "/repos/octocat/Hello-World";

/// After the change `dirty` differ and `clean` do not.
#[track_caller]
fn check(change: Value, dirty: &[&str], clean: &[&str]) {
    let mut client = client().logged_in("octocat");
    let bodies = |client: &mut Client, list: &[&str]| -> Vec<String> {
        list.iter()
            .map(|target| format!("{:?}", client.get(target)))
            .collect()
    };
    let (dirty_before, clean_before) = (bodies(&mut client, dirty), bodies(&mut client, clean));
    client.now += 1;
    client.change(change.clone());
    for ((target, before), after) in dirty
        .iter()
        .zip(dirty_before)
        .zip(bodies(&mut client, dirty))
    {
        assert!(before != after, "{change} leaves {target} as it was");
    }
    for ((target, before), after) in clean
        .iter()
        .zip(clean_before)
        .zip(bodies(&mut client, clean))
    {
        assert!(before == after, "{change} touches {target}");
    }
}

#[test]
fn each_change_touches_what_it_should() {
    let (issues, stars, commits) = (
        &*format!("{REPO}/issues"),
        &*format!("{REPO}/stargazers"),
        &*format!("{REPO}/commits"),
    );
    let (labels, other, user) = (
        &*format!("{REPO}/labels"),
        "/repos/octo-org/octo-repo",
        "/users/octocat",
    );
    let repo = "octocat/Hello-World";
    let open = client().json(issues)[0]["number"].clone();
    check(
        json!({ "change": "touch_repository", "repo": repo }),
        &[REPO, "/users/octocat/repos"],
        &[issues, stars, commits, other, user],
    );
    check(
        json!({ "change": "touch_user", "login": "octocat" }),
        &[user, "/user"],
        &[REPO, issues, other],
    );
    check(
        json!({ "change": "add_issue", "repo": repo }),
        &[issues, REPO, "/search/issues?q=found"],
        &[stars, commits, other],
    );
    check(
        json!({ "change": "close_issue", "repo": repo, "number": open }),
        &[REPO, &format!("{issues}/{open}")],
        &[stars, other],
    );
    check(
        json!({ "change": "remove_issue", "repo": repo, "number": open }),
        &[REPO, &format!("{issues}/{open}")],
        &[stars, commits, other],
    );
    check(
        json!({ "change": "add_comment", "repo": repo, "number": 1 }),
        &[&format!("{issues}/1"), &format!("{issues}/1/comments")],
        &[stars],
    );
    check(
        json!({ "change": "add_label", "repo": repo, "name": "x" }),
        &[labels],
        &[issues, REPO],
    );
    check(
        json!({ "change": "star", "repo": repo, "login": "somebody" }),
        &[REPO, "/search/users?q=somebody"],
        &[issues, commits, other],
    );
    check(
        json!({ "change": "follow", "login": "somebody", "target": "octocat" }),
        &[user, "/users/octocat/followers"],
        &[issues, other],
    );
    check(
        json!({ "change": "add_member", "org": "octo-org", "login": "somebody" }),
        &["/orgs/octo-org/members"],
        &[REPO, "/orgs/octo-org/repos"],
    );
    check(
        json!({ "change": "remove_member", "org": "octo-org", "login": "monalisa" }),
        &["/orgs/octo-org/members"],
        &[REPO],
    );
    check(
        json!({ "change": "push_commit", "repo": repo }),
        &[
            commits,
            REPO,
            &format!("{REPO}/activity"),
            &format!("{REPO}/branches/main"),
        ],
        &[issues, stars, other],
    );
    check(
        json!({ "change": "add_release", "repo": repo, "tag": "v9" }),
        &[&format!("{REPO}/releases"), &format!("{REPO}/tags")],
        &[issues, stars],
    );
    check(
        json!({ "change": "fork", "repo": repo, "owner": "hubot" }),
        &[REPO, &format!("{REPO}/forks"), "/users/hubot/repos"],
        &[issues, stars],
    );
    check(
        json!({ "change": "add_repository", "repo": "octocat/fresh" }),
        &["/users/octocat/repos?sort=created", user],
        &[REPO, issues],
    );
    check(
        json!({ "change": "delete_repository", "repo": repo }),
        &[REPO, "/users/octocat/repos?sort=full_name"],
        &[other],
    );
    check(
        json!({ "change": "set_archived", "repo": repo, "archived": true }),
        &[REPO],
        &[issues, other],
    );
    check(
        json!({ "change": "delete_branch", "repo": repo, "branch": "develop" }),
        &[&format!("{REPO}/branches?per_page=100")],
        &[commits],
    );
}

#[test]
fn renames_and_transfers() {
    let mut client = client();
    let id = client.json(REPO)["id"].clone();
    client.change(
        json!({ "change": "transfer_repository", "repo": "octocat/Hello-World", "owner": "hubot" }),
    );
    let Answer::Moved { location } = client.get(&format!("{REPO}/issues?state=all")) else {
        panic!()
    };
    assert_eq!(
        location,
        format!("https://api.github.com/repositories/{id}/issues?state=all")
    );
    assert_eq!(client.json("/repos/hubot/Hello-World")["id"], id);
    client.change(json!({ "change": "rename_user", "login": "hubot", "name": "robot" }));
    assert_eq!(client.status("/users/hubot"), 404);
    assert_eq!(client.json("/users/robot")["login"], "robot");
    assert_eq!(client.status("/repos/hubot/Hello-World"), 301);
    assert_eq!(client.status(REPO), 301);
    // A new repository under the old name ends the redirect.
    client.change(json!({ "change": "add_repository", "repo": "octocat/Hello-World" }));
    assert_ne!(client.json(REPO)["id"], id);
    client.change(json!({ "change": "delete_user", "login": "robot" }));
    assert_eq!(client.status("/repos/robot/Hello-World"), 404);
    assert_eq!(client.status(&format!("/repositories/{id}")), 404);
}

#[test]
fn lists_of_exact_length() {
    let mut client = client();
    let paths = [
        "/repos/octocat/Hello-World/issues",
        "/repos/octocat/Hello-World/labels",
        "/repos/octocat/Hello-World/stargazers",
        "/repos/octocat/Hello-World/subscribers",
        "/repos/octocat/Hello-World/forks",
        "/repos/octocat/Hello-World/branches",
        "/repos/octocat/Hello-World/commits",
        "/repos/octocat/Hello-World/events",
        "/repos/octocat/Hello-World/issues/1/comments",
        "/users/octocat/followers",
        "/users/octocat/following",
        "/users/octocat/starred",
        "/users/monalisa/repos",
        "/orgs/octo-org/members",
        "/orgs/octo-org/repos",
    ];
    for path in paths {
        for items in [100, 101, if path.ends_with("commits") { 101 } else { 3 }] {
            client.change(json!({ "change": "resize_list", "path": path, "items": items }));
            let one = client
                .json(&format!("{path}?per_page=100"))
                .as_array()
                .unwrap()
                .len();
            let two = client
                .json(&format!("{path}?per_page=100&page=2"))
                .as_array()
                .unwrap()
                .len();
            assert_eq!(one + two, items, "{path}");
        }
    }
}

#[test]
fn any_path_may_be_overridden() {
    let mut client = client();
    client.change(json!({ "change": "set_json", "path": "/users/OCTOCAT/", "body": { "b": 1, "a": [1.50, "\u{e9}"] }, "last_modified": 5 }));
    let found = client.found("/users/octocat");
    assert_eq!(
        found.content,
        Content::JsonBytes("{\"b\":1,\"a\":[1.5,\"\u{e9}\"]}".into())
    );
    assert_eq!(found.last_modified, Some(5));
    client.change(json!({ "change": "set_json", "path": "/users/octocat", "body": {}, "viewer": "hubot", "tag": "none" }));
    assert_ne!(client.json("/users/octocat"), json!({}));
    client.log_in("hubot");
    assert_eq!(
        client.found("/users/octocat").tag,
        crate::answer::TagRule::None
    );
    client.change(json!({ "change": "set_json", "path": "/x", "query": "a=1", "body": { "message": "No" }, "status": 451 }));
    assert_eq!((client.status("/x?a=1"), client.status("/x")), (451, 404));
    client.change(json!({ "change": "delete_override", "path": "/users/octocat" }));
    assert_eq!(client.json("/users/octocat")["login"], "octocat");
}

#[test]
fn wrong_changes_say_what_is_wrong() {
    let mut client = client();
    for (change, words) in [
        (json!({}), "change"),
        (json!({ "change": "explode" }), "explode"),
        (
            json!({ "change": "add_repository", "repo": "octocat/a/b" }),
            "not a name",
        ),
        (
            json!({ "change": "rename_user", "login": "octocat", "name": "a/b" }),
            "not a login",
        ),
        (
            json!({ "change": "rename_user", "login": "octocat", "name": "hubot" }),
            "exists already",
        ),
        (
            json!({ "change": "star", "repo": "a/b", "login": "x" }),
            "there is no repository a/b",
        ),
        (
            json!({ "change": "star", "repo": "octocat/Hello-World", "login": "x", "y": 1 }),
            "y",
        ),
        (
            json!({ "change": "resize_list", "path": "/users/octocat/keys", "items": 1 }),
            "of a repository: issues",
        ),
        (
            json!({ "change": "append_events", "repo": "octocat/Hello-World", "type": "NoEvent" }),
            "NoEvent",
        ),
        (
            json!({ "change": "set_json", "path": "/", "body": 1, "tag": "w" }),
            "40 hex digits",
        ),
    ] {
        let error = client.universe.control(&change, NOW).unwrap_err();
        assert!(error.contains(words), "{change}: {error}");
    }
    assert_eq!(client.universe.revision(), Some(0));
}

#[test]
fn an_empty_universe_is_built_by_changes() {
    let mut client = Client::empty();
    client.change(json!({ "change": "add_user", "login": "ada" }));
    client.change(json!({ "change": "add_organization", "login": "guild", "owner": "ada" }));
    client.change(json!({ "change": "add_repository", "repo": "guild/loom", "readme": true }));
    assert_eq!(
        client.json("/orgs/guild/repos")[0]["full_name"],
        "guild/loom"
    );
    assert_eq!(
        client
            .json("/repos/guild/loom/commits")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(client.json("/users/ada/orgs")[0]["login"], "guild");
}
