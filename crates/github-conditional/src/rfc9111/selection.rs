//! Which stored answer fits a request: the selecting headers that `Vary` names (RFC 9111 §4.1).
//!
//! What a request said is kept as a keyed hash only: selecting headers may be credentials.
//! Before they are hashed, values are brought into one form, so that differences that mean nothing do not make variants:
//! several lines are one list, white space around commas does not count, and the languages of `Accept-Language` are in
//! the order of their weights, in lower case.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;

use super::controls::members;
use crate::fingerprint::FingerprintKey;

/// The fields that `Vary` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vary {
    /// These, sorted and each once.
    Names(Arc<[HeaderName]>),
    /// `*`: something that is in no request.
    Anything,
}

impl Vary {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for line in headers.get_all(VARY) {
            for member in line.as_bytes().split(|byte| *byte == b',') {
                match member.trim_ascii() {
                    b"" => {}
                    b"*" => return Self::Anything,
                    name => match HeaderName::from_bytes(name) {
                        Ok(name) => names.push(name),
                        // What it depends on cannot be told.
                        Err(_) => return Self::Anything,
                    },
                }
            }
        }
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self::Names(names.into())
    }
}

/// What the request of a stored answer said in the selecting headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    names: Arc<[HeaderName]>,
    /// Over all names but `Accept-Language`.
    digest: Digest,
    /// Over `Accept-Language`, if it is among the names.
    language: Option<Digest>,
}

pub(crate) type Digest = [u8; 16];

/// Whether a stored answer fits a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The selecting headers say the same.
    Same,
    /// They do not, but it is in the language that the request prefers to all others.
    PreferredLanguage,
    No,
}

impl Selection {
    pub(crate) fn new(key: &FingerprintKey, names: Arc<[HeaderName]>, request: &HeaderMap) -> Self {
        let others = names.iter().filter(|name| **name != ACCEPT_LANGUAGE);
        let digest = digest(key, others, request);
        let language = names
            .contains(&ACCEPT_LANGUAGE)
            .then(|| language_digest(key, request));
        Self {
            names,
            digest,
            language,
        }
    }

    pub(crate) fn restore(
        names: Arc<[HeaderName]>,
        digest: Digest,
        language: Option<Digest>,
    ) -> Self {
        Self {
            names,
            digest,
            language,
        }
    }

    pub(crate) fn names(&self) -> &Arc<[HeaderName]> {
        &self.names
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(crate) fn language(&self) -> Option<&Digest> {
        self.language.as_ref()
    }

    /// Whether the answer with these headers, given to the request of this selection, is one for `request` too.
    pub(crate) fn fit(&self, key: &FingerprintKey, request: &HeaderMap, answer: &HeaderMap) -> Fit {
        if self.names.is_empty() {
            return Fit::Same;
        }
        let asked = Self::new(key, Arc::clone(&self.names), request);
        if asked == *self {
            Fit::Same
        } else if asked.digest == self.digest && prefers_language_of(request, answer) {
            Fit::PreferredLanguage
        } else {
            Fit::No
        }
    }
}

fn digest<'a>(
    key: &FingerprintKey,
    names: impl Iterator<Item = &'a HeaderName>,
    request: &HeaderMap,
) -> Digest {
    let mut mac = key.mac();
    for name in names {
        update_framed(&mut mac, name.as_str().as_bytes());
        match request.contains_key(name) {
            true => update_framed(&mut mac, &canonical(request, name)),
            // Absent is something else than empty.
            false => mac.update(&[0xff; 8]),
        }
    }
    shortened(mac)
}

fn language_digest(key: &FingerprintKey, request: &HeaderMap) -> Digest {
    let mut mac = key.mac();
    match languages(request) {
        Some(languages) => {
            for (weight, range) in &languages {
                mac.update(&weight.to_le_bytes());
                update_framed(&mut mac, range.as_bytes());
            }
        }
        None => update_framed(&mut mac, &canonical(request, &ACCEPT_LANGUAGE)),
    }
    shortened(mac)
}

fn update_framed(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    mac.update(&(bytes.len() as u64).to_le_bytes());
    mac.update(bytes);
}

fn shortened(mac: Hmac<Sha256>) -> Digest {
    let mut short = [0; 16];
    short.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    short
}

/// All lines as one list without white space around its commas. What stands in quotes is left alone.
fn canonical(request: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let mut list = Vec::new();
    for line in request.get_all(name) {
        for member in members(line.as_bytes(), b',') {
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(member.trim_ascii());
        }
    }
    list
}

/// The language ranges with their weights in thousandths, the most wanted first; `None` for what is no such list.
fn languages(request: &HeaderMap) -> Option<Vec<(u16, String)>> {
    let mut languages = Vec::new();
    for line in request.get_all(ACCEPT_LANGUAGE) {
        for member in line.to_str().ok()?.split(',').map(str::trim) {
            if member.is_empty() {
                continue;
            }
            let (range, weight) = match member.split_once(';') {
                Some((range, weight)) => (range.trim_end(), weight_of(weight.trim())?),
                None => (member, 1000),
            };
            languages.push((weight, range.to_ascii_lowercase()));
        }
    }
    languages.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    Some(languages)
}

/// `q=0.5` in thousandths (RFC 9110 §12.4.2).
fn weight_of(parameter: &str) -> Option<u16> {
    let text = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

/// Whether the answer is in the one language that the request wants more than any other: no server that has it would
/// choose another one.
fn prefers_language_of(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(languages) = languages(request) else {
        return false;
    };
    let mut wanted = languages.iter();
    let (Some((weight, first)), second) = (wanted.next(), wanted.next()) else {
        return false;
    };
    let mut lines = answer.get_all(CONTENT_LANGUAGE).iter();
    let (Some(language), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let alone = second.is_none_or(|(other, _)| other < weight);
    alone && *weight > 0 && language.as_bytes().eq_ignore_ascii_case(first.as_bytes())
}

#[cfg(test)]
mod tests;
