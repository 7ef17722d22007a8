//! Whatever changes on GitHub is followed: names, owners, edges, and what is gone.

use std::time::Duration;

use github_sim::Scale;
use serde_json::{Value, json};

use super::rig::{As, Rig};
use super::truth::{Graph, assert_same, stored, truth};

const PEOPLE: [&str; 6] = ["octocat", "hubot", "monalisa", "ada", "grace", "linus"];

/// Six who all know each other somehow; small, because everything is looked at several times.
fn world() -> Vec<Value> {
    let mut changes = Vec::new();
    for login in PEOPLE {
        changes.push(json!({"change": "add_user", "login": login}));
        for name in ["one", "two"] {
            let repo = format!("{login}/{name}-{login}");
            changes.push(json!({"change": "add_repository", "repo": repo}));
        }
    }
    for (at, login) in PEOPLE.iter().enumerate() {
        for step in [1, 2] {
            let other = PEOPLE[(at + step) % PEOPLE.len()];
            changes.push(json!({"change": "follow", "login": login, "target": other}));
            let repo = format!("{other}/one-{other}");
            changes.push(json!({"change": "star", "login": login, "repo": repo}));
        }
    }
    changes
}

async fn grown() -> (Rig, Graph) {
    let rig = Rig::start(Scale::Empty, As::Somebody("crawler")).await;
    rig.change(&world());
    rig.sync("octocat").await;
    rig.grow().await;
    let before = stored(&rig.store).await;
    (rig, before)
}

/// Everybody is looked at again, and then all is as it is there.
async fn check_followed(rig: &Rig, seed: &str) {
    rig.pass(Duration::from_secs(8 * 86_400));
    rig.grow().await;
    assert_same(&stored(&rig.store).await, &truth(&rig.sim, "eye", seed));
}

fn login_of(graph: &Graph, id: i64) -> String {
    let line = &graph.developers[&id];
    let login = line.split(' ').next().unwrap();
    login.trim_matches('"').to_owned()
}

fn name_of(graph: &Graph, id: i64) -> String {
    let line = &graph.repositories[&id];
    let name = line.split(' ').next().unwrap();
    name.trim_matches('"').to_owned()
}

#[tokio::test]
async fn edges_that_are_gone_are_closed_and_come_back() {
    let (rig, before) = grown().await;
    let (fan, idol) = *before.follows.first().unwrap();
    let (gazer, star) = *before.stars.first().unwrap();
    let follow = |change: &str| json!({"change": change, "login": login_of(&before, fan), "target": login_of(&before, idol)});
    let star = |change: &str| json!({"change": change, "login": login_of(&before, gazer), "repo": name_of(&before, star)});
    rig.change(&[follow("unfollow"), star("unstar")]);
    check_followed(&rig, "octocat").await;
    let after = stored(&rig.store).await;
    assert!(!after.follows.contains(&(fan, idol)));
    rig.change(&[follow("follow"), star("star")]);
    check_followed(&rig, "octocat").await;
}

#[tokio::test]
async fn a_renamed_developer_and_a_renamed_repository_stay_who_they_are() {
    let (rig, before) = grown().await;
    let (owner, repository) = *before.owns.first().unwrap();
    rig.change(&[
        json!({"change": "rename_repository", "repo": name_of(&before, repository), "name": "renamed"}),
        json!({"change": "rename_user", "login": login_of(&before, owner), "name": "renamed-one"}),
    ]);
    // By the name that is not known any more.
    let run = rig.sync(&login_of(&before, owner)).await;
    assert_eq!(run.state.as_str(), "done");
    let known = rig.store.developer_by_login("renamed-one").await.unwrap();
    assert_eq!(known.unwrap().github_id, owner);
    check_followed(&rig, "monalisa").await;
}

#[tokio::test]
async fn a_transferred_and_a_deleted_repository_leave_their_owner() {
    let (rig, before) = grown().await;
    let mut owns = before
        .owns
        .iter()
        .filter(|(owner, _)| login_of(&before, *owner) != "hubot");
    let (_, moved) = *owns.next().unwrap();
    let (_, deleted) = *owns.next_back().unwrap();
    rig.change(&[
        json!({"change": "transfer_repository", "repo": name_of(&before, moved), "owner": "hubot"}),
        json!({"change": "delete_repository", "repo": name_of(&before, deleted)}),
    ]);
    check_followed(&rig, "octocat").await;
    let after = stored(&rig.store).await;
    assert!(after.repositories.contains_key(&moved) && !after.repositories.contains_key(&deleted));
}

#[tokio::test]
async fn a_deleted_developer_is_unavailable_and_looked_for_again_in_a_week() {
    let (rig, before) = grown().await;
    let gone = before
        .follows
        .iter()
        .map(|(fan, _)| *fan)
        .find(|fan| !["octocat", "hubot", "monalisa"].contains(&login_of(&before, *fan).as_str()))
        .unwrap();
    rig.change(&[json!({"change": "delete_user", "login": login_of(&before, gone)})]);
    check_followed(&rig, "octocat").await;
    let developer = rig.store.developer(gone).await.unwrap().unwrap();
    assert_eq!(developer.sync.state.as_str(), "unavailable");
    let due = developer.sync.due_at.unwrap().since(rig.now());
    assert!(due > Duration::from_secs(6 * 86_400), "{due:?}");
}
