//! The read cache on real sockets, in front of the simulator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod cold;
mod data;
mod deploy;
mod deployments;
mod drift;
mod operation;
mod processes;
mod proxy;
mod redis;
mod rig;
mod script;
mod stale;
mod telemetry;
