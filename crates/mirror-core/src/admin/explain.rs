//! `GET /_mirror/explain?url=`: what is stored of a resource, and why it would or would not be used again.

use github_conditional::{EntryAccount, Explanation, Freshness, Reuse};
use github_headers::Route;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use serde::Serialize;
use tokio::time::Instant;

use super::problem::AdminProblem;
use super::query::Query;
use super::status::rfc3339;
use crate::admission::{Admission, admit_target};
use crate::config::{PolicyConfig, first_match};
use crate::metrics::outcome_label;
use crate::mirror::Shared;
use crate::outcome::XCache;
use crate::tally::Variant;

/// Callers that are listed for one form; their number is told in any case.
const MAX_CALLERS: usize = 100;

/// Forms of a resource that clients usually ask for, besides those that this mirror has seen.
const USUAL_ACCEPTS: [Option<&str>; 5] = [
    None,
    Some("*/*"),
    Some("application/json"),
    Some("application/vnd.github+json"),
    Some("application/vnd.github.v3+json"),
];
const USUAL_VERSIONS: [Option<&str>; 3] = [None, Some("2022-11-28"), Some("2026-03-10")];

#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    /// Without its query, which may hold anything.
    path: String,
    route: &'static str,
    /// The first of `[[routes]]` that holds for a GET.
    rule: Option<RuleShown>,
    /// When stored bodies are served unasked.
    freshness: FreshnessRule,
    prediction: Option<&'static str>,
    touched_at: Option<String>,
    purged_at: Option<String>,
    last_answer: Option<LastAnswerShown>,
    /// Only those of which something is stored.
    variants: Vec<VariantExplained>,
    variants_looked_for: usize,
    summary: String,
}

#[derive(Debug, Serialize)]
struct RuleShown {
    /// Its place in the settings, from 1.
    number: usize,
    #[serde(rename = "match")]
    pattern: String,
    policy: PolicyConfig,
    ttl_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct FreshnessRule {
    authorized: &'static str,
    anonymous: &'static str,
}

#[derive(Debug, Serialize)]
struct LastAnswerShown {
    seconds_ago: u64,
    status: u16,
    x_cache: &'static str,
    outcome: &'static str,
    /// Where GitHub's answer was not stored: why.
    detail: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct VariantExplained {
    accept: Option<String>,
    api_version: Option<String>,
    weight_bytes: usize,
    bodies: Vec<BodyShown>,
    callers: Vec<CallerShown>,
    callers_in_all: usize,
    refused: Vec<RefusedShown>,
    /// What a caller with a token that is unknown here would meet.
    unknown_caller: ReuseShown,
}

#[derive(Debug, Serialize)]
struct BodyShown {
    digest: String,
    bytes: usize,
    status: u16,
    content_type: Option<String>,
    requested_at: String,
    usable_for: &'static str,
}

#[derive(Debug, Serialize)]
struct CallerShown {
    fingerprint: String,
    credential: &'static str,
    body: String,
    confirmed_at: String,
    fresh_until: Option<String>,
    /// What the caller's next plain GET meets.
    next: ReuseShown,
}

#[derive(Debug, Serialize)]
struct RefusedShown {
    fingerprint: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct ReuseShown {
    action: &'static str,
    reason: &'static str,
}

impl From<Reuse> for ReuseShown {
    fn from(reuse: Reuse) -> Self {
        Self {
            action: reuse.as_str(),
            reason: reuse.reason(),
        }
    }
}

pub(crate) async fn explain(shared: &Shared, query: &Query<'_>) -> Result<Explained, AdminProblem> {
    let url = query.one("url")?.ok_or(AdminProblem::Missing("url"))?;
    let target = target(shared, &url)?;
    let wanted = wanted(shared, query)?;
    let uri = Uri::from(target.clone());
    let mut explained = Explained {
        path: target.path().to_owned(),
        route: Route::of(target.path()).template(),
        rule: rule(shared, target.path()),
        freshness: FreshnessRule {
            authorized: "revalidate",
            anonymous: "revalidate",
        },
        prediction: None,
        touched_at: None,
        purged_at: None,
        last_answer: last_answer(shared, &target),
        variants: Vec::new(),
        variants_looked_for: wanted.len(),
        summary: String::new(),
    };
    let policy = shared.routing.policy(&Method::GET, target.path());
    for variant in wanted {
        let told = shared
            .inspect
            .explain(&uri, &variant.headers(), policy)
            .await;
        explained.take(&variant, told);
    }
    explained.sum_up();
    Ok(explained)
}

fn rule(shared: &Shared, path: &str) -> Option<RuleShown> {
    let settings = shared.settings.lock();
    let (number, rule) = first_match(&settings.current().routes, &Method::GET, path)?;
    Some(RuleShown {
        number,
        pattern: rule.pattern.clone(),
        policy: rule.policy,
        ttl_seconds: rule.ttl_seconds,
    })
}

impl Explained {
    fn take(&mut self, variant: &Variant, told: Explanation) {
        self.freshness = FreshnessRule {
            authorized: freshness_word(told.authorized),
            anonymous: freshness_word(told.anonymous),
        };
        self.prediction = Some(told.prediction.as_str());
        self.touched_at = told.touched_at.map(rfc3339);
        self.purged_at = told.purged_at.map(rfc3339);
        if let Some(entry) = told.entry {
            let explained = variant_explained(variant, entry, told.newcomer, &told.callers);
            self.variants.push(explained);
        }
    }

    fn sum_up(&mut self) {
        let callers: usize = self
            .variants
            .iter()
            .map(|variant| variant.callers_in_all)
            .sum();
        self.summary = match (self.variants.len(), &self.last_answer) {
            (0, Some(last)) => format!(
                "nothing is stored; the last answer had status {} and was {}{}",
                last.status,
                last.outcome,
                last.detail
                    .map_or(String::new(), |detail| format!(" ({detail})")),
            ),
            (0, None) => "nothing is stored, and nobody has asked for it lately".to_owned(),
            (variants, _) => format!(
                "{variants} stored form(s), confirmed to {callers} caller(s); see `next` of each for what a GET meets"
            ),
        };
    }
}

fn variant_explained(
    variant: &Variant,
    entry: EntryAccount,
    newcomer: Reuse,
    reuses: &[Reuse],
) -> VariantExplained {
    let shown = |value: &Option<HeaderValue>| {
        let value = value.as_ref()?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let callers_in_all = entry.callers.len();
    let callers = entry.callers.into_iter().zip(reuses);
    VariantExplained {
        accept: shown(&variant.accept),
        api_version: shown(&variant.api_version),
        weight_bytes: entry.weight_bytes,
        bodies: entry
            .bodies
            .into_iter()
            .map(|body| BodyShown {
                digest: body.digest,
                bytes: body.bytes,
                status: body.status.as_u16(),
                content_type: body.content_type,
                requested_at: rfc3339(body.requested_at),
                usable_for: body.shared.as_str(),
            })
            .collect(),
        callers: callers
            .take(MAX_CALLERS)
            .map(|(caller, reuse)| CallerShown {
                fingerprint: caller.fingerprint.to_string(),
                credential: caller.class.as_str(),
                body: caller.body,
                confirmed_at: rfc3339(caller.validated_at),
                fresh_until: caller.fresh_until.map(rfc3339),
                next: (*reuse).into(),
            })
            .collect(),
        callers_in_all,
        refused: entry
            .refused
            .into_iter()
            .take(MAX_CALLERS)
            .map(|(fingerprint, at)| RefusedShown {
                fingerprint: fingerprint.to_string(),
                at: rfc3339(at),
            })
            .collect(),
        unknown_caller: newcomer.into(),
    }
}

fn freshness_word(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Rfc9111 => "rfc9111",
        _ => "revalidate",
    }
}

fn last_answer(shared: &Shared, target: &PathAndQuery) -> Option<LastAnswerShown> {
    let last = shared.instruments.tally.last_answer(target.as_str())?;
    Some(LastAnswerShown {
        seconds_ago: Instant::now().saturating_duration_since(last.at).as_secs(),
        status: last.status.as_u16(),
        x_cache: XCache::of(last.outcome).as_str(),
        outcome: outcome_label(last.outcome),
        detail: last.detail,
    })
}

/// A path, GitHub's url or the mirror's own: whatever the operator has at hand.
fn target(shared: &Shared, url: &str) -> Result<PathAndQuery, AdminProblem> {
    let unusable = AdminProblem::Parameter {
        name: "url",
        problem: "is neither a path nor a url",
    };
    let mut text = url;
    if let Some(rest) = text.strip_prefix(&*shared.upstream) {
        // The upstream's base path is no part of targets.
        text = rest;
    }
    let uri: Uri = match text {
        "" => Uri::from_static("/"),
        _ => text.parse().map_err(|_| unusable)?,
    };
    let target = uri.path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    match admit_target(&Method::GET, &target) {
        Admission::Forward { target, .. } => Ok(target),
        Admission::Local(_) => Err(AdminProblem::Parameter {
            name: "url",
            problem: "is the mirror's own; nothing of it is ever stored",
        }),
        Admission::Reject(_) => Err(AdminProblem::Parameter {
            name: "url",
            problem: "would be refused: it is no resource of the API",
        }),
    }
}

/// The form that is asked about, or all that are likely.
fn wanted(shared: &Shared, query: &Query<'_>) -> Result<Vec<Variant>, AdminProblem> {
    let value = |name: &'static str| -> Result<Option<HeaderValue>, AdminProblem> {
        let Some(text) = query.one(name)? else {
            return Ok(None);
        };
        let problem = "cannot be a header's value";
        let value = HeaderValue::from_str(&text);
        value
            .map(Some)
            .map_err(|_| AdminProblem::Parameter { name, problem })
    };
    let (accept, api_version) = (value("accept")?, value("api_version")?);
    if accept.is_some() || api_version.is_some() {
        return Ok(vec![Variant {
            accept,
            api_version,
        }]);
    }
    let mut wanted = shared.instruments.tally.variants();
    for accept in USUAL_ACCEPTS {
        for version in USUAL_VERSIONS {
            let variant = Variant {
                accept: accept.map(HeaderValue::from_static),
                api_version: version.map(HeaderValue::from_static),
            };
            if !wanted.contains(&variant) {
                wanted.push(variant);
            }
        }
    }
    Ok(wanted)
}
