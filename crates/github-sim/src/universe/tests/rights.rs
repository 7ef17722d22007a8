//! Who sees what.

use super::*;

fn viewers() -> [(&'static str, Viewer); 5] {
    let user = |login: &str| Viewer::User {
        login: login.to_owned(),
    };
    [
        ("anonymous", Viewer::Anonymous),
        ("octocat", user("octocat")),
        ("monalisa", user("monalisa")),
        ("hubot", user("hubot")),
        ("installation", Viewer::Installation { id: 40_000_000 }),
    ]
}

#[track_caller]
fn check(target: &str, expected: [u16; 5]) {
    let mut client = client();
    let statuses = viewers().map(|(_, viewer)| {
        client.viewer = viewer;
        client.status(target)
    });
    assert_eq!(statuses, expected, "{target}");
}

/// anonymous, octocat (owner), monalisa (member), hubot (outsider), installation on octo-org
#[test]
fn table() {
    check("/repos/octocat/Hello-World", [200, 200, 200, 200, 200]);
    check("/repos/octocat/secret-plans", [404, 200, 404, 404, 404]);
    check(
        "/repos/octocat/secret-plans/issues",
        [404, 200, 404, 404, 404],
    );
    check(
        "/repos/octocat/secret-plans/events",
        [404, 200, 404, 404, 404],
    );
    check("/repos/octo-org/internal-tools", [404, 200, 200, 404, 200]);
    check(
        "/repos/octo-org/internal-tools/hooks",
        [404, 200, 404, 404, 404],
    );
    check(
        "/repos/octocat/Hello-World/collaborators",
        [401, 200, 403, 403, 403],
    );
    check("/orgs/octo-org/teams", [404, 200, 200, 404, 200]);
    check("/orgs/octo-org/members/monalisa", [302, 204, 204, 302, 204]);
    check(
        "/orgs/octo-org/public_members/monalisa",
        [404, 404, 404, 404, 404],
    );
    check("/user", [401, 200, 200, 200, 403]);
    check("/notifications", [401, 200, 200, 200, 401]);
    check("/installation/repositories", [401, 401, 401, 401, 200]);
}

#[test]
fn a_hidden_membership_is_seen_from_inside_only() {
    let mut client = client();
    let has = |body: &Value| {
        body.as_array()
            .unwrap()
            .iter()
            .any(|user| user["login"] == "monalisa")
    };
    assert!(!has(&client.json("/orgs/octo-org/members?per_page=100")));
    client.log_in("octocat");
    assert!(has(&client.json("/orgs/octo-org/members?per_page=100")));
}

#[test]
fn permissions_differ_per_caller_and_are_absent_for_nobody() {
    let mut client = client();
    let bodies = viewers().map(|(name, viewer)| {
        client.viewer = viewer;
        (
            name,
            client.json("/repos/octocat/Hello-World")["permissions"].clone(),
        )
    });
    assert_eq!(bodies[0].1, Value::Null);
    assert_eq!(bodies[1].1["admin"], true);
    assert_eq!(bodies[3].1["admin"], false);
    assert_eq!(bodies[3].1["pull"], true);
}

#[test]
fn changes_of_rights_show() {
    let mut client = client().logged_in("hubot");
    let secret = "/repos/octocat/secret-plans";
    client.change(serde_json::json!({ "change": "add_collaborator", "repo": "octocat/secret-plans", "login": "hubot", "permission": "pull" }));
    assert_eq!(client.json(secret)["permissions"]["push"], false);
    client.change(serde_json::json!({ "change": "remove_collaborator", "repo": "octocat/secret-plans", "login": "hubot" }));
    assert_eq!(client.status(secret), 404);
    client.change(serde_json::json!({ "change": "set_visibility", "repo": "octocat/secret-plans", "visibility": "public" }));
    assert_eq!(client.status(secret), 200);
    client.change(serde_json::json!({ "change": "set_visibility", "repo": "octocat/Hello-World", "visibility": "private" }));
    assert_eq!(client.status("/repos/octocat/Hello-World"), 404);
}

#[test]
fn private_repositories_are_in_no_list_of_outsiders() {
    let mut client = client().logged_in("hubot");
    for target in [
        "/users/octocat/repos",
        "/repositories",
        "/search/repositories?q=secret-plans",
        "/users/octocat/events",
    ] {
        assert!(
            !client.json(target).to_string().contains("secret-plans"),
            "{target}"
        );
    }
    client.log_in("octocat");
    assert!(
        client
            .json("/user/repos?per_page=100")
            .to_string()
            .contains("secret-plans")
    );
}

#[test]
fn an_installation_may_be_limited_to_some_repositories() {
    let mut client = client();
    client.change(serde_json::json!({
        "change": "add_installation", "id": 7, "account": "octo-org", "repositories": ["octo-org/octo-repo"],
    }));
    client.viewer = Viewer::Installation { id: 7 };
    let body = client.json("/installation/repositories");
    assert_eq!(
        (&body["total_count"], &body["repository_selection"]),
        (&1.into(), &"selected".into())
    );
    assert_eq!(client.status("/repos/octo-org/internal-tools"), 404);
    client.viewer = Viewer::Installation { id: 8 };
    assert_eq!(client.status("/installation/repositories"), 401);
}
