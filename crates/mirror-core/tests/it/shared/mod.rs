//! Mirrors on stores that outlive them or that they share.

mod dictionary;
mod disk;
mod faults;
mod load;
mod replicas;

use mirror_core::Config;
use mirror_core::config::CacheKind;

use crate::rig::Instance;

fn path(resource: usize) -> String {
    format!("/repos/octo/r{resource}")
}

/// The settings of a mirror on the Redis at this address.
fn at(address: String) -> impl Fn(&mut Config) {
    move |config| {
        config.cache.kind = CacheKind::Redis;
        config.redis.primary = address.clone();
    }
}

/// The value of the metric whose line begins so; what was never counted is 0.
fn metric(mirror: &Instance, line: &str) -> f64 {
    let metrics = mirror.mirror.metrics().render().unwrap();
    let found = metrics.lines().find(|found| found.starts_with(line));
    found.map_or(0.0, |found| {
        found.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

/// What came of the loads that reached Redis.
fn loads(mirror: &Instance, result: &str) -> f64 {
    let line = format!("github_mirror_store_loads_total{{level=\"redis\",result=\"{result}\"}}");
    metric(mirror, &line)
}

/// Loads that reached Redis.
fn attempts(mirror: &Instance) -> f64 {
    ["hit", "miss", "timeout", "error"]
        .iter()
        .map(|result| loads(mirror, result))
        .sum()
}
