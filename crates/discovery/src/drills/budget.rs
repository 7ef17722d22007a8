//! What one full profile sync costs, and what the plan said it would.

use github_sim::Scale;
use serde_json::{Value, json};

use super::rig::{As, Rig};

const FOLLOWERS: usize = 62;
const FOLLOWING: usize = 4;
const REPOSITORIES: usize = 164;
const STARRED: usize = 45;
/// Own repositories that somebody has starred.
const WITH_STARGAZERS: usize = 12;

/// The measured profile of issue 9.
fn profile() -> Vec<Value> {
    let mut changes = vec![json!({"change": "add_user", "login": "subject"})];
    for number in 0..FOLLOWERS {
        let login = format!("fan-{number}");
        changes.push(json!({"change": "add_user", "login": login}));
        changes.push(json!({"change": "follow", "login": login, "target": "subject"}));
    }
    for number in 0..FOLLOWING {
        let login = format!("idol-{number}");
        changes.push(json!({"change": "add_user", "login": login}));
        changes.push(json!({"change": "follow", "login": "subject", "target": login}));
    }
    for number in 0..REPOSITORIES {
        let repo = format!("subject/own-{number}");
        changes.push(json!({"change": "add_repository", "repo": repo}));
        if number < WITH_STARGAZERS {
            // Somebody nobody knows otherwise, too.
            for login in [format!("fan-{number}"), format!("gazer-{number}")] {
                changes.push(json!({"change": "star", "repo": repo, "login": login}));
            }
        }
    }
    for number in 0..STARRED {
        let (login, repo) = (format!("maker-{number}"), format!("maker-{number}/made"));
        changes.push(json!({"change": "add_user", "login": login}));
        changes.push(json!({"change": "add_repository", "repo": repo}));
        changes.push(json!({"change": "star", "repo": repo, "login": "subject"}));
    }
    changes
}

#[tokio::test]
async fn a_full_profile_sync_keeps_to_its_budget_and_to_its_plan() {
    let mut rig = Rig::start(Scale::Empty, As::Somebody("crawler")).await;
    rig.change(&profile());
    let planned = rig.crawler.tools.dry_run("subject").await.unwrap();
    assert_eq!(planned.plan.stargazer_pages, WITH_STARGAZERS as u64);

    // Nobody known before, and nothing cached.
    rig.forget().await;
    rig.sim.reset_counters();
    let run = rig.sync("subject").await;
    assert_eq!(run.state.as_str(), "done");
    let made = rig.sim.counters().total;
    assert_eq!(i64::try_from(made).unwrap(), run.cost.requests);
    assert!(made <= 140 + WITH_STARGAZERS as u64, "{made} requests");
    let (planned, made) = (planned.plan.total() as f64, made as f64);
    assert!(
        (planned - made).abs() <= made * 0.05,
        "{planned} planned, {made} made"
    );

    // The second time neighbours are known, and GitHub confirms the rest.
    let used = rig.used();
    let again = rig.sync("subject").await;
    assert_eq!(again.cost.requests, again.cost.not_modified);
    assert_eq!(rig.used(), used, "nothing was paid");
    assert!(again.cost.requests <= 6 + WITH_STARGAZERS as i64);
}

/// Items are sorted by age, so a new one is on a page that nobody asked for while the last page is full.
#[tokio::test]
async fn a_full_last_page_that_is_confirmed_is_looked_behind() {
    for who in [As::Somebody("crawler"), As::Nobody] {
        let rig = Rig::start_with(Scale::Empty, who, |config| {
            config.github.stop_threshold = 0;
        })
        .await;
        let fan = |number: usize| {
            let login = format!("fan-{number}");
            [
                json!({"change": "add_user", "login": login}),
                json!({"change": "add_repository", "repo": format!("{login}/r")}),
            ]
        };
        rig.change(&[json!({"change": "add_user", "login": "subject"})]);
        let star = |number: usize| json!({"change": "star", "repo": format!("fan-{number}/r"), "login": "subject"});
        // One repository per owner would be one request each; all belong to one.
        rig.change(&fan(0));
        for number in 0..100 {
            let repo = format!("subject/own-{number:03}");
            rig.change(&[json!({"change": "add_repository", "repo": repo})]);
        }
        rig.sync("subject").await;
        rig.change(&[
            json!({"change": "add_repository", "repo": "subject/zz-last"}),
            star(0),
        ]);
        rig.sync("subject").await;
        let id = rig
            .store
            .developer_by_login("subject")
            .await
            .unwrap()
            .unwrap()
            .github_id;
        let owns = rig
            .store
            .open_edges(crate::store::EdgeKind::Owns, crate::store::Anchor::From(id))
            .await
            .unwrap();
        assert_eq!(owns, 101, "{who:?}");
    }
}
