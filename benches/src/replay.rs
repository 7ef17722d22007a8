//! A day of GitHub in a few seconds: many clients, tokens that rotate, resources that change, an outage; and what each
//! way of caching makes GitHub answer.
//!
//! Time is tokio's paused clock, chance is a number generator with a seed: a replay comes out the same each time.

mod engine;
mod strategies;
mod world;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Fallible;

pub use engine::Ours;
pub use strategies::{Coalescing, Kept, Strategy};
pub use world::{Counts, World, WorldOptions};

use world::{Page, Random};

/// Who asks, how often, for how long.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How long.
    pub time: Duration,
    /// Reads a second, of all clients together.
    pub reads_per_second: f64,
    /// Credentials; each client has one.
    pub tokens: usize,
    /// After which a credential has a new token.
    pub rotation: Duration,
}

/// Something that reads pages for clients.
pub trait Reads: Clone + Send + 'static {
    /// The page, or nothing where there is none to be had.
    fn read(&self, page: Page, token: String) -> impl Future<Output = Option<Delivered>> + Send;
}

/// What a client got.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The body.
    pub body: Bytes,
    /// Whether its `Link` names a next page.
    pub next: Next,
}

/// Whether there is a page behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// `rel="next"`.
    Named,
    /// None.
    None,
}

/// What came of a replay.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Pages read by clients.
    pub reads: u64,
    /// Distinct bodies that clients got to see: versions of pages.
    pub versions: HashSet<(Page, Bytes)>,
    /// Reads that got what was outdated when they began.
    pub outdated: u64,
    /// Reads that got nothing.
    pub failed: u64,
    /// Reads that had to be answered while GitHub was down.
    pub in_outage: u64,
    /// Of these, those that got nothing.
    pub failed_in_outage: u64,
}

/// Lets the clients of `workload` read by `reader`.
///
/// # Errors
/// When a client panics.
pub async fn replay<R: Reads>(
    world: &Arc<World>,
    workload: Workload,
    reader: R,
) -> Fallible<Tally> {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut random = Random::new(4711);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    let mut at = Duration::ZERO;
    loop {
        at += Duration::from_secs_f64(random.interval(workload.reads_per_second));
        if at >= workload.time {
            break;
        }
        tokio::time::sleep_until(begun + at).await;
        let slot = random.below(workload.tokens);
        let hour = at.as_secs() / workload.rotation.as_secs().max(1);
        let token = format!("token ghs_{slot:04}_{hour:06}");
        let resource = world.popular(&mut random);
        let (world, reader, tally) = (Arc::clone(world), reader.clone(), Arc::clone(&tally));
        clients.spawn(async move { visit(&world, resource, token, reader, &tally).await });
        while let Some(ended) = clients.try_join_next() {
            ended?;
        }
    }
    while let Some(ended) = clients.join_next().await {
        ended?;
    }
    let tally = tally.lock().clone();
    Ok(tally)
}

/// A client reads an object, or a list to its end.
async fn visit<R: Reads>(
    world: &World,
    resource: usize,
    token: String,
    reader: R,
    tally: &Mutex<Tally>,
) {
    for number in 1.. {
        let page = Page { resource, number };
        let (before, down) = (world.body(page), world.is_down());
        let delivered = reader.read(page, token.clone()).await;
        let mut tally = tally.lock();
        tally.reads += 1;
        tally.in_outage += u64::from(down);
        let Some(delivered) = delivered else {
            tally.failed += 1;
            tally.failed_in_outage += u64::from(down);
            return;
        };
        if delivered.body != before && delivered.body != world.body(page) {
            tally.outdated += 1;
        }
        tally.versions.insert((page, delivered.body));
        if delivered.next == Next::None {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Arc<World>, Workload) {
        let workload = Workload {
            time: Duration::from_secs(7200),
            reads_per_second: 1.0,
            tokens: 5,
            rotation: Duration::from_secs(3600),
        };
        let options = WorldOptions {
            objects: 40,
            lists: 10,
            time: workload.time,
            outage: Duration::from_secs(3000)..Duration::from_secs(3300),
        };
        (Arc::new(World::new(options)), workload)
    }

    #[tokio::test(start_paused = true)]
    async fn a_replay_comes_out_the_same_each_time() {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (world, workload) = small();
            let ours = Ours::new(&world).unwrap();
            let tally = replay(&world, workload, ours).await.unwrap();
            seen.push((tally.reads, tally.versions.len(), world.counts()));
        }
        assert_eq!(seen[0], seen[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_cache_every_read_is_a_200() {
        let (world, workload) = small();
        let strategy = Strategy::new(&world, Kept::Nothing, Coalescing::No);
        let tally = replay(&world, workload, strategy).await.unwrap();
        let counts = world.counts();
        assert_eq!(counts.whole, tally.reads - tally.failed);
        assert_eq!((counts.unchanged, tally.outdated), (0, 0));
        assert!(tally.failed > 0 && tally.failed == tally.failed_in_outage);
    }

    #[tokio::test(start_paused = true)]
    async fn the_engine_fetches_a_version_once_and_serves_through_an_outage() {
        let (world, workload) = small();
        let ours = Ours::new(&world).unwrap();
        let tally = replay(&world, workload, ours).await.unwrap();
        let counts = world.counts();
        let versions = tally.versions.len() as u64;
        assert!(
            counts.whole <= versions + versions / 20,
            "{counts:?} {versions}"
        );
        assert!(tally.failed_in_outage < tally.in_outage / 2, "{tally:?}");
    }
}
