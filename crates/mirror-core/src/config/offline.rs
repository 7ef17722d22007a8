//! Settings of offline mode, and of the status page that hints at it.

use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::settings::{at_least_one, at_most_a_year, base_url};

use super::ConfigProblem;

/// GitHub's own page. It speaks of api.github.com and of no other upstream.
const GITHUB_STATUS_PAGE: &str = "https://www.githubstatus.com/api/v2/components.json";
const GITHUB_HOST: &str = "api.github.com";

/// When the upstream counts as gone, and how it comes back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfflineConfig {
    pub window_seconds: u64,
    pub min_samples: u64,
    pub error_ratio: f64,
    pub probe_seconds: u64,
    pub return_reads_per_second: u64,
}

/// The page that says how GitHub fares.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusConfig {
    pub url: String,
    pub interval_seconds: u64,
    pub timeout_seconds: u64,
}

impl Default for OfflineConfig {
    fn default() -> Self {
        Self {
            window_seconds: 10,
            min_samples: 5,
            error_ratio: 0.5,
            probe_seconds: 1,
            return_reads_per_second: 50,
        }
    }
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self {
            url: GITHUB_STATUS_PAGE.to_owned(),
            interval_seconds: 1,
            timeout_seconds: 10,
        }
    }
}

impl OfflineConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        // Not a number is not within either.
        if !(self.error_ratio > 0.0 && self.error_ratio <= 1.0) {
            let problem = "must be more than 0 and at most 1";
            return Err(ConfigProblem::new("offline.error_ratio", problem));
        }
        let values = [
            ("offline.window_seconds", self.window_seconds),
            ("offline.min_samples", self.min_samples),
            ("offline.probe_seconds", self.probe_seconds),
            (
                "offline.return_reads_per_second",
                self.return_reads_per_second,
            ),
        ];
        at_least_one(&values)?;
        at_most_a_year(&values)
    }
}

impl StatusConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let values = [
            ("status.interval_seconds", self.interval_seconds),
            ("status.timeout_seconds", self.timeout_seconds),
        ];
        at_least_one(&values)?;
        at_most_a_year(&values)?;
        match self.url.as_str() {
            "" => Ok(()),
            url => base_url("status.url", url),
        }
    }

    /// The page to ask about this upstream, if any.
    pub(crate) fn page_for(&self, upstream: &str) -> Option<&str> {
        let github = upstream
            .parse::<http::Uri>()
            .is_ok_and(|uri| uri.host() == Some(GITHUB_HOST));
        match self.url.as_str() {
            "" => None,
            GITHUB_STATUS_PAGE if !github => None,
            url => Some(url),
        }
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "offline.window_seconds",
        "seconds",
        "How far back upstream calls count towards offline mode.",
    ),
    KeyDoc::new(
        "offline.min_samples",
        "calls",
        "Upstream calls within the window below which offline mode does not begin.",
    ),
    KeyDoc::new(
        "offline.error_ratio",
        "part of 1",
        "Share of failed upstream calls (no answer, or 5xx) from which offline mode begins.",
    ),
    KeyDoc::new(
        "offline.probe_seconds",
        "seconds",
        "Pause between the probes (`HEAD /rate_limit`) that end offline mode.",
    ),
    KeyDoc::new(
        "offline.return_reads_per_second",
        "reads",
        "Reads sent up in the first second after an outage, twice as many in each second after, until nobody is held back. Who is held back is answered as in offline mode.",
    ),
];

/// The section's part of the reference page.
pub(super) const STATUS_DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "status.url",
        "url",
        "A status page's components document. `major_outage` of its component \"API Requests\" makes `offline.min_samples` 1, and nothing more. Empty: off. The default is asked only if the upstream is api.github.com.",
    ),
    KeyDoc::new(
        "status.interval_seconds",
        "seconds",
        "Pause between two questions to the status page.",
    ),
    KeyDoc::new(
        "status.timeout_seconds",
        "seconds",
        "How long the status page may take. Its failure changes nothing.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_page_is_asked_about_github_only() {
        #[track_caller]
        fn check(url: &str, upstream: &str, expected: Option<&str>) {
            let config = StatusConfig {
                url: url.to_owned(),
                ..StatusConfig::default()
            };
            assert_eq!(config.page_for(upstream), expected, "{url} {upstream}");
        }
        let github = "https://api.github.com";
        check(GITHUB_STATUS_PAGE, github, Some(GITHUB_STATUS_PAGE));
        check(GITHUB_STATUS_PAGE, "http://127.0.0.1:8090", None);
        check(GITHUB_STATUS_PAGE, "https://ghe.example.com/api/v3", None);
        check(
            "http://own/page",
            "http://127.0.0.1:8090",
            Some("http://own/page"),
        );
        check("", github, None);
    }

    #[test]
    fn ratios() {
        for error_ratio in [0.0, -1.0, 1.1, f64::NAN] {
            let config = OfflineConfig {
                error_ratio,
                ..OfflineConfig::default()
            };
            assert!(config.check().is_err(), "{error_ratio}");
        }
        OfflineConfig::default().check().unwrap();
    }
}
