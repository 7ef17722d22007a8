//! Where traces and metrics are sent.

use std::time::Duration;

use super::{SettingProblem, YEAR_SECONDS, base_url};
use crate::config::KeyDoc;
use crate::export::OtlpOptions;
use serde::{Deserialize, Serialize};

/// The section `telemetry`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    pub otlp_endpoint: Option<String>,
    pub otlp_interval_seconds: u64,
    pub trace_ratio: f64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_interval_seconds: 60,
            trace_ratio: 1.0,
        }
    }
}

impl TelemetrySettings {
    /// Where to send, if anywhere.
    pub fn otlp(&self) -> Option<OtlpOptions> {
        Some(OtlpOptions {
            endpoint: self.otlp_endpoint.clone()?,
            interval: Duration::from_secs(self.otlp_interval_seconds),
            trace_ratio: self.trace_ratio,
        })
    }

    /// # Errors
    /// When nothing could be sent that way.
    pub fn check(&self) -> Result<(), SettingProblem> {
        let problem = |key, problem| Err(SettingProblem::new(key, problem));
        if let Some(endpoint) = &self.otlp_endpoint {
            base_url("telemetry.otlp_endpoint", endpoint)?;
            if !endpoint.starts_with("http://") {
                let text = "must begin with http://: the collector is a neighbour";
                return problem("telemetry.otlp_endpoint", text);
            }
        }
        if !(1..=YEAR_SECONDS).contains(&self.otlp_interval_seconds) {
            let text = "must be from 1 to 31536000, a year";
            return problem("telemetry.otlp_interval_seconds", text);
        }
        match self.trace_ratio {
            0.0..=1.0 => Ok(()),
            _ => problem("telemetry.trace_ratio", "must be from 0 to 1"),
        }
    }

    /// Its part of the reference page.
    pub const DOCS: &'static [KeyDoc<'static>] = &[
        KeyDoc::new(
            "telemetry.otlp_endpoint",
            "url",
            "An OpenTelemetry collector, `http://host:port`: traces and metrics are sent there too, as OTLP over HTTP. Without one nothing is sent.",
        ),
        KeyDoc::new(
            "telemetry.otlp_interval_seconds",
            "seconds",
            "How often metrics are sent.",
        ),
        KeyDoc::new(
            "telemetry.trace_ratio",
            "part of 1",
            "Which part of the traces that begin here is sent. A client that sends `traceparent` decides for its own.",
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_until_an_endpoint_is_given() {
        let mut config = TelemetrySettings::default();
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
