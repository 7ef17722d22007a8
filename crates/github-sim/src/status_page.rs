//! The public status page's components document (behaviour notes 5), with settable states.

use crate::clock::iso_date;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use serde_json::{Value, json};

const PAGE_ID: &str = "kctbh9vrtdwd";
const STATES: [&str; 5] = [
    "operational",
    "degraded_performance",
    "partial_outage",
    "major_outage",
    "under_maintenance",
];
const COMPONENTS: [(&str, &str, &str); 9] = [
    (
        "8l4ygp009s5s",
        "Git Operations",
        "Performance of git clones, pulls, pushes, and associated operations",
    ),
    ("brv1bkgrwx7q", "API Requests", "Requests for GitHub APIs"),
    (
        "4230lsnqdsld",
        "Webhooks",
        "Real time HTTP callbacks of user-generated and system events",
    ),
    (
        "kr09ddfgbfsf",
        "Issues",
        "Requests for Issues on GitHub.com",
    ),
    (
        "hhtssxt0f5v2",
        "Pull Requests",
        "Requests for Pull Requests on GitHub.com",
    ),
    (
        "br0l2tvcx85d",
        "Actions",
        "Workflows, Compute and Orchestration for GitHub Actions",
    ),
    (
        "st3j38cctv9l",
        "Packages",
        "API requests and webhook delivery for GitHub Packages",
    ),
    (
        "vg70hn9s2tyj",
        "Pages",
        "Frontend application and API servers for Pages builds",
    ),
    (
        "h2ftsgbw7kmk",
        "Codespaces",
        "Orchestration and Compute for GitHub Codespaces",
    ),
];

#[derive(Clone, Copy, Debug)]
struct State {
    status: &'static str,
    changed_at: i64,
}

/// States of all components.
#[derive(Debug)]
pub(crate) struct StatusPage(Mutex<[State; COMPONENTS.len()]>);

impl StatusPage {
    pub(crate) fn operational(now: i64) -> Self {
        let state = State {
            status: STATES[0],
            changed_at: now,
        };
        Self(Mutex::new([state; COMPONENTS.len()]))
    }

    /// Sets one component by its name.
    pub(crate) fn set(&self, component: &str, status: &str, now: i64) -> Result<(), String> {
        let index = COMPONENTS
            .iter()
            .position(|(_, name, _)| name.eq_ignore_ascii_case(component))
            .ok_or_else(|| format!("no status component `{component}`"))?;
        let status = STATES
            .into_iter()
            .find(|known| *known == status)
            .ok_or_else(|| format!("no status `{status}`; one of {}", STATES.join(", ")))?;
        self.0.lock()[index] = State {
            status,
            changed_at: now,
        };
        Ok(())
    }

    /// The document and its entity tag, `W/"gz[md5]"`.
    pub(crate) fn document(&self) -> (String, String) {
        let states = *self.0.lock();
        let updated_at = states
            .iter()
            .map(|state| state.changed_at)
            .max()
            .unwrap_or_default();
        let components: Vec<Value> = (1..)
            .zip(COMPONENTS.iter().zip(states))
            .map(|(position, ((id, name, description), state))| {
                json!({
                    "id": id,
                    "name": name,
                    "status": state.status,
                    "created_at": "2017-01-31T20:05:05.370Z",
                    "updated_at": iso_date(state.changed_at),
                    "position": position,
                    "description": description,
                    "showcase": false,
                    "start_date": null,
                    "group_id": null,
                    "page_id": PAGE_ID,
                    "group": false,
                    "only_show_if_degraded": false,
                })
            })
            .collect();
        let body = json!({
            "page": {
                "id": PAGE_ID,
                "name": "GitHub",
                "url": "https://www.githubstatus.com",
                "time_zone": "Etc/UTC",
                "updated_at": iso_date(updated_at),
            },
            "components": components,
        })
        .to_string();
        let tag = format!("W/\"gz[{}]\"", hex::encode(Md5::digest(body.as_bytes())));
        (body, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_can_break() {
        let page = StatusPage::operational(0);
        let (before, tag) = page.document();
        assert!(
            before.contains(r#""name":"API Requests","status":"operational""#),
            "{before}"
        );
        page.set("api requests", "major_outage", 60).unwrap();
        let (after, new_tag) = page.document();
        assert!(
            after.contains(r#""name":"API Requests","status":"major_outage""#),
            "{after}"
        );
        assert_ne!(tag, new_tag);
        assert!(page.set("API Requests", "broken", 0).is_err());
        assert!(page.set("Coffee", "major_outage", 0).is_err());
    }
}
