//! Sections of settings that services have in common, and the checks that settings are put to.
//!
//! A section has a fixed place in the file (`limits`, `log`, ...), so its errors and its part of the reference page name
//! the full keys. A service whose default differs sets it in the `Default` of its own configuration: layers are put
//! over that, not over the section's.

mod client;
mod listener;
mod log;
mod telemetry;

pub use client::ClientSettings;
pub use listener::ListenerSettings;
pub use log::LogSettings;
pub use telemetry::TelemetrySettings;

use crate::config::KeyDoc;

/// What a service whose readiness is `/healthcheck` says about how it drains, and about the sections `log`,
/// `upstream_http` and `limits`.
pub const KEY_DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "drain_seconds",
        "seconds",
        "After SIGTERM: how long requests in flight may take before they are cut off.",
    ),
    KeyDoc::new(
        "drain_grace_seconds",
        "seconds",
        "After SIGTERM: how long the listener still accepts while `/healthcheck` already fails, so that a load balancer can leave.",
    ),
    LogSettings::DOCS[0],
    LogSettings::DOCS[1],
    ClientSettings::DOCS[0],
    ClientSettings::DOCS[1],
    ClientSettings::DOCS[2],
    ClientSettings::DOCS[3],
    ListenerSettings::DOCS[0],
    ListenerSettings::DOCS[1],
    ListenerSettings::DOCS[2],
    ListenerSettings::DOCS[3],
    ListenerSettings::DOCS[4],
];

/// A setting that contradicts another, or that its type cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingProblem {
    /// The key, as in the file.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

impl SettingProblem {
    pub fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self {
            key,
            problem: problem.into(),
        }
    }
}

/// No waiting time is longer: added to the present, a larger one would overflow the clock.
pub const YEAR_SECONDS: u64 = 31_536_000;

/// Nothing works with none of these.
///
/// # Errors
/// The first that is 0.
pub fn at_least_one(values: &[(&'static str, u64)]) -> Result<(), SettingProblem> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(SettingProblem::new(key, "must be at least 1")),
        None => Ok(()),
    }
}

/// Times, told by the unit in the key's name; values of other units pass.
///
/// # Errors
/// The first that is longer than a year.
pub fn at_most_a_year(values: &[(&'static str, u64)]) -> Result<(), SettingProblem> {
    let longest = |key: &str| match key {
        _ if key.ends_with("_milliseconds") => YEAR_SECONDS * 1000,
        _ if key.ends_with("_seconds") => YEAR_SECONDS,
        _ => u64::MAX,
    };
    match values.iter().find(|(key, value)| *value > longest(key)) {
        Some((key, _)) => {
            let longest = longest(key);
            let problem = format!("must be at most {longest}, a year");
            Err(SettingProblem::new(key, problem))
        }
        None => Ok(()),
    }
}

/// A url to which paths are added: scheme, host, perhaps a port and a path, and nothing else.
///
/// # Errors
/// When it is not such a url. The text is not repeated: it may hold a password.
pub fn base_url(key: &'static str, text: &str) -> Result<(), SettingProblem> {
    let problem = |problem: &str| Err(SettingProblem::new(key, problem));
    let Ok(uri) = text.parse::<http::Uri>() else {
        return problem("is not a url");
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return problem("must begin with http:// or https://");
    }
    let Some(authority) = uri.authority().filter(|named| !named.host().is_empty()) else {
        return problem("must name a host");
    };
    if authority.as_str().contains('@') {
        return problem("must not hold credentials");
    }
    if uri.query().is_some() || text.contains('#') {
        return problem("must have neither query nor fragment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_their_unit() {
        #[track_caller]
        fn check(key: &'static str, value: u64, expected: Option<&str>) {
            let found = at_most_a_year(&[("a", 1), (key, value)]);
            let found = found.err().map(|problem| problem.to_string());
            assert_eq!(found.as_deref(), expected);
        }
        check("wait_seconds", YEAR_SECONDS, None);
        check(
            "wait_seconds",
            YEAR_SECONDS + 1,
            Some("wait_seconds: must be at most 31536000, a year"),
        );
        check("wait_milliseconds", YEAR_SECONDS * 1000, None);
        check(
            "wait_milliseconds",
            YEAR_SECONDS * 1000 + 1,
            Some("wait_milliseconds: must be at most 31536000000, a year"),
        );
        check("max_bytes", u64::MAX, None);
        let problem = at_least_one(&[("a", 1), ("b", 0)]).unwrap_err();
        assert_eq!(problem.to_string(), "b: must be at least 1");
    }

    #[test]
    fn base_urls() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            let found = base_url("u", text).err().map(|problem| problem.problem);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        check("https://api.github.com", None);
        check("http://127.0.0.1:1/api/v3", None);
        check("", Some("is not a url"));
        check("https://", Some("is not a url"));
        check("ftp://x", Some("must begin with http:// or https://"));
        check("host", Some("must begin with http:// or https://"));
        check("https://a:b@c", Some("must not hold credentials"));
        check("http://m/?q", Some("must have neither query nor fragment"));
        check("http://m/#f", Some("must have neither query nor fragment"));
    }
}
