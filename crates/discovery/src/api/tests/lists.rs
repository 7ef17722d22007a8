//! Developers and repositories: pages, items, totals.

use super::*;

#[tokio::test]
async fn pages_of_developers() {
    let rig = rig().await;
    rig.fill().await;
    let first = rig.get("/github/developers/").await;
    assert_eq!(first["count"], 25);
    assert_eq!(first["next"], "http://d.example/github/developers/?page=2");
    assert_eq!(first["previous"], Value::Null);
    let logins = |page: &Value| -> Vec<String> {
        let results = page["results"].as_array().unwrap();
        results
            .iter()
            .map(|one| one["login"].as_str().unwrap().to_owned())
            .collect()
    };
    // Newest first, ties by id, unknown last.
    assert_eq!(logins(&first)[..4], ["dev24", "dev22", "dev23", "dev20"]);
    let last = rig.get("/github/developers/?page=last").await;
    assert_eq!(
        logins(&last),
        ["dev4", "dev5", "dev2", "dev3", "dev1", "dev25"][1..]
    );
    assert_eq!(
        last["previous"],
        "http://d.example/github/developers/?page=2"
    );
    let mut all = Vec::new();
    for page in 1..=9 {
        all.extend(logins(
            &rig.get(&format!("/github/developers/?page_size=3&page={page}"))
                .await,
        ));
    }
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (25, 25));
    let (status, body) = rig.json("GET", "/github/developers/?page=4").await;
    assert_eq!((status, body), (404, json!({"detail": "Invalid page."})));
    let filtered = rig
        .get("/github/developers?followers_count__gte=20&ordering=followers_count&page_size=2")
        .await;
    assert_eq!(
        (filtered["count"].as_i64(), logins(&filtered)),
        (Some(5), vec!["dev20".to_owned(), "dev21".to_owned()])
    );
    assert_eq!(
        filtered["next"],
        "http://d.example/github/developers/?followers_count__gte=20&ordering=followers_count&page_size=2&page=2"
    );
    let (status, body) = rig
        .json("GET", "/github/developers/?followers_count=many")
        .await;
    assert_eq!(
        (status, body),
        (400, json!({"followers_count": ["Enter a number."]}))
    );
}

#[tokio::test]
async fn a_developer_and_a_repository() {
    let rig = rig().await;
    rig.fill().await;
    let found = rig.get("/github/developers/?login=dev1").await;
    let developer = &found["results"][0];
    let url = |kind: &str, id: i64| {
        let resource = if kind == "developers" {
            crate::identity::Resource::Developer
        } else {
            crate::identity::Resource::Repository
        };
        format!("http://d.example/github/{kind}/{}/", resource.id(id))
    };
    let expected = json!({
        "id": crate::identity::Resource::Developer.id(1).to_string(),
        "url": url("developers", 1),
        "github_id": "1", "login": "dev1", "name": "Name 1", "location": null, "bio": null, "company": null, "email": null,
        "created_at": "2023-11-14T22:13:20Z", "updated_at": "2023-11-14T22:13:20Z",
        "followers_count": 1, "following_count": 0, "public_gists": 0, "public_repos": 0,
        "followers": [url("developers", 2), url("developers", 3)],
        "following": [url("developers", 4)],
        "starred_repositories": [],
        "repositories": [url("repositories", 100)],
        "sync": {"last_full_sync": null, "due_at": "2023-11-14T22:13:20Z", "state": "partial", "gaps": []},
    });
    assert_eq!(developer, &expected);
    let path = developer["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://d.example")
        .unwrap();
    assert_eq!(rig.get(path).await, expected);
    let counted = rig.get(&format!("{path}?relations=count")).await;
    assert_eq!(
        (&counted["followers"], &counted["starred_repositories"]),
        (&json!(2), &json!(0))
    );
    let bare = rig.get(&format!("{path}?relations=none")).await;
    assert_eq!(bare.get("followers"), None);
    assert_eq!(rig.json("GET", &format!("{path}?relations=x")).await.0, 400);
    let repository = &rig.get("/github/repositories/").await["results"][0];
    assert_eq!(repository["owner"], url("developers", 1).as_str());
    assert_eq!(repository["stargazers"], json!([url("developers", 2)]));
    assert_eq!(
        (
            &repository["subscribers_count"],
            &repository["owner_github_id"]
        ),
        (&Value::Null, &json!("1"))
    );
    assert_eq!(repository.as_object().unwrap().len(), 26);
    for unknown in [
        "/github/developers/00000000-0000-0000-0000-000000000000/",
        "/github/repositories/x/",
    ] {
        assert_eq!(
            rig.json("GET", unknown).await,
            (404, json!({"detail": "Not found."}))
        );
    }
}

#[tokio::test]
async fn the_quota() {
    let rig = rig().await;
    assert_eq!(rig.get("/github/rate_limit/").await["results"], json!([]));
    assert_eq!(rig.json("GET", "/github/rate_limit/1/").await.0, 404);
    let rate = Rate {
        token: "secret-hash".to_owned(),
        masked: "ghp_…abcd".to_owned(),
        limit: 5_000,
        remaining: 4_999,
        reset_at: at(60),
        blocked_until: None,
        seen_at: at(0),
    };
    rig.database.store.record_rate(&rate).await.unwrap();
    let expected = json!({
        "url": "http://d.example/github/rate_limit/1/",
        "rate_limit": 5_000, "rate_remaining": 4_999,
        "rate_reset_raw": 1_700_000_060, "rate_reset": "2023-11-14T22:14:20Z",
    });
    assert_eq!(rig.get("/github/rate_limit/1").await, expected);
    assert_eq!(
        rig.get("/github/rate_limit/?rate_remaining__gte=5000")
            .await["count"],
        0
    );
    assert_eq!(rig.json("GET", "/github/rate_limit/2/").await.0, 404);
    let tokens = rig.get("/github/tokens/").await;
    assert_eq!(tokens["results"][0]["token"], "ghp_…abcd");
    assert!(!tokens.to_string().contains("secret-hash"));
}

#[tokio::test]
async fn totals_and_methods() {
    let rig = rig().await;
    rig.fill().await;
    let stats = rig.get("/github/stats/").await;
    assert_eq!(
        (
            &stats["developers"],
            &stats["follows"],
            &stats["stars"],
            &stats["due"]
        ),
        (&json!(25), &json!(4), &json!(1), &json!(25))
    );
    let (status, body) = rig.json("POST", "/github/developers/").await;
    assert_eq!(
        (status, body),
        (405, json!({"detail": "Method not allowed."}))
    );
    assert_eq!(
        rig.json("GET", "/github/nothing/").await,
        (404, json!({"detail": "Not found."}))
    );
    let head = Request::head("/github/stats/").header("x-api-key", &rig.key);
    let (status, headers, body) = rig.send(head, "").await;
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(
        headers["content-length"]
            .to_str()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 10
    );
    let data = rig.json("GET", "/dashboard/data/").await;
    assert!(data.1.as_str().unwrap().contains("<svg"), "{data:?}");
}
