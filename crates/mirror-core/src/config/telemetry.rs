//! Settings of the export of traces and metrics.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use service_runtime::export::OtlpOptions;

use super::{ConfigProblem, YEAR_SECONDS};

/// Whom traces and metrics are sent to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    pub otlp_endpoint: Option<String>,
    pub otlp_interval_seconds: u64,
    pub trace_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_interval_seconds: 60,
            trace_ratio: 1.0,
        }
    }
}

impl TelemetryConfig {
    /// Where to send, if anywhere.
    pub fn otlp(&self) -> Option<OtlpOptions> {
        Some(OtlpOptions {
            endpoint: self.otlp_endpoint.clone()?,
            interval: Duration::from_secs(self.otlp_interval_seconds),
            trace_ratio: self.trace_ratio,
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem: &str| {
            Err(ConfigProblem {
                key,
                problem: problem.to_owned(),
            })
        };
        if let Some(endpoint) = &self.otlp_endpoint {
            super::check_base_url("telemetry.otlp_endpoint", endpoint)?;
            if !endpoint.starts_with("http://") {
                let text = "must begin with http://: the collector is a neighbour";
                return problem("telemetry.otlp_endpoint", text);
            }
        }
        match self.otlp_interval_seconds {
            1..=YEAR_SECONDS => {}
            _ => {
                let text = "must be from 1 to 31536000, a year";
                return problem("telemetry.otlp_interval_seconds", text);
            }
        }
        match self.trace_ratio {
            0.0..=1.0 => Ok(()),
            _ => problem("telemetry.trace_ratio", "must be from 0 to 1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_until_an_endpoint_is_given() {
        let mut config = TelemetryConfig::default();
        assert_eq!(config.otlp(), None);
        config.otlp_endpoint = Some("http://127.0.0.1:4318".to_owned());
        config.check().unwrap();
        assert_eq!(config.otlp().unwrap().interval.as_secs(), 60);
        config.trace_ratio = 1.5;
        let problem = config.check().unwrap_err().to_string();
        assert_eq!(problem, "telemetry.trace_ratio: must be from 0 to 1");
        config.otlp_endpoint = Some("https://collector:4318".to_owned());
        assert!(config.check().is_err());
    }
}
