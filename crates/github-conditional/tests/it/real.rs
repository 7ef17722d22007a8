//! A simulated GitHub on a real socket, for tests of adapters to real clients.

use std::collections::BTreeMap;
use std::time::Duration;

use github_conditional::{ConditionalLayer, Entry, Inspect, Options, stores::MemoryStore};
use github_sim::Simulator;
use serde_json::json;

pub(crate) const HELLO: &str = "/repos/octocat/Hello-World";
pub(crate) const STARGAZERS: &str = "/repos/octocat/Hello-World/stargazers";

pub(crate) async fn github() -> Simulator {
    Simulator::builder()
        .seed(7)
        .own_urls()
        .record_requests(100)
        .start()
        .await
        .unwrap()
}

pub(crate) fn options(github: &Simulator) -> Options {
    let mut options = Options::default();
    options.origin = github.url();
    options
}

pub(crate) fn layer(github: &Simulator) -> ConditionalLayer<MemoryStore<Entry>> {
    ConditionalLayer::builder()
        .options(options(github))
        .build()
        .unwrap()
}

pub(crate) fn resize_stargazers(github: &Simulator, items: u32) {
    let change = json!({"change": "resize_list", "path": STARGAZERS, "items": items});
    github.change(change).unwrap();
}

/// What has been used of every quota.
pub(crate) fn used(github: &Simulator) -> BTreeMap<String, u32> {
    github.counters().quota_used
}

/// Waits until bodies that are being recorded are stored: a reader may be done before the writer is.
pub(crate) async fn settled(inspect: &dyn Inspect) {
    while inspect.calls_in_flight() > 0 || inspect.recording_bytes() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
