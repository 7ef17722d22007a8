//! Bounds: large bodies stream in flat memory, the working set stays inside its bytes.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
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

#[tokio::test]
async fn a_working_set_of_10_000_resources_stays_inside_its_bytes() {
    const BOUND: u64 = 8 << 20;
    let rig = Rig::with(
        |config| config.cache.max_bytes = BOUND,
        |sim| {
            sim.switches(github_sim::Switches::unlimited())
                .record_requests(0)
        },
    )
    .await;
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
    assert!(rig.mirror.inspect().usage().entries > 500);
}
