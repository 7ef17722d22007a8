//! The runtime as a client of its sockets and a caller of its functions sees it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

mod client;
mod drain;
mod framing;
mod limits;
mod listening;
mod process;
mod tls;
