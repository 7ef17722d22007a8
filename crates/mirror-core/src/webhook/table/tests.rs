//! Which paths an event touches, over payloads of every kind.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::*;

/// Events of GitHub's examples that touch nothing that REST clients read, or nothing that is stored.
const IGNORED: &[&str] = &[
    "deployment_review",
    "discussion",
    "discussion_comment",
    "github_app_authorization",
    "marketplace_purchase",
    "merge_group",
    "org_block",
    "ping",
    "project",
    "project_card",
    "project_column",
    "projects_v2_item",
    "repository_dispatch",
    "security_advisory",
    "sponsorship",
];

fn facts(payload: &Value) -> Facts {
    Facts::of(payload.to_string().as_bytes()).unwrap()
}

fn paths(event: &str, payload: &Value) -> BTreeSet<String> {
    match touched(event, &facts(payload)) {
        Touched::Nothing => BTreeSet::new(),
        Touched::Paths(paths) => paths.iter().map(ToString::to_string).collect(),
    }
}

/// What an event touches, as one can ask for it.
fn touches(event: &str, payload: &Value, path: &str) -> bool {
    let mut table = RouteTable::default();
    for pattern in paths(event, payload) {
        table.add(pattern.parse().unwrap(), &[], ());
    }
    table.find(&Method::GET, path).is_some()
}

/// GitHub's own examples: package `@octokit/webhooks-examples`, installed by `cargo xtask test`.
fn examples() -> Vec<(String, Vec<Value>)> {
    let folder = std::env::var_os("WEBHOOK_EXAMPLES").expect("set by `cargo xtask test`");
    let path = std::path::Path::new(&folder)
        .join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all.iter()
        .map(|event| {
            let name = event["name"].as_str().unwrap().to_owned();
            (name, event["examples"].as_array().unwrap().clone())
        })
        .collect()
}

#[test]
fn githubs_examples_are_understood() {
    let mut seen = 0;
    for (event, payloads) in examples() {
        let known = known_name(&event).is_some();
        assert_ne!(
            known,
            IGNORED.contains(&event.as_str()),
            "{event}: known or ignored?"
        );
        for (number, payload) in payloads.iter().enumerate() {
            let paths = paths(&event, payload);
            assert_eq!(paths.is_empty(), !known, "{event} {number}");
            // Only where the hook itself is gone; anywhere else it means that a field was not found.
            assert_eq!(
                paths.contains("/**"),
                event == "meta",
                "{event} {number}: {paths:?}"
            );
            let unknown = paths.iter().find(|path| path.contains(['{', '}']));
            assert_eq!(unknown, None, "{event} {number}");
            seen += 1;
        }
    }
    assert!(seen > 200, "only {seen} examples");
}

/// What an example touches and what it leaves alone.
#[test]
fn examples_touch_what_they_are_about() {
    let examples = examples();
    let check = |event: &str, action: Option<&str>, touched: &[&str], untouched: &[&str]| {
        let (_, payloads) = examples.iter().find(|(name, _)| name == event).unwrap();
        let payload = payloads
            .iter()
            .find(|payload| {
                payload["action"].as_str() == action && payload["repository"].is_object()
            })
            .unwrap();
        let root = format!(
            "/repos/{}",
            payload["repository"]["full_name"].as_str().unwrap()
        );
        let number = format!("/repositories/{}", payload["repository"]["id"]);
        for root in [root.as_str(), number.as_str()] {
            for path in touched {
                let path = path.replace("~", root);
                assert!(
                    touches(event, payload, &path),
                    "{event} {action:?} leaves {path} alone"
                );
            }
            for path in untouched {
                let path = path.replace("~", root);
                assert!(
                    !touches(event, payload, &path),
                    "{event} {action:?} touches {path}"
                );
            }
        }
    };
    check(
        "push",
        None,
        &[
            "~",
            "~/commits",
            "~/commits/main",
            "~/branches/main",
            "~/contents/a/b",
            "~/git/ref/heads/main",
            "~/readme",
        ],
        &[
            "~/issues",
            "~/issues/1",
            "~/labels",
            "/repos/other/one/commits",
            "/user",
        ],
    );
    check(
        "issues",
        Some("opened"),
        &[
            "~",
            "~/issues",
            "~/issues/1",
            "~/issues/1/labels",
            "~/milestones",
        ],
        &["~/issues/2", "~/commits", "~/pulls", "~/contents/a"],
    );
    check(
        "issue_comment",
        Some("created"),
        &["~/issues/1/comments", "~/issues/comments/5", "~/issues/1"],
        &["~/issues/2/comments", "~/commits"],
    );
    check(
        "pull_request",
        Some("opened"),
        &[
            "~/pulls",
            "~/pulls/2",
            "~/pulls/2/files",
            "~/issues/2",
            "~/commits/abc/pulls",
        ],
        &["~/pulls/3", "~/commits", "~/contents/a"],
    );
    check(
        "label",
        Some("created"),
        &["~/labels", "~/labels/bug", "~/issues/7"],
        &["~", "~/commits"],
    );
    check(
        "release",
        Some("published"),
        &["~/releases", "~/releases/latest"],
        &["~/commits"],
    );
    check(
        "check_run",
        Some("completed"),
        &["~/commits/abc/check-runs", "~/pulls/9"],
        &["~/commits/abc", "~/issues"],
    );
    check(
        "star",
        Some("created"),
        &["~/stargazers", "~"],
        &["~/forks"],
    );
    check("fork", None, &["~/forks", "~"], &["~/stargazers"]);
    check(
        "member",
        Some("added"),
        &["~/collaborators", "~/contents/a"],
        &["/repos/other/one"],
    );
    check(
        "repository",
        Some("privatized"),
        &["~", "~/contents/a"],
        &["/repos/other/one"],
    );
}

#[test]
fn a_rename_touches_the_old_name_too() {
    let payload = json!({
        "action": "renamed",
        "changes": {"repository": {"name": {"from": "old"}}},
        "repository": {"id": 7, "full_name": "o/new", "owner": {"login": "o"}},
    });
    for path in [
        "/repos/o/old/issues",
        "/repos/o/new",
        "/repositories/7/issues",
        "/orgs/o/repos",
    ] {
        assert!(touches("repository", &payload, path), "{path}");
    }
    let payload = json!({
        "action": "transferred",
        "changes": {"owner": {"from": {"user": {"login": "before"}}}},
        "repository": {"id": 7, "full_name": "after/r"},
    });
    for path in [
        "/repos/before/r/issues",
        "/repos/after/r",
        "/repositories/7",
    ] {
        assert!(touches("repository", &payload, path), "{path}");
    }
    let payload = json!({
        "action": "renamed",
        "changes": {"login": {"from": "before"}},
        "organization": {"id": 9, "login": "after"},
    });
    for path in [
        "/orgs/before/members",
        "/orgs/after",
        "/organizations/9/members",
        "/repos/before/r/issues",
    ] {
        assert!(touches("organization", &payload, path), "{path}");
    }
}

/// Who has lost access is asked about before anything is shown again.
#[test]
fn a_removal_touches_all_that_could_be_seen() {
    let payload = json!({
        "action": "member_removed",
        "organization": {"id": 9, "login": "acme"},
        "team": {"id": 3},
    });
    for event in ["organization", "membership", "team"] {
        for path in [
            "/repos/acme/r/contents/a",
            "/repositories/5/issues",
            "/orgs/acme/members",
            "/teams/3/members",
        ] {
            assert!(touches(event, &payload, path), "{event} {path}");
        }
        assert!(!touches(event, &payload, "/repos/other/r"), "{event}");
    }
    let payload = json!({
        "action": "removed",
        "installation": {"account": {"login": "acme"}},
        "repositories_removed": [{"id": 5, "full_name": "acme/r"}],
    });
    assert!(touches(
        "installation_repositories",
        &payload,
        "/repos/acme/r/issues"
    ));
    assert!(touches(
        "installation_repositories",
        &payload,
        "/repositories/5/issues"
    ));
}

#[test]
fn an_issue_that_moves_is_new_elsewhere() {
    let payload = json!({
        "action": "transferred",
        "issue": {"number": 4},
        "changes": {"new_repository": {"id": 8, "full_name": "o/there"}},
        "repository": {"id": 7, "full_name": "o/here"},
    });
    for path in [
        "/repos/o/here/issues/4",
        "/repos/o/there/issues/1",
        "/repositories/8/issues",
    ] {
        assert!(touches("issues", &payload, path), "{path}");
    }
}

/// A name that is no name cannot make an event touch something else.
#[test]
fn strange_names_are_not_believed() {
    for name in ["o", "o/r/x", "o/*", "/r", "o/", "o/r?x", "o/r#x"] {
        let payload = json!({"repository": {"full_name": name}});
        assert_eq!(
            paths("page_build", &payload),
            BTreeSet::from(["/**".to_owned()]),
            "{name}"
        );
    }
}

/// Whatever is served unasked because events would tell, some event tells of.
#[test]
fn what_is_covered_is_told_of() {
    let payload = json!({"repository": {"full_name": "o/r"}, "issue": {"number": 5}});
    let mut touched = RouteTable::default();
    for row in ROWS {
        // Events about the whole repository do not count: they would make everything covered.
        if row.paths.contains(&"repo:**") || row.events == ["meta"] {
            continue;
        }
        for pattern in row.events.iter().flat_map(|event| paths(event, &payload)) {
            touched.add(pattern.parse().unwrap(), &[], ());
        }
    }
    for path in COVERED {
        let sample = path.replace("**", "5");
        for path in [
            below("/repos/o/r", path.trim_end_matches("/**")),
            below("/repos/o/r", &sample),
        ] {
            assert!(
                touched.find(&Method::GET, &path).is_some(),
                "no event tells of {path}"
            );
        }
    }
}

#[test]
fn what_is_covered_and_what_is_not() {
    let table = told_of();
    #[track_caller]
    fn check(table: &RouteTable<Told>, path: &str, expected: Option<Told>) {
        for root in ["/repos/o/r", "/repositories/7"] {
            let path = format!("{root}{path}");
            assert_eq!(table.find(&Method::GET, &path).copied(), expected, "{path}");
        }
    }
    for path in [
        "",
        "/commits",
        "/commits/main",
        "/contents/a/b",
        "/issues/5/comments",
        "/pulls/2/files",
        "/git/ref/heads/a/b",
        "/labels",
    ] {
        check(&table, path, Some(Told::Wholly));
    }
    for path in [
        "/commits/main/check-runs",
        "/issues/5/reactions",
        "/issues/5/timeline",
    ] {
        check(&table, path, Some(Told::Partly));
    }
    for path in [
        "/tags",
        "/releases",
        "/actions/runs",
        "/traffic/views",
        "/git/ref/tags/v1",
        "/compare/a...b",
        "/events",
        "/collaborators",
        "/subscription",
    ] {
        check(&table, path, None);
    }
    assert_eq!(table.find(&Method::GET, "/user"), None);
}
