//! Throw-away servers for tests and benches: real programs on free ports of the loopback, and a network between that
//! can be stalled and slowed.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `programs` | which programs there are: Redis, Valkey |
//! | `redis` | one server: start, harm, start again |
//! | `sentinel` | a primary, a replica, and sentinels that watch them |
//! | `cluster` | a cluster whose slots can be moved |
//! | `postgres` | one PostgreSQL server and its databases |
//! | `browser` | a browser without a window |
//! | `collector` | what an OpenTelemetry collector is sent |
//! | `network` | a proxy that stalls or delays what goes through |
//! | `patience` | waiting for what another process does |
//!
//! Everything ends with its value. What goes wrong here is a broken test, so it panics.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
mod cluster;
mod collector;
mod network;
mod patience;
mod postgres;
mod programs;
mod redis;
mod sentinel;

pub use browser::{Browser, Shown};
pub use cluster::Cluster;
pub use collector::{Collector, Span, attribute};
pub use network::Network;
pub use patience::until;
pub use postgres::Postgres;
pub use programs::{Kind, Programs, provided};
pub use redis::{Plan, Server, free_port};
pub use sentinel::Sentinels;
