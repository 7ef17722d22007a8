//! Bounds: large bodies stream in flat memory, the working set stays inside its bytes.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use mirror_core::config::{CacheKind, Config, DefaultPolicy, MemoryCompression};
use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn a_64_mib_body_streams_in_flat_memory_and_is_not_stored() {
    const SIZE: usize = 64 << 20;
    let rig = Rig::new().await;
    let target = "/repos/octo/hello/zipball";
    rig.shelf
        .put_bytes(target, format!("[\"{}\"]", "x".repeat(SIZE)));
    let token = rig.sim.user_token("a");
    let request = Request::get(format!("{}{target}", rig.url))
        .header("user-agent", "rig")
        .header("authorization", format!("token {token}"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let mut body = rig.client.request(request).await.unwrap().into_body();
    let limit = 8 << 20;
    let (mut received, mut most) = (0, 0);
    while let Some(frame) = body.frame().await {
        received += frame.unwrap().into_data().map_or(0, |chunk| chunk.len());
        most = most.max(rig.mirror.inspect().recording_bytes());
    }
    assert_eq!(received, SIZE + 4);
    assert!(most <= limit, "{most} bytes were held");
    let inspect = rig.mirror.inspect();
    assert_eq!((inspect.usage().entries, inspect.recording_bytes()), (0, 0));
}

/// A mirror with such bounds, of a GitHub without limits.
async fn bounded(change: impl FnOnce(&mut Config)) -> Rig {
    Rig::with(change, |sim| {
        sim.switches(github_sim::Switches::unlimited())
            .record_requests(0)
    })
    .await
}

#[tokio::test]
async fn a_working_set_of_10_000_resources_stays_inside_its_bytes() {
    const BOUND: u64 = 8 << 20;
    let rig = bounded(|config| config.cache.max_bytes = BOUND).await;
    let token = rig.sim.user_token("a");
    let padding = "x".repeat(2_000);
    for number in 0..10_000 {
        let target = format!("/repos/octo/r{number}");
        rig.shelf
            .put(&target, &json!({"id": number, "padding": padding}));
        let reply = rig.get(&target, &token).await;
        assert_eq!(reply.json()["id"], number);
        rig.shelf.remove(&target);
        if number % 1_000 == 999 {
            let usage = rig.mirror.inspect().usage();
            assert!(usage.bytes <= BOUND, "{usage:?} after {number}");
        }
    }
    let entries = rig.mirror.inspect().usage().entries;
    assert!(entries > 500);
    let evicted = rig.metric("github_mirror_store_evictions_total{level=\"memory\"}");
    assert_eq!(evicted + entries as f64, 10_000.0);
}

#[tokio::test]
async fn each_level_that_is_full_says_what_gave_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let rig = bounded(|config| {
        config.cache.kind = CacheKind::Disk;
        config.cache.disk_path = Some(path);
        config.cache.max_bytes = 1 << 18;
        config.cache.disk_max_bytes = 1 << 20;
    })
    .await;
    let evicted = |level: &str| {
        rig.metric(&format!(
            "github_mirror_store_evictions_total{{level=\"{level}\"}}"
        ))
    };
    let token = rig.sim.user_token("a");
    let ask = async |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let target = format!("/repos/octo/r{number}");
            // What compresses badly.
            let marks =
                (0..100).map(|mark| (100 * number + mark).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let padding: String = marks.map(|mark| mark.to_string()).collect();
            rig.shelf.put(&target, &json!({ "padding": padding }));
            rig.get(&target, &token).await;
        }
        rig.mirror.flush_store().await;
    };
    ask(0..50).await;
    assert_eq!((evicted("memory"), evicted("disk")), (0.0, 0.0));
    ask(50..300).await;
    assert!(evicted("memory") > 0.0);
    assert_eq!(evicted("disk"), 0.0);
    ask(300..2_000).await;
    assert!(evicted("disk") > 0.0);
}

/// The list that everybody polls takes the room of a hundred small resources, and is fetched once all the same.
#[tokio::test]
async fn a_large_list_is_stored_in_a_full_cache() {
    const BOUND: u64 = 1 << 20;
    let rig = bounded(|config| config.cache.max_bytes = BOUND).await;
    let token = rig.sim.user_token("a");
    let padding = "x".repeat(2_000);
    for number in 0..600 {
        let target = format!("/repos/octo/r{number}");
        rig.shelf.put(&target, &json!({"padding": padding}));
        rig.get(&target, &token).await;
        rig.shelf.remove(&target);
    }
    let list = "/repos/octo/hello/labels";
    rig.shelf.put(list, &json!(vec![padding; 125]));
    for told in ["ONLINE_MISS", "ONLINE_HIT", "ONLINE_HIT"] {
        assert_eq!(rig.get(list, &token).await.header("x-cache"), told);
        // The store tidies up before it tells, as it would a moment later.
        let usage = rig.mirror.inspect().usage();
        assert!(usage.bytes <= BOUND, "{usage:?}");
    }
}

/// As `cache.memory_compression` says; both engines, whole answers and a HEAD. The rewritten urls are found in what was
/// unpacked.
#[tokio::test]
async fn compressed_bodies_take_less_memory_and_are_answered_as_they_were() {
    for policy in [DefaultPolicy::Github, DefaultPolicy::Rfc9111] {
        let mut bytes = Vec::new();
        for compression in [MemoryCompression::None, MemoryCompression::Zstd] {
            let rig = Rig::configured(|config| {
                config.default_policy = policy;
                config.cache.memory_compression = compression;
            })
            .await;
            let target = "/repos/octo/hello";
            let url = "https://api.github.com/repos/octo/hello";
            rig.shelf.put(target, &json!({"urls": vec![url; 200]}));
            let first = rig.anonymous(target).await;
            let expected = match policy {
                DefaultPolicy::Github => format!("{}{target}", rig.url),
                DefaultPolicy::Rfc9111 => url.to_owned(),
            };
            assert_eq!(first.json()["urls"][199], expected);
            for _ in 0..2 {
                let again = rig.anonymous(target).await;
                assert_eq!(again.body, first.body, "{policy:?}, {compression:?}");
                assert_eq!(again.header("x-cache"), "ONLINE_HIT");
            }
            let head = rig.send(Method::HEAD, target, &[], "").await;
            assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
            assert_eq!(head.header("etag"), first.header("etag"));
            bytes.push(rig.mirror.inspect().usage().bytes);
        }
        let [plain, compressed] = bytes[..] else {
            panic!("two runs")
        };
        assert!(compressed + 7_000 < plain, "{policy:?}: {bytes:?}");
    }
}
