//! GitHub in a replay: objects and lists that change at times that are fixed beforehand, asked over a network of 60 ms.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Next;

/// One way through the network.
const ONE_WAY: Duration = Duration::from_millis(60);
/// Items on a full page.
const PER_PAGE: usize = 30;
/// When a replay begins.
const BEGIN: Duration = Duration::from_secs(1_790_000_000);

/// How large the world is, and what happens in it.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// Resources that are one page and are changed.
    pub objects: usize,
    /// Lists that grow at their end.
    pub lists: usize,
    /// How long it exists.
    pub time: Duration,
    /// When nobody answers.
    pub outage: Range<Duration>,
}

/// A page of a resource; objects have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The number of the resource.
    pub resource: usize,
    /// The number of the page, from 1.
    pub number: usize,
}

#[derive(Debug)]
enum Kind {
    Object,
    /// So many items at the beginning.
    List(usize),
}

#[derive(Debug)]
struct Resource {
    kind: Kind,
    /// When it changes, in order.
    changes: Vec<Duration>,
}

/// What GitHub was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that reached it.
    pub requests: u64,
    /// Answered with a body; each costs one of the quota.
    pub whole: u64,
    /// Answered with 304, for free.
    pub unchanged: u64,
}

/// GitHub.
#[derive(Debug)]
pub struct World {
    resources: Vec<Resource>,
    /// How much of the popularity the resources up to each have together.
    popularity: Vec<f64>,
    outage: Range<Duration>,
    begun: Instant,
    counts: Mutex<Counts>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Whole {
        tag: String,
        body: Bytes,
        next: Next,
    },
    Unchanged {
        tag: String,
    },
    /// No answer at all.
    Down,
}

impl World {
    /// A world; to be made on a paused clock.
    pub fn new(options: WorldOptions) -> Self {
        let mut random = Random::new(42);
        let all = options.objects + options.lists;
        let mut resources = Vec::new();
        for number in 0..all {
            // From one change in ten minutes to one in a week, evenly over the magnitudes.
            let slowest = (7.0 * 86_400.0_f64 / 600.0).ln();
            let seconds = 600.0 * (random.unit() * slowest).exp();
            let mut changes = Vec::new();
            let mut at = 0.0;
            loop {
                at += random.interval(1.0 / seconds);
                if at >= options.time.as_secs_f64() {
                    break;
                }
                changes.push(Duration::from_secs_f64(at));
            }
            // Lists and objects are mixed, so that both are among the popular ones.
            let kind = match number * options.lists / all != (number + 1) * options.lists / all {
                true => Kind::List(random.below(3 * PER_PAGE)),
                false => Kind::Object,
            };
            resources.push(Resource { kind, changes });
        }
        let mut sum = 0.0;
        let popularity = (1..=all)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self {
            resources,
            popularity,
            outage: options.outage,
            begun: Instant::now(),
            counts: Mutex::default(),
        }
    }

    /// What it was asked so far.
    pub fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// How often resources change, all together.
    pub fn changes(&self) -> usize {
        self.resources
            .iter()
            .map(|resource| resource.changes.len())
            .sum()
    }

    pub(super) fn now(&self) -> SystemTime {
        UNIX_EPOCH + BEGIN + self.begun.elapsed()
    }

    pub(super) fn is_down(&self) -> bool {
        self.outage.contains(&self.begun.elapsed())
    }

    /// A resource by chance, by Zipf's law.
    pub(super) fn popular(&self, random: &mut Random) -> usize {
        let all = self.popularity.last().copied().unwrap_or_default();
        let at = random.unit() * all;
        self.popularity
            .partition_point(|sum| *sum < at)
            .min(self.popularity.len() - 1)
    }

    /// The path and query of a page.
    pub(super) fn target(&self, page: Page) -> String {
        let Page { resource, number } = page;
        match self.resources[resource].kind {
            Kind::Object => format!("/repos/octocat/r{resource}"),
            Kind::List(_) => {
                format!("/repos/octocat/r{resource}/issues?per_page={PER_PAGE}&page={number}")
            }
        }
    }

    /// The page that a path and query name.
    pub(super) fn page(&self, target: &str) -> Option<Page> {
        let rest = target.strip_prefix("/repos/octocat/r")?;
        let digits = rest.len()
            - rest
                .trim_start_matches(|char: char| char.is_ascii_digit())
                .len();
        let resource = rest[..digits].parse().ok()?;
        let number = match rest.split_once("&page=") {
            Some((_, number)) => number.parse().ok()?,
            None => 1,
        };
        (resource < self.resources.len()).then_some(Page { resource, number })
    }

    fn version(&self, resource: usize) -> usize {
        let now = self.begun.elapsed();
        self.resources[resource]
            .changes
            .partition_point(|change| *change <= now)
    }

    /// What the page is now.
    pub(super) fn body(&self, page: Page) -> Bytes {
        let resource = page.resource;
        let version = self.version(resource);
        match self.resources[resource].kind {
            Kind::Object => format!("{{\"id\":{resource},\"version\":{version}}}").into(),
            Kind::List(first) => {
                let items =
                    (page.number - 1) * PER_PAGE..(first + version).min(page.number * PER_PAGE);
                let mut body = String::from("[");
                for item in items.clone() {
                    if item > items.start {
                        body.push(',');
                    }
                    write!(
                        body,
                        "{{\"id\":{},\"number\":{item}}}",
                        resource * 100_000 + item
                    )
                    .expect("writing to a string cannot fail");
                }
                body.push(']');
                body.into()
            }
        }
    }

    fn next(&self, page: Page) -> Next {
        match self.resources[page.resource].kind {
            Kind::List(first) if first + self.version(page.resource) > page.number * PER_PAGE => {
                Next::Named
            }
            _ => Next::None,
        }
    }

    /// Asks for a page, there and back.
    pub(super) async fn ask(
        &self,
        page: Page,
        accept: &[u8],
        authorization: &[u8],
        known: Option<&str>,
    ) -> Answer {
        tokio::time::sleep(ONE_WAY).await;
        let answer = match self.is_down() {
            true => Answer::Down,
            false => self.answer(page, accept, authorization, known),
        };
        tokio::time::sleep(ONE_WAY).await;
        answer
    }

    fn answer(
        &self,
        page: Page,
        accept: &[u8],
        authorization: &[u8],
        known: Option<&str>,
    ) -> Answer {
        let body = self.body(page);
        let mut hash = Sha256::new();
        for value in [accept, authorization] {
            if !value.is_empty() {
                hash.update(value);
                hash.update(b":");
            }
        }
        hash.update(&body);
        let tag = format!("\"{}\"", hex::encode(hash.finalize()));
        let mut counts = self.counts.lock();
        counts.requests += 1;
        if known.is_some_and(|known| known.contains(&tag)) {
            counts.unchanged += 1;
            return Answer::Unchanged { tag };
        }
        counts.whole += 1;
        let next = self.next(page);
        Answer::Whole { tag, body, next }
    }
}

/// Chance, the same each time (splitmix64).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    /// Seconds until the next of so many a second.
    pub(super) fn interval(&mut self, per_second: f64) -> f64 {
        -(1.0 - self.unit()).ln() / per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_list_grows_by_pages() {
        let world = World::new(WorldOptions {
            objects: 1,
            lists: 1,
            time: Duration::from_secs(100),
            outage: Duration::MAX..Duration::MAX,
        });
        let world = World {
            resources: vec![Resource {
                kind: Kind::List(PER_PAGE),
                changes: vec![Duration::from_secs(50)],
            }],
            ..world
        };
        let [first, second] = [1, 2].map(|number| Page {
            resource: 0,
            number,
        });
        assert_eq!(world.next(first), Next::None);
        assert_eq!(world.body(second), "[]");
        let full = world.body(first);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((world.next(first), world.body(first)), (Next::Named, full));
        assert_eq!(world.body(second), "[{\"id\":30,\"number\":30}]");
        assert_eq!(world.page(&world.target(second)), Some(second));
    }
}
