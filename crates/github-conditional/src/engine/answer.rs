//! What an upstream call lands, and the answers that leaders and followers make of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use github_headers::EntityTag;
use github_headers::names::X_POLL_INTERVAL;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, DATE, ETAG,
    EXPIRES, LAST_MODIFIED, LINK, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::upstream::CallFailure;
use crate::absences::Absence;
use crate::body::ConditionalBody;
use crate::entry::{Confirmation, Representation, spelled_like};
use crate::outcome::{Collapse, FreshReason, Outcome, Report, Storing, Trouble, ValidatorKind};
use crate::policy::admission::Read;
use crate::policy::precondition::{ClientConditions, Transfer};
use crate::recording::{Reader, Recording};

/// The result of one upstream call, for everybody who waited for it.
#[derive(Clone, Debug)]
pub(crate) enum Landed {
    /// GitHub confirmed the stored body.
    Confirmed {
        kind: ValidatorKind,
        stored: Stored,
        fresh_headers: Arc<HeaderMap>,
    },
    /// GitHub cannot serve; the caller may be shown what it was confirmed for.
    Stale {
        trouble: Trouble,
        stored: Stored,
        upstream_status: Option<StatusCode>,
    },
    /// An answer whose body streams and is recorded.
    Streaming {
        outcome: Outcome,
        head: Arc<Head>,
        recording: Recording,
    },
    /// An answer with a small body that is here already.
    Whole {
        outcome: Outcome,
        head: Arc<Head>,
        body: Bytes,
    },
    /// No answer.
    Failed {
        trouble: Trouble,
        upstream_status: Option<StatusCode>,
        failure: Option<CallFailure>,
    },
    /// An answer that only the leader can have: too large to be shared, or to its own validators.
    Unshared,
}

/// A stored body and what is known of the caller's standing towards it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) representation: Arc<Representation>,
    pub(crate) confirmation: Arc<Confirmation>,
    /// The tag of the confirmation, where it has been written out already.
    pub(crate) tag: Option<EntityTag>,
}

/// Status and headers of an upstream answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// How the answer goes to this client.
pub(crate) struct Client<'a> {
    pub(crate) read: Read,
    pub(crate) conditions: &'a ClientConditions,
    pub(crate) now: SystemTime,
}

type Answer<B> = Response<ConditionalBody<B>>;

impl Stored {
    fn tag(&self) -> Option<EntityTag> {
        let own = self.tag.clone().or_else(|| self.confirmation.tag())?;
        Some(spelled_like(&own, self.representation.is_weak()))
    }

    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.confirmation.validated_at())
            .unwrap_or(Duration::ZERO)
    }
}

impl Client<'_> {
    /// A stored body under fresh headers: the 304's own win, the stored ones fill in what a 304 lacks.
    pub(crate) fn confirmed<B>(
        &self,
        kind: ValidatorKind,
        stored: &Stored,
        fresh: HeaderMap,
        mut report: Report,
    ) -> Answer<B> {
        report.outcome = Outcome::Revalidated(kind);
        report.upstream_status = Some(StatusCode::NOT_MODIFIED);
        report.age = Some(Duration::ZERO);
        self.stored(stored, fresh, report)
    }

    /// A stored body that GitHub was not asked about.
    pub(crate) fn fresh<B>(
        &self,
        reason: FreshReason,
        stored: &Stored,
        ttl_seconds: Option<i64>,
        mut report: Report,
    ) -> Answer<B> {
        report.outcome = Outcome::Fresh(reason);
        report.age = Some(stored.age(self.now));
        report.ttl_seconds = ttl_seconds;
        self.stored(stored, HeaderMap::new(), report)
    }

    /// A remembered answer that says that there is nothing.
    pub(crate) fn absent<B>(
        &self,
        absence: &Absence,
        ttl_seconds: i64,
        report: Report,
    ) -> Answer<B> {
        let body = absence.body.clone().unwrap_or_default();
        let outcome = Outcome::Fresh(FreshReason::Negative);
        let mut answer = self.whole(outcome, &absence.head, &body, report);
        if self.read == Read::Head {
            *answer.body_mut() = ConditionalBody::empty();
        }
        if let Some(report) = answer.extensions_mut().get_mut::<Report>() {
            let age = self.now.duration_since(absence.at);
            report.upstream_status = None;
            report.age = Some(age.unwrap_or(Duration::ZERO));
            report.ttl_seconds = Some(ttl_seconds);
        }
        answer
    }

    /// A stored body in place of an answer that GitHub cannot give.
    pub(crate) fn stale<B>(
        &self,
        trouble: Trouble,
        stored: &Stored,
        upstream_status: Option<StatusCode>,
        mut report: Report,
    ) -> Answer<B> {
        report.outcome = Outcome::Stale(trouble);
        report.upstream_status = upstream_status;
        report.age = Some(stored.age(self.now));
        self.stored(stored, HeaderMap::new(), report)
    }

    fn stored<B>(&self, stored: &Stored, fresh: HeaderMap, report: Report) -> Answer<B> {
        let Stored {
            representation,
            confirmation,
            tag: _,
        } = stored;
        let mut headers = fresh;
        for name in [CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let tag = stored.tag();
        let mut answer = match self
            .conditions
            .transfer(tag.as_ref(), || representation.last_modified())
        {
            Transfer::NotModified => {
                // As GitHub's own 304, but Link may have grown, and a 304 is the only way to tell the client.
                let stored = representation.headers();
                stored.fill_in_only(&ON_NOT_MODIFIED, &mut headers);
                answer(StatusCode::NOT_MODIFIED, headers, ConditionalBody::empty())
            }
            Transfer::Full => {
                representation.headers().fill_in(&mut headers);
                if let Some(own) = confirmation.caller_headers() {
                    own.fill_in(&mut headers);
                }
                let length = HeaderValue::from(representation.body().len());
                headers.insert(CONTENT_LENGTH, length);
                let body = match self.read {
                    Read::Get => ConditionalBody::stored(representation),
                    Read::Head => ConditionalBody::empty(),
                };
                answer(representation.status(), headers, body)
            }
        };
        if let Some(tag) = tag {
            // The caller's own, whatever was stored with the body.
            answer.headers_mut().insert(ETAG, HeaderValue::from(tag));
        }
        answer.extensions_mut().insert(report);
        answer
    }

    /// An answer whose body is being recorded.
    pub(crate) fn streaming<B>(
        &self,
        outcome: Outcome,
        head: &Head,
        reader: Reader,
        mut report: Report,
    ) -> Answer<B> {
        report.outcome = outcome;
        report.upstream_status = Some(head.status);
        let mut headers = head.headers.clone();
        let mut answer = if self.client_has(head) {
            self.not_modified(headers)
        } else if self.read == Read::Head {
            answer(head.status, headers, ConditionalBody::empty())
        } else {
            let length = content_length(&headers);
            headers.remove(TRANSFER_ENCODING);
            answer(
                head.status,
                headers,
                ConditionalBody::recording(reader, length),
            )
        };
        answer.extensions_mut().insert(report);
        answer
    }

    /// An answer whose body is here already.
    pub(crate) fn whole<B>(
        &self,
        outcome: Outcome,
        head: &Head,
        body: &Bytes,
        mut report: Report,
    ) -> Answer<B> {
        report.outcome = outcome;
        report.upstream_status = Some(head.status);
        let mut headers = head.headers.clone();
        let mut answer = if self.client_has(head) {
            self.not_modified(headers)
        } else {
            headers.remove(TRANSFER_ENCODING);
            let body = match body.is_empty() {
                // Without a body the announced length is GitHub's to tell (204, 304, HEAD).
                true => ConditionalBody::empty(),
                false => self.body_of(ConditionalBody::whole(body.clone()), &mut headers),
            };
            answer(head.status, headers, body)
        };
        answer.extensions_mut().insert(report);
        answer
    }

    fn client_has(&self, head: &Head) -> bool {
        if head.status != StatusCode::OK {
            return false;
        }
        let tag = head
            .headers
            .get(ETAG)
            .and_then(|value| EntityTag::parse(value).ok());
        let modified = || head.headers.get(LAST_MODIFIED);
        self.conditions.transfer(tag.as_ref(), modified) == Transfer::NotModified
    }

    fn not_modified<B>(&self, mut headers: HeaderMap) -> Answer<B> {
        for name in [
            CONTENT_LENGTH,
            CONTENT_TYPE,
            CONTENT_ENCODING,
            TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
        answer(StatusCode::NOT_MODIFIED, headers, ConditionalBody::empty())
    }

    fn body_of<B>(&self, body: ConditionalBody<B>, headers: &mut HeaderMap) -> ConditionalBody<B> {
        let length = body.as_whole().map_or(0, Bytes::len);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        match self.read {
            Read::Get => body,
            Read::Head => ConditionalBody::empty(),
        }
    }

    /// What a follower makes of a landed call; `None` = it must ask for itself.
    pub(crate) fn follow<B>(&self, landed: &Landed, mut report: Report) -> Option<Followed<B>> {
        report.collapse = Collapse::Follower;
        Some(match landed {
            Landed::Confirmed {
                kind,
                stored,
                fresh_headers,
            } => {
                let fresh = HeaderMap::clone(fresh_headers);
                Followed::Answer(self.confirmed(*kind, stored, fresh, report))
            }
            Landed::Stale {
                trouble,
                stored,
                upstream_status,
            } => Followed::Answer(self.stale(*trouble, stored, *upstream_status, report)),
            Landed::Streaming {
                outcome,
                head,
                recording,
            } => {
                // The beginning of a body that has outgrown its limits is gone.
                let reader = recording.attach()?;
                Followed::Answer(self.streaming(*outcome, head, reader, report))
            }
            Landed::Whole {
                outcome,
                head,
                body,
            } => Followed::Answer(self.whole(*outcome, head, body, report)),
            Landed::Failed {
                trouble,
                upstream_status,
                failure,
            } => {
                report.outcome = Outcome::Failed(*trouble);
                report.upstream_status = *upstream_status;
                let source = failure.as_ref().map(|failure| failure.source.clone());
                Followed::Error(crate::Error::new(report, *trouble, source))
            }
            Landed::Unshared => return None,
        })
    }
}

/// A follower's result.
pub(crate) enum Followed<B> {
    Answer(Answer<B>),
    Error(crate::Error),
}

pub(crate) fn answer<B>(
    status: StatusCode,
    headers: HeaderMap,
    body: ConditionalBody<B>,
) -> Answer<B> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// What a 304 says that is made here without GitHub's (RFC 9110 §15.4.5), and `Link`.
const ON_NOT_MODIFIED: [HeaderName; 8] = [
    CACHE_CONTROL,
    CONTENT_LOCATION,
    DATE,
    EXPIRES,
    LAST_MODIFIED,
    LINK,
    VARY,
    X_POLL_INTERVAL,
];

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a delivered answer replaces something that was asked about.
pub(crate) fn delivered(changed: Changed, storing: Storing) -> Outcome {
    match changed {
        Changed::Yes => Outcome::Changed(storing),
        Changed::No => Outcome::Fetched(storing),
    }
}

/// Whether the request went up with a validator for something stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    No,
}
