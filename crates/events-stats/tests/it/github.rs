//! GitHub's simulator with a clock that is moved by hand: what these tests and those inside the crate have in common.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events_stats::Timestamp;
use github_sim::{Scale, SimClock, Simulator, Switches};
use serde_json::{Value, json};
use service_runtime::Clock;

/// The simulator's clock as the monitor's.
#[derive(Clone)]
pub(crate) struct SimTime(pub(crate) SimClock);

impl Clock for SimTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.now().unsigned_abs())
    }
}

/// GitHub with a user `octo` and a token of hers.
pub(crate) struct Github {
    pub(crate) sim: Simulator,
    pub(crate) token: String,
}

impl Github {
    pub(crate) async fn start() -> Self {
        let switches = Switches {
            // Drills hurry through days.
            secondary_limits: false,
            ..Switches::default()
        };
        let builder = Simulator::builder().scale(Scale::Empty).switches(switches);
        let sim = builder.record_requests(10_000).start().await.unwrap();
        sim.change(json!({"change": "add_user", "login": "octo"}))
            .unwrap();
        Self {
            token: sim.user_token("octo"),
            sim,
        }
    }

    pub(crate) fn change(&self, change: Value) -> Value {
        self.sim.change(change).unwrap()
    }

    pub(crate) fn repository(&self, name: &str) {
        self.change(json!({"change": "add_repository", "repo": format!("octo/{name}")}));
    }

    /// Lets events happen, the last one now; their ids.
    pub(crate) fn happen(&self, name: &str, count: u32, spacing: u32) -> Vec<String> {
        let happened = self.change(json!({
            "change": "append_events", "repo": format!("octo/{name}"), "count": count, "spacing": spacing,
            "type": "WatchEvent",
        }));
        let ids = happened["ids"].as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.sim.clock().now())
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.sim.clock().advance(Duration::from_secs(seconds));
    }

    /// Requests for feeds, and how many of them were answered 304.
    pub(crate) fn polls(&self) -> (u64, u64) {
        let counters = self.sim.counters();
        let is_feed = |path: &str| path.ends_with("/events");
        (
            counters.count(|one| is_feed(&one.path)),
            counters.count(|one| is_feed(&one.path) && one.status == 304),
        )
    }
}
