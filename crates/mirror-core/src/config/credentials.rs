//! `[[credentials]]` and `credentials_for`: what requests without `Authorization` are sent with, and whose.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;

use super::ConfigProblem;
use crate::pool::Access;

/// One credential of the operator's own. Secrets are in files, never in the settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialConfig {
    pub kind: CredentialKind,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    #[serde(default)]
    pub app_id: Option<AppId>,
    #[serde(default)]
    pub installation_id: Option<u64>,
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    #[serde(default)]
    pub reserve: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    Pat,
    OauthApp,
    GithubApp,
}

/// A number, or a client id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum AppId {
    Number(u64),
    ClientId(String),
}

impl std::fmt::Display for AppId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::ClientId(id) => id.fmt(f),
        }
    }
}

impl CredentialKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pat => "pat",
            Self::OauthApp => "oauth-app",
            Self::GithubApp => "github-app",
        }
    }

    /// Which fields it has besides `kind`, `name` and `reserve`.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Pat => &["credentials[].token_file"],
            Self::OauthApp => &["credentials[].app_id", "credentials[].token_file"],
            Self::GithubApp => &[
                "credentials[].app_id",
                "credentials[].installation_id",
                "credentials[].private_key_file",
            ],
        }
    }
}

impl CredentialConfig {
    /// As the operator calls it, or by kind and position, counted from 1.
    pub(crate) fn name(&self, position: usize) -> String {
        let unnamed = || format!("{}-{position}", self.kind.as_str());
        self.name.clone().unwrap_or_else(unnamed)
    }

    fn check(&self, position: usize) -> Result<(), ConfigProblem> {
        let kind = self.kind.as_str();
        let given = [
            ("credentials[].token_file", self.token_file.is_some()),
            ("credentials[].app_id", self.app_id.is_some()),
            (
                "credentials[].installation_id",
                self.installation_id.is_some(),
            ),
            (
                "credentials[].private_key_file",
                self.private_key_file.is_some(),
            ),
        ];
        for (key, is_given) in given {
            let problem = match (self.kind.fields().contains(&key), is_given) {
                (true, false) => "needed with",
                (false, true) => "has no meaning with",
                _ => continue,
            };
            return Err(ConfigProblem {
                key,
                problem: format!("{problem} kind {kind} (entry {position})"),
            });
        }
        Ok(())
    }
}

/// Checks the list and who may use it.
pub(super) fn check(
    credentials: &[CredentialConfig],
    credentials_for: &[String],
) -> Result<(), ConfigProblem> {
    Access::parse(credentials_for).map_err(|problem| ConfigProblem {
        key: "credentials_for",
        problem: problem.to_string(),
    })?;
    let mut names = Vec::new();
    for (index, credential) in credentials.iter().enumerate() {
        credential.check(index + 1)?;
        let name = credential.name(index + 1);
        if names.contains(&name) {
            return Err(ConfigProblem {
                key: "credentials[].name",
                problem: format!("{name} is taken already (entry {})", index + 1),
            });
        }
        names.push(name);
    }
    Ok(())
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "credentials[].kind",
        "pat, oauth-app, github-app",
        "A credential of the operator's own, for reads that bring none: a token that is sent as it is; an OAuth app in its own name (public data); an installation of a GitHub App, whose tokens the mirror mints and renews.",
    ),
    KeyDoc::new(
        "credentials[].name",
        "text",
        "What it is called in reports and logs. Default: kind and position, such as `pat-1`.",
    ),
    KeyDoc::new(
        "credentials[].token_file",
        "path",
        "Kind pat: the token. Kind oauth-app: the client secret.",
    ),
    KeyDoc::new(
        "credentials[].app_id",
        "number or text",
        "Kind github-app: the app's id or client id. Kind oauth-app: the client id.",
    ),
    KeyDoc::new(
        "credentials[].installation_id",
        "number",
        "Kind github-app: the installation whose repositories are read.",
    ),
    KeyDoc::new(
        "credentials[].private_key_file",
        "path",
        "Kind github-app: the app's private key, PEM.",
    ),
    KeyDoc::new(
        "credentials[].reserve",
        "requests",
        "Of each window, left for others who use the credential. Default 0.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(kind: CredentialKind) -> CredentialConfig {
        CredentialConfig {
            kind,
            name: None,
            token_file: None,
            app_id: None,
            installation_id: None,
            private_key_file: None,
            reserve: 0,
        }
    }

    #[test]
    fn what_a_kind_needs_and_has_not() {
        #[track_caller]
        fn check_one(credential: CredentialConfig, expected: Option<&str>) {
            let checked = check(&[credential], &[]);
            let problem = checked.err().map(|problem| problem.to_string());
            assert_eq!(problem.as_deref(), expected);
        }
        let token_file = || Some(PathBuf::from("t"));
        check_one(
            credential(CredentialKind::Pat),
            Some("credentials[].token_file: needed with kind pat (entry 1)"),
        );
        check_one(
            CredentialConfig {
                token_file: token_file(),
                ..credential(CredentialKind::Pat)
            },
            None,
        );
        check_one(
            CredentialConfig {
                token_file: token_file(),
                installation_id: Some(1),
                ..credential(CredentialKind::Pat)
            },
            Some("credentials[].installation_id: has no meaning with kind pat (entry 1)"),
        );
        check_one(
            CredentialConfig {
                token_file: token_file(),
                ..credential(CredentialKind::OauthApp)
            },
            Some("credentials[].app_id: needed with kind oauth-app (entry 1)"),
        );
        let app = CredentialConfig {
            app_id: Some(AppId::Number(1)),
            installation_id: Some(2),
            private_key_file: Some("k".into()),
            ..credential(CredentialKind::GithubApp)
        };
        check_one(app.clone(), None);
        check_one(
            CredentialConfig {
                private_key_file: None,
                ..app
            },
            Some("credentials[].private_key_file: needed with kind github-app (entry 1)"),
        );
    }

    #[test]
    fn names_are_unique_and_networks_are_read() {
        let named = |name: &str| CredentialConfig {
            name: Some(name.to_owned()),
            token_file: Some("t".into()),
            ..credential(CredentialKind::Pat)
        };
        check(&[named("a"), named("b")], &["10.0.0.0/8".to_owned()]).unwrap();
        let taken = check(&[named("a"), named("a")], &[]).unwrap_err();
        assert_eq!(
            taken.to_string(),
            "credentials[].name: a is taken already (entry 2)"
        );
        let wrong = check(&[], &["10.0.0.0/33".to_owned()]).unwrap_err();
        assert!(
            wrong.to_string().starts_with("credentials_for: "),
            "{wrong}"
        );
    }

    #[test]
    fn an_app_id_is_a_number_or_a_text() {
        let read = |text: &str| serde_json::from_str::<AppId>(text).unwrap().to_string();
        assert_eq!(read("12345"), "12345");
        assert_eq!(read("\"Iv23li\""), "Iv23li");
    }
}
