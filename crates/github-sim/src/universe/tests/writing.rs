//! Writes by clients.

use super::*;
use serde_json::json;

const REPO: &str = "/repos/octocat/Hello-World";

#[test]
fn the_life_of_an_issue() {
    let mut client = client().logged_in("octocat");
    let before = client.json(REPO)["open_issues_count"].as_u64().unwrap();
    let made = client.send(
        Method::POST,
        &format!("{REPO}/issues"),
        &json!({ "title": "New", "labels": ["bug", "fresh"], "assignees": ["octocat"] }),
    );
    assert_eq!(made.status, 201);
    let issue = value(&made);
    assert_eq!(
        made.headers,
        [("location", issue["url"].as_str().unwrap().to_owned())]
    );
    assert_eq!(client.json(REPO)["open_issues_count"], before + 1);
    assert_eq!(
        client.json(&format!("{REPO}/issues"))[0]["number"],
        issue["number"]
    );
    assert_eq!(
        client.json(&format!("{REPO}/labels/fresh"))["default"],
        false
    );
    let path = format!("{REPO}/issues/{}", issue["number"]);
    client.now += 5;
    let comment = client.send(
        Method::POST,
        &format!("{path}/comments"),
        &json!({ "body": "Hello" }),
    );
    assert_eq!(comment.status, 201);
    assert_eq!(client.json(&path)["comments"], 1);
    let id = value(&comment)["id"].clone();
    let edited = client.send(
        Method::PATCH,
        &format!("{REPO}/issues/comments/{id}"),
        &json!({ "body": "Hi" }),
    );
    assert_eq!(
        (edited.status.as_u16(), value(&edited)["body"].as_str()),
        (200, Some("Hi"))
    );
    client.send(
        Method::POST,
        &format!("{path}/labels"),
        &json!({ "labels": ["question"] }),
    );
    client.send(Method::DELETE, &format!("{path}/labels/bug"), &json!({}));
    let names: Vec<Value> = client.json(&path)["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label["name"].clone())
        .collect();
    assert_eq!(names, ["fresh", "question"]);
    let closed = value(&client.send(Method::PATCH, &path, &json!({ "state": "closed" })));
    assert_eq!(
        (&closed["state"], &closed["state_reason"]),
        (&json!("closed"), &json!("completed"))
    );
    assert_eq!(client.json(REPO)["open_issues_count"], before);
}

#[test]
fn validation_in_githubs_words() {
    let mut client = client().logged_in("octocat");
    let issues = format!("{REPO}/issues");
    let (status, message, errors) = client.refused(Method::POST, &issues, "{}");
    assert_eq!(
        (status.as_u16(), message.as_str()),
        (422, "Invalid request.\n\n\"title\" wasn't supplied.")
    );
    assert_eq!(errors, None);
    let (status, message, _) = client.refused(Method::POST, &issues, "{");
    assert_eq!(
        (status.as_u16(), message.as_str()),
        (400, "Problems parsing JSON")
    );
    let (status, message, errors) = client.refused(
        Method::POST,
        &format!("{REPO}/labels"),
        r#"{"name":"x","color":"red"}"#,
    );
    assert_eq!(
        (status.as_u16(), message.as_str()),
        (422, "Validation Failed")
    );
    assert_eq!(
        errors,
        Some(json!([{ "resource": "Label", "field": "color", "code": "invalid" }]))
    );
    let (_, _, errors) = client.refused(
        Method::POST,
        &format!("{REPO}/labels"),
        r#"{"name":"bug","color":"ff0000"}"#,
    );
    assert_eq!(errors.unwrap()[0]["code"], "already_exists");
    let (status, message, _) =
        client.refused(Method::POST, "/user/repos", r#"{"name":"Hello-World"}"#);
    assert_eq!(
        (status.as_u16(), message.as_str()),
        (422, "Repository creation failed.")
    );
}

#[test]
fn repositories_are_made_changed_and_deleted() {
    let mut client = client().logged_in("octocat");
    let made = client.send(
        Method::POST,
        "/user/repos",
        &json!({ "name": "fresh", "private": true, "auto_init": true }),
    );
    assert_eq!(made.status, 201);
    assert_eq!(
        client.json("/repos/octocat/fresh/contents/README.md")["name"],
        "README.md"
    );
    let patched = client.send(
        Method::PATCH,
        "/repos/octocat/fresh",
        &json!({ "name": "old", "description": "d" }),
    );
    assert_eq!(value(&patched)["full_name"], "octocat/old");
    let id = value(&made)["id"].clone();
    let Answer::Moved { location } = client.get("/repos/octocat/fresh/issues?page=2") else {
        panic!()
    };
    assert_eq!(
        location,
        format!("https://api.github.com/repositories/{id}/issues?page=2")
    );
    assert_eq!(
        client
            .send(Method::DELETE, "/repos/octocat/old", &json!({}))
            .status,
        204
    );
    assert_eq!(client.status("/repos/octocat/old"), 404);
    assert_eq!(client.status(&format!("/repositories/{id}")), 404);
    client.send(Method::POST, "/user/repos", &json!({ "name": "empty" }));
    assert_eq!(client.status("/repos/octocat/empty/commits"), 409);
    assert_eq!(client.json("/repos/octocat/empty/issues"), json!([]));
}

#[test]
fn stars_and_follows() {
    let mut client = client().logged_in("hubot");
    let path = format!("/user/starred{}", REPO.strip_prefix("/repos").unwrap());
    client.send(Method::DELETE, &path, &json!({}));
    let before = client.json(REPO)["stargazers_count"].as_u64().unwrap();
    assert_eq!(client.status(&path), 404);
    assert_eq!(client.send(Method::PUT, &path, &json!({})).status, 204);
    assert_eq!(client.status(&path), 204);
    assert_eq!(client.json(REPO)["stargazers_count"], before + 1);
    assert_eq!(
        client.json("/user/starred")[0]["full_name"],
        "octocat/Hello-World"
    );
    client.send(Method::DELETE, "/user/following/octocat", &json!({}));
    assert_eq!(client.status("/user/following/octocat"), 404);
    client.send(Method::PUT, "/user/following/octocat", &json!({}));
    assert_eq!(client.status("/users/hubot/following/octocat"), 204);
}

#[test]
fn files_make_commits() {
    let mut client = client().logged_in("octocat");
    let path = format!("{REPO}/contents/notes/a.txt");
    let made = client.send(
        Method::PUT,
        &path,
        &json!({ "message": "Add", "content": "aGVsbG8K" }),
    );
    assert_eq!(made.status, 201);
    assert_eq!(
        value(&made)["content"]["sha"],
        "ce013625030ba8dba906f756967f9e9ca394464a"
    );
    assert_eq!(
        client.json(&format!("{REPO}/commits"))[0]["sha"],
        value(&made)["commit"]["sha"]
    );
    assert_eq!(
        client.json(&format!("{REPO}/events"))[0]["payload"]["head"],
        value(&made)["commit"]["sha"]
    );
    let (status, _, _) = client.refused(Method::PUT, &path, r#"{"message":"m","content":"eA=="}"#);
    assert_eq!(status, 422);
    let (status, _, _) = client.refused(
        Method::PUT,
        &path,
        r#"{"message":"m","content":"eA==","sha":"0000000000000000000000000000000000000000"}"#,
    );
    assert_eq!(status, 409);
    let gone = client.send(
        Method::DELETE,
        &path,
        &json!({ "message": "Remove", "sha": "ce013625030ba8dba906f756967f9e9ca394464a" }),
    );
    assert_eq!(
        (gone.status.as_u16(), &value(&gone)["content"]),
        (200, &Value::Null)
    );
    assert_eq!(client.status(&path), 404);
}

#[test]
fn who_may_write() {
    let mut client = client();
    let new = r#"{"title":"t","name":"n","message":"m","content":""}"#;
    assert_eq!(
        client
            .refused(Method::POST, &format!("{REPO}/issues"), new)
            .0,
        401
    );
    client.log_in("hubot");
    assert_eq!(
        client
            .refused(Method::PUT, &format!("{REPO}/contents/x"), new)
            .0,
        403
    );
    assert_eq!(client.refused(Method::PATCH, REPO, new).0, 403);
    assert_eq!(client.refused(Method::DELETE, REPO, "").0, 403);
    assert_eq!(
        client
            .refused(Method::POST, "/repos/octocat/secret-plans/issues", new)
            .0,
        404
    );
    // Anybody may open an issue, but not label it.
    let made = client.send(
        Method::POST,
        &format!("{REPO}/issues"),
        &json!({ "title": "t", "labels": ["bug"] }),
    );
    assert_eq!(value(&made)["labels"], json!([]));
}

#[test]
fn a_former_name_is_told_to_writers_too() {
    let mut client = client().logged_in("octocat");
    client.change(
        json!({ "change": "rename_repository", "repo": "octocat/Hello-World", "name": "Bye" }),
    );
    let answer = client.ask(&Method::POST, &format!("{REPO}/issues"), b"{}");
    assert!(matches!(answer, Answer::Moved { location } if location.ends_with("/issues")));
}

#[test]
fn the_revision_moves_with_writes_alone() {
    let mut client = client().logged_in("octocat");
    let before = client.universe.revision();
    client.json(REPO);
    client.refused(Method::POST, &format!("{REPO}/issues"), "{}");
    assert_eq!(client.universe.revision(), before);
    client.send(
        Method::POST,
        &format!("{REPO}/issues"),
        &json!({ "title": "t" }),
    );
    assert_ne!(client.universe.revision(), before);
}
