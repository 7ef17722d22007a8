//! The only door to api.github.com: one HTTP client with its timeouts, its retry rule and its rate-limit ledger.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`options`] | what can be set, with defaults that work |
//! | `base` | where GitHub is; no request can be made to go elsewhere |
//! | `stack` | builds the one stack, top to bottom |
//! | `service` | the life of one request: address, send, retry, account |
//! | `dial` | connections: names, TCP, TLS, and what is known of a connection's past |
//! | `request_body`, `response_body`, `gunzip` | bytes on their way up and down |
//! | [`error`] | why there is no answer, or no whole one |
//! | [`ledger`] | what GitHub said about quota, by caller and resource (pure) |
//! | [`governor`] | when a request may be sent: limits obeyed, bursts paced, turns shared out |
//! | [`pool`] | credentials of the operator's own, for requests that bring none |
//! | `observer` | who is told about each answer |
//! | `document` | one public document on a host of its own, such as the status page |
//!
//! [`Upstream`] is a [`tower_service::Service`], cheap to clone; every clone shares one pool and one ledger.
//!
//! What it promises:
//! - a request reaches the configured host and no other, whatever its target and its `Host` say;
//! - path and query go up byte for byte; end-to-end headers go both ways unchanged, hop-by-hop headers never;
//! - a write is sent once, a read at most twice, and twice only when its connection turned out to be gone;
//! - a limit that GitHub has stated is obeyed, and a secondary one is not run into twice;
//! - nothing waits for ever: a turn, connecting, the answer's head and each part of its body have their own limits;
//! - a body that did not end cleanly ends in an error, also when it was compressed.

#![deny(missing_docs)]

pub mod error;
pub mod governor;
pub mod ledger;
pub mod options;
pub mod pool;

mod base;
mod clock;
mod dial;
mod document;
mod gunzip;
mod observer;
mod request_body;
mod response_body;
mod retry;
mod secondary;
mod service;
mod stack;

pub use base::{BaseUrl, BaseUrlError};
pub use clock::WallClock;
pub use document::{Document, DocumentBuildError, DocumentError};
pub use error::{BodyError, BuildError, Reason, UpstreamError};
pub use governor::{
    CallerState, ClientKey, OnBehalfOf, Pace, PacingMode, PacingOptions, Priority, Refusal,
    RefusalReason, WaitReason,
};
pub use ledger::{CallerId, Ledger, LedgerLine, SharedLedger};
pub use observer::{ConnectionUse, UpstreamEvent, UpstreamObserver};
pub use options::{Compression, Protocol, UpstreamOptions};
pub use pool::{
    CredentialPool, CredentialSecret, CredentialSpec, Lease, PoolLine, PreparedCredentials,
};
pub use request_body::RequestBody;
pub use response_body::ResponseBody;
pub use service::{ResponseFuture, Upstream};
pub use stack::UpstreamBuilder;
