//! Conditional requests for the GitHub API: unchanged resources cost no quota.
//!
//! [`ConditionalLayer`] wraps any [`tower`](https://docs.rs/tower)-style HTTP client.
//! Every GET is stored, and asked again only as a conditional request; GitHub answers `304 Not Modified`, which is free
//! for authorised callers, and the stored body is served.
//!
//! # One body for all callers
//! GitHub computes an `ETag` from the values of the request headers it varies on and the body, so from a stored body
//! the tag of *another* token can be computed, and asked about.
//! A 304 then proves three things at once: the resource is unchanged, this very token may see it, and it would get
//! these very bytes.
//! So one stored body serves every token, also one that was issued a minute ago, and no byte is shown to anyone whom
//! GitHub has not just confirmed it for.
//! The formula is not documented; each 200 is checked against it, and prediction stops where it fails
//! ([`Prediction`]).
//!
//! # Life of a GET
//! 1. It is admitted, or handed on untouched (`Range`, `Cookie`, `no-store`, other methods).
//! 2. The entry of its resource variant is loaded: target, `Accept`, API version. A store that fails is a miss.
//! 3. Concurrent requests of one caller for one variant become one upstream call; a cancelled leader hands over.
//! 4. The best validator is chosen: the caller's own tag, a predicted one, the tag of an empty list, or none.
//! 5. A 304 confirms the stored body; a 200 streams to the client while it is recorded, and is stored at its clean end.
//! 6. When GitHub cannot be asked, a caller is shown only what GitHub confirmed to it before.
//!
//! Each response carries a [`Report`] that says how it was made.
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use github_conditional::{ConditionalLayer, Outcome, Report, ValidatorKind};
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any HTTP client that is a tower service will do; this one plays GitHub itself.
//! let client = tower::service_fn(|request: Request<Full<Bytes>>| async move {
//!     let answer = Response::builder().header("etag", "\"one\"");
//!     match request.headers().get("if-none-match") {
//!         Some(tag) if tag == "\"one\"" => answer.status(StatusCode::NOT_MODIFIED).body(Full::<Bytes>::default()),
//!         _ => answer.header("content-type", "application/json").body(Full::from("{\"id\":1}")),
//!     }
//! });
//!
//! let github = ConditionalLayer::builder().build()?.layer(client);
//! let ask = || Request::get("https://api.github.com/user").header("authorization", "Bearer t").body(Full::default());
//!
//! let first = github.clone().oneshot(ask()?).await?;
//! assert_eq!(first.into_body().collect().await?.to_bytes(), "{\"id\":1}");
//!
//! // The second time GitHub only says that nothing has changed, which costs no quota.
//! let second = github.oneshot(ask()?).await?;
//! let report = second.extensions().get::<Report>().ok_or("every answer has one")?;
//! assert_eq!(report.outcome, Outcome::Revalidated(ValidatorKind::OwnTag));
//! assert_eq!(report.cache_status("mine").to_header_value(), "mine; fwd=stale; fwd-status=304; detail=own-tag");
//! assert_eq!(second.into_body().collect().await?.to_bytes(), "{\"id\":1}");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `memory` (default), `packed`, `disk`, `redis`, `tiered`, `guarded`: stores, in [`stores`].
//! - `hyper`, `reqwest`, `reqwest-middleware`, `octocrab`: real clients, each in a module of that name.
//! - `pages`: paged lists as streams. `client`: a small client, `Client`.
//!
//! Features only add. There is no global state: what shares a cache is what was made by one layer.
//!
//! # Cancel safety
//! Every future of this crate may be dropped at any time; what that means is said where it is made.
//!
//! # Errors
//! [`Error`] when nobody answered; `ReadError` of `Client` and pages also for what was answered. Both say whose fault it
//! is and whether asking again may help.
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod absences;
mod body;
#[cfg(feature = "client")]
mod client;
mod clock;
mod confidence;
mod cost;
mod engine;
mod entry;
mod error;
#[cfg(feature = "pages")]
mod fetch;
mod fingerprint;
mod flight;
mod formula;
#[cfg(feature = "hyper")]
pub mod hyper;
mod kept_body;
mod marks;
mod observer;
#[cfg(feature = "octocrab")]
pub mod octocrab;
mod options;
mod outcome;
#[cfg(feature = "pages")]
pub mod pages;
mod paths;
mod policy;
mod purges;
#[cfg(feature = "pages")]
mod read_error;
mod recording;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "reqwest-middleware")]
pub mod reqwest_middleware;
pub mod rfc9111;
mod routes;
mod saves;
mod service;
mod shelf;
mod variant;
mod wire;
mod wrapped;

pub use body::ConditionalBody;
/// Where entries live: the stores and the trait for one of your own, so that no second dependency is needed.
pub use cache_backends as stores;
#[cfg(feature = "client")]
pub use client::{BuildError, Client, ClientBuilder, Fetched};
pub use clock::{Clock, SystemClock};
pub use confidence::{Learned, Prediction, Verification};
pub use cost::Cost;
pub use engine::explain::{Explanation, NotReused, Reuse};
pub use engine::{Inspect, Marker};
pub use entry::{BodyAccount, CallerAccount, Entry, EntryAccount, SharedWith};
pub use error::{BodyError, Error, Offline};
pub use fingerprint::{CredentialClass, Fingerprint, FingerprintKey};
pub use formula::predict_tag;
pub use observer::{Dropped, Event, Observer, Probe};
pub use options::{Options, SpeculateEmptyLists};
pub use outcome::{
    BypassReason, Collapse, FreshReason, Outcome, Report, Storing, Trouble, ValidatorKind,
};
pub use paths::{PathPattern, PatternError};
pub use policy::before::Freshness;
pub use purges::Purge;
#[cfg(feature = "pages")]
pub use read_error::ReadError;
pub use routes::{RoutePolicy, RouteTable};
pub use service::{Builder, Conditional, ConditionalLayer, ResponseFuture};
pub use wrapped::{HttpService, ReceivedBody, SentBody};

#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
