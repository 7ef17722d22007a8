//! What a GitHub App signs to prove that it is itself.
//!
//! "Generating a JSON Web Token (JWT) for a GitHub App": RS256, `iat` a minute back against clocks that run ahead, `exp` at
//! most ten minutes ahead, `iss` the app's id or client id.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

const BACKDATED_SECONDS: u64 = 60;
/// A minute less than GitHub allows, against clocks that run behind.
const VALID_SECONDS: u64 = 9 * 60;

/// A private key that cannot be used. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No PEM document with a private key.
    #[error("no PEM document with a private key")]
    Pem,
    /// Not an RSA key that can sign: GitHub gives RSA keys of 2048 bits.
    #[error("no RSA key of at least 2048 bits")]
    Rsa,
}

/// Signs in the name of an app.
pub(super) struct Signer {
    key: RsaKeyPair,
    issuer: String,
}

/// A signature could not be made, for want of randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign")]
pub(super) struct SigningFailed;

impl Signer {
    pub(super) fn new(app_id: &str, private_key_pem: &str) -> Result<Self, KeyError> {
        let key =
            PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(KeyError::Rsa),
        };
        Ok(Self {
            key: key.map_err(|_| KeyError::Rsa)?,
            issuer: app_id.to_owned(),
        })
    }

    pub(super) fn sign(&self, now: SystemTime) -> Result<String, SigningFailed> {
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_err(|_| SigningFailed)?
            .as_secs();
        // An id is a number, a client id is not.
        let issuer = match self.issuer.parse::<u64>() {
            Ok(id) => serde_json::json!(id),
            Err(_) => serde_json::json!(self.issuer),
        };
        let header = serde_json::json!({"alg": "RS256", "typ": "JWT"});
        let claims = serde_json::json!({
            "iat": now.saturating_sub(BACKDATED_SECONDS),
            "exp": now + VALID_SECONDS,
            "iss": issuer,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| SigningFailed)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PKCS1: &str = include_str!("../../tests/it/fixtures/app.pem");
    const PKCS8: &str = include_str!("../../tests/it/fixtures/app.pkcs8.pem");

    #[test]
    fn claims_are_those_that_github_wants() {
        #[track_caller]
        fn check(app_id: &str, issuer: serde_json::Value) {
            let now = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
            let token = Signer::new(app_id, PKCS1).unwrap().sign(now).unwrap();
            let parts: Vec<&str> = token.split('.').collect();
            let json = |part: &str| -> serde_json::Value {
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
            };
            assert_eq!(json(parts[0])["alg"], "RS256");
            let claims = serde_json::json!({
                "iat": 1_779_999_940,
                "exp": 1_780_000_540,
                "iss": issuer,
            });
            assert_eq!(json(parts[1]), claims);
        }
        check("12345", serde_json::json!(12_345));
        check(
            "Iv23liSimulatorApp00",
            serde_json::json!("Iv23liSimulatorApp00"),
        );
    }

    #[test]
    fn both_forms_of_a_key_are_the_same_key() {
        let now = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let sign = |pem| Signer::new("1", pem).unwrap().sign(now).unwrap();
        assert_eq!(sign(PKCS1), sign(PKCS8));
    }

    #[test]
    fn what_is_no_key_is_told_without_repeating_it() {
        for (pem, expected) in [
            ("", KeyError::Pem),
            ("ghp_secret", KeyError::Pem),
            (&PKCS1[..200], KeyError::Pem),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
                KeyError::Rsa,
            ),
        ] {
            let error = Signer::new("1", pem).unwrap_err();
            assert_eq!(error, expected);
        }
        let shown = format!("{:?}", Signer::new("1", PKCS1).unwrap());
        assert_eq!(shown, "Signer { issuer: \"1\", .. }");
    }
}
