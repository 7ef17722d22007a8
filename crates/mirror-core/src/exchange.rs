//! The life of one request through the mirror.

use std::sync::Arc;
use std::time::SystemTime;

use github_conditional::{ConditionalBody, Error, Outcome, Report, Trouble};
use github_headers::{GithubMedia, MediaType};
use github_upstream::{Refusal, RequestBody, ResponseBody};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use service_runtime::drain::ReadinessState;
use service_runtime::export::{AnsweredRequest, TRACEPARENT};
use service_runtime::logs::{Access, Field};
use tokio::time::Instant;

use crate::admin;
use crate::admission::{Admission, Dialect, Local, admit};
use crate::body::{MirrorBody, Place};
use crate::config::DefaultPolicy;
use crate::graphql::{Found, is_graphql, look, worth_a_look};
use crate::metrics::outcome_label;
use crate::mirror::{AdminPlace, Shared};
use crate::outcome::{XCache, tell};
use crate::problem::Problem;
use crate::rewrite::{Base, Positions, Rewriter, Rewritten};
use crate::spans;
use crate::tally::Answered;
use crate::timed::UpstreamTime;
use crate::users::{Denied, Desk, Visitor};

mod sending;

use sending::Unsent;

/// One request's way.
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    started: Instant,
    at: SystemTime,
}

/// What is remembered of a request for its log line and metrics.
struct Asked {
    method: Method,
    target: PathAndQuery,
    upstream_time: UpstreamTime,
    /// The caller's, where requests are traced.
    traceparent: Option<HeaderValue>,
    visitor: Visitor,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            started: Instant::now(),
            at: shared.clock.now(),
            shared,
        }
    }

    /// Serves one request. This future is made for every one, so what few of them wait for is boxed.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps room for its arguments twice"
    )]
    pub(crate) fn answer(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<MirrorBody>> + Send {
        async move {
            let admission = admit(
                request.method(),
                request.version(),
                request.uri(),
                request.headers(),
            );
            let (target, dialect) = match admission {
                Admission::Local(Local::Administration) => {
                    return match self.shared.admin_place {
                        AdminPlace::Everywhere => {
                            Box::pin(admin::answer(&self.shared, request)).await
                        }
                        AdminPlace::OwnListener => Problem::NoSuchPage.answer(),
                    };
                }
                Admission::Local(Local::Webhook) => return Box::pin(self.webhook(request)).await,
                Admission::Local(local) => return self.local(local, request.method()),
                Admission::Reject(rejection) => {
                    return self.refused(&Problem::Rejected(rejection), &request);
                }
                Admission::Forward { .. } if self.carries_admin_token(request.headers()) => {
                    return self.refused(&Problem::AdminToken, &request);
                }
                Admission::Forward { target, dialect } => (target, dialect),
            };
            let shared = &*self.shared;
            let Some(place) = Place::take(&shared.in_flight, shared.live.max_in_flight()) else {
                return self.refused(&Problem::Overloaded, &request);
            };
            let upstream_time = UpstreamTime::default();
            let visitor = match self.admit(&upstream_time, request.headers()).await {
                Ok(visitor) => visitor,
                Err(denied) => {
                    let answer = self.denied(&denied, &request);
                    return answer.map(|body| body.holding(place));
                }
            };
            let asked = Asked {
                method: request.method().clone(),
                target,
                upstream_time,
                traceparent: match shared.traces.get() {
                    Some(_) => request.headers().get(TRACEPARENT).cloned(),
                    None => None,
                },
                visitor,
            };
            let (request, base) = self.addressed(request, &asked, dialect);
            let answer = match self.send(request).await {
                Ok(answer)
                    if worth_a_look(asked.target.path(), answer.status(), answer.headers()) =>
                {
                    Box::pin(self.graphql(answer, &asked)).await
                }
                Ok(answer) => self.made_ours(answer, &asked, &base),
                Err(Unsent::Failed(error)) => self.unreachable(&error, &asked),
                Err(Unsent::NoCredential) => {
                    let upstream = &shared.upstream;
                    let problem = Problem::NoCredential { upstream };
                    self.refused_target(&problem, &asked.method, asked.target.path())
                }
            };
            answer.map(|body| body.holding(place))
        }
    }

    /// The token that opens the administration is nobody else's business, not even GitHub's.
    fn carries_admin_token(&self, headers: &HeaderMap) -> bool {
        let token = self.shared.admin_token.read();
        token.as_ref().is_some_and(|token| token.is_in(headers))
    }

    /// A request that the mirror refuses by itself.
    fn refused<B>(&self, problem: &Problem<'_>, request: &Request<B>) -> Response<MirrorBody> {
        self.refused_target(problem, request.method(), request.uri().path())
    }

    fn refused_target(
        &self,
        problem: &Problem<'_>,
        method: &Method,
        path: &str,
    ) -> Response<MirrorBody> {
        let shared = &*self.shared;
        shared.instruments.refused(problem);
        if let Some(log) = &shared.access_log {
            let status = problem.status().as_u16();
            let reason = problem.as_str();
            log.write(&Access {
                at: self.at,
                method: method.as_str(),
                label: "REFUSED",
                url: &format_args!("{}{}", shared.upstream, path),
                extra: &[
                    ("status", Field::Count(u64::from(status))),
                    ("detail", Field::Text(&reason)),
                ],
            });
        }
        problem.answer()
    }

    fn local(&self, local: Local, method: &Method) -> Response<MirrorBody> {
        let (status, content_type, text) = match local {
            Local::Health => (StatusCode::OK, "text/plain; charset=utf-8", "OK".to_owned()),
            Local::Ready => {
                let state = self.shared.readiness.state();
                let status = match state {
                    ReadinessState::Ready => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                (
                    status,
                    "text/plain; charset=utf-8",
                    state.as_str().to_owned(),
                )
            }
            Local::Metrics => match self.shared.metrics.render() {
                Ok(text) => (StatusCode::OK, service_runtime::metrics::CONTENT_TYPE, text),
                Err(error) => {
                    tracing::error!(%error, "metrics cannot be shown");
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    (
                        status,
                        "text/plain; charset=utf-8",
                        "metrics cannot be shown".to_owned(),
                    )
                }
            },
            Local::Webhook | Local::Administration => return Problem::NoSuchPage.answer(),
        };
        let length = text.len();
        let body = if *method == Method::HEAD {
            MirrorBody::whole("")
        } else {
            MirrorBody::whole(text)
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        answer
    }

    /// Takes in what GitHub tells of an event.
    async fn webhook(&self, request: Request<Incoming>) -> Response<MirrorBody> {
        let mut seen = Request::new(());
        *seen.method_mut() = request.method().clone();
        *seen.uri_mut() = request.uri().clone();
        match self.shared.webhook.receive(request).await {
            Ok(received) => received.answer(),
            Err(refusal) => self.refused(&Problem::Webhook(refusal), &seen),
        }
    }

    /// Whether its user may be served.
    async fn admit(
        &self,
        upstream_time: &UpstreamTime,
        headers: &HeaderMap,
    ) -> Result<Visitor, Denied> {
        let shared = &*self.shared;
        let desk = Desk {
            engine: &shared.engine,
            inspect: &*shared.inspect,
            ledger: &shared.ledger,
            time: upstream_time,
            now: self.at,
        };
        shared.users.admit(desk, headers).await
    }

    fn denied(&self, denied: &Denied, request: &Request<Incoming>) -> Response<MirrorBody> {
        let upstream = &self.shared.upstream;
        let mut answer = self.refused(&Problem::Denied { upstream, denied }, request);
        if let Some(report) = denied.report() {
            tell(report, answer.headers_mut());
        }
        answer
    }

    /// The request as it goes to the engine, and what urls in its answer will begin with.
    fn addressed(
        &self,
        request: Request<Incoming>,
        asked: &Asked,
        dialect: Dialect,
    ) -> (Request<RequestBody>, Base) {
        let shared = &*self.shared;
        let (mut parts, body) = request.into_parts();
        let (target, base) = match shared.default_policy {
            DefaultPolicy::Github => {
                let base = match is_graphql(asked.target.path()) {
                    // Its urls are those of the website; what else it says is the client's business.
                    true => Base::Unchanged,
                    false => shared.origins.base(&parts.uri, &parts.headers, dialect),
                };
                (asked.target.clone(), base)
            }
            // No path is GitHub's here, and urls are as they should be unless somebody says how they should be.
            DefaultPolicy::Rfc9111 => {
                let as_sent = parts.uri.path_and_query().cloned();
                let target = as_sent.unwrap_or_else(|| asked.target.clone());
                (target, shared.origins.public_base())
            }
        };
        parts.uri = Uri::from(target);
        parts.version = Version::HTTP_11;
        if shared.live.rewrite_bodies()
            && base != Base::Unchanged
            && !parts.headers.contains_key(RANGE)
        {
            // A compressed body could not be rewritten. The upstream leg is compressed all the same.
            parts.headers.remove(ACCEPT_ENCODING);
        }
        shared.instruments.tally.saw(&parts.headers);
        parts.extensions.insert(asked.upstream_time.clone());
        if let Some(policy) = shared.routing.policy(&parts.method, asked.target.path()) {
            parts.extensions.insert(policy);
        }
        (Request::from_parts(parts, RequestBody::from(body)), base)
    }

    fn made_ours(
        &self,
        answer: Response<ConditionalBody<ResponseBody>>,
        asked: &Asked,
        base: &Base,
    ) -> Response<MirrorBody> {
        let (mut parts, body) = answer.into_parts();
        let Some(report) = parts.extensions.remove::<Report>() else {
            unreachable!("the engine puts a report into each answer");
        };
        if report.upstream_status == Some(StatusCode::UNAUTHORIZED) {
            self.shared.users.refused_upstream(report.fingerprint);
        }
        let mut answer = if report.outcome == Outcome::NotCached {
            Problem::NotCached.answer()
        } else {
            let body = self.rewritten(asked, parts.status, &mut parts.headers, body, base);
            Response::from_parts(parts, body)
        };
        tell(&report, answer.headers_mut());
        self.account(asked, &report, answer.status());
        answer
    }

    /// GraphQL's answer may be a refusal.
    async fn graphql(
        &self,
        answer: Response<ConditionalBody<ResponseBody>>,
        asked: &Asked,
    ) -> Response<MirrorBody> {
        let (mut parts, body) = answer.into_parts();
        let (looked_at, found) = look(body).await;
        let Some(mut report) = parts.extensions.remove::<Report>() else {
            unreachable!("the engine puts a report into each answer");
        };
        if found == Found::RateLimited {
            report.outcome = Outcome::Refused(Trouble::RateLimited);
        }
        tell(&report, &mut parts.headers);
        self.account(asked, &report, parts.status);
        Response::from_parts(parts, MirrorBody::looked_at(looked_at))
    }

    fn unreachable(&self, error: &Error, asked: &Asked) -> Response<MirrorBody> {
        let upstream = &self.shared.upstream;
        let problem = match Refusal::of(error) {
            Some(refusal) => Problem::RateLimited {
                upstream,
                refusal,
                now: self.at,
            },
            None => Problem::Unreachable { upstream, error },
        };
        let mut answer = problem.answer();
        tell(error.report(), answer.headers_mut());
        self.account(asked, error.report(), answer.status());
        answer
    }

    /// Rewrites urls in headers and in a JSON body.
    fn rewritten(
        &self,
        asked: &Asked,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: ConditionalBody<ResponseBody>,
        base: &Base,
    ) -> MirrorBody {
        let Base::Url(base) = base else {
            return MirrorBody::engine(body);
        };
        let origins = &self.shared.origins;
        origins.rewrite_headers(headers, base);
        if !self.shared.live.rewrite_bodies() {
            return MirrorBody::engine(body);
        }
        if status == StatusCode::NOT_MODIFIED {
            // The tag stands for the body as the client got it, which was rewritten.
            weaken(headers);
            return MirrorBody::engine(body);
        }
        let unreadable =
            headers.contains_key(CONTENT_RANGE) || headers.contains_key(CONTENT_ENCODING);
        if unreadable || !is_json(headers) {
            return MirrorBody::engine(body);
        }
        if asked.method == Method::HEAD {
            // Its length would be that of GitHub's body.
            headers.remove(CONTENT_LENGTH);
            weaken(headers);
            return MirrorBody::engine(body);
        }
        let Some(whole) = body.as_whole() else {
            headers.remove(CONTENT_LENGTH);
            weaken(headers);
            return MirrorBody::rewriting(body, Rewriter::new(origins.replaced(), base.clone()));
        };
        let positions = body.derive(|whole| Positions::find(whole, origins.replaced()));
        match positions {
            Some(positions) if positions.is_empty() => MirrorBody::engine(body),
            Some(positions) => {
                let rewritten = Rewritten::new(whole.clone(), positions, base.clone());
                headers.insert(CONTENT_LENGTH, HeaderValue::from(rewritten.left()));
                weaken(headers);
                MirrorBody::rewritten(rewritten)
            }
            None => {
                headers.remove(CONTENT_LENGTH);
                weaken(headers);
                MirrorBody::rewriting(body, Rewriter::new(origins.replaced(), base.clone()))
            }
        }
    }

    /// One line in the log, and the metrics.
    fn account(&self, asked: &Asked, report: &Report, status: StatusCode) {
        let elapsed = self.started.elapsed();
        let shared = &*self.shared;
        let upstream = asked.upstream_time.total();
        shared.instruments.answered(
            report,
            asked.visitor.login(),
            &asked.method,
            status,
            elapsed,
            upstream,
        );
        shared.instruments.tally.answered(&Answered {
            report,
            status,
            target: asked.target.as_str(),
            at: self.started + elapsed,
            elapsed,
            upstream,
        });
        if let Some(traces) = shared.traces.get() {
            traces.record_request(AnsweredRequest {
                method: &asked.method,
                route: report.route.template(),
                status,
                started: self.at,
                duration: elapsed,
                traceparent: asked.traceparent.as_ref(),
                outcome: outcome_label(report.outcome),
                attributes: spans::attributes(report, upstream),
            });
        }
        let Some(log) = &shared.access_log else {
            return;
        };
        let x_cache = XCache::of(report.outcome);
        let detail = report.detail().unwrap_or("none");
        let route = report.route.template();
        log.write(&Access {
            at: self.at,
            method: asked.method.as_str(),
            label: x_cache.log_label(),
            // The path, never the query: it may hold anything.
            url: &format_args!("{}{}", shared.upstream, asked.target.path()),
            extra: &[
                ("status", Field::Count(u64::from(status.as_u16()))),
                ("cache", Field::Text(&x_cache.as_str())),
                ("detail", Field::Text(&detail)),
                ("route", Field::Text(&route)),
                ("fingerprint", Field::Text(&report.fingerprint)),
                ("duration_seconds", Field::Seconds(elapsed.as_secs_f64())),
                ("upstream_seconds", Field::Seconds(upstream.as_secs_f64())),
            ],
        });
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    // The one that almost every answer has.
    value.as_bytes().starts_with(b"application/json")
        || MediaType::parse(value).is_ok_and(|media| media.is_json() && !is_text(&media))
}

/// Whether the body is a file or text as it is, although the type may end in `+json`: `application/vnd.github.raw+json`.
/// Where GitHub puts such text inside JSON (the body of an issue), it says `application/json`.
fn is_text(media: &MediaType) -> bool {
    use GithubMedia::{Diff, Html, Patch, Raw, Sha};
    matches!(
        GithubMedia::of_media_type(media),
        Raw | Html | Diff | Patch | Sha
    )
}

/// A rewritten body is not GitHub's, byte for byte: its tag is weak (RFC 9110 §8.8.1).
fn weaken(headers: &mut HeaderMap) {
    if let Some(tag) = headers.get_mut(ETAG)
        && !tag.as_bytes().starts_with(b"W/")
    {
        let weak = [b"W/", tag.as_bytes()].concat();
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            *tag = weak;
        }
    }
}
