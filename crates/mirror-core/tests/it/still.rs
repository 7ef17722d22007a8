//! Time that stands still until a test moves it: tokio's for waiting, the simulator's for dates.
//!
//! Tokio's paused clock jumps ahead whenever everybody waits, and with real sockets everybody waits all the time.
//! It does not jump while a blocking task runs; so one does, for as long as the test.

use std::sync::mpsc;
use std::time::Duration;

use mirror_core::Config;
use mirror_core::Standing;

use crate::rig::Rig;

/// A rig whose time is moved by hand. Needs `#[tokio::test(start_paused = true)]`.
pub(crate) struct Still {
    pub(crate) rig: Rig,
    _held: mpsc::Sender<()>,
}

impl Still {
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::around(Rig::configured_unhurried(change).await)
    }

    pub(crate) fn around(mut rig: Rig) -> Self {
        let (held, release) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || release.recv());
        // A connection that both sides close at the same moment would fail a request of the test itself.
        rig.client = Rig::client_without_pool();
        Self { rig, _held: held }
    }

    /// Lets so many seconds pass, one by one.
    pub(crate) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.leap(1).await;
        }
    }

    /// Lets so many seconds pass at once: what would happen in between happens afterwards.
    pub(crate) async fn leap(&self, seconds: u64) {
        // Whoever was woken gets its turn before, or it would begin to wait too late.
        turns(20).await;
        let seconds = Duration::from_secs(seconds);
        self.rig.sim.clock().advance(seconds);
        tokio::time::advance(seconds).await;
    }

    /// Waits, without time passing, until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Rig) -> bool) {
        // Each turn lets the sockets be served; there is no time by which to give up.
        for _ in 0..1_000_000 {
            if holds(&self.rig) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("never: {what}");
    }

    pub(crate) async fn until_upstream_is(&self, standing: Standing) {
        let holds = |rig: &Rig| rig.mirror.upstream_account().standing == standing;
        self.until(standing.as_str(), holds).await;
    }

    /// Lets a second pass, in which a GitHub that is away is probed once.
    pub(crate) async fn probe(&self) {
        let probes = |rig: &Rig| rig.mirror.upstream_account().probes;
        let before = probes(&self.rig);
        self.pass(1).await;
        self.until("a probe", |rig| probes(rig) > before).await;
    }

    /// Lets seconds pass until a metric has grown.
    pub(crate) async fn grows(&self, metric: &str) {
        let before = self.rig.metric(metric);
        for _ in 0..100 {
            self.pass(1).await;
            for _ in 0..20 {
                turns(50).await;
                if self.rig.metric(metric) > before {
                    return;
                }
            }
        }
        panic!("never more: {metric}");
    }
}

/// Gives everybody else so many turns.
async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
