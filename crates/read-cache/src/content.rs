//! A flattened body made ready to be served: its codings, its tags, its views (pure, but not cheap).
//!
//! Made once when the body changes, never for a request. A strong tag belongs to one sequence of bytes (RFC 9110
//! §8.8.1), so each coding has its own.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use sha2::{Digest, Sha256};

use crate::flatten::Flaw;
use crate::key::Kind;
use crate::views::Views;

/// What identifies a body.
pub(crate) type BodyDigest = [u8; 32];

const ZSTD_LEVEL: i32 = 3;

/// A content coding (RFC 9110 §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    pub(crate) const fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// One sequence of bytes and its tag.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    pub(crate) coding: Coding,
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
}

/// A body in all its forms.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) digest: BodyDigest,
    pub(crate) identity: Coded,
    gzip: Coded,
    zstd: Coded,
    pub(crate) views: Option<Views>,
}

impl Content {
    /// Prepares a body. To be called beside the threads that serve requests.
    pub(crate) fn prepare(kind: Kind, body: Bytes) -> Result<Self, Flaw> {
        let packed = pack(&body).map_err(|_| Flaw::TooLarge)?;
        Self::with_packed(kind, body, packed)
    }

    /// Prepares a body that came packed.
    pub(crate) fn unpack(kind: Kind, packed: Bytes, max_bytes: usize) -> Result<Self, Flaw> {
        let mut body = Vec::new();
        let mut decoder =
            zstd::stream::read::Decoder::new(&*packed).map_err(|_| Flaw::WrongKind)?;
        let mut limited = io::Read::take(&mut decoder, max_bytes as u64 + 1);
        io::copy(&mut limited, &mut body).map_err(|_| Flaw::WrongKind)?;
        if body.len() > max_bytes {
            return Err(Flaw::TooLarge);
        }
        body.shrink_to_fit();
        Self::with_packed(kind, Bytes::from(body), packed)
    }

    fn with_packed(kind: Kind, body: Bytes, packed: Bytes) -> Result<Self, Flaw> {
        let views = match kind {
            Kind::Repositories => Some(Views::of(&body)?),
            Kind::Root | Kind::Organization | Kind::Members => None,
        };
        let digest: BodyDigest = Sha256::digest(&body).into();
        let coded = |coding: Coding, bytes: Bytes| {
            let suffix = coding
                .token()
                .map_or(String::new(), |token| format!("-{token}"));
            let tag = format!("\"{}{suffix}\"", hex::encode(&digest[..16]));
            Coded {
                coding,
                bytes,
                tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
            }
        };
        let gzip = gzip(&body).map_err(|_| Flaw::TooLarge)?;
        Ok(Self {
            identity: coded(Coding::Identity, body),
            gzip: coded(Coding::Gzip, gzip),
            zstd: coded(Coding::Zstd, packed),
            digest,
            views,
        })
    }

    /// The form that a client prefers among those that it takes.
    pub(crate) fn form(&self, headers: &HeaderMap) -> &Coded {
        match preferred(headers) {
            Coding::Identity => &self.identity,
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        }
    }

    /// The bytes that travel to the master cache.
    pub(crate) fn packed(&self) -> &Bytes {
        &self.zstd.bytes
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        let forms = [&self.identity, &self.gzip, &self.zstd];
        let forms: usize = forms.iter().map(|form| form.bytes.len()).sum();
        forms + self.views.as_ref().map_or(0, Views::weight_bytes)
    }
}

fn pack(body: &[u8]) -> io::Result<Bytes> {
    zstd::bulk::compress(body, ZSTD_LEVEL).map(Bytes::from)
}

fn gzip(body: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(4));
    encoder.write_all(body)?;
    let mut packed = encoder.finish()?;
    packed.shrink_to_fit();
    Ok(Bytes::from(packed))
}

/// The coding to answer with (RFC 9110 §12.5.3): the one with the highest weight; among equals zstd, gzip, identity.
pub(crate) fn preferred(headers: &HeaderMap) -> Coding {
    let mut weights = Weights::default();
    for line in headers.get_all(ACCEPT_ENCODING) {
        let Ok(line) = line.to_str() else { continue };
        for member in line.split(',') {
            weights.note(member);
        }
    }
    weights.best()
}

/// Weights in thousandths, as stated; `None` = not mentioned.
#[derive(Debug, Default)]
struct Weights {
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    fn note(&mut self, member: &str) {
        let (coding, parameters) = member.split_once(';').unwrap_or((member, ""));
        let slot = match coding.trim().to_ascii_lowercase().as_str() {
            "zstd" => &mut self.zstd,
            "gzip" | "x-gzip" => &mut self.gzip,
            "identity" => &mut self.identity,
            "*" => &mut self.any,
            _ => return,
        };
        // What cannot be read is not taken: an answer without a coding is always right.
        *slot = Some(weight(parameters).unwrap_or(0));
    }

    fn best(&self) -> Coding {
        let of = |stated: Option<u16>| stated.or(self.any).unwrap_or(0);
        // Where nothing is said about it, identity is taken, but not preferred.
        let identity = self.identity.unwrap_or(1);
        let (zstd, gzip) = (of(self.zstd), of(self.gzip));
        if zstd > 0 && zstd >= gzip && zstd >= identity {
            Coding::Zstd
        } else if gzip > 0 && gzip >= identity {
            Coding::Gzip
        } else {
            Coding::Identity
        }
    }
}

/// `q=0.5` in thousandths; 1000 without a parameter.
fn weight(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1000);
    }
    let (name, value) = parameters.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let weight: f32 = value.trim().parse().ok()?;
    (0.0..=1.0)
        .contains(&weight)
        .then_some((weight * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn codings() {
        #[track_caller]
        fn check(accepted: &str, expected: Coding) {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(preferred(&headers), expected, "{accepted}");
        }
        check("gzip", Coding::Gzip);
        check("gzip, deflate, br", Coding::Gzip);
        check("gzip, deflate, br, zstd", Coding::Zstd);
        check("zstd;q=0.5, gzip;q=1.0", Coding::Gzip);
        check("GZIP;Q=0.1", Coding::Gzip);
        check("x-gzip", Coding::Gzip);
        check("*", Coding::Zstd);
        check("*;q=0.5, zstd;q=0", Coding::Gzip);
        check("gzip;q=0", Coding::Identity);
        check("identity, gzip;q=0.5", Coding::Identity);
        check("br", Coding::Identity);
        check("gzip;q=2", Coding::Identity);
        check("", Coding::Identity);
        assert_eq!(preferred(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn each_form_has_its_own_tag_and_the_same_body() {
        let body = Bytes::from_static(br#"[{"id":1,"full_name":"o/a"}]"#);
        let content = Content::prepare(Kind::Repositories, body.clone()).unwrap();
        assert_ne!(content.identity.tag, content.gzip.tag);
        assert_ne!(content.zstd.tag, content.gzip.tag);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*content.gzip.bytes)
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, body);
        let again =
            Content::unpack(Kind::Repositories, content.packed().clone(), body.len()).unwrap();
        assert_eq!(again.identity.bytes, body);
        assert_eq!(again.digest, content.digest);
        assert!(again.views.is_some());
        let small = Content::unpack(Kind::Members, content.packed().clone(), body.len() - 1);
        assert_eq!(small.unwrap_err(), Flaw::TooLarge);
    }
}
