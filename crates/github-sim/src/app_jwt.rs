//! GitHub App JSON web tokens: the claims' rules and GitHub's words for breaking them (behaviour notes 5 and 6).
//!
//! The signature is verified when the app has registered a public key; without one only header and claims are
//! checked, so that a test needs no key pair.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// A GitHub App that the simulator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSpec {
    pub id: u64,
    pub client_id: String,
    pub slug: String,
    pub name: String,
    /// Login of the account that owns the app.
    pub owner: String,
    /// DER of the RSA public key (PKCS #1); `None` = signatures are not verified.
    pub public_key: Option<Vec<u8>>,
}

impl Default for AppSpec {
    fn default() -> Self {
        Self {
            id: 12_345,
            client_id: "Iv23liSimulatorApp00".to_owned(),
            slug: "simulator-app".to_owned(),
            name: "Simulator App".to_owned(),
            owner: "github".to_owned(),
            public_key: None,
        }
    }
}

impl AppSpec {
    /// Verify signatures with this key: `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// The text is no such PEM document.
    pub fn with_public_key_pem(mut self, pem: &str) -> Result<Self, String> {
        let base64: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD
            .decode(base64.trim())
            .map_err(|_| "the key is no PEM document")?;
        let key = match subject_public_key(&der) {
            Some(inner) if pem.contains("BEGIN PUBLIC KEY") => inner.to_vec(),
            _ if pem.contains("BEGIN RSA PUBLIC KEY") => der,
            _ => return Err("the key is neither a PUBLIC KEY nor an RSA PUBLIC KEY".to_owned()),
        };
        self.public_key = Some(key);
        Ok(self)
    }
}

pub(crate) const UNDECODABLE: &str = "A JSON web token could not be decoded";
const EXPIRY_NOT_A_NUMBER: &str = "'Expiration time' claim ('exp') must be a numeric value \
                                   representing the future time at which the assertion expires";
const EXPIRY_TOO_FAR: &str = "'Expiration time' claim ('exp') is too far in the future";
const ISSUED_AT: &str = "'Issued at' claim ('iat') must be an Integer representing the time that \
                         the assertion was issued";
const ISSUER: &str = "'Issuer' claim ('iss') must be an Integer";

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwtProblem {
    /// 401 with this message.
    Unauthorized(&'static str),
    /// 404 `Integration not found`.
    UnknownApp,
}

/// The app that `token` speaks for at second `now`.
pub(crate) fn verify<'a>(
    token: &str,
    apps: &'a [AppSpec],
    now: i64,
) -> Result<&'a AppSpec, JwtProblem> {
    let undecodable = JwtProblem::Unauthorized(UNDECODABLE);
    let (signed, signature) = token.rsplit_once('.').ok_or(undecodable)?;
    let (header, claims) = signed.split_once('.').ok_or(undecodable)?;
    let header = json_part(header).ok_or(undecodable)?;
    if header["alg"] != "RS256" {
        return Err(undecodable);
    }
    let claims = json_part(claims).ok_or(undecodable)?;
    let app = match &claims["iss"] {
        Value::Number(id) => apps.iter().find(|app| id.as_u64() == Some(app.id)),
        Value::String(id) => apps
            .iter()
            .find(|app| app.client_id == *id || app.id.to_string() == *id),
        _ => return Err(JwtProblem::Unauthorized(ISSUER)),
    };
    let app = app.ok_or(JwtProblem::UnknownApp)?;
    if let Some(key) = &app.public_key {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| undecodable)?;
    }
    check_times(&claims, now).map_err(JwtProblem::Unauthorized)?;
    Ok(app)
}

fn check_times(claims: &Value, now: i64) -> Result<(), &'static str> {
    match claims["exp"].as_i64() {
        Some(expires) if expires > now + 600 => return Err(EXPIRY_TOO_FAR),
        Some(expires) if expires > now => {}
        _ => return Err(EXPIRY_NOT_A_NUMBER),
    }
    match claims["iat"].as_i64() {
        Some(issued) if issued <= now => Ok(()),
        _ => Err(ISSUED_AT),
    }
}

/// A token whose signature is a filler, for apps without a registered key.
pub(crate) fn unsigned(app: &AppSpec, now: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(serde_json::json!({"alg": "RS256", "typ": "JWT"})),
        part(serde_json::json!({"iat": now - 60, "exp": now + 540, "iss": app.client_id})),
        URL_SAFE_NO_PAD.encode([0_u8; 256]),
    )
}

fn json_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The key inside a SubjectPublicKeyInfo (RFC 5280): `SEQUENCE { algorithm SEQUENCE, key BIT STRING }`.
fn subject_public_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(der, 0x30)?;
    let (_, after_algorithm) = element(outer, 0x30)?;
    let (bits, _) = element(after_algorithm, 0x03)?;
    bits.strip_prefix(&[0])
}

/// Content of a DER element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (
            bytes
                .iter()
                .fold(0, |length: usize, byte| length << 8 | usize::from(*byte)),
            rest,
        )
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_785_412_800;

    fn token(claims: Value) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(claims))
    }

    #[track_caller]
    fn check(token: &str, expected: Result<u64, JwtProblem>) {
        let apps = [AppSpec::default()];
        assert_eq!(verify(token, &apps, NOW).map(|app| app.id), expected);
    }

    #[test]
    fn an_issuer_is_an_id_or_a_client_id() {
        let with = |iss: Value| token(json!({"iat": NOW - 60, "exp": NOW + 600, "iss": iss}));
        check(&with(json!(12_345)), Ok(12_345));
        check(&with(json!("Iv23liSimulatorApp00")), Ok(12_345));
        check(&with(json!(1)), Err(JwtProblem::UnknownApp));
        check(&with(Value::Null), Err(JwtProblem::Unauthorized(ISSUER)));
        check(&unsigned(&AppSpec::default(), NOW), Ok(12_345));
    }

    #[test]
    fn times_have_their_own_messages() {
        let with = |iat: Value, exp: Value| token(json!({"iat": iat, "exp": exp, "iss": 12_345}));
        let refused = |message| Err(JwtProblem::Unauthorized(message));
        check(&with(json!(NOW), json!(NOW + 601)), refused(EXPIRY_TOO_FAR));
        check(&with(json!(NOW), json!(NOW)), refused(EXPIRY_NOT_A_NUMBER));
        check(
            &with(json!(NOW), json!("soon")),
            refused(EXPIRY_NOT_A_NUMBER),
        );
        check(&with(json!(NOW + 1), json!(NOW + 60)), refused(ISSUED_AT));
        check(&with(json!("now"), json!(NOW + 60)), refused(ISSUED_AT));
    }

    #[test]
    fn anything_else_cannot_be_decoded() {
        for wrong in ["", "a.b", "a.b.c", "eyJhbGciOiJub25lIn0.e30.x"] {
            check(wrong, Err(JwtProblem::Unauthorized(UNDECODABLE)));
        }
    }
}
