//! The policy, driven from outside: whatever is asked and whatever GitHub answers, nobody is shown a body that GitHub
//! has not sent or confirmed to this very caller.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::{CacheStore, MemoryStore};
use github_conditional::{ConditionalLayer, Entry, FingerprintKey, Outcome, Report};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::github::{BODIES, Decisions, GitHub, Manner, Tag, caller};

const MOST_STEPS: usize = 64;

const TARGETS: [&str; 4] = [
    "/user",
    "/repos/o/r",
    "/repos/o/r/issues?per_page=1",
    "/repos/o/r/issues?per_page=1&page=2",
];

const CALLERS: [Option<&str>; 4] = [
    Some("Bearer alice"),
    Some("token bob"),
    None,
    Some("Bearer eyJ.app.jwt"),
];

const ASKED: [(&str, &str); 12] = [
    ("", ""),
    ("", ""),
    ("if-none-match", "\"fixed\""),
    ("if-none-match", "*"),
    ("if-none-match", "W/\"x\", broken"),
    ("if-modified-since", "Thu, 22 Jun 2023 07:16:46 GMT"),
    ("cache-control", "no-cache"),
    ("cache-control", "only-if-cached"),
    ("cache-control", "max-stale=600"),
    ("cache-control", "no-store"),
    ("range", "bytes=0-1"),
    ("accept", "application/vnd.github.diff"),
];

const STATUSES: [u16; 14] = [
    200, 200, 200, 200, 304, 304, 404, 401, 403, 429, 500, 206, 301, 202,
];

const TAGS: [Tag; 7] = [
    Tag::Formula,
    Tag::Formula,
    Tag::Formula,
    Tag::Fixed,
    Tag::Weak,
    Tag::Malformed,
    Tag::None,
];

const TOLD: [(&str, &str); 14] = [
    ("", ""),
    ("cache-control", "private, max-age=60, s-maxage=60"),
    ("cache-control", "public, max-age=60"),
    ("cache-control", "no-store"),
    ("cache-control", "max-age=99999999999999999999, ="),
    ("vary", "Accept, Authorization, Cookie, X-GitHub-OTP"),
    ("vary", "*"),
    ("last-modified", "Thu, 22 Jun 2023 07:16:46 GMT"),
    ("content-length", "7"),
    ("content-encoding", "gzip"),
    ("x-ratelimit-remaining", "0"),
    ("retry-after", "60"),
    (
        "link",
        "<https://api.github.com/repos/o/r/issues?per_page=1&page=2>; rel=\"next\"",
    ),
    ("link", "<<>;;\"rel=next"),
];

/// Each byte of `data` is a decision: who asks for what and how, and what GitHub answers.
pub fn policy(data: &[u8]) {
    run(data, MemoryStore::default());
}

pub(crate) fn run<St: CacheStore<Entry>>(data: &[u8], store: St) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime")
        .block_on(live(Decisions(data), store));
}

async fn live<St: CacheStore<Entry>>(mut decisions: Decisions<'_>, store: St) {
    let github = Arc::new(Mutex::new(GitHub::default()));
    let asked = Arc::clone(&github);
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let answer = asked.lock().answer(&request);
        std::future::ready(answer)
    });
    let started = Instant::now();
    let layer = ConditionalLayer::builder_on(store)
        .fingerprint_key(FingerprintKey::new(b"fuzz"))
        .clock(move || UNIX_EPOCH + Duration::from_secs(1_700_000_000) + started.elapsed())
        .build()
        .expect("a key was given");
    let service = layer.layer(client);
    for _ in 0..MOST_STEPS {
        if decisions.are_used_up() {
            break;
        }
        let seconds = decisions.next();
        if seconds > 200 {
            tokio::time::advance(Duration::from_secs(seconds as u64 - 200)).await;
        }
        let request = request(&mut decisions);
        github.lock().next = manner(&mut decisions);
        let caller = caller(request.headers());
        let target = request.uri().to_string();
        let reads = request.method() == Method::GET;
        let Ok(answer) = service.clone().oneshot(request).await else {
            continue;
        };
        let status = answer.status();
        let report = answer.extensions().get::<Report>().cloned();
        let report = report.expect("every answer has a report");
        // What the cache does not touch may be a part, and is not its business.
        let bypassed = matches!(report.outcome, Outcome::Bypassed(_));
        let Ok(body) = answer.into_body().collect().await else {
            continue;
        };
        if reads && status == StatusCode::OK && !bypassed {
            let told = github.lock().has_told(&caller, &target, &body.to_bytes());
            assert!(
                told,
                "{caller:?} was shown of {target} what it was not told: {report:?}"
            );
        }
        // What is being recorded is stored before the next one asks.
        while layer.inspect().calls_in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(
        layer.inspect().recording_bytes(),
        0,
        "nothing is held on to"
    );
}

fn request(decisions: &mut Decisions<'_>) -> Request<Full<Bytes>> {
    let method = match decisions.next() % 16 {
        0 => Method::HEAD,
        1 => Method::PATCH,
        _ => Method::GET,
    };
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = http::Uri::from_static(decisions.pick(&TARGETS));
    if let Some(authorization) = decisions.pick(&CALLERS) {
        let value = http::HeaderValue::from_static(authorization);
        request.headers_mut().insert("authorization", value);
    }
    for _ in 0..2 {
        let (name, value) = decisions.pick(&ASKED);
        if !name.is_empty() {
            let value = http::HeaderValue::from_static(value);
            request.headers_mut().insert(name, value);
        }
    }
    request
}

/// `None`: the connection breaks.
fn manner(decisions: &mut Decisions<'_>) -> Option<Manner> {
    if decisions.next() % 16 == 15 {
        return None;
    }
    Some(Manner {
        status: decisions.pick(&STATUSES),
        body: decisions.pick(&BODIES),
        tag: decisions.pick(&TAGS),
        headers: [decisions.pick(&TOLD), decisions.pick(&TOLD)],
    })
}
