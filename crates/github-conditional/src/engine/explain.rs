//! Why a stored answer would be used again, or would not: the same decisions as for a request, told instead of done.

use std::time::SystemTime;

use cache_backends::CacheStore;
use github_headers::{Route, Shape};
use http::{Extensions, HeaderMap, Method, Uri};

use super::Engine;
use crate::confidence::Prediction;
use crate::entry::{Entry, EntryAccount, Standing};
use crate::fingerprint::{CredentialClass, Fingerprint};
use crate::options::SpeculateEmptyLists;
use crate::outcome::ValidatorKind;
use crate::policy::before::{
    Ask, ClientValidators, Freshness, Held, Question, Speculation, Unasked, ask, unasked,
};
use crate::policy::directives::Directives;
use crate::routes::RoutePolicy;
use crate::variant::subject;

/// What a request without validators and directives of its own would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reuse {
    /// The stored body is served without asking GitHub.
    Unasked,
    /// GitHub is asked whether the stored body is still right; a 304 serves it.
    Asked(ValidatorKind),
    /// GitHub is asked for the resource as a whole.
    Fetched(NotReused),
}

/// Why nothing stored can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReused {
    /// Nothing is stored for this variant.
    NothingStored,
    /// The formula has failed on this route, so the caller's tag cannot be computed.
    PredictionOff,
    /// The stored body's tag cannot be computed for another caller.
    NotShared,
    /// The stored body has neither a tag nor a date.
    NoValidator,
}

impl Reuse {
    /// The word used in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "served-unasked",
            Self::Asked(_) => "revalidated",
            Self::Fetched(_) => "fetched",
        }
    }

    /// The finer reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unasked => "fresh",
            Self::Asked(kind) => kind.as_str(),
            Self::Fetched(why) => why.as_str(),
        }
    }
}

impl NotReused {
    /// The word used in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingStored => "nothing-stored",
            Self::PredictionOff => "prediction-off",
            Self::NotShared => "not-shared",
            Self::NoValidator => "no-validator",
        }
    }
}

/// What is stored for one resource variant, and what would become of requests for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The route template.
    pub route: Route,
    /// What is stored; `None` = nothing.
    pub entry: Option<EntryAccount>,
    /// When a write through this cache, or a purge, last touched the resource.
    pub touched_at: Option<SystemTime>,
    /// When it was last purged.
    pub purged_at: Option<SystemTime>,
    /// Whether tags are predicted on this route.
    pub prediction: Prediction,
    /// When a stored body is served unasked to callers with a token.
    pub authorized: Freshness,
    /// The same for callers without.
    pub anonymous: Freshness,
    /// What a caller with a token that is unknown here would meet.
    pub newcomer: Reuse,
    /// What each of the entry's callers would meet, in their order.
    pub callers: Vec<Reuse>,
}

/// A fingerprint that belongs to nobody.
const NOBODY: Fingerprint = Fingerprint::from_bytes([0xff; 16]);

pub(super) async fn explain<St: CacheStore<Entry>>(
    engine: &Engine<St>,
    uri: &Uri,
    headers: &HeaderMap,
    said: Option<RoutePolicy>,
) -> Explanation {
    let route = Route::of(uri.path());
    let prediction = engine.confidence.prediction(subject(&route, headers));
    let entry = engine.load(&engine.keys.key(uri, headers)).await;
    let touched = engine.marks.last(uri.path()).map(|mark| mark.settled_at);
    let mut extensions = Extensions::new();
    if let Some(policy) = said {
        extensions.insert(policy);
    }
    let asker = Asker {
        engine,
        path: uri.path(),
        route,
        prediction,
        touched,
        said: extensions,
    };
    let account = entry.as_ref().map(Entry::account);
    let known = account.iter().flat_map(|account| &account.callers);
    let callers = known
        .map(|caller| asker.reuse(entry.as_ref(), caller.fingerprint, caller.class))
        .collect();
    Explanation {
        route,
        touched_at: touched,
        purged_at: engine.purges.last(uri.path()),
        prediction,
        authorized: asker.freshness(CredentialClass::Token),
        anonymous: asker.freshness(CredentialClass::Anonymous),
        newcomer: asker.reuse(entry.as_ref(), NOBODY, CredentialClass::Token),
        callers,
        entry: account,
    }
}

struct Asker<'a, St> {
    engine: &'a Engine<St>,
    path: &'a str,
    route: Route,
    prediction: Prediction,
    touched: Option<SystemTime>,
    /// What requests say for themselves.
    said: Extensions,
}

impl<St: CacheStore<Entry>> Asker<'_, St> {
    /// By what requests say for themselves, else by the table of routes.
    fn freshness(&self, class: CredentialClass) -> Freshness {
        self.engine
            .policy(&Method::GET, self.path, class, &self.said)
            .freshness()
    }

    fn reuse(
        &self,
        entry: Option<&Entry>,
        fingerprint: Fingerprint,
        class: CredentialClass,
    ) -> Reuse {
        let speculate = self.engine.options.speculate_empty_lists == SpeculateEmptyLists::Yes;
        let question = Question {
            directives: Directives::default(),
            freshness: self.freshness(class),
            class,
            client_validators: ClientValidators::Absent,
            prediction: self.prediction,
            speculation: match speculate && self.route.shape() == Shape::List {
                true => Speculation::EmptyList,
                false => Speculation::Off,
            },
        };
        let confirmed = entry.and_then(|entry| entry.confirmed(fingerprint));
        let held = confirmed.map(|(_, confirmation)| Held {
            validated_at: confirmation.validated_at(),
            fresh_until: confirmation.fresh_until(),
            settled_at: self.touched,
        });
        if let Some(Unasked::Serve(_)) = unasked(&question, held, self.engine.now()) {
            return Reuse::Unasked;
        }
        let candidate = entry.and_then(|entry| entry.candidate(fingerprint, class));
        match ask(&question, candidate.as_ref()) {
            Ask::OwnTag => Reuse::Asked(ValidatorKind::OwnTag),
            Ask::Predicted => Reuse::Asked(ValidatorKind::Predicted),
            Ask::EmptyList => Reuse::Asked(ValidatorKind::Speculative),
            Ask::LastModified => Reuse::Asked(ValidatorKind::LastModified),
            Ask::Client => Reuse::Asked(ValidatorKind::Client),
            Ask::Plain => Reuse::Fetched(match candidate.map(|candidate| candidate.standing) {
                Some(Standing::Confirmed(_)) => NotReused::NoValidator,
                Some(Standing::Predictable) => NotReused::PredictionOff,
                None if entry.is_some() => NotReused::NotShared,
                None => NotReused::NothingStored,
            }),
        }
    }
}
