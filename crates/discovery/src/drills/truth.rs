//! What exists in the simulator as anybody may see it, and what is stored, in one form that can be compared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use github_sim::Simulator;
use http::Request;
use serde_json::Value;

use crate::store::testing::assert_exact_ages;
use crate::store::{EdgeKind, Side, Statement, Store, SyncState};

/// Developers by id, repositories by id, and edges.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Graph {
    /// Login, name, bio, followers, following, public repositories.
    pub(super) developers: BTreeMap<i64, String>,
    /// Full name, owner, description, stars.
    pub(super) repositories: BTreeMap<i64, String>,
    pub(super) follows: BTreeSet<(i64, i64)>,
    pub(super) stars: BTreeSet<(i64, i64)>,
    pub(super) owns: BTreeSet<(i64, i64)>,
}

/// Asks beside the sockets, so that nothing of it is counted for the crawl's token.
struct Eye<'sim> {
    sim: &'sim Simulator,
    token: String,
}

impl Eye<'_> {
    fn ask(&self, target: &str) -> Option<Value> {
        let request = Request::get(target)
            .header("user-agent", "truth")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Bytes::new())
            .unwrap();
        let answer = self.sim.ask(&request);
        match answer.status.as_u16() {
            200 => Some(serde_json::from_slice(&answer.body).unwrap()),
            404 => None,
            other => panic!("{target}: {other}"),
        }
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let target = format!("{path}?per_page=100&page={page}");
            let Some(Value::Array(items)) = self.ask(&target) else {
                break;
            };
            let last = items.len() < 100;
            all.extend(items);
            if last {
                break;
            }
        }
        all
    }
}

fn id(value: &Value) -> i64 {
    value["id"].as_i64().unwrap()
}

/// Everything that can be reached from a developer. `eye` sees it with a quota of its own.
pub(super) fn truth(sim: &Simulator, eye: &str, seed: &str) -> Graph {
    let eye = Eye {
        sim,
        token: sim.user_token(eye),
    };
    let mut graph = Graph::default();
    let Some(seed) = eye.ask(&format!("/users/{seed}")) else {
        return graph;
    };
    let mut queue = VecDeque::from([id(&seed)]);
    while let Some(who) = queue.pop_front() {
        if graph.developers.contains_key(&who) {
            continue;
        }
        let profile = eye.ask(&format!("/user/{who}")).unwrap();
        let shown = [
            "login",
            "name",
            "bio",
            "followers",
            "following",
            "public_repos",
        ];
        let shown: Vec<String> = shown.iter().map(|key| profile[key].to_string()).collect();
        graph.developers.insert(who, shown.join(" "));
        for other in eye.list(&format!("/user/{who}/followers")) {
            graph.follows.insert((id(&other), who));
            queue.push_back(id(&other));
        }
        for other in eye.list(&format!("/user/{who}/following")) {
            graph.follows.insert((who, id(&other)));
            queue.push_back(id(&other));
        }
        let starred = eye.list(&format!("/user/{who}/starred"));
        let owned = eye.list(&format!("/user/{who}/repos"));
        for repository in &starred {
            graph.stars.insert((who, id(repository)));
        }
        for repository in starred.iter().chain(&owned) {
            let owner = id(&repository["owner"]);
            let shown = ["full_name", "description", "stargazers_count"];
            let shown: Vec<String> = shown
                .iter()
                .map(|key| repository[key].to_string())
                .collect();
            let line = format!("{} {owner}", shown.join(" "));
            graph.repositories.insert(id(repository), line);
            graph.owns.insert((owner, id(repository)));
            queue.push_back(owner);
        }
        for repository in &owned {
            for gazer in eye.list(&format!("/repositories/{}/stargazers", id(repository))) {
                graph.stars.insert((id(&gazer), id(repository)));
                queue.push_back(id(&gazer));
            }
        }
    }
    graph
}

/// What is stored and not known to be gone.
pub(super) async fn stored(store: &Store) -> Graph {
    let text = |value: &Option<String>| Value::from(value.clone()).to_string();
    assert_exact_ages(store).await;
    let mut graph = Graph::default();
    for who in ids(store, "developers").await {
        let developer = store.developer(who).await.unwrap().unwrap();
        if developer.sync.state == SyncState::Unavailable {
            continue;
        }
        let detail = developer.detail.unwrap_or_default();
        let line = format!(
            "{} {} {} {} {} {}",
            Value::from(developer.login),
            text(&detail.name),
            text(&detail.bio),
            detail.followers_count,
            detail.following_count,
            detail.public_repos
        );
        graph.developers.insert(who, line);
    }
    for which in ids(store, "repositories").await {
        let repository = store.repository(which).await.unwrap().unwrap();
        if repository.sync.state == SyncState::Unavailable {
            continue;
        }
        let record = repository.record;
        let line = format!(
            "{} {} {} {}",
            Value::from(record.full_name),
            text(&record.description),
            record.stargazers_count.unwrap_or_default(),
            record.owner_github_id
        );
        graph.repositories.insert(which, line);
    }
    for (kind, edges) in [
        (EdgeKind::Follows, &mut graph.follows),
        (EdgeKind::Stars, &mut graph.stars),
        (EdgeKind::Owns, &mut graph.owns),
    ] {
        let from = ids(store, "developers").await;
        let found = store.edges_of(kind, Side::From, &from, i64::MAX).await;
        edges.extend(found.unwrap());
    }
    // Error answers close nothing: a repository that is gone with its owner keeps the edge that says whose it was.
    let shown = &graph.repositories;
    graph.owns.retain(|(_, which)| shown.contains_key(which));
    graph
}

async fn ids(store: &Store, table: &str) -> Vec<i64> {
    let select = Statement::new(format!("SELECT github_id FROM {table} ORDER BY github_id"));
    let rows = store.database.all(select).await.unwrap();
    rows.iter()
        .map(|row| row.integer("github_id").unwrap())
        .collect()
}

/// Says what differs, and not the whole of both.
#[track_caller]
pub(super) fn assert_same(stored: &Graph, truth: &Graph) {
    let differing = |stored: &BTreeMap<i64, String>, truth: &BTreeMap<i64, String>| {
        let ids: BTreeSet<&i64> = stored.keys().chain(truth.keys()).collect();
        let lines = ids.into_iter().filter_map(|id| {
            let (stored, truth) = (stored.get(id), truth.get(id));
            (stored != truth).then(|| format!("{id}: {stored:?} but {truth:?}"))
        });
        lines.collect::<Vec<_>>()
    };
    let nothing: Vec<String> = Vec::new();
    assert_eq!(differing(&stored.developers, &truth.developers), nothing);
    assert_eq!(
        differing(&stored.repositories, &truth.repositories),
        nothing
    );
    for (stored, truth) in [
        (&stored.follows, &truth.follows),
        (&stored.stars, &truth.stars),
        (&stored.owns, &truth.owns),
    ] {
        let odd: Vec<_> = stored.symmetric_difference(truth).collect();
        assert_eq!(odd, Vec::<&(i64, i64)>::new());
    }
}
