//! The pacing drill: bursts against the simulator's own secondary limiter, on one simulated clock, so that times are exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use github_sim::{SimClock, Simulator, Switches};
use http::{Method, Request, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::*;
use crate::clock::WallClock;
use crate::governor::gate::Gate;
use crate::ledger::{Charge, SharedLedger};
use crate::service::heard;

/// Half of the way, and how long GitHub works on a request.
const WAY: Duration = Duration::from_millis(20);
const WORK: Duration = Duration::from_millis(50);

/// Clients, a gate and GitHub, all by tokio's paused clock.
struct Drill {
    gate: Gate,
    ledger: SharedLedger,
    sim: Simulator,
    token: String,
    clock: WallClock,
    started: Instant,
    refused: Mutex<Vec<Duration>>,
    most_at_a_time: (AtomicUsize, AtomicUsize),
}

impl Drill {
    async fn new(options: PacingOptions, switches: Switches) -> Arc<Self> {
        let sim_clock = SimClock::following_tokio(github_sim::START);
        let builder = Simulator::builder().clock(sim_clock.clone());
        let sim = builder.switches(switches).start().await.unwrap();
        let token = sim.example_token().unwrap();
        let clock = WallClock::new(move || {
            UNIX_EPOCH + Duration::from_secs(sim_clock.now().unsigned_abs())
        });
        let ledger = SharedLedger::new(10);
        Arc::new(Self {
            gate: Gate::new(options, ledger.clone(), clock.clone(), 10),
            ledger,
            sim,
            token,
            clock,
            started: Instant::now(),
            refused: Mutex::default(),
            most_at_a_time: Default::default(),
        })
    }

    /// One request as the service makes it.
    async fn send(&self, method: &Method, path: &str) -> Result<StatusCode, Refusal> {
        let is_read = *method == Method::GET;
        let mut permit = self
            .gate
            .turn(if is_read { ask() } else { write() })
            .await?;
        let now = self.most_at_a_time.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_a_time.1.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(WAY).await;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("user-agent", "drill")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let direct = self.sim.ask(&request);
        tokio::time::sleep(WORK).await;
        let (status, headers) = (direct.status, direct.headers.clone());
        drop(direct);
        tokio::time::sleep(WAY).await;
        let answer = Answer {
            status,
            ..answer(status.as_u16(), &headers)
        };
        let charge = self.ledger.observe(&answer, self.clock.now());
        permit.answered(heard(status, &charge));
        if status == StatusCode::FORBIDDEN {
            self.refused.lock().push(self.started.elapsed());
            if charge == Charge::Charged {
                // GitHub left `retry-after` out; the text is heard.
                self.ledger.secondary_limit_heard(CALLER, self.clock.now());
                self.gate.signalled(CALLER);
            }
        }
        drop(permit);
        self.most_at_a_time.0.fetch_sub(1, Ordering::SeqCst);
        Ok(status)
    }

    /// So many at once, each tried until it is served; when the last one was.
    async fn burst(self: &Arc<Self>, method: Method, number: usize) -> Duration {
        let mut tasks = Vec::new();
        for _ in 0..number {
            let (drill, method) = (Arc::clone(self), method.clone());
            tasks.push(tokio::spawn(async move {
                while drill.send(&method, "/emojis").await.unwrap() == StatusCode::FORBIDDEN {}
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        self.started.elapsed()
    }
}

fn patient(mode: PacingMode) -> PacingOptions {
    PacingOptions {
        mode,
        max_wait: Duration::from_secs(3_600),
        max_waiting: 10_000,
        ..PacingOptions::default()
    }
}

/// The soonest that GitHub's windows of a minute allow: the first 900 at once, the next a minute later.
fn optimum(number: u64, points: u64) -> Duration {
    let waves = (number * points - 1) / 900;
    let last_wave = number - waves * (900 / points);
    let exchange = 2 * WAY + WORK;
    Duration::from_secs(60) * u32::try_from(waves).unwrap()
        + exchange * u32::try_from(last_wave.div_ceil(100)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn strict_pacing_never_trips_the_secondary_limit_and_loses_less_than_a_tenth() {
    let drill = Drill::new(patient(PacingMode::Strict), Switches::default()).await;
    let took = drill.burst(Method::GET, 3_000).await;
    assert_eq!(*drill.refused.lock(), [], "GitHub refused");
    assert_eq!(drill.sim.counters().total, 3_000, "each was sent once");
    assert!(drill.most_at_a_time.1.load(Ordering::SeqCst) <= 100);
    let best = optimum(3_000, 1);
    assert!(took <= best.mul_f64(1.1), "{took:?}, at best {best:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_burst_unpaced_trips_it() {
    let drill = Drill::new(patient(PacingMode::Off), Switches::default()).await;
    let mut tasks = Vec::new();
    for _ in 0..3_000 {
        let drill = Arc::clone(&drill);
        tasks.push(tokio::spawn(async move {
            drill.send(&Method::GET, "/emojis").await
        }));
    }
    for task in tasks {
        task.await.unwrap().ok();
    }
    assert!(drill.refused.lock().len() > 2_000);
}

#[tokio::test(start_paused = true)]
async fn adaptive_pacing_recovers_after_one_signal() {
    for retry_after in [Some(60), None] {
        let switches = Switches {
            secondary_retry_after_seconds: retry_after,
            ..Switches::default()
        };
        let drill = Drill::new(patient(PacingMode::Adaptive), switches).await;
        let took = drill.burst(Method::GET, 3_000).await;
        let refused = drill.refused.lock().clone();
        // Those that were under way when the limit was met; nobody else, and never again.
        assert!((1..=100).contains(&refused.len()), "{}", refused.len());
        let (first, last) = (refused[0], refused[refused.len() - 1]);
        assert!(last - first <= 2 * WAY + WORK, "{first:?} {last:?}");
        assert_eq!(drill.sim.counters().total, 3_000 + refused.len() as u64);
        // 900 before the signal, a minute's rest, then as strict.
        let best = optimum(3_000, 1);
        assert!(took <= best.mul_f64(1.1), "{took:?}, at best {best:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_keep_to_the_limit_of_content_too() {
    let drill = Drill::new(patient(PacingMode::Strict), Switches::default()).await;
    let took = drill.burst(Method::POST, 200).await;
    assert_eq!(*drill.refused.lock(), [], "GitHub refused");
    assert_eq!(drill.sim.counters().total, 200, "each was sent once");
    // 80 a minute: at best two minutes and a little.
    assert!(took <= Duration::from_secs(132), "{took:?}");
}
