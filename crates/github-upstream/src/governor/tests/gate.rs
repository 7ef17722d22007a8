//! Waiting, waking, handing over: on paused time, so that every time is exact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::clock::WallClock;
use crate::governor::gate::Gate;
use crate::governor::turn::Permit;
use crate::ledger::SharedLedger;

/// A gate whose time of day follows tokio's clock.
struct World {
    gate: Gate,
    ledger: SharedLedger,
    started: Instant,
}

impl World {
    fn new(options: PacingOptions) -> Self {
        let started = Instant::now();
        let clock = WallClock::new(move || after(0).wall + started.elapsed());
        let ledger = SharedLedger::new(100);
        Self {
            gate: Gate::new(options, ledger.clone(), clock, 100),
            ledger,
            started,
        }
    }

    fn now(&self) -> SystemTime {
        after(0).wall + self.started.elapsed()
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// A request that GitHub answers after a while.
    async fn request(&self, ask: Ask, takes: Duration) -> Result<(), Refusal> {
        let mut permit = self.gate.turn(ask).await?;
        tokio::time::sleep(takes).await;
        permit.answered(Heard::Served);
        Ok(())
    }

    /// As the service does when GitHub answers with a secondary limit.
    fn signal(&self, permit: &mut Permit, headers: &HeaderMap) {
        self.ledger.observe(&answer(403, headers), self.now());
        permit.answered(Heard::Limited);
    }

    fn state(&self) -> CallerState {
        let state = self.gate.snapshot();
        state
            .into_iter()
            .find(|state| state.caller == CALLER)
            .unwrap()
    }
}

fn with_retry_after(value: &'static str) -> HeaderMap {
    let mut headers = quota(4000);
    headers.insert("retry-after", HeaderValue::from_static(value));
    headers
}

fn of_client(client: u64) -> Ask {
    Ask {
        client: ClientKey(client),
        ..ask()
    }
}

fn narrow(max_concurrent: u32) -> PacingOptions {
    PacingOptions {
        max_concurrent,
        ..PacingOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn turns_are_shared_out_fairly_between_clients() {
    let world = Arc::new(World::new(narrow(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = world.gate.turn(ask()).await.unwrap();
    let mut requests = Vec::new();
    for client in [1, 1, 1, 1, 2, 3] {
        let (world, order) = (Arc::clone(&world), Arc::clone(&order));
        requests.push(tokio::spawn(async move {
            let _permit = world.gate.turn(of_client(client)).await.unwrap();
            order.lock().push(client);
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.state().waiting, 6);
    drop(held);
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!(*order.lock(), [1, 2, 3, 1, 1, 1]);
    let state = world.state();
    assert_eq!((state.waiting, state.in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_cancelled_when_the_client_leaves() {
    let world = Arc::new(World::new(narrow(1)));
    let held = world.gate.turn(ask()).await.unwrap();
    let waiting = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.gate.turn(ask()).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(world.state().waiting, 1);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(world.state().waiting, 0);
    // A turn that was handed over and not taken goes to the next one.
    let mut leaving = Box::pin(world.gate.turn(ask()));
    assert!(futures_util::poll!(&mut leaving).is_pending());
    let next = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.gate.turn(ask()).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(world.state().waiting, 2);
    drop(held);
    assert_eq!((world.state().waiting, world.state().in_flight), (1, 1));
    drop(leaving);
    let permit = next.await.unwrap().unwrap();
    assert_eq!((world.state().waiting, world.state().in_flight), (0, 1));
    drop(permit);
    assert_eq!(world.state().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_in_time_and_number() {
    let world = Arc::new(World::new(PacingOptions {
        max_waiting: 3,
        ..narrow(1)
    }));
    let _held = world.gate.turn(ask()).await.unwrap();
    let refusals = Arc::new(Mutex::new(Vec::new()));
    let mut requests = Vec::new();
    // The fourth of the hog is refused; then it gives way to the others until all have as many.
    for (number, client) in [1, 1, 1, 1, 2, 3, 4].into_iter().enumerate() {
        let (world, refusals) = (Arc::clone(&world), Arc::clone(&refusals));
        requests.push(tokio::spawn(async move {
            let refusal = world.gate.turn(of_client(client)).await.unwrap_err();
            refusals
                .lock()
                .push((number, refusal.reason, world.seconds()));
        }));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    for request in requests {
        request.await.unwrap();
    }
    let (full, pace) = (RefusalReason::QueueFull, RefusalReason::Pace);
    let mut refusals = refusals.lock().clone();
    refusals.sort();
    let expected = [
        (0, pace, 30),
        (1, full, 0),
        (2, full, 0),
        (3, full, 0),
        (4, pace, 30),
        (5, pace, 30),
        (6, full, 0),
    ];
    assert_eq!(refusals, expected);
    assert_eq!(world.state().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_waits_for_its_minute_holds_up_nobody_else() {
    let world = Arc::new(World::new(PacingOptions::default()));
    let reset = world.now() + Duration::from_secs(20);
    let mut headers = quota(0);
    let seconds = reset.duration_since(UNIX_EPOCH).unwrap().as_secs();
    headers.insert("x-ratelimit-reset", HeaderValue::from(seconds));
    headers.insert("x-ratelimit-resource", HeaderValue::from_static("search"));
    world.ledger.observe(&answer(403, &headers), world.now());
    let search = Ask {
        resource: Resource::Search,
        ..ask()
    };
    let waiting = {
        let (world, search) = (Arc::clone(&world), search.clone());
        tokio::spawn(async move {
            world.request(search, Duration::ZERO).await.unwrap();
            world.seconds()
        })
    };
    tokio::task::yield_now().await;
    world.request(ask(), Duration::ZERO).await.unwrap();
    assert_eq!((world.seconds(), world.state().waiting), (0, 1));
    assert_eq!(waiting.await.unwrap(), 21, "reset and a second");
}

#[tokio::test(start_paused = true)]
async fn those_who_cannot_wait_for_the_end_of_a_limit_are_told_at_once() {
    let world = Arc::new(World::new(narrow(1)));
    let mut held = world.gate.turn(ask()).await.unwrap();
    let mut requests = Vec::new();
    for client in 0..5 {
        let world = Arc::clone(&world);
        requests.push(tokio::spawn(async move {
            (
                world.gate.turn(of_client(client)).await.err(),
                world.seconds(),
            )
        }));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.signal(&mut held, &with_retry_after("60"));
    for request in requests {
        let (refusal, at) = request.await.unwrap();
        let refusal = refusal.unwrap();
        assert_eq!((refusal.reason, at), (RefusalReason::SecondaryLimit, 2));
        assert_eq!(refusal.retry_at, after(62).wall);
        assert_eq!(refusal.window.unwrap().remaining, 4000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_without_retry_after_is_not_retried_at_once() {
    let options = PacingOptions {
        max_wait: Duration::from_secs(10_000),
        ..PacingOptions::default()
    };
    let world = World::new(options);
    for expected in [0, 60, 180, 420, 900] {
        let mut permit = world.gate.turn(ask()).await.unwrap();
        assert_eq!(world.seconds(), expected);
        world.signal(&mut permit, &quota(4000));
        // 403 without `retry-after` and with quota left says nothing in its head; its text does.
        world.ledger.secondary_limit_heard(CALLER, world.now());
    }
}

#[tokio::test(start_paused = true)]
async fn after_one_signal_everything_is_served_and_no_second_one_is_met() {
    let options = PacingOptions {
        max_wait: Duration::from_secs(600),
        ..PacingOptions::default()
    };
    let world = Arc::new(World::new(options));
    let mut permit = world.gate.turn(ask()).await.unwrap();
    let mut requests = Vec::new();
    world.signal(&mut permit, &with_retry_after("30"));
    drop(permit);
    for _ in 0..950 {
        let world = Arc::clone(&world);
        requests.push(tokio::spawn(async move {
            world
                .request(ask(), Duration::from_millis(100))
                .await
                .unwrap();
            world.started.elapsed()
        }));
    }
    let mut times = Vec::new();
    for request in requests {
        times.push(request.await.unwrap());
    }
    times.sort();
    // One alone, then a hundred at a time, then what the minute allows: the first 899 and the one before the signal.
    assert_eq!(times[0], Duration::from_millis(30_100));
    assert_eq!(times[1], Duration::from_millis(30_200));
    assert_eq!(times[100], Duration::from_millis(30_200));
    assert_eq!(times[101], Duration::from_millis(30_300));
    assert!(times[898] < Duration::from_secs(32));
    assert!(times[949] > Duration::from_secs(61) && times[949] < Duration::from_secs(93));
    assert_eq!(world.state().pace, Pace::Paced);
}

#[tokio::test(start_paused = true)]
async fn writes_wait_in_the_queue_like_reads() {
    let world = Arc::new(World::new(PacingOptions {
        points_per_minute: 9,
        max_wait: Duration::from_secs(120),
        ..strict()
    }));
    world.request(write(), Duration::ZERO).await.unwrap();
    world.request(write(), Duration::ZERO).await.unwrap();
    assert_eq!(world.seconds(), 61);
    assert_eq!(world.state().points, 5);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_bounded_and_busy_ones_stay() {
    let clock = WallClock::new(|| after(0).wall);
    let gate = Gate::new(PacingOptions::default(), SharedLedger::new(2), clock, 2);
    let by = |caller: u8| Ask {
        caller: CallerId([caller; 16]),
        ..ask()
    };
    let busy = gate.turn(by(1)).await.unwrap();
    for caller in 2..50 {
        drop(gate.turn(by(caller)).await.unwrap());
    }
    let states = gate.snapshot();
    assert_eq!(states.len(), 2);
    assert_eq!(
        (states[0].caller, states[0].in_flight),
        (CallerId([1; 16]), 1)
    );
    drop(busy);
}

/// What GitHub sees: when each request arrived, by its own clock.
#[derive(Default)]
struct Arrivals(Mutex<Vec<(Duration, u32)>>);

impl Arrivals {
    /// The most points in any minute, wherever it begins.
    fn most_in_a_minute(&self) -> u32 {
        let mut arrivals = self.0.lock().clone();
        arrivals.sort();
        let minute = Duration::from_secs(60);
        let from = |begin: Duration| {
            let inside = arrivals
                .iter()
                .filter(|(at, _)| *at >= begin && *at < begin + minute);
            inside.map(|(_, points)| *points).sum()
        };
        arrivals.iter().map(|(at, _)| from(*at)).max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However long requests take on their way and back, and whoever gives up: GitHub never sees more than it allows, nobody
    /// is forgotten, and no turn is lost.
    #[test]
    fn github_never_sees_more_than_it_allows(
        requests in prop::collection::vec((0..5_000_u64, 0..3_000_u64, 0..3_000_u64, any::<bool>(), 0..90_000_u64), 1..80),
    ) {
        const POINTS: u32 = 20;
        const CONCURRENT: u32 = 4;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (most, most_at_a_time, state) = runtime.block_on(async {
            let world = Arc::new(World::new(PacingOptions {
                points_per_minute: POINTS,
                max_concurrent: CONCURRENT,
                max_wait: Duration::from_secs(10_000),
                ..strict()
            }));
            let arrivals = Arc::new(Arrivals::default());
            let at_a_time = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
            let mut tasks = Vec::new();
            for (begin, up, down, writes, gives_up) in requests {
                let (world, arrivals) = (Arc::clone(&world), Arc::clone(&arrivals));
                let at_a_time = Arc::clone(&at_a_time);
                tasks.push(tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(begin)).await;
                    let ask = if writes { write() } else { of_client(begin % 3) };
                    let points = ask.points;
                    let whole = async {
                        let mut permit = world.gate.turn(ask).await.unwrap();
                        let now = at_a_time.0.fetch_add(1, Ordering::SeqCst) + 1;
                        at_a_time.1.fetch_max(now, Ordering::SeqCst);
                        let _leaving = scope(|| { at_a_time.0.fetch_sub(1, Ordering::SeqCst); });
                        tokio::time::sleep(Duration::from_millis(up)).await;
                        arrivals.0.lock().push((world.started.elapsed(), points));
                        tokio::time::sleep(Duration::from_millis(down)).await;
                        permit.answered(Heard::Served);
                    };
                    // Some clients leave, waiting or under way.
                    let _whole = tokio::time::timeout(Duration::from_millis(gives_up), whole).await;
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            (arrivals.most_in_a_minute(), at_a_time.1.load(Ordering::SeqCst), world.gate.snapshot())
        });
        prop_assert!(most <= POINTS, "{most} points in a minute");
        prop_assert!(most_at_a_time <= CONCURRENT as usize);
        let left: BTreeMap<_, _> = state.iter().map(|state| (state.in_flight, state.waiting)).collect();
        prop_assert_eq!(left.into_iter().collect::<Vec<_>>(), [(0, 0)]);
    }
}

/// Runs something when it is dropped.
fn scope(end: impl FnMut()) -> impl Drop {
    struct Scope<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Scope<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Scope(end)
}
