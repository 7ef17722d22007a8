//! What an answer to `GET /user` says about the caller (pure).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use github_conditional::{Outcome, Trouble};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// GitHub says now that this is the caller's login.
    Login(Arc<str>),
    /// GitHub cannot be asked; it said so that long ago.
    LoginBefore(Arc<str>, Duration),
    /// GitHub does not know the credential.
    BadCredentials,
    /// The credential is good, but belongs to no user: a GitHub App's installation, for instance.
    NoUser,
    /// GitHub's limits keep it from saying.
    Limited {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// GitHub failed.
    Failed(StatusCode),
    /// What came makes no sense.
    Nonsense,
}

impl Finding {
    /// The word used in metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::LoginBefore(..) => "login-before",
            Self::BadCredentials => "bad-credentials",
            Self::NoUser => "no-user",
            Self::Limited { .. } => "rate-limited",
            Self::Failed(_) => "failed",
            Self::Nonsense => "nonsense",
        }
    }
}

#[derive(Deserialize)]
struct User {
    login: String,
}

/// How an answer came about, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) outcome: Outcome,
    /// How long ago GitHub confirmed the body.
    pub(crate) age: Option<Duration>,
}

/// How long to wait where GitHub does not say, as it asks of clients.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Understands an answer.
pub(crate) fn read(
    source: Source,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Finding {
    match (source.outcome, status) {
        (Outcome::Refused(Trouble::RateLimited), _) => Finding::Limited {
            retry_after: retry_after(headers, now),
        },
        (_, StatusCode::OK) => match (login(body), source.outcome) {
            (None, _) => Finding::Nonsense,
            // Without an age it might be of any age.
            (Some(login), Outcome::Stale(_)) => {
                Finding::LoginBefore(login, source.age.unwrap_or(Duration::MAX))
            }
            (Some(login), _) => Finding::Login(login),
        },
        (_, StatusCode::UNAUTHORIZED) => Finding::BadCredentials,
        (_, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => Finding::NoUser,
        (_, status) if status.is_server_error() => Finding::Failed(status),
        _ => Finding::Nonsense,
    }
}

fn login(body: &[u8]) -> Option<Arc<str>> {
    let User { login } = serde_json::from_slice(body).ok()?;
    (!login.is_empty()).then(|| login.into())
}

fn retry_after(headers: &HeaderMap, now: SystemTime) -> Duration {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number(header::RETRY_AFTER.as_str()) {
        return Duration::from_secs(seconds);
    }
    let reset = number("x-ratelimit-reset").filter(|_| number("x-ratelimit-remaining") == Some(0));
    let until =
        reset.and_then(|reset| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(reset)));
    match until.and_then(|until| until.duration_since(now).ok()) {
        Some(left) if !left.is_zero() => left,
        _ => RETRY_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use github_conditional::{Storing, ValidatorKind};
    use http::HeaderValue;

    use super::*;

    const USER: &str = r#"{"id":1,"login":"octocat","plan":null}"#;

    #[track_caller]
    fn check(outcome: Outcome, status: u16, body: &str, expected: Finding) {
        let source = Source {
            outcome,
            age: Some(Duration::from_secs(7)),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let finding = read(source, status, &HeaderMap::new(), body.as_bytes(), now);
        assert_eq!(finding, expected, "{outcome:?} {status} {body}");
    }

    #[test]
    fn answers() {
        let login = || Arc::from("octocat");
        let fetched = Outcome::Fetched(Storing::Recorded);
        check(fetched, 200, USER, Finding::Login(login()));
        let confirmed = Outcome::Revalidated(ValidatorKind::OwnTag);
        check(confirmed, 200, USER, Finding::Login(login()));
        let refused = Outcome::Fetched(Storing::Status);
        check(refused, 401, "{}", Finding::BadCredentials);
        check(refused, 403, "{}", Finding::NoUser);
        check(refused, 404, "{}", Finding::NoUser);
        for trouble in [Trouble::Offline, Trouble::Timeout, Trouble::RateLimited] {
            let before = Finding::LoginBefore(login(), Duration::from_secs(7));
            check(Outcome::Stale(trouble), 200, USER, before);
        }
        let limited = Finding::Limited {
            retry_after: RETRY_AFTER,
        };
        check(Outcome::Refused(Trouble::RateLimited), 403, "{}", limited);
        let failed = Outcome::Refused(Trouble::ServerError);
        check(
            failed,
            503,
            USER,
            Finding::Failed(StatusCode::SERVICE_UNAVAILABLE),
        );
    }

    #[test]
    fn what_is_not_understood_is_no_login() {
        let fetched = Outcome::Fetched(Storing::Recorded);
        for body in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"login":null}"#,
            r#"{"login":""}"#,
            r#"{"login":7}"#,
        ] {
            check(fetched, 200, body, Finding::Nonsense);
        }
        for status in [202, 204, 301, 418, 422] {
            check(fetched, status, USER, Finding::Nonsense);
        }
    }

    #[test]
    fn when_to_ask_again() {
        #[track_caller]
        fn check(headers: &[(&'static str, &'static str)], expected: u64) {
            let headers = headers
                .iter()
                .map(|(name, value)| {
                    (
                        http::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
            assert_eq!(
                retry_after(&headers, now).as_secs(),
                expected,
                "{headers:?}"
            );
        }
        check(&[], 60);
        check(&[("retry-after", "7")], 7);
        check(&[("retry-after", "soon")], 60);
        check(
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1300"),
            ],
            300,
        );
        check(
            &[
                ("x-ratelimit-remaining", "9"),
                ("x-ratelimit-reset", "1300"),
            ],
            60,
        );
        check(
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")],
            60,
        );
    }
}
