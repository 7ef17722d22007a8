//! Stored entries are compressed with the dictionary of GitHub's answers, and read by other mirrors.

use mirror_core::Config;
use mirror_core::config::CacheKind;
use serde_json::{Value, json};
use test_servers::{Plan, Programs};

use super::{at, path};
use crate::rig::Rig;

/// Begins a value that was sealed with dictionary 1.
const SEALED: [u8; 4] = [0xC7, 0x42, 2, 1];

/// An answer of a few KiB, with what GitHub says of every owner.
fn answer() -> Value {
    let of = |login: &str, what: &str| format!("https://api.github.com/users/{login}{what}");
    let people = (0..8).map(|number| {
        let login = format!("person-{number}");
        json!({
            "login": login,
            "id": number,
            "followers_url": of(&login, "/followers"),
            "gists_url": of(&login, "/gists{/gist_id}"),
            "starred_url": of(&login, "/starred{/owner}{/repo}"),
            "subscriptions_url": of(&login, "/subscriptions"),
            "type": "User",
            "site_admin": false,
        })
    });
    people.collect()
}

#[tokio::test]
async fn entries_in_redis_are_compressed_with_it() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let rig = Rig::unhurried().await;
    let settings = at(redis.address());
    let start = || {
        rig.another(|config| {
            settings(config);
            config.redis.read_timeout_milliseconds = 5_000;
            config.rewrite_bodies = false;
        })
    };
    let (one, other) = (start(), start());
    let token = rig.sim.user_token("a");
    rig.shelf.put(&path(1), &answer());
    rig.get_at(&one, &path(1), &token).await;
    one.mirror.flush_store().await;

    let name = redis.ask(&["RANDOMKEY"]);
    // Behind the revision; printed as numbers because the answer is no text.
    let script = "return {string.byte(redis.call('GETRANGE', KEYS[1], 8, 11), 1, 4)}";
    let begins = redis.ask(&["EVAL", script, "1", &name]);
    let begins: Vec<u8> = begins.lines().map(|byte| byte.parse().unwrap()).collect();
    assert_eq!(begins, SEALED, "{name}");
    let hit = rig.get_at(&other, &path(1), &token).await;
    assert_eq!(hit.json(), answer());
    assert_eq!(rig.upstream(200), 1, "the other one found it in Redis");
}

#[tokio::test]
async fn entries_on_disk_are_compressed_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache");
    let rig = Rig::unhurried().await;
    let settings = |config: &mut Config| {
        config.cache.kind = CacheKind::Disk;
        config.cache.disk_path = Some(file.clone());
        config.rewrite_bodies = false;
    };
    let token = rig.sim.user_token("a");
    rig.shelf.put(&path(1), &answer());
    let first = rig.another(settings);
    rig.get_at(&first, &path(1), &token).await;
    first.mirror.flush_store().await;
    first.stop().await;
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.windows(SEALED.len()).any(|begins| begins == SEALED));
    let second = rig.another(settings);
    let hit = rig.get_at(&second, &path(1), &token).await;
    assert_eq!(hit.json(), answer());
    assert_eq!(rig.upstream(200), 1, "it was found on the disk");
    second.stop().await;
}
