//! One request through all of GitHub's rules, in GitHub's order: user agent, credentials, secondary limits, primary
//! quota, edge cache, the world's answer, conditions, headers. Synchronous and without I/O.

use crate::answer::{Answer, ApiVersion, Ask, Viewer};
use crate::app_jwt::UNDECODABLE;
use crate::clock::http_date;
use crate::conditions::{Conditions, Validators, Verdict, evaluate};
use crate::credentials::{Caller, Refusal, Standing};
use crate::desk::Outcome;
use crate::edge::{EdgeEntry, EdgeKey};
use crate::faults::{AnswerFault, FaultBody};
use crate::front::Front;
use crate::graphql::{self, GraphqlViewer};
use crate::headers::{self, Circumstances, Deprecated, KeepLink, ShownMeter, Tag};
use crate::media::{self, Negotiated};
use crate::problems::{self, Problem, REST_DOCUMENTATION};
use crate::quota::{self, Allowance, Meter, Owner};
use crate::representation::{Coding, JSON_TYPE, Layout, Representation, encode_json};
use crate::secondary::{Flight, SecondaryLimit};
use crate::switches::{AtZero, Switches};
use crate::tags::HashedHeaders;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::Arc;

const HTML_TYPE: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A request after the body has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a Method,
    /// `/api/v3` removed.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) ip: IpAddr,
    pub(crate) http: Version,
    pub(crate) base: &'a str,
    pub(crate) now: i64,
}

impl Incoming<'_> {
    fn text(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn is_read(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }
}

/// What goes back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Counts as in flight until the body has been sent.
    pub(crate) flight: Option<Flight>,
}

/// Is the request paid for?
#[derive(Clone, Copy, Debug)]
enum Charge {
    /// GitHub Apps with a JWT, and everybody while quota is switched off.
    Unlimited,
    Paid(Allowance),
    /// Nothing is left; only a 304 may still be given.
    Unpaid,
}

/// What is not modified costs nothing to whom?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotModifiedCost {
    Free,
    Charged,
}

struct Exchange<'a> {
    front: &'a Front,
    switches: Arc<Switches>,
    incoming: Incoming<'a>,
    caller: &'a Caller,
    negotiated: Negotiated,
    version: ApiVersion,
    request_id: String,
    serial: u64,
    meter: Option<Meter>,
    flight: Option<Flight>,
}

/// Answers one request of `identity`; `forced` is a fault that looks like GitHub's own answer.
pub(crate) fn answer(
    front: &Front,
    incoming: Incoming<'_>,
    identity: Result<&Caller, Refusal>,
    forced: Option<AnswerFault>,
) -> Reply {
    let switches = front.switches();
    let agent = incoming.text(header::USER_AGENT).unwrap_or_default();
    if switches.require_user_agent && agent.trim().is_empty() {
        return bare(StatusCode::FORBIDDEN, problems::MISSING_USER_AGENT.into());
    }
    let anonymous;
    let caller = match identity {
        Ok(caller) => caller,
        Err(_) => {
            anonymous = Caller::anonymous(incoming.ip);
            &anonymous
        }
    };
    let serial = front.serial();
    let version = media::api_version(incoming.text("x-github-api-version"));
    let exchange = Exchange {
        front,
        switches,
        incoming,
        caller,
        negotiated: media::negotiate(incoming.text(header::ACCEPT)),
        version: *version.as_ref().unwrap_or(&ApiVersion::V2022_11_28),
        request_id: request_id(serial, incoming.now),
        serial,
        meter: None,
        flight: None,
    };
    match (identity.err(), version.err()) {
        (Some(refusal), _) => exchange.refused(refusal),
        (None, Some(given)) => exchange.problem(&Problem::unsupported_version(&given)),
        (None, None) => exchange.run(forced),
    }
}

/// An answer of the load balancer: no GitHub header at all.
pub(crate) fn bare(status: StatusCode, body: Bytes) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_TYPE, HTML_TYPE);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Reply { status, headers, body, flight: None }
}

impl Exchange<'_> {
    fn run(mut self, forced: Option<AnswerFault>) -> Reply {
        if let Some(fault) = forced {
            return self.forced(fault);
        }
        if *self.incoming.method == Method::OPTIONS {
            return self.preflight();
        }
        if self.switches.secondary_limits {
            let Incoming { method, path, now, .. } = self.incoming;
            let owner = &self.caller.owner;
            match self.front.secondary.admit(owner, method, path, now, &self.switches) {
                Ok(flight) => self.flight = Some(flight),
                Err(limit) => return self.secondarily_limited(limit),
            }
        }
        match self.incoming.path {
            "/rate_limit" if self.incoming.is_read() => return self.rate_limit(),
            "/graphql" => return self.graphql(),
            _ => {}
        }
        let charge = match self.charge(quota::resource_of(self.incoming.path)) {
            Ok(charge) => charge,
            Err(meter) if self.may_still_be_not_modified() => {
                self.meter = Some(meter);
                Charge::Unpaid
            }
            Err(meter) => return self.exhausted(meter),
        };
        if *self.incoming.method == Method::POST
            && let Some(id) = minting(self.incoming.path)
        {
            return self.mint(id);
        }
        if self.goes_through_the_edge() { self.at_edge(charge) } else { self.at_origin(charge) }
    }

    // Quota ---------------------------------------------------------------------------------

    fn charge(&mut self, resource: &str) -> Result<Charge, Meter> {
        let allowed = quota::allowance(self.caller, resource);
        if self.caller.standing == Standing::AppJwt {
            return Ok(Charge::Unlimited);
        }
        let now = self.incoming.now;
        if !self.switches.primary_limits {
            let reset = now + allowed.window_seconds;
            let untouched = Meter { resource: allowed.resource, limit: allowed.limit, used: 0, reset };
            self.meter = Some(untouched);
            return Ok(Charge::Unlimited);
        }
        self.meter = Some(self.front.quota.take(&self.caller.owner, allowed, now)?);
        Ok(Charge::Paid(allowed))
    }

    /// The world knows the resource better than the path did.
    fn recharge(&mut self, charge: Charge, resource: &str) -> Charge {
        let Charge::Paid(allowed) = charge else { return charge };
        if allowed.resource == resource {
            return charge;
        }
        self.front.quota.give_back(&self.caller.owner, allowed, self.incoming.now);
        match self.charge(resource) {
            Ok(charge) => charge,
            Err(meter) => {
                self.meter = Some(meter);
                Charge::Unpaid
            }
        }
    }

    fn not_modified_cost(&self) -> NotModifiedCost {
        let charged = match self.caller.standing {
            Standing::Anonymous => self.switches.charge_anonymous_not_modified,
            _ => self.switches.charge_authorized_not_modified,
        };
        if charged { NotModifiedCost::Charged } else { NotModifiedCost::Free }
    }

    fn may_still_be_not_modified(&self) -> bool {
        let headers = self.incoming.headers;
        let conditional = headers.contains_key(header::IF_NONE_MATCH)
            || headers.contains_key(header::IF_MODIFIED_SINCE);
        self.switches.conditional_at_zero == AtZero::Evaluate
            && conditional
            && self.incoming.is_read()
            && self.not_modified_cost() == NotModifiedCost::Free
    }

    /// A 304 gives back what it cost, where it is free.
    fn settle_not_modified(&mut self, charge: Charge) {
        let Incoming { method, path, now, .. } = self.incoming;
        if let Charge::Paid(allowed) = charge
            && self.not_modified_cost() == NotModifiedCost::Free
        {
            self.meter = Some(self.front.quota.give_back(&self.caller.owner, allowed, now));
        }
        if !self.switches.points_for_not_modified {
            self.front.secondary.give_back(&self.caller.owner, method, path);
        }
    }

    fn shown_meter(&self) -> Option<ShownMeter> {
        let mut shown = ShownMeter::from(self.meter?);
        let wobble = splitmix(self.serial);
        if self.switches.reset_jitter {
            shown.reset += i64::from(wobble & 1 == 1);
        }
        if self.switches.unsteady_remaining {
            // Another region has not heard of the last few requests yet.
            let unheard = u32::try_from(wobble >> 8 & 3).unwrap_or(0).min(shown.used);
            shown.used -= unheard;
            shown.remaining = shown.limit - shown.used;
        }
        Some(shown)
    }

    // The world's answer --------------------------------------------------------------------

    fn ask(&self) -> Outcome {
        let method =
            if self.incoming.is_read() { &Method::GET } else { self.incoming.method };
        self.ask_for(method, self.incoming.path, self.incoming.query)
    }

    fn ask_for(&self, method: &Method, path: &str, raw_query: Option<&str>) -> Outcome {
        let query = raw_query.map(query_pairs).unwrap_or_default();
        let ask = Ask {
            method,
            path,
            query: &query,
            raw_query,
            media: self.negotiated.media,
            viewer: &self.caller.viewer,
            version: self.version,
            body: self.incoming.body,
            now: self.incoming.now,
            base: self.incoming.base,
        };
        self.front.desk.ask(&ask, || self.front.app_facts())
    }

    fn at_origin(mut self, charge: Charge) -> Reply {
        let found = match self.ask() {
            Outcome::Found(found) => found,
            Outcome::Other(answer) => return self.other(charge, answer),
        };
        let charge = self.recharge(charge, found.resource);
        let carries_validators = found.content_type.is_some()
            && match found.status {
                StatusCode::OK => *self.incoming.method != Method::POST,
                StatusCode::CREATED => true,
                _ => false,
            };
        if !carries_validators {
            return match charge {
                Charge::Unpaid => self.still_exhausted(),
                _ => self.plain_found(&found),
            };
        }
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        if self.incoming.is_read()
            && found.status == StatusCode::OK
            && self.verdict(tag.as_deref(), found.last_modified).is_not_modified()
        {
            self.settle_not_modified(charge);
            return self.not_modified(&found, tag.as_deref());
        }
        match charge {
            Charge::Unpaid => self.still_exhausted(),
            _ => self.complete(&found, tag.as_deref()),
        }
    }

    fn other(mut self, charge: Charge, answer: Answer) -> Reply {
        let resource = match &answer {
            Answer::Problem { resource, .. } => resource,
            _ => "core",
        };
        if let Charge::Unpaid = self.recharge(charge, resource) {
            return self.still_exhausted();
        }
        match answer {
            Answer::Problem { status, message, errors, documentation_url, .. } => {
                if status == StatusCode::NOT_FOUND {
                    self.front.note_missing(self.incoming.path);
                }
                self.problem(&Problem::new(status, &message, errors, &documentation_url))
            }
            Answer::Moved { location } => {
                let status = if self.incoming.is_read() {
                    StatusCode::MOVED_PERMANENTLY
                } else {
                    StatusCode::TEMPORARY_REDIRECT
                };
                let mut reply = self.problem(&Problem::moved(status, &location));
                set(&mut reply.headers, header::LOCATION, &location);
                reply
            }
            Answer::Redirect { location } => self.redirect(&location),
            // A world answers `Found` through `Outcome::Found` only.
            Answer::Found(found) => self.plain_found(&Representation::new(*found)),
        }
    }

    // The edge ------------------------------------------------------------------------------

    fn goes_through_the_edge(&self) -> bool {
        self.switches.edge_cache
            && self.incoming.is_read()
            && self.caller.standing == Standing::Anonymous
    }

    fn at_edge(mut self, charge: Charge) -> Reply {
        let now = self.incoming.now;
        let target = match self.incoming.query {
            Some(query) => format!("{}?{query}", self.incoming.path),
            None => self.incoming.path.to_owned(),
        };
        let key = EdgeKey::of(&target, self.incoming.headers);
        if let Some(entry) = self.front.edge.fresh(&key, now) {
            let charge = self.recharge(charge, entry.resource);
            return self.from_edge(charge, &entry);
        }
        let found = match self.ask() {
            Outcome::Found(found) => found,
            Outcome::Other(answer) => return self.other(charge, answer),
        };
        let storable = found.status == StatusCode::OK && found.content_type.is_some();
        let Some(seconds) = found.max_age.filter(|_| storable) else {
            return self.at_origin(charge);
        };
        let charge = self.recharge(charge, found.resource);
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let headers = self.circumstances().complete(
            &found,
            tag.as_deref().map(|tag| self.strength(tag, coding)),
            coding,
            body.len(),
        );
        let entry = EdgeEntry {
            headers,
            body,
            tag,
            last_modified: found.last_modified,
            resource: found.resource,
            fresh_until: now + i64::from(seconds),
        };
        self.front.edge.store(key, entry.clone(), now);
        self.from_edge(charge, &entry)
    }

    /// All stored headers with their old `Date`, on a 304 too.
    fn from_edge(mut self, charge: Charge, entry: &EdgeEntry) -> Reply {
        let not_modified =
            self.verdict(entry.tag.as_deref(), entry.last_modified).is_not_modified();
        if not_modified {
            self.settle_not_modified(charge);
        } else if matches!(charge, Charge::Unpaid) {
            return self.still_exhausted();
        }
        let mut headers = entry.headers.clone();
        let (status, body) = if not_modified {
            // Framing belongs to a body, and there is none.
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::CONTENT_ENCODING);
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, entry.body.clone())
        };
        self.circumstances().tail(&mut headers);
        Reply { status, headers, body, flight: self.flight.take() }
    }

    // Validators ----------------------------------------------------------------------------

    fn hashed_prefix(&self) -> Vec<u8> {
        let bytes =
            |name: header::HeaderName| self.incoming.headers.get(name).map(HeaderValue::as_bytes);
        let mut hashed =
            HashedHeaders { accept: bytes(header::ACCEPT), ..HashedHeaders::default() };
        if self.caller.is_private() {
            hashed.authorization = bytes(header::AUTHORIZATION);
            hashed.cookie = bytes(header::COOKIE);
            if self.switches.hash_one_time_password {
                hashed.one_time_password =
                    bytes(header::HeaderName::from_static("x-github-otp"));
            }
        }
        hashed.prefix()
    }

    fn verdict(&self, tag: Option<&str>, last_modified: Option<i64>) -> Verdict {
        let asked = Conditions {
            if_none_match: self.incoming.text(header::IF_NONE_MATCH),
            if_modified_since: self.incoming.text(header::IF_MODIFIED_SINCE),
        };
        let lies = self.switches.stale_modified_since
            && asked.if_none_match.is_none()
            && asked.if_modified_since.is_some()
            && last_modified.is_some()
            && self.front.was_missing(self.incoming.path);
        if lies {
            return Verdict::NotModifiedSince;
        }
        evaluate(asked, Validators { tag, last_modified }, &self.switches)
    }

    fn strength<'t>(&self, tag: &'t str, coding: Coding) -> Tag<'t> {
        if coding == Coding::Gzip && self.switches.weaken_gzip_tags {
            Tag::Weak(tag)
        } else {
            Tag::Strong(tag)
        }
    }

    fn coding(&self) -> Coding {
        let accepted = self.incoming.text(header::ACCEPT_ENCODING).unwrap_or_default();
        let gzip = accepted.split(',').any(|member| {
            let mut parts = member.split(';').map(str::trim);
            matches!(parts.next(), Some("gzip" | "*"))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
        });
        if gzip && self.switches.gzip { Coding::Gzip } else { Coding::Identity }
    }

    fn layout(&self) -> Layout {
        let agent = self.incoming.text(header::USER_AGENT).unwrap_or_default();
        let person = ["curl", "Wget", "Safari", "Firefox"].iter().any(|name| agent.contains(name));
        if person && self.switches.pretty_print { Layout::Pretty } else { Layout::Compact }
    }

    // Replies -------------------------------------------------------------------------------

    fn circumstances(&self) -> Circumstances<'_> {
        let deprecated = self.switches.deprecation_headers
            && self.version == ApiVersion::V2022_11_28
            && media::changed_in_2026(self.incoming.path);
        let label = match self.incoming.path {
            "/graphql" => "github.v4; format=json",
            _ => self.negotiated.label,
        };
        Circumstances {
            caller: self.caller,
            date: self.front.clock.date(self.incoming.now),
            path: self.incoming.path,
            media_label: label,
            version: media::version_name(self.version),
            deprecated: if deprecated { Deprecated::Yes } else { Deprecated::No },
            meter: self.shown_meter(),
            request_id: HeaderValue::try_from(&self.request_id)
                .expect("a request id is hexadecimal digits and colons"),
            edge_region: self.switches.edge_region.as_deref(),
            http: self.incoming.http,
        }
    }

    fn complete(mut self, found: &Representation, tag: Option<&str>) -> Reply {
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let circumstances = self.circumstances();
        let tag = tag.map(|tag| self.strength(tag, coding));
        let mut headers = circumstances.complete(found, tag, coding, body.len());
        circumstances.tail(&mut headers);
        Reply { status: found.status, headers, body, flight: self.flight.take() }
    }

    fn not_modified(mut self, found: &Representation, tag: Option<&str>) -> Reply {
        let keep_link =
            if self.switches.link_on_not_modified { KeepLink::Yes } else { KeepLink::No };
        let headers = self.circumstances().not_modified(found, tag, keep_link);
        Reply {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body: Bytes::new(),
            flight: self.flight.take(),
        }
    }

    /// 204, 202 and answers to POST: without validators.
    fn plain_found(mut self, found: &Representation) -> Reply {
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let mut headers =
            self.circumstances().plain(found.content_type.clone(), coding, body.len());
        headers.extend(found.headers.iter().cloned());
        Reply { status: found.status, headers, body, flight: self.flight.take() }
    }

    fn problem(mut self, problem: &Problem) -> Reply {
        let body = match self.layout() {
            Layout::Pretty => crate::pretty::pretty(&problem.body).into(),
            Layout::Compact => problem.body.clone(),
        };
        let (body, coding) = encode_json(body, self.coding());
        let headers = self.circumstances().plain(Some(JSON_TYPE), coding, body.len());
        Reply { status: problem.status, headers, body, flight: self.flight.take() }
    }

    fn json(self, status: StatusCode, body: &Value) -> Reply {
        self.problem(&Problem { status, body: body.to_string().into() })
    }

    fn redirect(mut self, location: &str) -> Reply {
        let html = HeaderValue::from_static("text/html;charset=utf-8");
        let mut headers = self.circumstances().plain(Some(html), Coding::Identity, 0);
        set(&mut headers, header::LOCATION, location);
        let path = self.incoming.path;
        if path.contains("/tarball") || path.contains("/zipball") {
            set(&mut headers, header::CACHE_CONTROL, "public, must-revalidate, max-age=0");
            headers.insert(header::EXPIRES, http_date(self.incoming.now));
        }
        Reply {
            status: StatusCode::FOUND,
            headers,
            body: Bytes::new(),
            flight: self.flight.take(),
        }
    }

    fn preflight(self) -> Reply {
        let mut headers = self.circumstances().plain(None, Coding::Identity, 0);
        headers::preflight(&mut headers);
        let status = StatusCode::NO_CONTENT;
        Reply { status, headers, body: Bytes::new(), flight: None }
    }

    // Refusals ------------------------------------------------------------------------------

    /// Bad credentials cost the anonymous bucket; JWT problems show no quota at all.
    fn refused(mut self, refusal: Refusal) -> Reply {
        if !matches!(refusal, Refusal::Jwt(_))
            && let Err(meter) = self.charge("core")
        {
            return self.exhausted(meter);
        }
        self.problem(&Problem::refused(refusal))
    }

    fn exhausted(mut self, meter: Meter) -> Reply {
        self.meter = Some(meter);
        self.still_exhausted()
    }

    fn still_exhausted(self) -> Reply {
        let user_id = match &self.caller.owner {
            Owner::User(login) => self.front.desk.user_id(login),
            _ => None,
        };
        let status = self.switches.exhausted_status.code();
        let problem = Problem::exhausted(status, self.caller, user_id, &self.request_id);
        self.problem(&problem)
    }

    /// A rejected call consumes quota like any other.
    fn secondarily_limited(mut self, limit: SecondaryLimit) -> Reply {
        if let Err(meter) = self.charge(quota::resource_of(self.incoming.path)) {
            return self.exhausted(meter);
        }
        let retry_after = self.switches.secondary_retry_after_seconds;
        self.secondary(limit, retry_after)
    }

    fn secondary(self, limit: SecondaryLimit, retry_after: Option<u32>) -> Reply {
        let status = self.switches.secondary_status.code();
        let problem = Problem::secondary(status, limit, &self.request_id);
        let mut reply = self.problem(&problem);
        if let Some(seconds) = retry_after {
            reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    /// Faults that look like GitHub's own answers; they charge nothing.
    fn forced(mut self, fault: AnswerFault) -> Reply {
        let resource = quota::resource_of(self.incoming.path);
        let allowed = quota::allowance(self.caller, resource);
        let seen = self.front.quota.peek(&self.caller.owner, allowed, self.incoming.now);
        self.meter = (self.caller.standing != Standing::AppJwt).then_some(seen);
        match fault {
            AnswerFault::PrimaryLimit => self.exhausted(Meter { used: seen.limit, ..seen }),
            AnswerFault::SecondaryLimit { retry_after } => {
                self.secondary(SecondaryLimit::Points, retry_after)
            }
            AnswerFault::Status { code, body } => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
                self.broken(status, body)
            }
        }
    }

    fn broken(self, status: StatusCode, body: FaultBody) -> Reply {
        match body {
            FaultBody::Message if status == StatusCode::BAD_GATEWAY => {
                self.json(status, &json!({"message": "Server Error"}))
            }
            FaultBody::Message => {
                let reason = status.canonical_reason().unwrap_or("Error");
                self.problem(&Problem::new(status, reason, None, REST_DOCUMENTATION))
            }
            FaultBody::Unicorn => {
                let body = Bytes::from_static(problems::UNICORN.as_bytes());
                let headers =
                    self.circumstances().plain(Some(HTML_TYPE), Coding::Identity, body.len());
                Reply { status, headers, body, flight: None }
            }
            FaultBody::LoadBalancer => bare(status, problems::LOAD_BALANCER.into()),
            FaultBody::Empty => bare(status, Bytes::new()),
        }
    }

    // Endpoints of the front ----------------------------------------------------------------

    /// Free on the primary quota; never a validator.
    fn rate_limit(mut self) -> Reply {
        let now = self.incoming.now;
        let owner = &self.caller.owner;
        let shown = |allowed: Allowance| {
            let meter = self.front.quota.peek(owner, allowed, now);
            json!({
                "limit": meter.limit,
                "used": meter.used,
                "remaining": meter.remaining(),
                "reset": meter.reset,
            })
        };
        let core = quota::allowance(self.caller, "core");
        let resources: Map<String, Value> = quota::listed(self.caller)
            .map(|allowed| (allowed.resource.to_owned(), shown(allowed)))
            .collect();
        let mut body = json!({"resources": resources});
        if self.version < ApiVersion::V2026_03_10 {
            body["rate"] = shown(core);
        }
        let meter = self.front.quota.peek(owner, core, now);
        self.meter = (self.caller.standing != Standing::AppJwt).then_some(meter);
        let found = Representation::new(crate::answer::Found {
            status: StatusCode::OK,
            content: crate::answer::Content::Json(body),
            tag: crate::answer::TagRule::None,
            last_modified: None,
            link: vec![],
            poll_interval: None,
            max_age: None,
            resource: "core",
            headers: vec![],
        });
        self.complete(&found, None)
    }

    fn graphql(mut self) -> Reply {
        if *self.incoming.method != Method::POST {
            return self.not_found();
        }
        let login = match &self.caller.viewer {
            Viewer::User { login } => login.clone(),
            Viewer::Installation { id } => format!("installation-{id}[bot]"),
            Viewer::Anonymous | Viewer::App { .. } => {
                return self.problem(&Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "This endpoint requires you to be authenticated.",
                    None,
                    "https://docs.github.com/graphql/guides/forming-calls-with-graphql#authentication",
                ));
            }
        };
        let id = self.front.desk.user_id(&login);
        let body = match self.charge("graphql") {
            Ok(_) => {
                let meter = self.meter.expect("a charged request has a meter");
                let viewer = GraphqlViewer { login: &login, id };
                graphql::execute(self.incoming.body, viewer, meter)
            }
            Err(meter) => {
                self.meter = Some(meter);
                graphql::rate_limited(&problems::who(&self.caller.owner, id))
            }
        };
        self.json(StatusCode::OK, &body)
    }

    /// `POST /app/installations/{id}/access_tokens` (behaviour notes 6).
    fn mint(self, id: u64) -> Reply {
        if self.caller.standing != Standing::AppJwt {
            let problem =
                Problem::new(StatusCode::UNAUTHORIZED, UNDECODABLE, None, REST_DOCUMENTATION);
            return self.problem(&problem);
        }
        let shown = self.ask_for(&Method::GET, &format!("/app/installations/{id}"), None);
        let Outcome::Found(installation) = shown else { return self.not_found() };
        let installation: Value =
            serde_json::from_slice(installation.body()).unwrap_or(Value::Null);
        let wanted: Value = serde_json::from_slice(self.incoming.body).unwrap_or(Value::Null);
        let granted = &installation["permissions"];
        let permissions = match wanted["permissions"].as_object() {
            None => granted,
            Some(asked) if asked.keys().all(|name| granted.get(name).is_some()) => {
                &wanted["permissions"]
            }
            Some(_) => {
                return self.problem(&Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "The permissions requested are not granted to this installation.",
                    None,
                    REST_DOCUMENTATION,
                ));
            }
        };
        let narrowed = wanted.get("repositories").is_some() || wanted.get("repository_ids").is_some();
        let selected = json!("selected");
        let selection = if narrowed { &selected } else { &installation["repository_selection"] };
        let now = self.incoming.now;
        let stateless = match self.incoming.text("x-github-stateless-s2s-token") {
            Some("enabled") => true,
            Some("disabled") => false,
            _ => self.switches.stateless_installation_tokens,
        };
        let spec = crate::credentials::TokenSpec::installation(id);
        let token = match self.front.credentials.add(spec, now, stateless) {
            Ok(token) => token,
            Err(_) => return self.not_found(),
        };
        let body = crate::utility::minted(&token, now + 3_600, permissions, selection);
        let found = Representation::new(crate::answer::Found {
            status: StatusCode::CREATED,
            content: crate::answer::Content::Json(body),
            tag: crate::answer::TagRule::Formula,
            last_modified: None,
            link: vec![],
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: vec![],
        });
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        self.complete(&found, tag.as_deref())
    }

    fn not_found(self) -> Reply {
        self.problem(&Problem::new(StatusCode::NOT_FOUND, "Not Found", None, REST_DOCUMENTATION))
    }
}

fn minting(path: &str) -> Option<u64> {
    path.strip_prefix("/app/installations/")?.strip_suffix("/access_tokens")?.parse().ok()
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// `F2C5:303989:3D9FBCC:3BDF739:6A86BAB7`: the last group is the second of the request.
fn request_id(serial: u64, now: i64) -> String {
    let random = splitmix(serial ^ 0x9e37_79b9);
    format!(
        "{:04X}:{:06X}:{:07X}:{:07X}:{now:08X}",
        random & 0xffff,
        random >> 16 & 0xff_ffff,
        random >> 8 & 0xfff_ffff,
        random >> 36,
    )
}

/// One step of SplitMix64: spreads a counter over all bits.
fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_ends_in_the_second() {
        let id = request_id(7, 0x6A86_BAB7);
        let groups: Vec<usize> = id.split(':').map(str::len).collect();
        assert_eq!(groups, [4, 6, 7, 7, 8], "{id}");
        assert!(id.ends_with(":6A86BAB7"), "{id}");
        assert_ne!(id, request_id(8, 0x6A86_BAB7));
    }

    #[test]
    fn queries_are_decoded_in_order() {
        let pairs = query_pairs("q=a%20b+c&page=2&page=3&flag");
        let expected = [("q", "a b c"), ("page", "2"), ("page", "3"), ("flag", "")];
        assert_eq!(pairs.len(), expected.len());
        for (pair, (name, value)) in pairs.iter().zip(expected) {
            assert_eq!((pair.0.as_str(), pair.1.as_str()), (name, value));
        }
    }

    #[test]
    fn minting_paths() {
        assert_eq!(minting("/app/installations/7/access_tokens"), Some(7));
        assert_eq!(minting("/app/installations/x/access_tokens"), None);
    }
}
