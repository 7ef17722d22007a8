//! The runtime as a client of its sockets and a caller of its functions sees it.

mod client;
mod drain;
mod framing;
mod limits;
mod listening;
mod tls;
