//! How a service stops: readiness first, then the listeners, then the work in flight.
//!
//! 1. [`Shutdown::begin`] (SIGTERM, SIGINT): readiness turns false at once, so that a load
//!    balancer looks elsewhere;
//! 2. for [`Drain::grace`] the listeners still accept, because the balancer needs time to notice;
//! 3. then the listeners close and connections are asked to finish;
//! 4. what is not finished within [`Drain::limit`] is cut off.
//!
//! A second [`Shutdown::begin`] skips to step 4.

use std::fmt;
use std::io;
use std::ops::{Add, AddAssign};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the service wants traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadinessState {
    Starting,
    Ready,
    Draining,
}

impl ReadinessState {
    pub fn as_str(self) -> &'static str {
        match self {
            ReadinessState::Starting => "starting",
            ReadinessState::Ready => "ready",
            ReadinessState::Draining => "draining",
        }
    }
}

/// Shared answer to "may traffic be sent here?". Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    const STARTING: u8 = 0;
    const READY: u8 = 1;
    const DRAINING: u8 = 2;

    pub fn state(&self) -> ReadinessState {
        match self.0.load(Ordering::Acquire) {
            Self::STARTING => ReadinessState::Starting,
            Self::READY => ReadinessState::Ready,
            _ => ReadinessState::Draining,
        }
    }

    /// Start is complete. A service that is already draining stays so: a slow start must not
    /// take back a SIGTERM.
    pub fn set_ready(&self) {
        let _ = self.0.compare_exchange(
            Self::STARTING,
            Self::READY,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    fn set_draining(&self) {
        self.0.store(Self::DRAINING, Ordering::Release);
    }
}

/// The wish to stop, and how strong it is. Clones share the wish.
#[derive(Clone)]
pub struct Shutdown {
    wish: Arc<watch::Sender<Wish>>,
    readiness: Readiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Run,
    Stop,
    StopAtOnce,
}

impl Shutdown {
    pub fn new() -> Self {
        Shutdown {
            wish: Arc::new(watch::Sender::new(Wish::Run)),
            readiness: Readiness::default(),
        }
    }

    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Asks to stop; asked a second time, it means at once.
    pub fn begin(&self) {
        self.readiness.set_draining();
        self.wish.send_modify(|wish| {
            *wish = match wish {
                Wish::Run => Wish::Stop,
                Wish::Stop | Wish::StopAtOnce => Wish::StopAtOnce,
            }
        });
    }

    /// Completes when the process is asked to stop. For background tasks too.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn requested(&self) {
        self.reached(Wish::Stop).await;
    }

    /// Completes when the process is asked to stop at once.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn forced(&self) {
        self.reached(Wish::StopAtOnce).await;
    }

    /// From now on SIGTERM and SIGINT call [`Shutdown::begin`].
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn follow_signals(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                tracing::info!(signal = name, "stopping");
                shutdown.begin();
            }
        });
        Ok(())
    }

    async fn reached(&self, at_least: Wish) {
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = self
            .wish
            .subscribe()
            .wait_for(|wish| *wish >= at_least)
            .await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("wish", &*self.wish.borrow())
            .finish_non_exhaustive()
    }
}

/// SIGHUP as a stream: the wish to read the configuration again.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// # Errors
    /// When the signal handler cannot be installed.
    pub fn follow() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Hangups)
    }

    /// Completes at the next SIGHUP; several that arrived meanwhile count as one.
    ///
    /// # Cancel safety
    /// No signal is lost when this is dropped.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

/// How a listener stops: the wish, and the time that each step may take.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    pub shutdown: Shutdown,
    /// How long listeners still accept after the wish to stop.
    pub grace: Duration,
    /// How long work in flight may take after the listeners closed.
    pub limit: Duration,
}

impl Drain {
    /// Completes when listeners have to stop accepting.
    pub(crate) async fn stop_accepting(&self) {
        self.shutdown.requested().await;
        tokio::select! {
            () = tokio::time::sleep(self.grace) => {}
            () = self.shutdown.forced() => {}
        }
    }

    /// Completes when the work in flight has had its time. To be called once accepting stopped.
    pub(crate) async fn time_is_up(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.limit) => {}
            () = self.shutdown.forced() => {}
        }
    }
}

/// What became of the connections that were open when the listeners closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// Connections that ended by themselves.
    pub finished: usize,
    /// Connections that were cut off.
    pub aborted: usize,
}

impl Add for DrainReport {
    type Output = DrainReport;

    fn add(self, other: DrainReport) -> DrainReport {
        DrainReport {
            finished: self.finished + other.finished,
            aborted: self.aborted + other.aborted,
        }
    }
}

impl AddAssign for DrainReport {
    fn add_assign(&mut self, other: DrainReport) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn drain(grace_seconds: u64, limit_seconds: u64) -> Drain {
        Drain {
            shutdown: Shutdown::new(),
            grace: Duration::from_secs(grace_seconds),
            limit: Duration::from_secs(limit_seconds),
        }
    }

    #[test]
    fn readiness_follows_the_wish_and_never_returns() {
        let shutdown = Shutdown::new();
        let readiness = shutdown.readiness();
        assert_eq!(readiness.state(), ReadinessState::Starting);
        readiness.set_ready();
        assert_eq!(readiness.state(), ReadinessState::Ready);
        shutdown.begin();
        assert_eq!(readiness.state(), ReadinessState::Draining);
        readiness.set_ready();
        assert_eq!(readiness.state(), ReadinessState::Draining);
    }

    #[tokio::test(start_paused = true)]
    async fn accepting_ends_after_the_grace() {
        let drain = drain(5, 30);
        let start = Instant::now();
        drain.shutdown.begin();
        drain.stop_accepting().await;
        assert_eq!(start.elapsed().as_secs(), 5);
        drain.time_is_up().await;
        assert_eq!(start.elapsed().as_secs(), 35);
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_wish_skips_every_wait() {
        let drain = drain(5, 30);
        let start = Instant::now();
        drain.shutdown.begin();
        drain.shutdown.begin();
        drain.stop_accepting().await;
        drain.time_is_up().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_that_came_first_is_not_missed() {
        let shutdown = Shutdown::new();
        shutdown.begin();
        shutdown.clone().requested().await;
    }
}
