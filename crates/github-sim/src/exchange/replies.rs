//! Turns what was decided into status, headers and body.

use super::{Exchange, HTML_TYPE, Reply, bare, set};
use crate::answer::ApiVersion;
use crate::clock::http_date;
use crate::credentials::Refusal;
use crate::credentials::Standing;
use crate::faults::{AnswerFault, FaultBody};
use crate::headers::{self, Circumstances, Deprecated, KeepLink};
use crate::media;
use crate::problems::{self, Problem, REST_DOCUMENTATION};
use crate::quota::{self, Meter, Owner};
use crate::representation::{Coding, JSON_TYPE, Layout, Representation, encode_json};
use crate::secondary::SecondaryLimit;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

impl Exchange<'_> {
    pub(super) fn circumstances(&self) -> Circumstances<'_> {
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
            deprecated: if deprecated {
                Deprecated::Yes
            } else {
                Deprecated::No
            },
            meter: self.shown_meter(),
            request_id: HeaderValue::try_from(&self.request_id)
                .expect("a request id is hexadecimal digits and colons"),
            edge_region: self.switches.edge_region.as_deref(),
            http: self.incoming.http,
        }
    }

    pub(super) fn complete(mut self, found: &Representation, tag: Option<&str>) -> Reply {
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let circumstances = self.circumstances();
        let tag = tag.map(|tag| self.strength(tag, coding));
        let mut headers = circumstances.complete(found, tag, coding, body.len());
        circumstances.tail(&mut headers);
        Reply {
            status: found.status,
            headers,
            body,
            flight: self.flight.take(),
        }
    }

    pub(super) fn not_modified(mut self, found: &Representation, tag: Option<&str>) -> Reply {
        let keep_link = if self.switches.link_on_not_modified {
            KeepLink::Yes
        } else {
            KeepLink::No
        };
        let headers = self.circumstances().not_modified(found, tag, keep_link);
        Reply {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body: Bytes::new(),
            flight: self.flight.take(),
        }
    }

    /// 204, 202 and answers to POST: without validators.
    pub(super) fn plain_found(mut self, found: &Representation) -> Reply {
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let mut headers =
            self.circumstances()
                .plain(found.content_type.clone(), coding, body.len());
        headers.extend(found.headers.iter().cloned());
        Reply {
            status: found.status,
            headers,
            body,
            flight: self.flight.take(),
        }
    }

    pub(super) fn problem(mut self, problem: &Problem) -> Reply {
        let body = match self.layout() {
            Layout::Pretty => crate::pretty::pretty(&problem.body).into(),
            Layout::Compact => problem.body.clone(),
        };
        let (body, coding) = encode_json(body, self.coding());
        let headers = self
            .circumstances()
            .plain(Some(JSON_TYPE), coding, body.len());
        Reply {
            status: problem.status,
            headers,
            body,
            flight: self.flight.take(),
        }
    }

    pub(super) fn json(self, status: StatusCode, body: &Value) -> Reply {
        self.problem(&Problem {
            status,
            body: body.to_string().into(),
        })
    }

    pub(super) fn redirect(mut self, location: &str) -> Reply {
        let html = HeaderValue::from_static("text/html;charset=utf-8");
        let mut headers = self.circumstances().plain(Some(html), Coding::Identity, 0);
        set(&mut headers, header::LOCATION, location);
        let path = self.incoming.path;
        if path.contains("/tarball") || path.contains("/zipball") {
            set(
                &mut headers,
                header::CACHE_CONTROL,
                "public, must-revalidate, max-age=0",
            );
            headers.insert(header::EXPIRES, http_date(self.incoming.now));
        }
        Reply {
            status: StatusCode::FOUND,
            headers,
            body: Bytes::new(),
            flight: self.flight.take(),
        }
    }

    pub(super) fn preflight(self) -> Reply {
        let mut headers = self.circumstances().plain(None, Coding::Identity, 0);
        headers::preflight(&mut headers);
        let status = StatusCode::NO_CONTENT;
        Reply {
            status,
            headers,
            body: Bytes::new(),
            flight: None,
        }
    }

    /// Bad credentials cost the anonymous bucket; JWT problems show no quota at all.
    pub(super) fn refused(mut self, refusal: Refusal) -> Reply {
        if !matches!(refusal, Refusal::Jwt(_))
            && let Err(meter) = self.charge("core")
        {
            return self.exhausted(meter);
        }
        self.problem(&Problem::refused(refusal))
    }

    pub(super) fn exhausted(mut self, meter: Meter) -> Reply {
        self.meter = Some(meter);
        self.still_exhausted()
    }

    pub(super) fn still_exhausted(self) -> Reply {
        let user_id = match &self.caller.owner {
            Owner::User(login) => self.front.desk.user_id(login),
            _ => None,
        };
        let status = self.switches.exhausted_status.code();
        let problem = Problem::exhausted(status, self.caller, user_id, &self.request_id);
        self.problem(&problem)
    }

    /// A rejected call consumes quota like any other.
    pub(super) fn secondarily_limited(mut self, limit: SecondaryLimit) -> Reply {
        if let Err(meter) = self.charge(quota::resource_of(self.incoming.path)) {
            return self.exhausted(meter);
        }
        let retry_after = self.switches.secondary_retry_after_seconds;
        self.secondary(limit, retry_after)
    }

    pub(super) fn secondary(self, limit: SecondaryLimit, retry_after: Option<u32>) -> Reply {
        let status = self.switches.secondary_status.code();
        let problem = Problem::secondary(status, limit, &self.request_id);
        let mut reply = self.problem(&problem);
        if let Some(seconds) = retry_after {
            reply
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    /// Whoever names a tag hears that nothing has changed.
    pub(super) fn stuck(self) -> Reply {
        let Some(tag) = self.incoming.headers.get(header::IF_NONE_MATCH).cloned() else {
            return self.run();
        };
        let mut headers = self.circumstances().plain(None, Coding::Identity, 0);
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::ETAG, tag);
        Reply {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body: Bytes::new(),
            flight: None,
        }
    }

    /// Faults that look like GitHub's own answers; they charge nothing.
    pub(super) fn forced(mut self, fault: AnswerFault) -> Reply {
        let resource = quota::resource_of(self.incoming.path);
        let allowed = quota::allowance(self.caller, resource);
        let seen = self
            .front
            .quota
            .peek(&self.caller.owner, allowed, self.incoming.now);
        self.meter = (self.caller.standing != Standing::AppJwt).then_some(seen);
        match fault {
            AnswerFault::StuckTag => self.stuck(),
            AnswerFault::PrimaryLimit => self.exhausted(Meter {
                used: seen.limit,
                ..seen
            }),
            AnswerFault::SecondaryLimit { retry_after } => {
                self.secondary(SecondaryLimit::Points, retry_after)
            }
            AnswerFault::Status { code, body } => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
                self.broken(status, body)
            }
        }
    }

    pub(super) fn broken(self, status: StatusCode, body: FaultBody) -> Reply {
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
                    self.circumstances()
                        .plain(Some(HTML_TYPE), Coding::Identity, body.len());
                Reply {
                    status,
                    headers,
                    body,
                    flight: None,
                }
            }
            FaultBody::LoadBalancer => bare(status, problems::LOAD_BALANCER.into()),
            FaultBody::Empty => bare(status, Bytes::new()),
        }
    }
}
