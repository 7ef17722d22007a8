//! The exact answers of the contract, on the router.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use service_runtime::{ManualClock, Shutdown};

use super::*;
use crate::store::testing::{Rig as Database, sqlite};
use crate::store::{
    Anchor, DeveloperDetail, DeveloperRecord, EdgeKind, PassEnd, Rate, RepositoryRecord, RunEnd,
};

mod access;
mod graph;
mod lists;
mod socket;
mod tasks;

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
