//! Behaviour notes 3.

use super::*;
use std::collections::BTreeSet;

const FEED: &str = "/repos/octocat/Hello-World/events";

fn ids(body: &Value) -> Vec<u64> {
    body.as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn three_hundred_and_no_more() {
    let mut client = client();
    let first = client.found(&format!("{FEED}?per_page=100"));
    assert_eq!(value(&first).as_array().unwrap().len(), 100);
    assert!(link(&first, "last").unwrap().ends_with("&page=3"));
    assert_eq!(
        value(&client.found(&format!("{FEED}?per_page=100&page=3")))
            .as_array()
            .unwrap()
            .len(),
        100
    );
    let Answer::Problem {
        status,
        message,
        documentation_url,
        ..
    } = client.get(&format!("{FEED}?per_page=100&page=4"))
    else {
        panic!()
    };
    assert_eq!(status, 422);
    assert_eq!(
        message,
        "In order to keep the API fast for everyone, pagination is limited for this resource."
    );
    assert_eq!(documentation_url, "https://docs.github.com/v3/#pagination");
    assert_eq!(client.status(&format!("{FEED}?per_page=30&page=10")), 200);
    assert_eq!(client.status(&format!("{FEED}?per_page=30&page=11")), 422);
}

#[test]
fn headers_of_a_feed() {
    let mut client = client();
    let page = client.found(&format!("{FEED}?page=2"));
    assert_eq!(page.poll_interval, Some(60));
    let newest = value(&page)
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["created_at"].as_str().unwrap().to_owned())
        .max();
    assert_eq!(
        page.last_modified,
        super::super::time::parse(&newest.unwrap())
    );
    assert_eq!(page.max_age, Some(60));
    assert_eq!(client.found("/events").max_age, Some(300));
    assert_eq!(
        client
            .found("/repos/octocat/Hello-World/git/ref/heads/main")
            .poll_interval,
        Some(300)
    );
    assert_eq!(
        client
            .found("/repos/octocat/Hello-World/git/matching-refs/heads")
            .poll_interval,
        Some(300)
    );
}

#[test]
fn an_event_may_come_late_and_the_interval_change() {
    let mut client = client();
    let feed = "/repos/octo-org/octo-repo/events?per_page=100";
    let append = |delay: u32| {
        serde_json::json!({
            "change": "append_events", "repo": "octo-org/octo-repo", "type": "WatchEvent", "delay": delay,
        })
    };
    let before = ids(&client.json(feed));
    client.change(append(3600));
    client.change(append(0));
    let now = ids(&client.json(feed));
    assert_eq!(now.len(), before.len() + 1);
    client.now += 3600;
    let later = ids(&client.json(feed));
    assert_eq!(later.len(), before.len() + 2);
    assert_eq!(
        later[0], now[0],
        "it comes in behind what happened after it"
    );
    client.change(serde_json::json!({ "change": "poll_interval", "seconds": 2 }));
    let page = client.found(feed);
    assert_eq!((page.poll_interval, page.max_age), (Some(2), Some(2)));
}

#[test]
fn order() {
    let mut client = client();
    let feed = ids(&client.json(&format!("{FEED}?per_page=100")));
    assert!(feed.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(feed.iter().all(|id| *id > 1 << 31));
    let everything = ids(&client.json("/events?per_page=100"));
    assert!(
        everything.windows(2).any(|pair| pair[0] < pair[1]),
        "the public timeline is not sorted"
    );
}

#[test]
fn an_event_has_todays_keys_in_their_order() {
    let mut client = client();
    client.change(serde_json::json!({ "change": "push_commit", "repo": "octo-org/octo-repo" }));
    let event = client.json("/repos/octo-org/octo-repo/events")[0].clone();
    let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "id",
            "type",
            "actor",
            "repo",
            "payload",
            "public",
            "created_at",
            "org"
        ]
    );
    let keys: Vec<&String> = event["payload"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["repository_id", "push_id", "ref", "head", "before"]);
    assert!(
        event["actor"]["avatar_url"]
            .as_str()
            .unwrap()
            .ends_with('?')
    );
    let mut kinds = BTreeSet::new();
    for page in 1..=3 {
        let body = client.json(&format!("{FEED}?per_page=100&page={page}"));
        kinds.extend(
            body.as_array()
                .unwrap()
                .iter()
                .map(|event| event["type"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(kinds.len(), 16);
}

#[test]
fn events_leave_after_thirty_days() {
    let mut client = client();
    assert!(!client.json(FEED).as_array().unwrap().is_empty());
    client.now += 31 * 86_400;
    assert_eq!(client.json(FEED), serde_json::json!([]));
    assert_eq!(client.found(FEED).last_modified, None);
}

#[test]
fn frozen_late_and_lost() {
    let mut client = client();
    let before = client.json(FEED);
    client.change(serde_json::json!({ "change": "freeze_feed", "path": FEED }));
    client.now += 10;
    let event = serde_json::json!({ "change": "append_events", "repo": "octocat/Hello-World", "type": "WatchEvent", "count": 3, "spacing": 2 });
    let made = client.change(event.clone());
    assert_eq!(client.json(FEED), before);
    client.change(serde_json::json!({ "change": "thaw_feed", "path": FEED }));
    assert_eq!(client.json(FEED)[0]["id"], made["ids"][2]);
    client.change(serde_json::json!({ "change": "events_latency", "seconds": 60 }));
    client.now += 100;
    let late = client.change(event);
    assert_ne!(client.json(FEED)[0]["id"], late["ids"][2]);
    client.now += 60;
    assert_eq!(client.json(FEED)[0]["id"], late["ids"][2]);
    client.change(serde_json::json!({ "change": "drop_pushes", "repo": "octocat/Hello-World" }));
    let top = client.json(FEED)[0]["id"].clone();
    let pushed = client
        .change(serde_json::json!({ "change": "push_commit", "repo": "octocat/Hello-World" }));
    client.now += 600;
    assert_eq!(client.json(FEED)[0]["id"], top);
    // The movement of the ref is known all the same.
    assert_eq!(
        client.json("/repos/octocat/Hello-World/activity")[0]["after"],
        pushed["sha"]
    );
    assert_eq!(
        client.json("/repos/octocat/Hello-World/git/ref/heads/main")["object"]["sha"],
        pushed["sha"]
    );
}

#[test]
fn the_public_timeline_is_five_minutes_late() {
    let mut client = client();
    let made = client.change(serde_json::json!({ "change": "append_events", "repo": "octocat/Hello-World", "type": "WatchEvent" }));
    let there = |client: &mut Client| {
        client
            .json("/events?per_page=100")
            .to_string()
            .contains(made["ids"][0].as_str().unwrap())
    };
    assert!(!there(&mut client));
    client.now += 301;
    assert!(there(&mut client));
}

#[test]
fn feeds_of_users_and_organisations() {
    let mut client = client().logged_in("octocat");
    for target in [
        "/users/octocat/events",
        "/users/octocat/events/public",
        "/users/octocat/received_events",
    ] {
        let body = client.json(target);
        let own = target.contains("/events");
        for event in body.as_array().unwrap() {
            assert_eq!(
                event["actor"]["login"] == "octocat",
                own && !target.contains("received"),
                "{target}"
            );
        }
    }
    client.change(serde_json::json!({ "change": "push_commit", "repo": "octo-org/octo-repo" }));
    let body = client.json("/orgs/octo-org/events");
    assert_eq!(body[0]["org"]["login"], "octo-org");
    assert_eq!(
        client
            .json("/networks/octocat/Hello-World/events")
            .as_array()
            .unwrap()
            .len(),
        30
    );
}
