//! A cache as RFC 9111 describes it, for any origin: nothing here knows of GitHub.
//!
//! The other engine of this crate asks GitHub about everything it serves and shares bodies by a formula of GitHub's.
//! This one does what any HTTP cache does: it believes what the origin says about freshness.
//!
//! # The policy in words
//!
//! **What is stored** (§3). Answers to GET with any final status, if the origin says how long they are fresh; without
//! such a word only those with a validator, and of a status for which one may guess. Not: `no-store`, `private` in a
//! shared cache, answers to requests with `Authorization` unless the origin allows it (`public`, `must-revalidate`,
//! `s-maxage`), `Vary: *`, parts (206), statuses that `must-understand` asks one to know and this cache does not. The
//! answer to a POST is stored for GET if it says by `Content-Location` that it is one. A body is stored at its clean end
//! only; one that breaks off, stalls or is not as long as announced is not.
//!
//! **What is fresh** (§4.2). `Surrogate-Control` counts before `CDN-Cache-Control` (RFC 9213), that before
//! `Cache-Control`; in each `s-maxage` before `max-age`, then `Expires`, then a tenth of the time since the last
//! modification, a day at the most. Of contradicting values the strictest counts, and one that cannot be read makes the
//! answer stale. So does an `Age` that cannot be read.
//!
//! **Which answer fits** (§4.1). Several answers are kept for one url, by what their requests said in the headers that
//! `Vary` names. Values are compared in one form: lists without white space, languages in order of preference. An answer
//! in the one language that a request prefers to all others fits it too.
//!
//! **When the server is asked** (§4.3). When what fits is stale, `no-cache`, outdated by a write, or the client wants it
//! (`no-cache`, `max-age`, `min-fresh`). With the stored validators, byte by byte as they came; without a fitting
//! answer with the tags of the others. A 304 renews all headers but those about the bytes. The client's own
//! `If-None-Match`, `If-Modified-Since`, `Range` and `If-Range` are answered from what is stored; they go on to the
//! server only where nothing is. A HEAD is answered from a stored GET, and its answer renews or outdates that one.
//!
//! **What is served stale** (§4.2.4). To clients that accept it (`max-stale`); while the server is asked behind it
//! (`stale-while-revalidate`); for a server that answers 500, 502, 503 or 504 where answer, request or
//! [`Options::stale_if_error`] say so; for one that cannot be reached for [`Options::stale_if_unreachable`]. Never what
//! says `must-revalidate` or `no-cache`, nor in a shared cache `proxy-revalidate` or `s-maxage`; these win over
//! RFC 5861's directives.
//!
//! **What outdates** (§4.4). An unsafe method that succeeds outdates its target and the urls of the same origin in
//! `Location` and `Content-Location`. So does one that got no answer. Answers to requests from before the write do not
//! come to life again, whenever they arrive.
//!
//! **Who shares a call** (§4). Requests for one url wait for one upstream call. What it brings is for those whom it
//! fits and for whom it is fresh; the others ask for themselves, all at once.
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use github_conditional::rfc9111::CacheLayer;
//! use github_conditional::{FreshReason, Outcome, Report};
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = tower::service_fn(|_request: Request<Full<Bytes>>| async {
//!     Response::builder().header("cache-control", "max-age=60").body(Full::<Bytes>::from("news"))
//! });
//! let cache = CacheLayer::builder().build()?.layer(client);
//! let ask = || Request::get("http://origin.example/news").body(Full::default());
//!
//! let first = cache.clone().oneshot(ask()?).await?;
//! assert_eq!(first.into_body().collect().await?.to_bytes(), "news");
//!
//! let second = cache.oneshot(ask()?).await?;
//! assert_eq!(second.headers()["age"], "0");
//! let report = second.extensions().get::<Report>().ok_or("every answer has one")?;
//! assert_eq!(report.outcome, Outcome::Fresh(FreshReason::Fresh));
//! assert_eq!(second.into_body().collect().await?.to_bytes(), "news");
//! # Ok(())
//! # }
//! ```

use http::Response;

use crate::body::ConditionalBody;

mod ask;
mod controls;
mod decide;
mod engine;
mod forward;
mod freshness;
mod head;
mod invalidate;
mod keep;
mod options;
mod plan;
mod range;
mod read;
mod resource;
mod selection;
mod serve;
mod service;
mod storable;
mod stored;
mod update;

pub use options::{Audience, Options, SurrogateName};
pub use resource::Resource;
pub use service::{Cache, CacheBuilder, CacheLayer};

pub(crate) type Answer<B> = Response<ConditionalBody<B>>;
