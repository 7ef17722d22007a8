//! What the examples share: a GitHub without network, and the code of docs/embedding.md, which is compiled and run.

use std::error::Error;

use github_conditional::{Inspect, Options};
use github_sim::Simulator;

/// What an example comes to: an error when something that it shows does not happen.
pub type Fallible<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A GitHub in this process. With the real one this line is not needed, and the origin is the default.
///
/// # Errors
/// When no port is free.
pub async fn github() -> Fallible<Simulator> {
    Ok(Simulator::builder().seed(7).own_urls().start().await?)
}

/// The options of a cache in front of `github`.
pub fn options(github: &Simulator) -> Options {
    let mut options = Options::default();
    options.origin = github.url();
    options
}

/// What all callers together have used of their quotas.
pub fn used(github: &Simulator) -> u32 {
    github.counters().quota_used.values().sum()
}

/// A body is stored when it has arrived, which may be a moment after it was handed on.
pub async fn stored(cache: &dyn Inspect) {
    while cache.calls_in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

/// An error unless `holds`.
///
/// # Errors
/// Says what was to be shown.
pub fn show(what: &str, holds: impl FnOnce() -> bool) -> Fallible {
    match holds() {
        true => {
            println!("{what}");
            Ok(())
        }
        false => Err(format!("not so: {what}").into()),
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Guide;
