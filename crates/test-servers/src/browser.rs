//! A real browser without a window: what it makes of a page, and what it complains of.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::programs::provided;

/// Chromium.
#[derive(Clone, Debug)]
pub struct Browser(PathBuf);

/// What a browser made of a page.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The document after its scripts have run.
    pub dom: String,
    /// What the browser said meanwhile: warnings, errors, the page's own log.
    pub said: String,
}

impl Browser {
    /// The one that `CHROMIUM` names; `None` where it names none. In CI that is a failure.
    pub fn found() -> Option<Self> {
        provided("CHROMIUM").map(Self)
    }

    /// Shows a page, with further arguments such as `--virtual-time-budget=10000`.
    ///
    /// # Panics
    /// When the browser fails.
    pub async fn show(&self, url: &str, arguments: &[&str]) -> Shown {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new(&self.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        Shown {
            dom: String::from_utf8_lossy(&output.stdout).into_owned(),
            said,
        }
    }
}
