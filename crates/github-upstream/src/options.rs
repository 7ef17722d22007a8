//! What can be set. Every default works against api.github.com.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::BaseUrl;
use crate::governor::PacingOptions;

/// Settings of the stack.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpstreamOptions {
    /// Where GitHub is. Default: `https://api.github.com`.
    pub base_url: BaseUrl,
    /// Which version of HTTP to speak. Default: [`Protocol::Auto`].
    pub protocol: Protocol,
    /// Whether answers are asked for compressed. Default: [`Compression::Gzip`].
    pub compression: Compression,
    /// How long name, TCP and TLS may take together. Default: 5 s. A request that needs a new connection fails after
    /// it, with nothing sent.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take, connecting included. Default: 10 s, after which GitHub itself gives
    /// up on a request. While a request's body is still going up, the time starts anew with each part of it.
    pub response_timeout: Duration,
    /// How long the next part of an answer's body may take. Default: 30 s. A body that stalls longer ends in an error,
    /// and its connection is closed.
    pub body_idle_timeout: Duration,
    /// How long an unused connection is kept. Default: 50 s, below the 60 s after which GitHub closes it, so that a
    /// request rarely meets a connection that is being closed. Zero keeps none.
    pub pool_idle_timeout: Duration,
    /// How many unused HTTP/1.1 connections are kept. Default: 100, the number of concurrent requests that GitHub
    /// allows; more are closed after use. It is no limit on connections in use.
    pub max_idle_connections: usize,
    /// How often a busy HTTP/2 connection is asked whether it lives. Default: 10 s. It is closed when it does not
    /// answer within [`response_timeout`](Self::response_timeout), so that requests stop queueing on a dead one.
    pub http2_ping_interval: Duration,
    /// A PEM file with certificates of authorities to trust besides the public ones. Default: none.
    pub extra_root_certificates: Option<PathBuf>,
    /// How many callers the ledger tells apart. Default: 1,000. The least recently seen one gives way, and its counts
    /// are summed under one line for all others.
    pub max_ledger_callers: usize,
    /// When requests wait for their turn, and for how long.
    pub pacing: PacingOptions,
}

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            base_url: BaseUrl::default(),
            protocol: Protocol::default(),
            compression: Compression::default(),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            pool_idle_timeout: Duration::from_secs(50),
            max_idle_connections: 100,
            http2_ping_interval: Duration::from_secs(10),
            extra_root_certificates: None,
            max_ledger_callers: 1000,
            pacing: PacingOptions::default(),
        }
    }
}

/// Which version of HTTP to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1. GitHub allows 100 concurrent requests on an HTTP/2 connection, and
    /// all share one; more of them wait for their turn, within [`UpstreamOptions::response_timeout`].
    #[default]
    Auto,
    /// HTTP/1.1 only: one connection per concurrent request.
    Http1,
    /// HTTP/2 only, without TLS by prior knowledge (RFC 9113 §3.3). All requests share one connection.
    Http2,
}

/// Whether answers are asked for compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// A request that says nothing about codings is sent with `Accept-Encoding: gzip`, and its answer is decoded on
    /// the way. A request with its own `Accept-Encoding`, or with `Range`, is sent as it is, and so is its answer.
    #[default]
    Gzip,
    /// Nothing is added and nothing decoded: right for an upstream on the same machine.
    Identity,
}
