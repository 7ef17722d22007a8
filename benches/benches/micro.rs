//! The parts of a hit one by one: time and instructions of a call.
//!
//! Time is the quickest of many rounds, because whatever else the machine does can only add to it. Instructions do not
//! depend on that ([`benches::instructions`]).

use std::convert::Infallible;
use std::future::{Future, ready};
use std::hint::black_box;
use std::sync::Arc;

use benches::Fallible;
use benches::effort::Effort;
use benches::instructions;
use benches::results::{Plot, Results, Section};
use benches::upstream::Mode;
use bytes::Bytes;
use events_stats::{Statistics, Timestamp};
use github_conditional::stores::{
    CacheStore, Dictionaries, Dictionary, MemoryStore, Packing, Persist, StoreError, StoreKey,
    Usage, Written,
};
use github_conditional::{
    ConditionalLayer, Entry, FingerprintKey, PathPattern, RouteTable, predict_tag,
};
use github_headers::{CacheStatus, EntityTag, Fwd, Links, RateLimit, Route};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

const TAG: &str = "W/\"f6c1b3a5a8d3e2f14d7b6c5a4938271605f4e3d2c1b0a9f8e7d6c5b4a3928170\"";
const LINK: &str = "<https://api.github.com/repositories/1296269/issues?per_page=30&page=3>; rel=\"next\", \
    <https://api.github.com/repositories/1296269/issues?per_page=30&page=9>; rel=\"last\"";
const PATH: &str = "/repos/octocat/Hello-World/issues/1347/comments";
const BODY: &[u8] = &[b'x'; 5_000];

type Case = Box<dyn FnMut() -> Fallible<()>>;

const NAMES: [&str; 16] = [
    "key of a request",
    "fingerprint of a credential",
    "ETag: parse",
    "ETag: predict over 5 KB",
    "Link: parse",
    "rate limit: parse",
    "Cache-Status: write",
    "route of a path",
    "policy of a path, 20 rules",
    "entry of 5 KB: encode",
    "entry of 5 KB: decode",
    "memory: get",
    "memory: put",
    "body of 5 KB: pack",
    "body of 5 KB: unpack",
    "statistics of 500 events",
];

fn main() -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    if let Some((name, number)) = instructions::calls(&arguments)? {
        let mut case = case(name, &runtime)?;
        return (0..number).try_for_each(|_| case());
    }
    let effort = Effort::from_arguments();
    let (rounds, calls) = effort.choose((3, 1_000), (30, 20_000));
    let (few, many) = effort.choose((100, 200), (1_000, 6_000));
    let mut results = Results::new("micro", "The parts of a hit, one by one.");
    let mut section = Section::new(
        "parts",
        "A call of each part",
        "part",
        &["ns", "instructions"],
    )
    .drawn(Plot::Bars);
    for name in NAMES {
        let mut case = case(name, &runtime)?;
        let mut quickest = f64::INFINITY;
        for _ in 0..rounds {
            let started = Instant::now();
            for _ in 0..calls {
                case()?;
            }
            quickest = quickest.min(started.elapsed().as_nanos() as f64 / f64::from(calls));
        }
        let counted = instructions::of_one_call(name, few, many)?;
        section.row(name, [Some(quickest), counted.map(|count| count as f64)]);
        println!("{name:<30} {quickest:>8.0} ns");
    }
    if section.rows.iter().all(|row| row.values[1].is_none()) {
        results
            .notes
            .push("valgrind was not installed: no instructions.".to_owned());
    }
    results.sections.push(section);
    results.publish()
}

/// What is called, ready to be called.
fn case(name: &str, runtime: &Runtime) -> Fallible<Case> {
    let request = asking();
    let answer = answered();
    Ok(match name {
        "key of a request" => {
            let layer = ConditionalLayer::builder_on(MemoryStore::default()).build()?;
            let uri = format!("https://api.github.com{PATH}?per_page=30").parse()?;
            let inspect = layer.inspect();
            called(move || inspect.key(&uri, &request))
        }
        "fingerprint of a credential" => {
            let key = FingerprintKey::new(b"secret");
            called(move || key.fingerprint(&request))
        }
        "ETag: parse" => called(|| EntityTag::parse(black_box(TAG))),
        "ETag: predict over 5 KB" => called(move || predict_tag(&request, &[BODY])),
        "Link: parse" => called(move || Links::from_headers(&answer)),
        "rate limit: parse" => called(move || RateLimit::from_headers(&answer)),
        "Cache-Status: write" => called(|| {
            let status = CacheStatus::new("github-mirror").forwarded(Fwd::Stale);
            let status = status
                .fwd_status(StatusCode::NOT_MODIFIED)
                .detail("own-tag");
            status.to_header_value()
        }),
        "route of a path" => called(|| Route::of(black_box(PATH))),
        "policy of a path, 20 rules" => {
            let mut table = RouteTable::default();
            for number in 0..20 {
                let pattern: PathPattern = format!("/repos/*/*/rule-{number}/**").parse()?;
                table.add(pattern, &[Method::GET], number);
            }
            called(move || table.find(&Method::GET, PATH).copied())
        }
        "entry of 5 KB: encode" => {
            let (_, _, entry) = stored(runtime)?;
            let mut bytes = Vec::new();
            called(move || {
                bytes.clear();
                entry.encode(&mut bytes);
                bytes.len()
            })
        }
        "entry of 5 KB: decode" => {
            let (_, _, entry) = stored(runtime)?;
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            called(move || Entry::decode(&bytes))
        }
        "memory: get" => {
            let (store, key, _) = stored(runtime)?;
            let handle = runtime.handle().clone();
            called(move || {
                handle
                    .block_on(store.load(&key))
                    .is_ok_and(|found| found.is_some())
            })
        }
        "memory: put" => {
            let (store, key, entry) = stored(runtime)?;
            let handle = runtime.handle().clone();
            called(move || handle.block_on(store.merge(&key, entry.clone())))
        }
        "body of 5 KB: pack" => {
            let packing = packing()?;
            let body = Mode::Github.body();
            called(move || {
                packing
                    .pack(body.as_bytes())
                    .map(|packed| packed.held_bytes())
            })
        }
        "body of 5 KB: unpack" => {
            let packed = packing()?.pack(Mode::Github.body().as_bytes());
            let packed = packed.ok_or("it does not get smaller")?;
            called(move || packed.unpack().len())
        }
        "statistics of 500 events" => {
            let moments: Vec<Timestamp> = (0..500_i64)
                .map(|number| {
                    Timestamp::from_seconds(1_700_000_000 + 60 * number + number * number % 47)
                })
                .collect();
            called(move || Statistics::of(None, &moments, 7 * 86_400).count)
        }
        other => return Err(format!("no case {other}").into()),
    })
}

fn called<T>(mut call: impl FnMut() -> T + 'static) -> Case {
    Box::new(move || {
        black_box(call());
        Ok(())
    })
}

/// As the mirror packs.
fn packing() -> Fallible<Packing> {
    let all = Entry::DICTIONARIES.iter();
    let all: Result<Dictionaries, _> = all
        .map(|&(number, bytes)| Dictionary::new(number, bytes))
        .collect();
    Ok(Packing::new(all?))
}

fn asking() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "application/vnd.github+json"),
        (
            "authorization",
            "Bearer ghp_0123456789abcdef0123456789abcdef0123",
        ),
        ("user-agent", "micro"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn answered() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "private, max-age=60, s-maxage=60"),
        ("vary", "Accept, Authorization, Cookie, X-GitHub-OTP"),
        ("link", LINK),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "4999"),
        ("x-ratelimit-used", "1"),
        ("x-ratelimit-reset", "1700000000"),
        ("x-ratelimit-resource", "core"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// An entry as the engine makes it, and where it is.
fn stored(runtime: &Runtime) -> Fallible<(MemoryStore<Entry>, StoreKey, Entry)> {
    let store = Remembering::default();
    let layer = ConditionalLayer::builder_on(store.clone()).build()?;
    let github = service_fn(|_: Request<Full<Bytes>>| {
        let mut answer = Response::new(Full::from(BODY));
        *answer.headers_mut() = answered();
        let tag = predict_tag(&asking(), &[BODY]).to_header_value();
        answer.headers_mut().insert("etag", tag);
        ready(Ok::<_, Infallible>(answer))
    });
    runtime.block_on(async {
        let mut request = Request::get(format!("https://api.github.com{PATH}"));
        for (name, value) in &asking() {
            request = request.header(name, value);
        }
        let request = request.body(Full::default())?;
        let answer = layer.layer(github).oneshot(request).await?;
        answer.into_body().collect().await?;
        while layer.inspect().calls_in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        let key = store.key.lock().ok_or("nothing was stored")?;
        let entry = store.memory.load(&key).await?.ok_or("nothing is stored")?;
        Ok((store.memory, key, entry))
    })
}

/// A store that knows where it put something last.
#[derive(Clone, Default)]
struct Remembering {
    memory: MemoryStore<Entry>,
    key: Arc<Mutex<Option<StoreKey>>>,
}

impl CacheStore<Entry> for Remembering {
    fn load(
        &self,
        key: &StoreKey,
    ) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send {
        self.memory.load(key)
    }

    fn merge(
        &self,
        key: &StoreKey,
        value: Entry,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send {
        *self.key.lock() = Some(*key);
        self.memory.merge(key, value)
    }

    fn remove(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.memory.remove(key)
    }

    fn usage(&self) -> Usage {
        self.memory.usage()
    }
}
