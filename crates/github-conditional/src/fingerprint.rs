//! Who asks, as far as the cache needs to know: a keyed hash of the credential, and what kind of credential it is.
//!
//! The credential itself is never kept: not in a key, an entry, a log line or a metric.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::Sha256;

/// The secret under which credentials are hashed.
///
/// Processes that share a store must share this key, or none of them recognises the others' confirmations.
#[derive(Clone)]
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    /// A key from secret bytes of any length.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// A random key, for a process that shares its store with nobody.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self::new(&secret))
    }

    /// A keyed hash in the making, for other things that must not be readable from a store.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }

    /// The fingerprint of the `Authorization` header, or [`Fingerprint::ANONYMOUS`] without one.
    ///
    /// Scheme and token are hashed as sent: GitHub gives `token X` and `Bearer X` different entity tags, so they are
    /// different callers here.
    pub fn fingerprint(&self, headers: &HeaderMap) -> Fingerprint {
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            return Fingerprint::ANONYMOUS;
        };
        let mut mac = self.0.clone();
        mac.update(authorization.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Fingerprint(short)
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

/// A credential, recognisable but not recoverable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The caller without credentials.
    pub const ANONYMOUS: Self = Self([0; 16]);

    /// A fingerprint from its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    /// The first eight hex digits: enough to tell callers apart in logs and metrics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANONYMOUS {
            return f.write_str("anonymous");
        }
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The kind of credential: GitHub varies, hashes and charges differently by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialClass {
    /// No `Authorization`. `Vary: Accept`; a 304 **costs** quota; answers may come from GitHub's edge cache.
    Anonymous,
    /// A token of a user or an installation. `Vary` names `Authorization`; a 304 is free.
    Token,
    /// A GitHub App's own JWT. `Vary: Accept`; no rate limit applies.
    AppJwt,
}

impl CredentialClass {
    /// The class of the caller who sent these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(AUTHORIZATION) {
            None => Self::Anonymous,
            Some(value) if is_jwt(value.as_bytes()) => Self::AppJwt,
            Some(_) => Self::Token,
        }
    }

    /// The word used in metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Token => "token",
            Self::AppJwt => "app-jwt",
        }
    }
}

/// A JWT is three base64url parts, the first a JSON object (`{"` encodes as `eyJ`). Stateless installation tokens hold
/// a JWT too, but begin with `ghs_`.
fn is_jwt(authorization: &[u8]) -> bool {
    let Some(space) = authorization.iter().position(|byte| *byte == b' ') else {
        return false;
    };
    let (scheme, token) = (
        &authorization[..space],
        authorization[space..].trim_ascii_start(),
    );
    scheme.eq_ignore_ascii_case(b"bearer")
        && token.starts_with(b"eyJ")
        && token.iter().filter(|byte| **byte == b'.').count() == 2
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        headers
    }

    #[test]
    fn scheme_and_key_matter_and_nothing_leaks() {
        let key = FingerprintKey::new(b"one");
        let bearer = key.fingerprint(&headers("Bearer ghp_secret"));
        assert_eq!(bearer, key.fingerprint(&headers("Bearer ghp_secret")));
        assert_ne!(bearer, key.fingerprint(&headers("token ghp_secret")));
        assert_ne!(
            bearer,
            FingerprintKey::new(b"two").fingerprint(&headers("Bearer ghp_secret"))
        );
        assert_eq!(key.fingerprint(&HeaderMap::new()), Fingerprint::ANONYMOUS);
        assert!(!format!("{bearer:?} {bearer} {key:?}").contains("secret"));
    }

    #[test]
    fn classes() {
        #[track_caller]
        fn check(authorization: &str, class: CredentialClass) {
            assert_eq!(
                CredentialClass::of(&headers(authorization)),
                class,
                "{authorization}"
            );
        }
        check(
            "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln",
            CredentialClass::AppJwt,
        );
        check(
            "bearer  eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln",
            CredentialClass::AppJwt,
        );
        check(
            "token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln",
            CredentialClass::Token,
        );
        check(
            "Bearer ghs_12345_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln",
            CredentialClass::Token,
        );
        check("Basic eyJh.b.c", CredentialClass::Token);
        check("Bearer ghp_x", CredentialClass::Token);
        check("garbage", CredentialClass::Token);
        assert_eq!(
            CredentialClass::of(&HeaderMap::new()),
            CredentialClass::Anonymous
        );
    }
}
