//! A GitHub in process: real tags, real 304s, real charges, and every kind of trouble on command.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use github_conditional::{Fingerprint, Offline};
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tower::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who asks: the value of `Authorization`, or nobody.
pub(crate) type Caller = Option<&'static str>;

/// The handle that tests hold and that the layer wraps.
#[derive(Clone, Default)]
pub(crate) struct GitHub(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    resources: HashMap<String, Resource>,
    calls: Vec<Call>,
    confirmed: Vec<Confirmed>,
    charged: u32,
    outage: Option<Manner>,
}

/// One request as it arrived, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// What the layer told the client it wraps.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// `None` while it hangs or after it failed.
    pub(crate) status: Option<StatusCode>,
}

/// GitHub has told this caller that this is the body, by a 200 or a 304.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) caller: Option<String>,
    pub(crate) target: String,
    pub(crate) body: Bytes,
}

/// What GitHub knows under one target.
#[derive(Clone)]
pub(crate) struct Resource {
    body: Bytes,
    /// What single callers see instead.
    own: HashMap<Option<String>, Bytes>,
    refused: HashMap<Option<String>, u16>,
    tags: Tags,
    spelling: Spelling,
    on_304: On304,
    headers: HeaderMap,
    modified: Option<&'static str>,
    next: VecDeque<Manner>,
}

/// By which rule tags are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tags {
    Formula,
    /// 64 hex digits per caller and body, but not the formula's.
    Unexplained,
    /// 40 hex digits, the same for everybody.
    GitObject,
    /// `W/""`, as on notifications.
    Empty,
    None,
}

/// Whether the front end compressed the answer on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Strong,
    WeakOn200,
}

/// Which tag a 304 names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On304 {
    Same,
    Absent,
    Another,
}

/// How the next answer comes about.
#[derive(Clone)]
pub(crate) enum Manner {
    /// No connection.
    Refused,
    /// Not asked, as a client tells it that knows GitHub to be away.
    Offline,
    /// No answer in time, as a client with a timeout tells it.
    TimedOut,
    /// Never an answer.
    Hang,
    /// As always, once the gate is open.
    Gate(Gate),
    /// This answer instead.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// A 200 whose body is what the tap lets through.
    Tap(Tap),
}

/// Holds answers back until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        let mut opened = self.0.subscribe();
        let _ = opened.wait_for(|open| *open).await;
    }
}

/// A body that the test writes chunk by chunk.
#[derive(Clone)]
pub(crate) struct Tap {
    announced: Option<usize>,
    chunks: mpsc::UnboundedSender<Step>,
    body: Arc<Mutex<Option<mpsc::UnboundedReceiver<Step>>>>,
}

pub(crate) enum Step {
    Chunk(Bytes),
    End,
    Break,
}

impl Tap {
    pub(crate) fn new(announced: Option<usize>) -> Self {
        let (chunks, body) = mpsc::unbounded_channel();
        let body = Arc::new(Mutex::new(Some(body)));
        Self {
            announced,
            chunks,
            body,
        }
    }

    pub(crate) fn send(&self, chunk: impl Into<Bytes>) {
        let _ = self.chunks.send(Step::Chunk(chunk.into()));
    }

    pub(crate) fn end(&self) {
        let _ = self.chunks.send(Step::End);
    }

    pub(crate) fn break_off(&self) {
        let _ = self.chunks.send(Step::Break);
    }

    /// Whether anybody still takes what comes.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.chunks.is_closed()
    }
}

impl Resource {
    pub(crate) fn new(body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        headers.insert(
            "x-github-media-type",
            HeaderValue::from_static("github.v3; format=json"),
        );
        Self {
            body: body.into(),
            own: HashMap::new(),
            refused: HashMap::new(),
            tags: Tags::Formula,
            spelling: Spelling::Strong,
            on_304: On304::Same,
            headers,
            modified: None,
            next: VecDeque::new(),
        }
    }

    pub(crate) fn own(mut self, caller: Caller, body: impl Into<Bytes>) -> Self {
        self.own.insert(caller.map(str::to_owned), body.into());
        self
    }

    pub(crate) fn tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    pub(crate) fn spelling(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self
    }

    pub(crate) fn on_304(mut self, on_304: On304) -> Self {
        self.on_304 = on_304;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn modified(mut self, date: &'static str) -> Self {
        self.modified = Some(date);
        self
    }

    /// A new version for everybody; all else stays.
    pub(crate) fn take_bodies_of(&mut self, version: Self) {
        self.body = version.body;
        self.own = version.own;
    }

    fn seen_by(&self, caller: &Option<String>) -> &Bytes {
        self.own.get(caller).unwrap_or(&self.body)
    }

    fn tag(&self, request: &HeaderMap, body: &Bytes) -> Option<String> {
        let hashed = |prefix: &[HeaderName]| {
            let mut hash = Sha256::new();
            for value in prefix.iter().filter_map(|name| request.get(name)) {
                hash.update(value.as_bytes());
                hash.update(b":");
            }
            hash.update(body);
            hex::encode(hash.finalize())
        };
        Some(match self.tags {
            Tags::Formula if is_token(request) => hashed(&[ACCEPT, AUTHORIZATION, COOKIE]),
            Tags::Formula => hashed(&[ACCEPT]),
            Tags::Unexplained => hashed(&[AUTHORIZATION, AUTHORIZATION]),
            Tags::GitObject => hashed(&[])[..40].to_owned(),
            Tags::Empty => String::new(),
            Tags::None => return None,
        })
    }
}

impl GitHub {
    pub(crate) fn put(&self, target: &str, resource: Resource) {
        self.0.lock().resources.insert(target.to_owned(), resource);
    }

    /// A resource with this body and nothing special.
    pub(crate) fn serve(&self, target: &str, body: impl Into<Bytes>) {
        self.put(target, Resource::new(body));
    }

    pub(crate) fn change(&self, target: &str, change: impl FnOnce(&mut Resource)) {
        change(
            self.0
                .lock()
                .resources
                .get_mut(target)
                .expect("the resource is there"),
        );
    }

    /// The resource has a new version, for all who see the common one.
    pub(crate) fn update(&self, target: &str, body: impl Into<Bytes>) {
        self.change(target, |resource| resource.body = body.into());
    }

    pub(crate) fn set_tags(&self, target: &str, tags: Tags) {
        self.change(target, |resource| resource.tags = tags);
    }

    /// From now on this caller gets this status; 200 = sees it again.
    pub(crate) fn permit(&self, target: &str, caller: Caller, status: u16) {
        let caller = caller.map(str::to_owned);
        self.change(target, |resource| match status {
            200 => drop(resource.refused.remove(&caller)),
            _ => drop(resource.refused.insert(caller, status)),
        });
    }

    /// The next answer under this target comes about like this.
    pub(crate) fn next(&self, target: &str, manner: Manner) {
        self.change(target, |resource| resource.next.push_back(manner));
    }

    /// From now on everything comes about like this; `None` heals it.
    pub(crate) fn outage(&self, manner: Option<Manner>) {
        self.0.lock().outage = manner;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// The requests since the last time this was asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().calls)
    }

    /// Method, target and status of the requests since the last time, as one line each.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        let line = |call: Call| {
            let status = call
                .status
                .map_or("-".to_owned(), |status| status.as_u16().to_string());
            format!("{} {} {status}", call.method, call.target)
        };
        self.take_calls().into_iter().map(line).collect()
    }

    /// What the requests since the last time have cost.
    pub(crate) fn take_charged(&self) -> u32 {
        std::mem::take(&mut self.0.lock().charged)
    }

    pub(crate) fn count(&self, status: u16) -> usize {
        let calls = self.calls();
        let of_status = |call: &&Call| call.status.is_some_and(|answered| answered == status);
        calls.iter().filter(of_status).count()
    }

    /// Whether this caller was told that this is the body.
    pub(crate) fn has_confirmed(&self, caller: Option<&str>, target: &str, body: &Bytes) -> bool {
        let told = |known: &Confirmed| {
            known.caller.as_deref() == caller && known.target == target && known.body == *body
        };
        self.0.lock().confirmed.iter().any(told)
    }

    pub(crate) fn has(&self, target: &str) -> bool {
        self.0.lock().resources.contains_key(target)
    }

    /// What this caller would see now.
    pub(crate) fn current(&self, caller: Option<&str>, target: &str) -> Result<Bytes, u16> {
        let world = self.0.lock();
        let caller = caller.map(str::to_owned);
        let resource = world.resources.get(target).ok_or(404_u16)?;
        match resource.refused.get(&caller) {
            Some(status) => Err(*status),
            None => Ok(resource.seen_by(&caller).clone()),
        }
    }

    async fn answer(self, request: Request<Full<Bytes>>) -> Result<Response<Answer>, BoxError> {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .to_owned();
        let (position, manner) = {
            let mut world = self.0.lock();
            world.calls.push(Call {
                method: request.method().clone(),
                target: target.clone(),
                headers: request.headers().clone(),
                fingerprint: request.extensions().get().copied(),
                status: None,
            });
            let resource = world.resources.get_mut(&target);
            let next = resource.and_then(|resource| resource.next.pop_front());
            (world.calls.len() - 1, next.or_else(|| world.outage.clone()))
        };
        // A network takes its time: others get their turn in between.
        tokio::task::yield_now().await;
        let mut tap = None;
        match manner {
            Some(Manner::Offline) => return Err(Offline.into()),
            Some(Manner::Refused) => {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            Some(Manner::TimedOut) => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            Some(Manner::Hang) => std::future::pending().await,
            Some(Manner::Answer(status, headers, body)) => {
                let mut world = self.0.lock();
                let status = StatusCode::from_u16(status).unwrap();
                world.settle(position, status, 1);
                let mut response = Response::new(Answer::whole(body.into()));
                *response.status_mut() = status;
                for (name, value) in headers {
                    response
                        .headers_mut()
                        .append(*name, HeaderValue::from_static(value));
                }
                return Ok(response);
            }
            Some(Manner::Gate(gate)) => gate.pass().await,
            Some(Manner::Tap(opened)) => tap = Some(opened),
            None => {}
        }
        Ok(self.0.lock().judge(position, &target, &request, tap))
    }
}

impl World {
    fn settle(&mut self, position: usize, status: StatusCode, cost: u32) {
        if let Some(call) = self.calls.get_mut(position) {
            call.status = Some(status);
        }
        self.charged += cost;
    }

    fn judge(
        &mut self,
        position: usize,
        target: &str,
        request: &Request<Full<Bytes>>,
        tap: Option<Tap>,
    ) -> Response<Answer> {
        let asked = request.headers();
        let caller = asked
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap().to_owned());
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        let resource = self.resources.get(target).cloned();
        let refused = match &resource {
            None => Some(404),
            Some(resource) => resource.refused.get(&caller).copied(),
        };
        let Some(resource) = resource.filter(|_| refused.is_none()) else {
            let status = StatusCode::from_u16(refused.unwrap_or(404)).unwrap();
            self.settle(position, status, 1);
            let mut response = Response::new(Answer::whole(Bytes::from_static(
                b"{\"message\":\"Not Found\"}",
            )));
            *response.status_mut() = status;
            return response;
        };
        let body = resource.seen_by(&caller).clone();
        let tag = resource.tag(asked, &body);
        let mut headers = HeaderMap::new();
        let is_token = is_token(asked);
        let (first_vary, cache_control) = match is_token {
            true => (
                "Accept, Authorization, Cookie, X-GitHub-OTP",
                "private, max-age=60, s-maxage=60",
            ),
            false => ("Accept", "public, max-age=60, s-maxage=60"),
        };
        headers.append(VARY, HeaderValue::from_static(first_vary));
        headers.append(
            VARY,
            HeaderValue::from_static("Accept-Encoding, Accept, X-Requested-With"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        headers.insert(
            DATE,
            HeaderValue::from_static("Thu, 22 Jun 2023 07:16:46 GMT"),
        );
        headers.insert(
            "x-ratelimit-remaining",
            HeaderValue::from(5000 - self.charged),
        );
        if let Some(date) = resource.modified {
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(date));
        }
        if read && matches(asked, tag.as_deref(), resource.modified) {
            let cost = if caller.is_some() { 0 } else { 1 };
            self.settle(position, StatusCode::NOT_MODIFIED, cost);
            let named = match resource.on_304 {
                On304::Same => tag,
                On304::Absent => None,
                On304::Another => Some("another".to_owned()),
            };
            if let Some(tag) = named {
                headers.insert(ETAG, HeaderValue::try_from(format!("\"{tag}\"")).unwrap());
            }
            self.confirmed.push(Confirmed {
                caller,
                target: target.to_owned(),
                body,
            });
            let mut response = Response::new(Answer::whole(Bytes::new()));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = headers;
            return response;
        }
        self.settle(position, StatusCode::OK, 1);
        headers.extend(resource.headers.clone());
        if let Some(caller) = caller.as_deref().filter(|_| is_token) {
            let scopes = format!("scopes-of-{}", caller.replace(' ', "-"));
            headers.insert("x-oauth-scopes", HeaderValue::try_from(scopes).unwrap());
        }
        if let Some(tag) = tag {
            let weak = match resource.spelling {
                Spelling::WeakOn200 => "W/",
                Spelling::Strong if resource.tags == Tags::Empty => "W/",
                Spelling::Strong => "",
            };
            headers.insert(
                ETAG,
                HeaderValue::try_from(format!("{weak}\"{tag}\"")).unwrap(),
            );
        }
        self.confirmed.push(Confirmed {
            caller,
            target: target.to_owned(),
            body: body.clone(),
        });
        let answer = match tap {
            None => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                Answer::whole(body)
            }
            Some(tap) => {
                if let Some(length) = tap.announced {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                }
                Answer::Tapped(tap.body.lock().take().expect("a tap is opened once"))
            }
        };
        let answer = if request.method() == Method::HEAD {
            Answer::whole(Bytes::new())
        } else {
            answer
        };
        let mut response = Response::new(answer);
        *response.headers_mut() = headers;
        response
    }
}

/// A token of a user or an installation: not nobody, and not an app's own JWT.
fn is_token(asked: &HeaderMap) -> bool {
    let authorization = asked.get(AUTHORIZATION);
    authorization.is_some_and(|value| !value.as_bytes().starts_with(b"Bearer eyJ"))
}

/// RFC 9110 §13.2.2: the date counts only where no tag was sent.
fn matches(asked: &HeaderMap, tag: Option<&str>, modified: Option<&str>) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let lines = asked.get_all(IF_NONE_MATCH).iter();
        let mut tags = lines.flat_map(|line| line.to_str().unwrap().split(','));
        return tags.any(|candidate| {
            let candidate = candidate.trim().trim_start_matches("W/").trim_matches('"');
            candidate == "*" || (!candidate.is_empty() && Some(candidate) == tag)
        });
    }
    let since = asked
        .get(IF_MODIFIED_SINCE)
        .map(|value| value.to_str().unwrap());
    since.is_some() && since == modified
}

impl Service<Request<Full<Bytes>>> for GitHub {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

/// The body of an answer.
pub(crate) enum Answer {
    Whole(Bytes),
    Tapped(mpsc::UnboundedReceiver<Step>),
    Over,
}

impl Answer {
    fn whole(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let step = match this {
            Self::Over => return Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Over;
                let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
                return Poll::Ready(frame);
            }
            Self::Tapped(steps) => std::task::ready!(steps.poll_recv(context)),
        };
        Poll::Ready(match step {
            Some(Step::Chunk(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(Step::Break) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Step::End) | None => {
                *this = Self::Over;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Tapped(_) => false,
            Self::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Tapped(_) => SizeHint::new(),
            Self::Over => SizeHint::with_exact(0),
        }
    }
}
