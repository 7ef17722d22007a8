//! Settings of the administration.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::KeyDoc;

use super::ConfigProblem;

/// Who may administer the mirror, and where.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// What `Authorization: Bearer` must hold. Without one only this machine may administer the mirror.
    pub token: Option<Secret>,
    /// A listener of its own; the main one then knows nothing of the administration.
    pub listen: Option<SocketAddr>,
}

/// A shorter token can be guessed by whoever may try often enough.
const LEAST_TOKEN_BYTES: usize = 16;

impl AdminConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let token = token.expose();
        let problem = if token.len() < LEAST_TOKEN_BYTES {
            "must have at least 16 characters"
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            "must be printable ASCII without spaces"
        } else {
            return Ok(());
        };
        Err(ConfigProblem::new("admin.token", problem))
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "admin.token",
        "secret",
        "What `Authorization: Bearer` must hold for `/_mirror/`; at least 16 characters. Without one only this machine may administer the mirror.",
    ),
    KeyDoc::new(
        "admin.listen",
        "address:port",
        "A listener for `/_mirror/` alone; the others then answer 404 there.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_built_in_and_weak_ones_are_refused() {
        assert_eq!(AdminConfig::default().token, None);
        #[track_caller]
        fn check(token: &str, expected: Option<&str>) {
            let config = AdminConfig {
                token: Some(token.into()),
                listen: None,
            };
            let problem = config.check().err().map(|problem| problem.to_string());
            assert_eq!(problem.as_deref(), expected, "{token:?}");
        }
        check("0123456789abcdef", None);
        let short = Some("admin.token: must have at least 16 characters");
        check("", short);
        check("admin", short);
        let spaces = Some("admin.token: must be printable ASCII without spaces");
        check("0123456789 abcdef", spaces);
    }
}
