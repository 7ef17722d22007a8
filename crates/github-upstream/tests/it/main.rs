//! The stack on real sockets, against peers that do the worst.

mod client;
mod coding;
mod failures;
mod fidelity;
mod flow;
mod http2;
mod peer;
mod quota;
mod retry;
mod timeouts;
mod tls;
