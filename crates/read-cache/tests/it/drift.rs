//! The list moves while its pages are read: never a mixture, whatever moves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use github_sim::World;
use github_sim::answer::{Answer, Ask, Content, Found, TagRule};
use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Node, Rig, until};

const REPOS: &str = "/orgs/Netflix/repos";

/// A list that moves when its pages have been asked for so many times.
#[derive(Clone, Default)]
struct Moving(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    ids: Vec<u64>,
    asked: usize,
    moves: VecDeque<(usize, Move)>,
    /// Insert at the front after every request.
    restless: bool,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Insert(usize, u64),
    Delete(usize),
}

impl State {
    fn apply(&mut self, change: Move) {
        match change {
            Move::Insert(at, id) => self.ids.insert(at, id),
            Move::Delete(at) => {
                self.ids.remove(at);
            }
        }
    }

    /// One more request for a page was answered.
    fn asked(&mut self) {
        self.asked += 1;
        while let Some((after, change)) = self.moves.front().copied()
            && after <= self.asked
        {
            self.moves.pop_front();
            self.apply(change);
        }
        if self.restless {
            let id = 1_000_000 + self.asked as u64;
            self.ids.insert(0, id);
        }
    }

    fn page(&self, number: usize, size: usize) -> (Bytes, Vec<(&'static str, String)>) {
        let items: Vec<Value> = self
            .ids
            .iter()
            .skip((number - 1) * size)
            .take(size)
            .map(|id| json!({"id": id, "full_name": format!("Netflix/r{id}"), "forks_count": id}))
            .collect();
        let last = self.ids.len().div_ceil(size).max(1);
        let url = |page: usize| {
            format!("https://api.github.com/organizations/1/repos?per_page={size}&page={page}")
        };
        let link = match number < last {
            true => vec![("next", url(number + 1)), ("last", url(last))],
            false => Vec::new(),
        };
        (Bytes::from(json!(items).to_string()), link)
    }
}

impl World for Moving {
    fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        let number = |name: &str, default: usize| {
            let found = ask.query.iter().find(|(key, _)| key == name);
            found.map_or(default, |(_, value)| value.parse().unwrap())
        };
        let mut state = self.0.lock().unwrap();
        let (body, link) = match ask.path {
            REPOS => {
                let page = state.page(number("page", 1), number("per_page", 30));
                state.asked();
                page
            }
            "/orgs/Netflix/members" => (Bytes::from_static(b"[]"), Vec::new()),
            _ => (Bytes::from_static(b"{}"), Vec::new()),
        };
        Answer::Found(Box::new(Found {
            status: StatusCode::OK,
            content: Content::JsonBytes(body),
            tag: TagRule::Formula,
            last_modified: None,
            link,
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: Vec::new(),
        }))
    }

    fn control(&mut self, _change: &Value, _now: i64) -> Result<Value, String> {
        Err("it moves by itself".to_owned())
    }

    fn user_id(&self, _login: &str) -> Option<u64> {
        Some(1)
    }
}

struct Scene {
    rig: Rig,
    world: Moving,
}

impl Scene {
    /// Nine repositories in pages of three.
    async fn set(items: u64) -> Self {
        let world = Moving::default();
        world.0.lock().unwrap().ids = (1..=items).collect();
        let moving = world.clone();
        let rig = Rig::with(|sim| sim.world(moving)).await;
        Self { rig, world }
    }

    async fn node(&self) -> Node {
        self.rig
            .full_node(|config| {
                config.cache.per_page = 3;
                config.cache.page_concurrency = 1;
            })
            .await
    }

    /// From now on, after so many requests for a page.
    fn plan(&self, moves: &[(usize, Move)]) {
        let mut state = self.world.0.lock().unwrap();
        let asked = state.asked;
        state.moves = moves
            .iter()
            .map(|(after, change)| (asked + after, *change))
            .collect();
    }

    fn ids(&self) -> Vec<u64> {
        self.world.0.lock().unwrap().ids.clone()
    }

    async fn check(&self, node: &Node) {
        let reply = self.rig.get(node, REPOS).await;
        assert_eq!(reply.ids(), self.ids());
        assert_eq!(reply.header("x-total-count"), self.ids().len().to_string());
    }
}

/// A cold start during which the list moves.
async fn cold(moves: &[(usize, Move)]) {
    let scene = Scene::set(9).await;
    scene.plan(moves);
    let node = scene.node().await;
    assert!(scene.world.0.lock().unwrap().moves.is_empty(), "{moves:?}");
    scene.check(&node).await;
}

/// A refresh during which the list moves, after a change that makes it read everything.
async fn warm(moves: &[(usize, Move)]) {
    let scene = Scene::set(9).await;
    let node = scene.node().await;
    scene.world.0.lock().unwrap().apply(Move::Delete(8));
    scene.world.0.lock().unwrap().apply(Move::Insert(0, 100));
    scene.plan(moves);
    let before = scene.rig.get(&node, REPOS).await.ids();
    scene.rig.pass(1000, &[&node]);
    until("it is refreshed", async || {
        let ids = scene.rig.get(&node, REPOS).await.ids();
        let settled = scene.world.0.lock().unwrap().moves.is_empty();
        assert!(
            ids == before || (settled && ids == scene.ids()),
            "a mixture: {ids:?}"
        );
        ids != before
    })
    .await;
    scene.check(&node).await;
}

#[tokio::test]
async fn an_item_is_inserted_while_paging() {
    for after in 1..=3 {
        cold(&[(after, Move::Insert(0, 100))]).await;
        warm(&[(after, Move::Insert(0, 200))]).await;
    }
}

#[tokio::test]
async fn an_item_is_deleted_while_paging() {
    // Nothing repeats then: one is skipped, which no page shows.
    for after in 1..=3 {
        cold(&[(after, Move::Delete(0))]).await;
        warm(&[(after, Move::Delete(0))]).await;
    }
}

#[tokio::test]
async fn one_is_inserted_and_one_deleted_so_that_the_last_page_does_not_move() {
    cold(&[(1, Move::Delete(0)), (1, Move::Insert(7, 100))]).await;
    warm(&[(2, Move::Delete(1)), (2, Move::Insert(5, 200))]).await;
}

#[tokio::test]
async fn it_moves_twice() {
    cold(&[(2, Move::Insert(0, 100)), (5, Move::Delete(4))]).await;
    warm(&[(2, Move::Delete(0)), (6, Move::Insert(0, 300))]).await;
}

#[tokio::test]
async fn a_list_that_never_stands_still_is_not_served_in_part() {
    let scene = Scene::set(9).await;
    let node = scene.node().await;
    let before = scene.rig.get(&node, REPOS).await.ids();
    scene.world.0.lock().unwrap().restless = true;
    scene.rig.pass(1000, &[&node]);
    until("it is given up for now", async || {
        node.refreshes("/orgs/{org}/repos", "unsteady") > 0.0
    })
    .await;
    assert_eq!(scene.rig.get(&node, REPOS).await.ids(), before);
    scene.world.0.lock().unwrap().restless = false;
    scene.rig.pass(31, &[&node]);
    until("it is refreshed", async || {
        scene.rig.get(&node, REPOS).await.ids() == scene.ids()
    })
    .await;
}

#[tokio::test]
async fn an_empty_list_and_one_that_grows_from_nothing() {
    let scene = Scene::set(0).await;
    let node = scene.node().await;
    scene.check(&node).await;
    assert_eq!(scene.rig.get(&node, "/view/top/5/forks").await.text(), "[]");
    scene.world.0.lock().unwrap().ids = (1..=7).collect();
    scene.rig.pass(1000, &[&node]);
    until("it is refreshed", async || {
        scene.rig.get(&node, REPOS).await.ids() == scene.ids()
    })
    .await;
}

#[tokio::test]
async fn more_pages_than_the_settings_allow() {
    let scene = Scene::set(9).await;
    let node = scene.rig.node(|config| {
        config.cache.per_page = 3;
        config.cache.max_pages = 2;
    });
    let reply = scene.rig.get(&node, REPOS).await;
    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("too-large"), "{}", reply.text());
}
