//! Random lives of resources, callers and GitHub itself, with GitHub's own records as the judge.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use cache_backends::{CacheStore, MemoryStore, Persist, StoreError, StoreKey, Usage, Written};
use github_conditional::{Entry, Options, Outcome};
use http::{HeaderValue, Method};
use proptest::prelude::*;

use crate::bench::{Bench, finish, get, request};
use crate::github::{Caller, Manner, Resource};

const RESOURCES: usize = 3;
const CALLERS: usize = 4;

/// The last one shows everybody something else, as a repository does with `permissions`; the others are the same for
/// all.
const TARGETS: [&str; RESOURCES] = ["/repos/o/r", "/repos/o/r/issues", "/repos/o/other"];
const OWN: usize = 2;

/// The last one is anonymous.
fn caller(number: usize, rotation: usize) -> Caller {
    const TOKENS: [[&str; 3]; CALLERS - 1] = [
        ["Bearer a0", "Bearer a1", "Bearer a2"],
        ["token b0", "token b1", "token b2"],
        ["Bearer eyJ.c0.x", "Bearer eyJ.c1.x", "Bearer eyJ.c2.x"],
    ];
    TOKENS.get(number).map(|token| token[rotation % 3])
}

#[derive(Clone, Debug)]
enum Step {
    Read {
        caller: usize,
        resource: usize,
    },
    /// With the tag of what this client was shown last, as clients with a cache of their own do.
    Recheck {
        caller: usize,
        resource: usize,
    },
    Change {
        resource: usize,
    },
    ChangeBack {
        resource: usize,
    },
    Permit {
        caller: usize,
        resource: usize,
        status: u16,
    },
    Rotate {
        caller: usize,
    },
    Trouble {
        kind: usize,
    },
    Heal,
    Write {
        resource: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    let resource = 0..RESOURCES;
    let step = prop_oneof![
        12 => (0..CALLERS, resource.clone()).prop_map(|(caller, resource)| Step::Read { caller, resource }),
        4 => (0..CALLERS, resource.clone()).prop_map(|(caller, resource)| Step::Recheck { caller, resource }),
        3 => resource.clone().prop_map(|resource| Step::Change { resource }),
        1 => resource.clone().prop_map(|resource| Step::ChangeBack { resource }),
        1 => (0..CALLERS, resource.clone(), prop_oneof![Just(200_u16), Just(401), Just(403), Just(404)])
            .prop_map(|(caller, resource, status)| Step::Permit { caller, resource, status }),
        1 => (0..CALLERS).prop_map(|caller| Step::Rotate { caller }),
        1 => (0..4_usize).prop_map(|kind| Step::Trouble { kind }),
        2 => Just(Step::Heal),
        1 => resource.prop_map(|resource| Step::Write { resource }),
        2 => (1..90_u64).prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 1..length)
}

fn trouble(kind: usize) -> Manner {
    match kind {
        0 => Manner::Refused,
        1 => Manner::TimedOut,
        2 => Manner::Answer(503, &[], "Unicorn!"),
        _ => Manner::Answer(
            403,
            &[("x-ratelimit-remaining", "0")],
            "{\"message\":\"API rate limit exceeded\"}",
        ),
    }
}

/// One GitHub with its callers, and what is needed to judge the answers.
struct Life<St = MemoryStore<Entry>> {
    bench: Bench<St>,
    /// What each client was shown last: tag and body.
    held: HashMap<(usize, usize), (HeaderValue, Bytes)>,
    rotations: [usize; CALLERS],
    versions: [usize; RESOURCES],
    healthy: bool,
}

impl Life {
    fn new() -> Self {
        Self::on(MemoryStore::default())
    }
}

impl<St: CacheStore<Entry>> Life<St> {
    fn on(store: St) -> Self {
        let mut life = Self {
            bench: Bench::on(store, Options::default()),
            held: HashMap::new(),
            rotations: [0; CALLERS],
            versions: [0; RESOURCES],
            healthy: true,
        };
        for resource in 0..RESOURCES {
            life.publish(resource);
        }
        life
    }

    fn caller(&self, number: usize) -> Caller {
        caller(number, self.rotations[number])
    }

    fn publish(&mut self, resource: usize) {
        let version = self.versions[resource];
        let body = |who: &str| match resource {
            // An empty list is among its versions.
            1 if version % 4 == 3 => "[]".to_owned(),
            1 => format!("[{version}]"),
            _ => format!("{{\"who\":\"{who}\",\"version\":{version}}}"),
        };
        let mut published = Resource::new(body("all"));
        if resource == OWN {
            for number in 0..CALLERS {
                for rotation in 0..3 {
                    published =
                        published.own(caller(number, rotation), body(&format!("caller {number}")));
                }
            }
        }
        // A new version changes nothing about who may see it.
        match self.bench.github.has(TARGETS[resource]) {
            true => self
                .bench
                .github
                .change(TARGETS[resource], |known| known.take_bodies_of(published)),
            false => self.bench.github.put(TARGETS[resource], published),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Read { caller, resource } => self.read(caller, resource).await?,
            Step::Recheck { caller, resource } => self.recheck(caller, resource).await?,
            Step::Change { resource } => {
                self.versions[resource] += 1;
                self.publish(resource);
            }
            Step::ChangeBack { resource } => {
                self.versions[resource] = self.versions[resource].saturating_sub(1);
                self.publish(resource);
            }
            Step::Permit {
                caller,
                resource,
                status,
            } => {
                self.bench
                    .github
                    .permit(TARGETS[resource], self.caller(caller), status);
            }
            Step::Rotate { caller } => self.rotations[caller] += 1,
            Step::Trouble { kind } => {
                self.healthy = false;
                self.bench.github.outage(Some(trouble(kind)));
            }
            Step::Heal => {
                self.healthy = true;
                self.bench.github.outage(None);
            }
            Step::Write { resource } => {
                let write = request(Method::PATCH, self.caller(0), TARGETS[resource], &[]);
                let _ = self.bench.send(write).await;
            }
            Step::Wait { seconds } => tokio::time::advance(Duration::from_secs(seconds)).await,
        }
        Ok(())
    }

    /// A client is told that what it holds is current only when GitHub says so.
    async fn recheck(&mut self, number: usize, resource: usize) -> Result<(), TestCaseError> {
        let (caller, target) = (self.caller(number), TARGETS[resource]);
        let held = self.held.get(&(number, resource)).cloned();
        let tag = held.as_ref().map(|(tag, _)| tag.to_str().unwrap());
        let headers: Vec<_> = tag.iter().map(|tag| ("if-none-match", *tag)).collect();
        let Ok(answer) = self.bench.send(get(caller, target, &headers)).await else {
            prop_assert!(!self.healthy, "an error without trouble");
            return Ok(());
        };
        let answer = finish(answer).await;
        match answer.status.as_u16() {
            200 => {
                let body = answer.body.expect("no body breaks off here");
                let tag = answer
                    .headers
                    .get("etag")
                    .cloned()
                    .expect("GitHub tags all");
                self.held.insert((number, resource), (tag, body));
            }
            304 => {
                let (_, body) = held.expect("a 304 is for those who hold something");
                let github = &self.bench.github;
                prop_assert!(
                    github.has_confirmed(caller, target, &body),
                    "{caller:?} was told that {body:?} of {target} is right, which GitHub has not told it",
                );
                // Stale answers are for times of trouble, anonymous ones may be fresh.
                if self.healthy && caller.is_some() {
                    prop_assert_eq!(Ok(body), github.current(caller, target));
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn read(&self, number: usize, resource: usize) -> Result<(), TestCaseError> {
        let (caller, target) = (self.caller(number), TARGETS[resource]);
        let github = &self.bench.github;
        let answer = match self.bench.send(get(caller, target, &[])).await {
            Ok(answer) => finish(answer).await,
            Err(error) => {
                prop_assert!(!self.healthy, "an error without trouble: {error:?}");
                return Ok(());
            }
        };
        let body = answer.body.clone().expect("no body breaks off here");
        let is_shown = answer.status == 200;
        if is_shown {
            prop_assert!(
                github.has_confirmed(caller, target, &body),
                "{caller:?} was shown {body:?} of {target}, of which GitHub has not told it",
            );
        }
        match answer.outcome() {
            Outcome::Stale(_) | Outcome::Refused(_) => prop_assert!(!self.healthy),
            Outcome::Fresh(_) => prop_assert!(caller.is_none(), "only anonymous answers are fresh"),
            _ => {
                let current = github.current(caller, target);
                let shown: Result<Bytes, u16> = if is_shown {
                    Ok(body)
                } else {
                    Err(answer.status.as_u16())
                };
                prop_assert_eq!(shown, current, "{:?} of {}", answer.outcome(), target);
            }
        }
        Ok(())
    }
}

/// Memory in which every value is written as bytes and read back.
#[derive(Default)]
struct Reread(MemoryStore<Entry>);

fn reread(value: &Entry) -> Entry {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    Entry::decode(&bytes).expect("what was written can be read")
}

impl CacheStore<Entry> for Reread {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.load(key).await?.as_ref().map(reread))
    }

    async fn merge(&self, key: &StoreKey, value: Entry) -> Result<Written, StoreError> {
        self.0.merge(key, reread(&value)).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.remove(key).await
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }
}

fn run<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(life)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nobody is shown what GitHub has not told it, and what is said to be current is.
    #[test]
    fn everybody_is_shown_what_github_told_it(steps in steps(60)) {
        run(async {
            let mut life = Life::new();
            for step in &steps {
                life.step(step).await?;
            }
            // Whatever happened, after the second read every caller has a validator of its own that holds.
            life.step(&Step::Heal).await?;
            for (resource, target) in TARGETS.iter().enumerate() {
                for number in 0..CALLERS - 1 {
                    life.bench.github.permit(target, life.caller(number), 200);
                }
                for _ in 0..3 {
                    for number in 0..CALLERS - 1 {
                        life.read(number, resource).await?;
                    }
                }
                life.bench.github.take_charged();
                for number in 0..CALLERS - 1 {
                    life.read(number, resource).await?;
                }
                prop_assert_eq!(life.bench.github.take_charged(), 0, "a validator of {} was lost", target);
            }
            Ok(())
        })?;
    }

    /// Entries that go through bytes each time, as on disk and in Redis, keep the same promises and every validator.
    #[test]
    fn entries_lose_nothing_on_their_way_through_bytes(steps in steps(40)) {
        run(async {
            let mut life = Life::on(Reread::default());
            for step in &steps {
                life.step(step).await?;
            }
            life.step(&Step::Heal).await?;
            for round in 0..4 {
                life.bench.github.take_charged();
                for (resource, target) in TARGETS.iter().enumerate() {
                    for number in 0..CALLERS - 1 {
                        life.bench.github.permit(target, life.caller(number), 200);
                        // Of two things that happen within one millisecond, bytes do not tell which came first.
                        life.step(&Step::Wait { seconds: 1 }).await?;
                        life.read(number, resource).await?;
                    }
                }
                if round == 3 {
                    prop_assert_eq!(life.bench.github.take_charged(), 0, "a validator was lost");
                }
            }
            Ok(())
        })?;
    }

    /// What all callers see alike costs one 200 a version, however many callers there are and whoever comes first.
    #[test]
    fn a_version_costs_one_200(reads in prop::collection::vec((0..3_usize, any::<bool>()), 1..60)) {
        run(async {
            let mut life = Life::new();
            let mut seen = HashSet::new();
            for (number, changes) in &reads {
                // One class of callers: a token and a JWT have the same bytes here, but need not.
                let number = number % 2;
                life.read(number, 0).await?;
                seen.insert(life.versions[0]);
                if *changes {
                    life.step(&Step::Change { resource: 0 }).await?;
                }
                life.rotations[number] += usize::from(life.versions[0].is_multiple_of(5));
            }
            prop_assert_eq!(life.bench.github.count(200), seen.len());
            Ok(())
        })?;
    }

    /// Many at once are shown what GitHub told them, too, and nobody waits for ever.
    #[test]
    fn together_or_one_after_another(
        rounds in prop::collection::vec(prop::collection::vec((0..CALLERS, 0..RESOURCES), 1..12), 1..8),
    ) {
        run(async {
            let mut life = Life::new();
            for round in &rounds {
                let together = round.iter().map(|(number, resource)| life.read(*number, *resource));
                for outcome in futures_util::future::join_all(together).await {
                    outcome?;
                }
                for resource in 0..RESOURCES {
                    life.step(&Step::Change { resource }).await?;
                }
            }
            prop_assert_eq!(life.bench.inspect.calls_in_flight(), 0);
            prop_assert_eq!(life.bench.inspect.recording_bytes(), 0);
            Ok(())
        })?;
    }
}
