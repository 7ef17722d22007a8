//! The operator's own credentials, for requests that bring none: who may use them, and which one a request gets.

use std::path::Path;
use std::sync::Arc;

use github_conditional::Inspect;
use github_headers::Route;
use github_upstream::pool::{CredentialError, Stick};
use github_upstream::{
    CallerId, CredentialPool, CredentialSecret, CredentialSpec, PoolLine, PreparedCredentials,
    Upstream,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::RwLock;
use service_runtime::listener::Peer;

use crate::config::{Config, ConfigProblem, CredentialConfig, CredentialKind};

mod access;

pub(crate) use access::{Access, Usage};

/// What describes the credential and not the resource: none of a client's business that did not bring it.
const ABOUT_THE_CREDENTIAL: [HeaderName; 3] = [
    HeaderName::from_static("x-oauth-scopes"),
    HeaderName::from_static("x-oauth-client-id"),
    HeaderName::from_static("github-authentication-token-expiration"),
];

/// A credential of the settings that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialProblem {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// A file cannot be read.
    #[error("{key}: cannot read {path}")]
    File {
        /// The key, as in the file.
        key: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file holds nothing.
    #[error("{key}: {path} is empty")]
    Empty {
        /// The key, as in the file.
        key: &'static str,
        /// The file.
        path: String,
    },
    /// What the file holds is no such credential.
    #[error("credentials")]
    Credential(#[from] CredentialError),
}

/// The pool as the mirror uses it.
pub(crate) struct Pool {
    credentials: CredentialPool,
    access: RwLock<Access>,
}

/// Everything that new settings say, read and checked.
pub(crate) struct Prepared {
    specs: Vec<CredentialSpec>,
    access: Access,
}

/// A pool that takes the place of the one in use.
#[derive(Debug)]
pub(crate) struct PreparedPool {
    credentials: PreparedCredentials,
    access: Access,
}

impl Prepared {
    pub(crate) fn read(config: &Config) -> Result<Self, CredentialProblem> {
        let access = Access::parse(&config.credentials_for)
            .map_err(|problem| ConfigProblem::new("credentials_for", problem.to_string()))?;
        let entries = config.credentials.iter().enumerate();
        Ok(Self {
            specs: entries
                .map(|(index, credential)| spec(credential, index + 1))
                .collect::<Result<_, _>>()?,
            access,
        })
    }
}

impl Pool {
    pub(crate) fn new(
        prepared: Prepared,
        upstream: &Upstream,
        inspect: &Arc<dyn Inspect>,
        agent: HeaderValue,
    ) -> Result<Self, CredentialProblem> {
        let inspect = Arc::clone(inspect);
        let identify = Arc::new(move |authorization: &HeaderValue| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, authorization.clone());
            CallerId(*inspect.fingerprint(&headers).as_bytes())
        });
        let Prepared { specs, access } = prepared;
        Ok(Self {
            credentials: CredentialPool::new(specs, upstream.clone(), identify, agent)?,
            access: RwLock::new(access),
        })
    }

    /// Makes what new settings ask for, and changes nothing.
    pub(crate) fn prepare(&self, config: &Config) -> Result<PreparedPool, CredentialProblem> {
        let Prepared { specs, access } = Prepared::read(config)?;
        Ok(PreparedPool {
            credentials: self.credentials.prepare(specs)?,
            access,
        })
    }

    /// Uses it from now on; credentials that stay keep their tokens.
    pub(crate) fn install(&self, prepared: PreparedPool) {
        self.credentials.install(prepared.credentials);
        *self.access.write() = prepared.access;
    }

    pub(crate) fn usage(&self, method: &Method, headers: &HeaderMap, peer: Option<&Peer>) -> Usage {
        if self.credentials.is_empty() {
            return Usage::NoPool;
        }
        self.access.read().usage(method, headers, peer)
    }

    pub(crate) fn credentials(&self) -> &CredentialPool {
        &self.credentials
    }

    pub(crate) fn lines(&self) -> Vec<PoolLine> {
        self.credentials.snapshot()
    }
}

/// Where GitHub's tags say nothing about the bytes, what is stored serves one credential only; so the resource stays with one.
pub(crate) fn stick(path: &str) -> Stick {
    let template = Route::of(path).template();
    let is_git_object = ["/contents/", "/readme", "/git/"]
        .iter()
        .any(|part| template.contains(part));
    if is_git_object {
        Stick::ToResource
    } else {
        Stick::Free
    }
}

/// Takes out what is about the credential.
pub(crate) fn conceal(headers: &mut HeaderMap) {
    for name in ABOUT_THE_CREDENTIAL {
        headers.remove(name);
    }
}

fn spec(
    credential: &CredentialConfig,
    position: usize,
) -> Result<CredentialSpec, CredentialProblem> {
    let token = || text("credentials[].token_file", credential.token_file.as_deref());
    let app_id = || {
        credential
            .app_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let secret = match credential.kind {
        CredentialKind::Pat => CredentialSecret::Token(token()?),
        CredentialKind::OauthApp => CredentialSecret::OauthApp {
            client_id: app_id(),
            client_secret: token()?,
        },
        CredentialKind::GithubApp => CredentialSecret::GithubApp {
            app_id: app_id(),
            installation_id: credential.installation_id.unwrap_or_default(),
            private_key_pem: text(
                "credentials[].private_key_file",
                credential.private_key_file.as_deref(),
            )?,
        },
    };
    Ok(CredentialSpec {
        name: credential.name(position),
        secret,
        reserve: credential.reserve,
    })
}

/// A secret as it stands in its file, without the line end that editors add.
fn text(key: &'static str, file: Option<&Path>) -> Result<String, CredentialProblem> {
    let file = file.unwrap_or(Path::new(""));
    let path = || file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| CredentialProblem::File {
        key,
        path: path(),
        source,
    })?;
    match text.trim() {
        "" => Err(CredentialProblem::Empty { key, path: path() }),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_objects_stay_with_one_credential() {
        #[track_caller]
        fn check(path: &str, expected: Stick) {
            assert_eq!(stick(path), expected, "{path}");
        }
        check("/repos/o/r/contents/a/b.txt", Stick::ToResource);
        check("/repos/o/r/readme", Stick::ToResource);
        check("/repos/o/r/git/trees/abc", Stick::ToResource);
        check("/repos/o/r", Stick::Free);
        check("/repos/o/r/issues", Stick::Free);
        check("/users/git", Stick::Free);
    }
}
