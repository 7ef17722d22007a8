//! One request through all of GitHub's rules, in GitHub's order: user agent, credentials, secondary limits, primary
//! quota, edge cache, the world's answer, conditions, headers. Synchronous and without I/O.

mod charging;
mod edge;
mod endpoints;
mod replies;
mod validators;

use crate::answer::{Answer, ApiVersion, Ask};
use crate::credentials::{Caller, Refusal};
use crate::desk::Outcome;
use crate::faults::AnswerFault;
use crate::front::Front;
use crate::media::{self, Negotiated};
use crate::problems::{self, Problem};
use crate::quota::{self, Allowance, Meter};
use crate::representation::Representation;
use crate::secondary::Flight;
use crate::switches::Switches;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use percent_encoding::percent_decode_str;
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

/// What a 304 costs.
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
    match (forced, identity.err(), version.err()) {
        (Some(AnswerFault::StuckTag), None, None) => exchange.stuck(),
        (Some(fault), _, _) => exchange.forced(fault),
        (None, Some(refusal), _) => exchange.refused(refusal),
        (None, None, Some(given)) => exchange.problem(&Problem::unsupported_version(&given)),
        (None, None, None) => exchange.run(),
    }
}

/// An answer of the load balancer: no GitHub header at all.
pub(crate) fn bare(status: StatusCode, body: Bytes) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_TYPE, HTML_TYPE);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Reply {
        status,
        headers,
        body,
        flight: None,
    }
}

impl Exchange<'_> {
    fn run(mut self) -> Reply {
        if *self.incoming.method == Method::OPTIONS {
            return self.preflight();
        }
        if self.switches.secondary_limits {
            let Incoming {
                method, path, now, ..
            } = self.incoming;
            let owner = &self.caller.owner;
            match self
                .front
                .secondary
                .admit(owner, method, path, now, &self.switches)
            {
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
        if self.incoming.path == "/notifications" && self.has_unreadable_date() {
            return self.problem(&Problem::unreadable_date());
        }
        if self.goes_through_the_edge() {
            self.at_edge(charge)
        } else {
            self.at_origin(charge)
        }
    }

    fn ask(&self) -> Outcome {
        let method = if self.incoming.is_read() {
            &Method::GET
        } else {
            self.incoming.method
        };
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

    fn at_origin(self, charge: Charge) -> Reply {
        match self.ask() {
            Outcome::Found(found) => self.found(charge, &found),
            Outcome::Other(answer) => self.other(charge, answer),
        }
    }

    fn found(mut self, charge: Charge, found: &Representation) -> Reply {
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
                _ => self.plain_found(found),
            };
        }
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        if self.incoming.is_read()
            && found.status == StatusCode::OK
            && self
                .verdict(tag.as_deref(), found.last_modified)
                .is_not_modified()
        {
            self.settle_not_modified(charge);
            return self.not_modified(found, tag.as_deref());
        }
        match charge {
            Charge::Unpaid => self.still_exhausted(),
            _ => self.complete(found, tag.as_deref()),
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
            Answer::Problem {
                status,
                message,
                errors,
                documentation_url,
                ..
            } => {
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
}

fn minting(path: &str) -> Option<u64> {
    path.strip_prefix("/app/installations/")?
        .strip_suffix("/access_tokens")?
        .parse()
        .ok()
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
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
