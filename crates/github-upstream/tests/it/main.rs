//! The stack on real sockets, against peers that do the worst.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the message; the lint knows test functions only, not what they call"
)]

mod client;
mod coding;
mod document;
mod failures;
mod fidelity;
mod flow;
mod http2;
mod peer;
mod quota;
mod retry;
mod timeouts;
mod tls;
