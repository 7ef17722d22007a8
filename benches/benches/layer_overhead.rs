//! What the layer adds to a memory hit, with a client below it that answers at once: time, allocations, instructions.
//!
//! Instructions do not depend on what else the machine does ([`benches::instructions`]).

use std::alloc::System;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use benches::Fallible;
use benches::effort::Effort;
use benches::instructions;
use benches::results::{Plot, Results, Section};
use bytes::Bytes;
use github_conditional::stores::MemoryStore;
use github_conditional::{Conditional, ConditionalLayer, Entry, Freshness, Options};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::{Layer, Service};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NAMES: [&str; 3] = ["no layer", "fresh hit", "revalidated hit"];
const TAG: &str = "\"f6c1b3a5a8d3e2f14d7b6c5a4938271605f4e3d2c1b0a9f8e7d6c5b4a3928170\"";
const BODY: &[u8] = &[b'x'; 6_000];

/// Answers at once, as GitHub would.
#[derive(Clone, Copy)]
struct Instant200;

impl Service<Request<Full<Bytes>>> for Instant200 {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let mut answer = Response::new(Full::default());
        let headers = answer.headers_mut();
        for (name, value) in [
            ("etag", TAG),
            ("cache-control", "private, max-age=60, s-maxage=60"),
            ("vary", "Accept, Authorization, Cookie, X-GitHub-OTP"),
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4999"),
            ("x-ratelimit-used", "1"),
            ("x-ratelimit-reset", "1700000000"),
            ("x-ratelimit-resource", "core"),
        ] {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        if request.headers().contains_key("if-none-match") {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let json = http::HeaderValue::from_static("application/json; charset=utf-8");
            answer.headers_mut().insert("content-type", json);
            *answer.body_mut() = Full::from(BODY);
        }
        ready(Ok(answer))
    }
}

enum Case {
    Bare,
    Layered(Conditional<Instant200, MemoryStore<Entry>>),
}

impl Case {
    fn new(name: &str, runtime: &Runtime) -> Fallible<Self> {
        let mut options = Options::default();
        options.authorized = match name {
            "no layer" => return Ok(Self::Bare),
            "fresh hit" => Freshness::Rfc9111,
            _ => Freshness::Revalidate,
        };
        let layer = ConditionalLayer::builder().options(options).build()?;
        let case = Self::Layered(layer.layer(Instant200));
        runtime.block_on(async {
            case.call().await?;
            while layer.inspect().calls_in_flight() > 0 {
                tokio::task::yield_now().await;
            }
            case.call().await
        })?;
        Ok(case)
    }

    /// One request, made and answered; the body is there and is not read.
    async fn call(&self) -> Fallible<()> {
        let request = Request::get("https://api.github.com/repos/octocat/Hello-World")
            .header(
                "authorization",
                "Bearer ghp_0123456789abcdef0123456789abcdef0123",
            )
            .header("accept", "application/vnd.github+json")
            .header("user-agent", "layer-overhead")
            .body(Full::default())?;
        let status = match self {
            Self::Bare => Instant200.call(request).await?.status(),
            Self::Layered(service) => service.clone().call(request).await?.status(),
        };
        match status {
            StatusCode::OK => Ok(()),
            status => Err(format!("the answer is {status}").into()),
        }
    }

    fn calls(&self, runtime: &Runtime, number: u32) -> Fallible<()> {
        runtime.block_on(async {
            for _ in 0..number {
                self.call().await?;
            }
            Ok(())
        })
    }
}

fn main() -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    if let Some((name, number)) = instructions::calls(&arguments)? {
        return Case::new(name, &runtime)?.calls(&runtime, number);
    }
    let effort = Effort::from_arguments();
    let (rounds, calls) = effort.choose((3, 1_000), (50, 20_000));
    let (few, many) = effort.choose((100, 200), (1_000, 11_000));
    let mut results = Results::new(
        "layer_overhead",
        "What the layer of github-conditional adds, over a client that answers at once.",
    );
    let title = format!("A hit of {} bytes in memory", BODY.len());
    let columns = ["ns", "allocations", "bytes allocated", "instructions"];
    let mut section = Section::new("layer", &title, "case", &columns);
    for name in NAMES {
        let case = Case::new(name, &runtime)?;
        let region = Region::new(ALLOCATOR);
        case.calls(&runtime, calls)?;
        let change = region.change();
        // The quickest round: whatever else the machine does can only add to it.
        let mut quickest = f64::INFINITY;
        for _ in 0..rounds {
            let started = Instant::now();
            case.calls(&runtime, calls)?;
            quickest = quickest.min(started.elapsed().as_nanos() as f64 / f64::from(calls));
        }
        let per_call = |total: usize| total as f64 / f64::from(calls);
        section.row(
            name,
            [
                Some(quickest),
                Some(per_call(change.allocations + change.reallocations)),
                Some(per_call(change.bytes_allocated)),
                instructions::of_one_call(name, few, many)?.map(|count| count as f64),
            ],
        );
    }
    results.sections.push(section.drawn(Plot::Bars));
    results.publish()
}
