//! Programs that look at the mirror as its operators do: Prometheus with promtool, and a browser.

use std::ffi::OsString;

use super::apt_install;
use crate::environment;

/// The programs that tests start by themselves, by the variable that names each.
pub(super) fn programs() -> Result<Vec<(&'static str, OsString)>, String> {
    let found = || {
        let browsers = ["chromium", "chromium-browser", "google-chrome"];
        let browser = browsers.into_iter().find_map(environment::find_program);
        let named = [
            ("PROMETHEUS", environment::find_program("prometheus")),
            ("PROMTOOL", environment::find_program("promtool")),
            ("CHROMIUM", browser),
        ];
        named
            .into_iter()
            .map(|(variable, program)| Some((variable, program?.into_os_string())))
            .collect::<Option<Vec<_>>>()
    };
    if let Some(programs) = found() {
        return Ok(programs);
    }
    apt_install(&["prometheus", "chromium"])?;
    found().ok_or_else(|| {
        "prometheus, promtool and chromium are missing: install Prometheus 2.40 or newer and Chromium \
         (Debian: `apt-get install prometheus chromium`)"
            .to_owned()
    })
}
