//! The exact answers of the contract, on the router.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use service_runtime::{ManualClock, Shutdown};

use super::*;
use crate::store::testing::{Rig as Database, sqlite};
use crate::store::{
    Anchor, DeveloperDetail, DeveloperRecord, EdgeKind, PassEnd, Rate, RepositoryRecord, RunEnd,
};

mod socket;

struct Rig {
    api: Api,
    database: Database,
    key: String,
}

const PASSWORD: &str = "correct horse";

fn at(seconds: i64) -> Moment {
    Moment::from_seconds(1_700_000_000 + seconds)
}

async fn rig() -> Rig {
    let database = sqlite().await;
    let clock =
        ManualClock::new(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000));
    let now = clock.now();
    let key = crate::add_user(&database.store, "ada", PASSWORD, now)
        .await
        .unwrap();
    let parts = ApiParts {
        store: database.store.clone(),
        clock: Arc::new(clock),
        metrics: Metrics::new("github-discovery").unwrap(),
        readiness: Shutdown::new().readiness(),
        access_log: None,
    };
    let mut config = Config::default();
    config.api.failed_logins_per_minute = 2;
    Rig {
        api: Api::new(&config, parts).unwrap(),
        database,
        key,
    }
}

impl Rig {
    async fn send(
        &self,
        request: http::request::Builder,
        body: &str,
    ) -> (u16, http::HeaderMap, String) {
        let request = request
            .header("host", "d.example")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.api.answer(request).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (head.status.as_u16(), head.headers, text)
    }

    async fn json(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-api-key", &self.key);
        let (status, _, text) = self.send(request, "").await;
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.json("GET", path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, kind: &str, body: &str) -> (u16, Value) {
        let request = Request::post("/github/tasks/")
            .header("x-api-key", &self.key)
            .header("content-type", kind);
        let (status, _, text) = self.send(request, body).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    async fn fill(&self) {
        let store = &self.database.store;
        let developers: Vec<DeveloperRecord> = (1..=25)
            .map(|github_id| DeveloperRecord {
                github_id,
                login: format!("dev{github_id}"),
                detail: (github_id != 25).then(|| DeveloperDetail {
                    name: Some(format!("Name {github_id}")),
                    created_at: Some(at(github_id / 2)),
                    updated_at: Some(at(0)),
                    followers_count: github_id,
                    ..DeveloperDetail::default()
                }),
            })
            .collect();
        store
            .upsert_developers(&developers, 0, at(0))
            .await
            .unwrap();
        let repository = RepositoryRecord {
            github_id: 100,
            owner_github_id: 1,
            name: "r".to_owned(),
            full_name: "dev1/r".to_owned(),
            created_at: Some(at(0)),
            stargazers_count: Some(1),
            ..RepositoryRecord::default()
        };
        store
            .upsert_repositories(&[repository], at(0))
            .await
            .unwrap();
        for (kind, anchor, others) in [
            (EdgeKind::Follows, Anchor::To(1), &[2, 3][..]),
            (EdgeKind::Follows, Anchor::From(1), &[4]),
            (EdgeKind::Follows, Anchor::From(4), &[5]),
            (EdgeKind::Stars, Anchor::To(100), &[2]),
        ] {
            let pass = store.begin_pass(kind, anchor).await.unwrap();
            store.append_page(&pass, others, at(0)).await.unwrap();
            store
                .finish_pass(&pass, PassEnd::Complete, at(0))
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn who_may_come_in() {
    let rig = rig().await;
    let basic = |password: &str| {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("ada:{password}"));
        format!("Basic {pair}")
    };
    let (right, wrong) = (basic(PASSWORD), basic("wrong"));
    let bearer = format!("Bearer {}", rig.key);
    let missing = r#"{"detail":"Authentication credentials were not provided."}"#;
    let invalid = r#"{"detail":"Invalid username/password."}"#;
    for path in [
        "/github/developers/",
        "/github/nothing/",
        "/dashboard/data/",
        "/other",
    ] {
        let (status, _, body) = rig.send(Request::get(path), "").await;
        assert_eq!((status, body.as_str()), (403, missing), "{path}");
    }
    for path in [
        "/health/",
        "/metrics",
        "/github/",
        "/github/swagger/",
        "/github/redoc/",
        "/github/swagger.json",
        "/github/openapi.json",
        "/dashboard/",
        "/dashboard/script.js",
        "/github/swagger/swagger-ui.css",
    ] {
        let (status, _, body) = rig.send(Request::get(path), "").await;
        assert_eq!(status, 200, "{path}: {body}");
        let (status, _, _) = rig
            .send(Request::get(path).header("authorization", &wrong), "")
            .await;
        assert_eq!(status, 200, "{path}");
    }
    for header in [&right, &bearer, &right] {
        let request = Request::get("/github/developers/").header("authorization", header);
        assert_eq!(rig.send(request, "").await.0, 200);
    }
    for header in ["Bearer x", "Basic !", "Digest x", "x"] {
        let request = Request::get("/github/developers/").header("authorization", header);
        assert_eq!(rig.send(request, "").await.0, 403, "{header}");
    }
    for _ in 0..2 {
        let request = Request::get("/github/developers/").header("authorization", &wrong);
        let (status, _, body) = rig.send(request, "").await;
        assert_eq!((status, body.as_str()), (403, invalid));
    }
    let request = Request::get("/github/developers/").header("authorization", &wrong);
    assert_eq!(rig.send(request, "").await.0, 429);
    // Who is remembered is not locked out by others.
    let request = Request::get("/github/developers/").header("authorization", &right);
    assert_eq!(rig.send(request, "").await.0, 200);
    let (status, headers, _) = rig.send(Request::get("/"), "").await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (302, "/github/")
    );
    assert_eq!(rig.send(Request::get("/health/"), "").await.2, "ok");
}

#[tokio::test]
async fn nobody_is_a_user_until_one_is_added() {
    let database = sqlite().await;
    assert_eq!(database.store.password_hash("admin").await.unwrap(), None);
    let now = std::time::UNIX_EPOCH;
    let key = crate::add_user(&database.store, "ada", PASSWORD, now)
        .await
        .unwrap();
    let hash = database.store.password_hash("ada").await.unwrap().unwrap();
    assert!(hash.starts_with("$argon2id$") && !hash.contains(PASSWORD));
    assert_eq!(
        database.store.key_owner(&key).await.unwrap(),
        None,
        "a key is stored as it is"
    );
    let again = crate::add_user(&database.store, "ada", PASSWORD, now).await;
    assert!(matches!(again, Err(UserError::Taken)));
    let short = crate::add_user(&database.store, "bob", "short", now).await;
    assert!(matches!(short, Err(UserError::Password)));
}

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
async fn tasks_are_made_told_and_cancelled() {
    let rig = rig().await;
    let kinds = json!([
        {"id": 1, "name": "full_profile_sync", "username": "required", "repo_name": "n/a"},
        {"id": 2, "name": "full_repository_sync", "username": "required", "repo_name": "required"},
        {"id": 3, "name": "discovery_scraper", "username": "n/a", "repo_name": "n/a"},
    ]);
    assert_eq!(rig.get("/github/tasks/").await, kinds);
    let form = "application/x-www-form-urlencoded";
    let (status, made) = rig.post(form, "name=full_profile_sync&username=Ada").await;
    assert_eq!((status, &made["success"]), (200, &json!("yes")));
    let id = made["task_id"].as_str().unwrap();
    assert_eq!(made["url"], format!("http://d.example/github/tasks/{id}/"));
    let (_, again) = rig
        .post(
            "application/json",
            r#"{"name":"full_profile_sync","username":"ada"}"#,
        )
        .await;
    assert_eq!(again, made);
    let (status, refused) = rig
        .post(form, "name=full_repository_sync&username=ada")
        .await;
    let error = "Missing repo_name. Provide a valid repository name";
    assert_eq!(
        (status, refused),
        (406, json!({"success": "no", "error": error}))
    );
    let path = format!("/github/tasks/{id}/");
    let task = rig.get(&path).await;
    assert_eq!(
        (&task["state"], &task["attempt"], &task["error"]),
        (&json!("queued"), &json!(0), &Value::Null)
    );
    assert_eq!(
        task["progress"],
        json!({"page": 0, "pages": null, "items": 0})
    );
    assert_eq!(task["cost"], json!({"requests": 0, "not_modified": 0}));
    assert_eq!(rig.get("/github/queue/").await["count"], 1);
    assert_eq!(
        rig.get("/github/tasks/?state=queued,running").await["results"][0]["id"],
        id
    );
    assert_eq!(rig.json("GET", "/github/tasks/?state=x").await.0, 400);
    let (status, cancelled) = rig.json("DELETE", &path).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    assert_eq!(rig.json("DELETE", &path).await.0, 409);
    assert_eq!(
        rig.json(
            "DELETE",
            "/github/tasks/00000000-0000-0000-0000-000000000000/"
        )
        .await
        .0,
        404
    );
}

#[tokio::test]
async fn dead_letters_are_queued_again() {
    let rig = rig().await;
    let store = &rig.database.store;
    rig.post("application/json", r#"{"name":"discovery_scraper"}"#)
        .await;
    let lease = std::time::Duration::from_secs(60);
    let held = store
        .claim_next_run("w", lease, at(0))
        .await
        .unwrap()
        .unwrap();
    store
        .finish_run(
            &held,
            &RunEnd::Dead("GitHub answered 502".to_owned()),
            at(0),
        )
        .await
        .unwrap();
    let letters = rig.get("/github/dead_letters/").await;
    assert_eq!(
        (&letters["count"], &letters["results"][0]["error"]),
        (&json!(1), &json!("GitHub answered 502"))
    );
    let path = format!("/github/dead_letters/{}/requeue/", held.id);
    assert_eq!(rig.json("POST", &path).await.1["state"], "queued");
    assert_eq!(rig.json("POST", &path).await.0, 409);
    assert_eq!(
        rig.json("POST", "/github/dead_letters/requeue/").await.1,
        json!({"requeued": 0})
    );
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
async fn neighbours_and_paths() {
    let rig = rig().await;
    rig.fill().await;
    let near = rig.get("/github/graph/neighbors/DEV1").await;
    let names = |body: &Value| -> Vec<(String, i64)> {
        let nodes = body["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| {
                (
                    node["name"].as_str().unwrap().to_owned(),
                    node["distance"].as_i64().unwrap(),
                )
            })
            .collect()
    };
    let expected = [("dev1", 0), ("dev4", 1), ("dev2", 1), ("dev3", 1)];
    assert_eq!(
        names(&near),
        expected.map(|(name, distance)| (name.to_owned(), distance))
    );
    assert_eq!(
        (near["edges"].as_array().unwrap().len(), &near["complete"]),
        (3, &json!(true))
    );
    let far = rig
        .get("/github/graph/neighbors/dev1?kind=following&depth=99")
        .await;
    assert_eq!((&far["depth"], names(&far).len()), (&json!(6), 3));
    let stars = rig.get("/github/graph/neighbors/dev2/?kind=stars").await;
    assert_eq!(stars["nodes"][1]["name"], "dev1/r");
    for (path, status) in [
        ("/github/graph/neighbors/nobody", 404),
        ("/github/graph/neighbors/dev1?kind=x", 400),
        ("/github/graph/neighbors/dev1?depth=x", 400),
        ("/github/graph/path?from=dev1", 400),
        ("/github/graph/path?from=dev1&to=nobody", 404),
    ] {
        assert_eq!(rig.json("GET", path).await.0, status, "{path}");
    }
    let way = rig.get("/github/graph/path?from=dev2&to=dev5").await;
    let logins: Vec<&str> = way["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["login"].as_str().unwrap())
        .collect();
    assert_eq!(
        (logins, &way["length"]),
        (vec!["dev2", "dev1", "dev4", "dev5"], &json!(3))
    );
    let none = rig.get("/github/graph/path?from=dev5&to=dev1").await;
    assert_eq!(
        (&none["path"], &none["complete"]),
        (&Value::Null, &json!(true))
    );
    let same = rig.get("/github/graph/path?from=dev5&to=dev5").await;
    assert_eq!(same["length"], 0);
}

#[tokio::test]
async fn exports_have_closed_edges_too() {
    let rig = rig().await;
    rig.fill().await;
    let store = &rig.database.store;
    let pass = store
        .begin_pass(EdgeKind::Follows, Anchor::To(1))
        .await
        .unwrap();
    store.append_page(&pass, &[3], at(9)).await.unwrap();
    store
        .finish_pass(&pass, PassEnd::Complete, at(10))
        .await
        .unwrap();
    let text = async |format: &str| match rig.get(&format!("/github/export?format={format}")).await
    {
        Value::String(text) => text,
        other => panic!("{other}"),
    };
    let lines = text("jsonl").await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("developer"), of("repository"), of("edge")), (25, 1, 5));
    let closed: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "edge" && !line["closed_at"].is_null())
        .collect();
    assert_eq!(
        (
            closed.len(),
            closed[0]["from_login"].as_str(),
            closed[0]["closed_at"].as_str()
        ),
        (1, Some("dev2"), Some("2023-11-14T22:13:30Z"))
    );
    let csv = text("csv").await;
    assert_eq!(csv.lines().count(), 6);
    assert!(
        csv.contains("stars,2,dev2,100,dev1/r,2023-11-14T22:13:20Z,\n"),
        "{csv}"
    );
    let graph = text("graphml").await;
    assert_eq!(
        (
            graph.matches("<node ").count(),
            graph.matches("<edge ").count()
        ),
        (26, 4)
    );
    assert!(graph.ends_with("</graph></graphml>\n"));
    assert_eq!(rig.json("GET", "/github/export?format=xls").await.0, 400);
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

#[tokio::test]
async fn an_unexpected_host_is_not_repeated() {
    let rig = rig().await;
    let request = Request::get("/github/").header("host", "a\"><script>");
    let answer = rig.api.answer(request.body(Body::empty()).unwrap()).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("script"));
}
