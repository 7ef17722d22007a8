//! Before the call: which validator is sent, and what is remembered of the request.

use std::time::SystemTime;

use cache_backends::CacheStore;
use github_headers::EntityTag;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, Method, Uri};

use super::Found;
use super::call::Call;
use super::probe::LooksBehind;
use super::read::question;
use super::upstream::{ask_for_date, ask_for_tag, normalise};
use crate::confidence::Prediction;
use crate::entry::{Candidate, Entry, Standing};
use crate::fingerprint::CredentialClass;
use crate::formula::{Rule, Salt};
use crate::policy::before::{Ask, ask};
use crate::policy::pagination::{LastPage, last_page};

/// What is needed of a request after it has been sent.
pub(super) struct Sent {
    pub(super) ask: Ask,
    pub(super) tag: Option<EntityTag>,
    pub(super) candidate: Option<Candidate>,
    pub(super) found: Found,
    pub(super) salt: Salt,
    pub(super) uri: Uri,
    /// The page behind this one, where it has to be asked for if this one is confirmed.
    pub(super) behind: Option<Box<PageBehind>>,
}

/// The question for the page behind the last known one.
pub(super) struct PageBehind {
    /// What is looked for.
    pub(super) sought: LastPage,
    pub(super) target: Uri,
    /// The headers of the request for the page in front.
    pub(super) headers: HeaderMap,
    /// What the layers around know of that request, which holds for this one too.
    pub(super) extensions: Extensions,
}

impl<S, St: CacheStore<Entry>> Call<'_, S, St> {
    /// Chooses the validator and puts it into the request.
    pub(super) fn prepare(&mut self, found: Found, now: SystemTime) -> Sent {
        let request = self.request;
        // A HEAD for something stored is asked as a GET: a 304 costs the same, and a 200 brings the new body.
        self.parts.method = Method::GET;
        self.parts.extensions.insert(request.fingerprint);
        let uri = self.parts.uri.clone();
        let headers = &mut self.parts.headers;
        normalise(headers, &self.engine.options.plain_user_agent);
        let salt = Salt::of(headers);
        let entry = found.entry.as_ref();
        let candidate = entry.and_then(|entry| entry.candidate(request.fingerprint, request.class));
        // A caller whose own tag is known needs no prediction, so the question is not even put.
        let prediction = match &candidate {
            Some(Candidate {
                standing: Standing::Confirmed(_),
                ..
            }) => Prediction::Off,
            _ => self.engine.confidence.prediction(request.subject(headers)),
        };
        let question = question(&self.engine, request, prediction);
        let ask = ask(&question, candidate.as_ref());
        let behind = candidate
            .as_ref()
            .filter(|_| request.class != CredentialClass::Anonymous)
            .filter(|_| self.parts.extensions.get::<LooksBehind>().is_none())
            .map(|candidate| last_page(request.route, &uri, &candidate.representation, now));
        let behind = match behind {
            Some(
                LastPage::Full { ref next, .. }
                | LastPage::Distant {
                    beyond: ref next, ..
                },
            ) => Some(Box::new(PageBehind {
                target: next.clone(),
                headers: headers.clone(),
                extensions: self.parts.extensions.clone(),
                sought: behind.unwrap_or(LastPage::Conclusive),
            })),
            Some(LastPage::Conclusive) | None => None,
        };
        let tag = match (ask, &candidate) {
            (Ask::OwnTag, Some(candidate)) => match &candidate.standing {
                Standing::Confirmed(known) => known.tag(),
                Standing::Predictable => None,
            },
            (Ask::Predicted, Some(candidate)) => {
                let body = &candidate.representation;
                let rule = Rule::of(body.headers().get(&CONTENT_TYPE)).unwrap_or(Rule::Json);
                Some(salt.predict(request.class, rule, &body.body().bytes()))
            }
            (Ask::EmptyList, _) => Some(salt.predict(request.class, Rule::Json, b"[]")),
            _ => None,
        };
        match (&tag, ask, &candidate) {
            (Some(tag), _, _) => ask_for_tag(headers, tag),
            (None, Ask::LastModified, Some(candidate)) => {
                if let Some(date) = candidate.representation.last_modified() {
                    ask_for_date(headers, date);
                }
            }
            (None, Ask::Client, _) => request.conditions.restore(headers),
            _ => {}
        }
        Sent {
            ask,
            tag,
            candidate,
            found,
            salt,
            uri,
            behind,
        }
    }
}
