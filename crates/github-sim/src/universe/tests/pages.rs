//! Behaviour notes 4.

use super::*;
use std::collections::BTreeSet;

const STARS: &str = "/repos/octocat/Hello-World/stargazers";

/// Follows `next` to the end.
fn walk(client: &mut Client, first: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = Some(first.to_owned());
    let mut steps = 0;
    while let Some(here) = next {
        let found = client.found(&here);
        items.extend(value(&found).as_array().unwrap().iter().cloned());
        next = link(&found, "next").map(|url| target(url).to_owned());
        steps += 1;
        assert!(steps < 200, "{first} does not end");
    }
    items
}

#[test]
fn rels_and_their_order() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 45 }));
    let id = client.json("/repos/octocat/Hello-World")["id"].clone();
    let url = |page: usize| {
        format!("https://api.github.com/repositories/{id}/stargazers?per_page=10&page={page}")
    };
    let first = client.found(&format!("{STARS}?per_page=10"));
    assert_eq!(first.link, [("next", url(2)), ("last", url(5))]);
    let middle = client.found(&format!("{STARS}?per_page=10&page=3"));
    assert_eq!(
        middle.link,
        [
            ("prev", url(2)),
            ("next", url(4)),
            ("last", url(5)),
            ("first", url(1))
        ]
    );
    let last = client.found(&format!("{STARS}?per_page=10&page=5"));
    assert_eq!(last.link, [("prev", url(4)), ("first", url(1))]);
    assert_eq!(client.found(&format!("{STARS}?per_page=100")).link, []);
}

#[test]
fn the_page_is_replaced_in_place_and_the_rest_is_kept() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 45 }));
    let found = client.found(&format!("{STARS}?page=2&per_page=10&x=%2F"));
    assert!(
        link(&found, "next")
            .unwrap()
            .ends_with("/stargazers?page=3&per_page=10&x=%2F")
    );
}

#[test]
fn id_urls_are_followed_and_the_walk_is_the_exact_set() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 101 }));
    let walked = walk(&mut client, &format!("{STARS}?per_page=7"));
    let ids: BTreeSet<u64> = walked
        .iter()
        .map(|user| user["id"].as_u64().unwrap())
        .collect();
    assert_eq!((walked.len(), ids.len()), (101, 101));
    assert_eq!(
        client.json("/repos/octocat/Hello-World")["stargazers_count"],
        101
    );
}

#[track_caller]
fn check_length(client: &mut Client, target: &str, expected: usize) {
    assert_eq!(
        client.json(target).as_array().unwrap().len(),
        expected,
        "{target}"
    );
}

#[test]
fn sizes_are_clamped_and_defaulted() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 130 }));
    check_length(&mut client, STARS, 30);
    check_length(&mut client, &format!("{STARS}?per_page=1000"), 100);
    check_length(&mut client, &format!("{STARS}?per_page=0"), 30);
    check_length(&mut client, &format!("{STARS}?per_page=x&page=y"), 30);
    check_length(&mut client, &format!("{STARS}?per_page=100&page=9"), 0);
    check_length(&mut client, "/events", 15);
}

#[test]
fn a_full_last_page_has_no_next() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 100 }));
    assert_eq!(
        rels(&client.found(&format!("{STARS}?per_page=100"))),
        [] as [&str; 0]
    );
    client.change(serde_json::json!({ "change": "resize_list", "path": STARS, "items": 101 }));
    assert_eq!(
        rels(&client.found(&format!("{STARS}?per_page=100"))),
        ["next", "last"]
    );
}

#[test]
fn where_the_id_form_goes() {
    let mut client = client().logged_in("octocat");
    let user = client.json("/users/octocat")["id"].clone();
    client.change(serde_json::json!({ "change": "resize_list", "path": "/users/octocat/followers", "items": 40 }));
    assert!(
        link(&client.found("/users/octocat/followers"), "next")
            .unwrap()
            .contains(&format!("/user/{user}/followers?"))
    );
    let team = client.json("/orgs/octo-org/teams/core-team");
    let organization = client.json("/orgs/octo-org")["id"].clone();
    let found = client.found("/orgs/octo-org/teams/core-team/members?per_page=1");
    let expected = format!(
        "/organizations/{organization}/team/{}/members?per_page=1&page=2",
        team["id"]
    );
    assert!(link(&found, "next").unwrap().ends_with(&expected));
    assert_eq!(client.status(&expected), 200);
    assert!(
        link(&client.found("/user/repos?per_page=1"), "next")
            .unwrap()
            .starts_with("https://api.github.com/user/repos?")
    );
    let events = link(&client.found("/events"), "next").unwrap().to_owned();
    assert_eq!(events, "https://api.github.com/events?page=2");
}

#[test]
fn since_lists() {
    let mut client = client();
    let found = client.found("/users?since=1000&per_page=5");
    let last = value(&found)[4]["id"].clone();
    assert_eq!(
        found.link,
        [
            (
                "next",
                format!("https://api.github.com/users?since={last}&per_page=5")
            ),
            (
                "first",
                "https://api.github.com/users?per_page=5{&since}".to_owned()
            ),
        ]
    );
    assert_eq!(
        link(&client.found("/organizations"), "first"),
        Some("https://api.github.com/organizations{?since}")
    );
    // Always there, even when nothing follows.
    assert_eq!(
        rels(&client.found("/users?since=999999999")),
        ["next", "first"]
    );
    let mut big = Client::of(Universe::generate(&UniverseOptions {
        scale: Scale::Medium,
        ..UniverseOptions::default()
    }));
    check_length(&mut big, "/repositories?per_page=3", 100);
}

#[test]
fn cursor_lists() {
    let mut client = client().logged_in("octocat");
    let all = client.json("/repos/octocat/Hello-World/activity?per_page=100");
    let walked = walk(
        &mut client,
        "/repos/octocat/Hello-World/activity?per_page=7",
    );
    assert_eq!(Value::from(walked), all);
    let first = client.found("/repos/octocat/Hello-World/activity?per_page=7");
    assert_eq!(rels(&first), ["next"]);
    let second = client.found(target(link(&first, "next").unwrap()));
    assert_eq!(rels(&second), ["next", "prev"]);
    let back = client.json(target(link(&second, "prev").unwrap()));
    assert_eq!(back, value(&first));
    let hook = client.json("/repos/octocat/Hello-World/hooks")[0]["id"].clone();
    let deliveries = format!("/repos/octocat/Hello-World/hooks/{hook}/deliveries");
    let all = client.json(&format!("{deliveries}?per_page=100"));
    assert_eq!(
        Value::from(walk(&mut client, &format!("{deliveries}?per_page=4"))),
        all
    );
    assert!(
        link(&client.found(&format!("{deliveries}?per_page=4")), "next")
            .unwrap()
            .contains("cursor=v1_")
    );
}

#[test]
fn compare_has_its_own_order() {
    let mut client = client();
    let oldest = client
        .json("/repos/octocat/Hello-World/commits?per_page=100")
        .as_array()
        .unwrap()
        .last()
        .unwrap()["sha"]
        .clone();
    let found = client.found(&format!(
        "/repos/octocat/Hello-World/compare/{}...main?per_page=10&page=2",
        oldest.as_str().unwrap()
    ));
    assert_eq!(rels(&found), ["last", "next", "first", "prev"]);
    assert_eq!(value(&found)["total_commits"], 44);
}

#[test]
fn search_ends_at_a_thousand() {
    let mut client = Client::of(Universe::generate(&UniverseOptions {
        scale: Scale::Medium,
        ..UniverseOptions::default()
    }));
    let last = client.found("/search/repositories?q=stars:%3E=0&per_page=100&page=10");
    assert!(value(&last)["total_count"].as_u64().unwrap() > 1000);
    assert_eq!(value(&last)["items"].as_array().unwrap().len(), 100);
    assert_eq!(rels(&last), ["prev", "first"]);
    assert_eq!(last.resource, "search");
    let Answer::Problem {
        status,
        message,
        resource,
        ..
    } = client.get("/search/repositories?q=stars:%3E=0&per_page=100&page=11")
    else {
        panic!()
    };
    assert_eq!((status.as_u16(), resource), (422, "search"));
    assert_eq!(message, "Only the first 1000 search results are available");
    assert_eq!(client.status("/search/code"), 422);
}
