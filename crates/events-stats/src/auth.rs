//! Who is let in: whoever sends one of the configured keys (pure).

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The keys that let in, as hashes: of equal length, so that comparing tells nothing of a key.
#[derive(Clone)]
pub(crate) struct ApiKeys(Box<[[u8; 32]]>);

/// Whether a request is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It brings a key.
    Admitted,
    /// It brings none, or a wrong one.
    Refused,
}

impl ApiKeys {
    /// Reads keys that are separated by commas; none where there is no key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let keys: Box<[[u8; 32]]> = text
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(hash)
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Judges what a request brings: `X-API-Key`, or `Authorization: Bearer`.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Admission {
        let named = headers.get("x-api-key").map(http::HeaderValue::as_bytes);
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()));
        let sent = named.into_iter().chain(bearer);
        // Every key is compared with all that was sent, whichever of them fits.
        let fits = sent
            .map(hash)
            .flat_map(|sent| self.0.iter().map(move |key| key.ct_eq(&sent)))
            .fold(Choice::from(0), |fits, one| fits | one);
        match bool::from(fits) {
            true => Admission::Admitted,
            false => Admission::Refused,
        }
    }
}

fn hash(key: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| key.trim_ascii())
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_lets_in() {
        #[track_caller]
        fn check(sent: &[(&'static str, &str)], expected: Admission) {
            let keys = ApiKeys::parse("one, two,,").unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(keys.admit(&headers), expected, "{sent:?}");
        }
        use Admission::{Admitted, Refused};
        check(&[("x-api-key", "one")], Admitted);
        check(&[("x-api-key", "two")], Admitted);
        check(&[("authorization", "Bearer two")], Admitted);
        check(&[("authorization", "bearer  two ")], Admitted);
        check(
            &[("x-api-key", "bad"), ("authorization", "Bearer one")],
            Admitted,
        );
        check(&[], Refused);
        check(&[("x-api-key", "")], Refused);
        check(&[("x-api-key", "one, two")], Refused);
        check(&[("x-api-key", "One")], Refused);
        check(&[("authorization", "one")], Refused);
        check(&[("authorization", "Basic one")], Refused);
        check(&[("authorization", "Bearer")], Refused);
    }

    #[test]
    fn no_key_is_no_keys() {
        for text in ["", " ", ",", " , ,"] {
            assert!(ApiKeys::parse(text).is_none(), "{text}");
        }
        let keys = ApiKeys::parse("secret").unwrap();
        assert_eq!(format!("{keys:?}"), "ApiKeys(1)");
    }
}
