//! The mirror against the simulator, on real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod clients;
mod deploy;
mod faults;
mod fidelity;
mod governor;
mod limits;
mod memory;
mod mirror;
mod outage;
mod page;
mod peers;
mod plain;
mod pool;
mod quota;
mod reload;
mod rig;
mod routes;
mod secrets;
mod shared;
mod still;
mod telemetry;
mod tls;
mod users;
mod webhook;
