//! Settings of offline mode, and of the status page that hints at it.

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, check_base_url};

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
        if self.error_ratio > 0.0 && self.error_ratio <= 1.0 {
            return Ok(());
        }
        Err(ConfigProblem {
            key: "offline.error_ratio",
            problem: "must be more than 0 and at most 1".to_owned(),
        })
    }
}

impl StatusConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        if self.url.is_empty() {
            return Ok(());
        }
        check_base_url("status.url", &self.url)
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
