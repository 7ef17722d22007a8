//! Folders of frozen answers.

use super::*;
use serde_json::json;
use std::path::{Path, PathBuf};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/frozen")
}

fn frozen() -> Client {
    Client::of(Universe::load(&fixture()).unwrap())
}

#[track_caller]
fn bytes(found: &Found) -> String {
    let Content::JsonBytes(bytes) = &found.content else {
        panic!("{found:?}")
    };
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn elements_keep_their_bytes() {
    let mut client = frozen();
    assert_eq!(
        bytes(&client.found("/orgs/FROZEN/repos?per_page=1")),
        r#"[{"id":11,"name":"one \u00e9","score":1.50,"owner":{"login":"frozen"}}]"#
    );
    assert_eq!(
        bytes(&client.found("/")),
        r#"{"current_user_url":"https://api.github.com/user"}"#
    );
    assert_eq!(
        client.json("/users/ada/orgs"),
        json!([{ "login": "frozen", "id": 77 }])
    );
    assert_eq!(
        client.found("/orgs/frozen").last_modified,
        Some(1_325_376_000)
    );
}

#[test]
fn lists_come_in_pages_with_id_urls() {
    let mut client = frozen();
    let first = client.found("/orgs/frozen/repos?per_page=2");
    let next = link(&first, "next").unwrap().to_owned();
    assert_eq!(
        next,
        "https://api.github.com/organizations/77/repos?per_page=2&page=2"
    );
    assert_eq!(
        client.json(target(&next)),
        json!([{ "id": 13, "name": "three" }])
    );
    assert_eq!(client.json("/organizations/77")["login"], "frozen");
}

#[test]
fn frozen_lists_are_edited_by_changes() {
    let mut client = frozen();
    client.change(json!({ "change": "list_remove", "path": "/orgs/frozen/repos", "id": 11 }));
    client.change(
        json!({ "change": "list_append", "path": "/orgs/frozen/repos", "item": { "id": 14 } }),
    );
    client.change(json!({ "change": "list_edit", "path": "/orgs/frozen/repos", "id": 13, "set": { "name": "drei" } }));
    let ids: Vec<Value> = client
        .json("/orgs/frozen/repos")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [12, 13, 14]);
    assert_eq!(client.json("/organizations/77/repos")[1]["name"], "drei");
}

#[track_caller]
fn check_error(files: &[(&str, &str)], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let error = Universe::load(folder.path()).unwrap_err().to_string();
    let shown = error.replace(&folder.path().display().to_string(), "DIR");
    assert_eq!(shown, expected);
}

#[test]
fn errors_name_the_file_and_the_place() {
    let organization = ("org.json", r#"{"login":"a","id":1}"#);
    check_error(&[], "cannot read DIR/org.json");
    check_error(&[("org.json", "{")], "DIR/org.json is not valid JSON");
    check_error(
        &[("org.json", "[]")],
        "DIR/org.json at $: expected an object",
    );
    check_error(
        &[("org.json", r#"{"login":"a","id":"1"}"#)],
        "DIR/org.json at $.id: expected a number",
    );
    check_error(
        &[organization, ("repos.json", "{}")],
        "DIR/repos.json at $: expected an array",
    );
    check_error(
        &[organization, ("members.json", "[{}, 3]")],
        "DIR/members.json at $[1]: expected an object",
    );
    check_error(
        &[organization, ("users_x_orgs.json", "nope")],
        "DIR/users_x_orgs.json is not valid JSON",
    );
}
