//! Typed headers that the GitHub REST API uses: each is parsed once, at the edge, into a value that cannot lie.
//!
//! | module | header | rule |
//! |---|---|---|
//! | [`entity_tag`] | `ETag`, `If-None-Match` | RFC 9110 §8.8.3, §13.1.2 |
//! | [`link`] | `Link` | RFC 8288, GitHub pagination |
//! | [`rate_limit`] | `x-ratelimit-*` | GitHub "Rate limits for the REST API" |
//! | [`retry_after`] | `Retry-After` | RFC 9110 §10.2.3 |
//! | [`poll_interval`] | `X-Poll-Interval` | GitHub "REST API endpoints for events" |
//! | [`cache_status`] | `Cache-Status` | RFC 9211, RFC 9651 |
//! | [`targeted`] | `CDN-Cache-Control` and its like | RFC 9213, RFC 9651 |
//! | [`media_type`] | `Accept`, `Content-Type`, `X-GitHub-Api-Version` | RFC 9110 §8.3, §12.5.1, GitHub "Media types" |
//! | [`hop_by_hop`] | `Connection` and its friends | RFC 9110 §7.6.1 |
//! | [`route`] | (the path) | GitHub's OpenAPI description |
//!
//! The crate is a leaf: no async, no clock, no I/O.
//! Where time matters, `now` is an argument.
//! Parsers never panic, whatever bytes they are given, and errors never repeat a header's value: a value may hold a
//! secret, a position in it does not.

#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod cache_status;
pub mod entity_tag;
pub mod hop_by_hop;
pub mod link;
pub mod media_type;
pub mod names;
pub mod poll_interval;
pub mod rate_limit;
pub mod retry_after;
pub mod route;
pub mod targeted;

mod structured;
mod syntax;

pub use cache_status::{CacheStatus, CacheStatusError, Fwd, Handling};
pub use entity_tag::{EntityTag, EntityTagError, IfNoneMatch, IfNoneMatchError};
pub use link::{IdForm, Link, LinkError, Links};
pub use media_type::{ApiVersion, GithubMedia, MediaType, MediaTypeError};
pub use poll_interval::PollInterval;
pub use rate_limit::{RateLimit, RateLimitError, Resource};
pub use retry_after::RetryAfter;
pub use route::{Paging, Route, Shape};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
