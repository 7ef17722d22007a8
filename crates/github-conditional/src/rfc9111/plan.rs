//! With which validators the server is asked (RFC 9111 §4.3.1), and what its answer then means (§4.3.3, §4.3.4).

use std::sync::Arc;

use http::header::{
    ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, StatusCode};

use super::read::{Asked, Selected};
use super::resource::Resource;
use super::stored::Stored;
use crate::outcome::ValidatorKind;
use crate::policy::admission::Read;
use crate::policy::before::ClientValidators;

/// Tags of answers to other selecting headers that are asked about together.
const MAX_TAGS: usize = 8;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Whether the stored answer is still right.
    Own { kind: ValidatorKind },
    /// Whether one of the answers to other selecting headers is right for these too.
    Others { answers: Vec<Arc<Stored>> },
    /// What the client asked, with the client's validators.
    Client,
    /// The whole answer.
    Plain,
}

pub(crate) fn plan(
    asked: &Asked,
    selected: Option<&Selected>,
    resource: Option<&Resource>,
) -> Plan {
    let conditional = asked.conditions.presence() == ClientValidators::Present;
    let otherwise = match conditional {
        true => Plan::Client,
        false => Plan::Plain,
    };
    if asked.read == Read::Head {
        // The answer to a conditional HEAD would say less.
        return otherwise;
    }
    if let Some(selected) = selected {
        let headers = &selected.stored.headers;
        if headers.contains_key(ETAG) {
            let kind = ValidatorKind::OwnTag;
            return Plan::Own { kind };
        }
        if headers.contains_key(LAST_MODIFIED) {
            let kind = ValidatorKind::LastModified;
            return Plan::Own { kind };
        }
        return otherwise;
    }
    if conditional || asked.headers().contains_key(RANGE) {
        return otherwise;
    }
    let tagged = resource.into_iter().flat_map(Resource::answers);
    let answers: Vec<_> = tagged
        .filter(|stored| stored.headers.contains_key(ETAG))
        .take(MAX_TAGS)
        .cloned()
        .collect();
    match answers.is_empty() {
        true => otherwise,
        false => Plan::Others { answers },
    }
}

/// Puts the plan into the request's headers.
pub(crate) fn apply(
    plan: &Plan,
    asked: &Asked,
    selected: Option<&Selected>,
    headers: &mut HeaderMap,
) {
    match plan {
        Plan::Own { .. } => {
            // The whole is asked about; the part the client wants is cut out of it here.
            headers.remove(RANGE);
            headers.remove(IF_RANGE);
            if let Some(stored) = selected.map(|selected| &selected.stored) {
                // Byte by byte as the server gave them, whatever they look like.
                copy(&stored.headers, &ETAG, headers, IF_NONE_MATCH);
                copy(&stored.headers, &LAST_MODIFIED, headers, IF_MODIFIED_SINCE);
            }
        }
        Plan::Others { answers } => {
            for answer in answers {
                if let Some(tag) = answer.headers.get(ETAG) {
                    headers.append(IF_NONE_MATCH, tag.clone());
                }
            }
        }
        Plan::Client => asked.conditions.restore(headers),
        Plan::Plain => {}
    }
}

fn copy(from: &HeaderMap, name: &http::HeaderName, to: &mut HeaderMap, into: http::HeaderName) {
    if let Some(value) = from.get(name) {
        to.insert(into, HeaderValue::clone(value));
    }
}

/// What an answer means.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// The stored answer is still right.
    Confirmed { kind: ValidatorKind },
    /// This answer, stored for other selecting headers, is right for these too.
    Adopted(Arc<Stored>),
    /// What the client has is still right.
    ClientConfirmed,
    /// It says that something is unchanged, but not what.
    Ambiguous,
    /// It says that something is unchanged that was not asked about.
    Nonsense,
    /// It is an answer in its own right.
    Answer,
}

pub(crate) fn meaning(plan: &Plan, status: StatusCode, headers: &HeaderMap) -> Meaning {
    if status != StatusCode::NOT_MODIFIED {
        return Meaning::Answer;
    }
    match plan {
        // It was asked about one answer: whatever tag the 304 carries, it can only mean that one.
        Plan::Own { kind } => Meaning::Confirmed { kind: *kind },
        Plan::Others { answers } => match (answers.as_slice(), headers.get(ETAG)) {
            ([only], None) => Meaning::Adopted(Arc::clone(only)),
            (answers, Some(tag)) => {
                let mut named = answers
                    .iter()
                    .filter(|answer| answer.headers.get(ETAG) == Some(tag));
                match (named.next(), named.next()) {
                    (Some(answer), None) => Meaning::Adopted(Arc::clone(answer)),
                    _ => Meaning::Ambiguous,
                }
            }
            _ => Meaning::Ambiguous,
        },
        Plan::Client => Meaning::ClientConfirmed,
        Plan::Plain => Meaning::Nonsense,
    }
}
