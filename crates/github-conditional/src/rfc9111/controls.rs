//! What an answer says to caches: the response directives of `Cache-Control` (RFC 9111 §5.2.2), of `CDN-Cache-Control`
//! (RFC 9213) and of `Surrogate-Control`, and which of the three counts.
//!
//! The most specific field that says anything counts alone: `Surrogate-Control` if this cache is a surrogate, then
//! `CDN-Cache-Control` in a shared cache, then `Cache-Control` with `Expires`.

use github_headers::targeted::{self, Directive};
use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::options::{Audience, Options};

pub(crate) const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The largest number of seconds (RFC 9111 §1.2.2); larger ones count as this.
pub(crate) const MAX_SECONDS: u64 = 1 << 31;

/// The directives that count for one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Controls {
    pub(crate) source: Source,
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) public: bool,
    pub(crate) private: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    /// Fields of the answer that are not to be reused: `no-cache="field"`, and `private="field"` in a shared cache.
    pub(crate) withheld: Vec<HeaderName>,
}

/// Which field the directives come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// `Cache-Control`, beside which `Expires` counts too.
    #[default]
    Untargeted,
    /// A field for caches of this kind, beside which `Cache-Control` and `Expires` count for nothing (RFC 9213 §2.2).
    Targeted,
}

impl Controls {
    pub(crate) fn of(headers: &HeaderMap, options: &Options) -> Self {
        if let Some(name) = &options.surrogate
            && let Some(controls) = Self::surrogate(headers, name.as_str())
        {
            return controls;
        }
        if options.audience == Audience::Shared
            && let Some(controls) = Self::cdn(headers)
        {
            return controls;
        }
        let mut controls = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            for member in members(line.as_bytes(), b',') {
                if let Some((name, value)) = directive(member) {
                    controls.add(&name, value.as_deref(), options.audience);
                }
            }
        }
        controls
    }

    /// `Surrogate-Control` (Edge Architecture Specification 1.0 §2): `directive;target` is meant for one surrogate
    /// alone, `max-age=fresh+stale`. `None` if nothing in it is meant for this one and understood.
    fn surrogate(headers: &HeaderMap, name: &str) -> Option<Self> {
        let (mut targeted, mut general) = (None, None);
        for line in headers.get_all(SURROGATE_CONTROL) {
            for member in members(line.as_bytes(), b',') {
                let mut parts = members(member, b';').into_iter();
                let Some((directive, value)) = parts.next().and_then(directive) else {
                    continue;
                };
                let controls = match parts.next().map(<[u8]>::trim_ascii) {
                    None => &mut general,
                    Some(target) if target == name.as_bytes() => &mut targeted,
                    Some(_) => continue,
                };
                match &*directive {
                    "no-store" => {
                        let controls = controls.get_or_insert_with(Self::targeted);
                        controls.no_store = true;
                    }
                    "max-age" => {
                        let value = value.as_deref().unwrap_or_default();
                        let (fresh, stale) = value.split_once('+').unwrap_or((value, "0"));
                        let controls = controls.get_or_insert_with(Self::targeted);
                        controls.max_age = shortest(controls.max_age, seconds(fresh));
                        controls.stale_while_revalidate = Some(seconds(stale));
                    }
                    _ => {}
                }
            }
        }
        targeted.or(general)
    }

    /// `CDN-Cache-Control`; `None` if it is absent, empty or no dictionary (RFC 9213 §2.1).
    fn cdn(headers: &HeaderMap) -> Option<Self> {
        let directives = targeted::parse(headers.get_all(&CDN_CACHE_CONTROL)).ok()?;
        if directives.is_empty() {
            return None;
        }
        let mut controls = Self::targeted();
        for (name, value) in &directives {
            match value {
                Directive::Flag => controls.add(name, None, Audience::Shared),
                Directive::Integer(number) => {
                    let number = number.to_string();
                    controls.add(name, Some(&number), Audience::Shared);
                }
                // Of a type that no directive has.
                Directive::Other => {}
            }
        }
        Some(controls)
    }

    fn targeted() -> Self {
        Self {
            source: Source::Targeted,
            ..Self::default()
        }
    }

    fn add(&mut self, name: &str, value: Option<&str>, audience: Audience) {
        let number = || seconds(value.unwrap_or_default());
        match name {
            "no-store" => self.no_store = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "public" => self.public = true,
            "no-cache" => match value {
                None => self.no_cache = true,
                Some(fields) => self.withhold(fields),
            },
            "private" => match value {
                None => self.private = true,
                // For one user they are as good as any other.
                Some(fields) if audience == Audience::Shared => self.withhold(fields),
                Some(_) => {}
            },
            "max-age" => self.max_age = shortest(self.max_age, number()),
            "s-maxage" => self.s_maxage = shortest(self.s_maxage, number()),
            "stale-while-revalidate" => {
                self.stale_while_revalidate = shortest(self.stale_while_revalidate, number());
            }
            "stale-if-error" => self.stale_if_error = shortest(self.stale_if_error, number()),
            _ => {}
        }
    }

    fn withhold(&mut self, fields: &str) {
        let names = fields.split(',').map(str::trim);
        self.withheld
            .extend(names.filter_map(|name| name.parse::<HeaderName>().ok()));
    }
}

/// Of directives that contradict each other the strictest counts (RFC 9111 §4.2.1).
fn shortest(known: Option<u64>, another: u64) -> Option<u64> {
    Some(known.map_or(another, |known| known.min(another)))
}

/// Whole seconds. What is no such number makes an answer stale at once (RFC 9111 §4.2.1).
fn seconds(text: &str) -> u64 {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS)
}

/// `name`, `name=token` or `name="quoted"`; the name in lower case. `None` for anything else.
fn directive(member: &[u8]) -> Option<(String, Option<String>)> {
    let member = member.trim_ascii();
    let split = member.iter().position(|byte| *byte == b'=');
    let (name, value) = match split {
        Some(at) => (&member[..at], Some(&member[at + 1..])),
        None => (member, None),
    };
    // White space around the `=` makes it no name.
    HeaderName::from_bytes(name).ok()?;
    let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
    let value = match value {
        None => None,
        Some([b'"', quoted @ .., b'"']) => Some(unescape(quoted)),
        Some(token) => Some(String::from_utf8_lossy(token).into_owned()),
    };
    Some((name, value))
}

fn unescape(quoted: &[u8]) -> String {
    let mut bytes = quoted.iter();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            _ => plain.push(*byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The members of a list; a separator within quotes separates nothing.
pub(crate) fn members(line: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut members = Vec::new();
    let (mut start, mut place) = (0, Place::Plain);
    for (at, byte) in line.iter().enumerate() {
        place = match (place, *byte) {
            (Place::Plain, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Plain,
            (Place::Quoted, b'\\') => Place::Escaped,
            (Place::Escaped, _) => Place::Quoted,
            (Place::Plain, byte) if byte == separator => {
                members.push(&line[start..at]);
                start = at + 1;
                Place::Plain
            }
            (place, _) => place,
        };
    }
    members.push(&line[start..]);
    members
}

#[derive(Clone, Copy)]
enum Place {
    Plain,
    Quoted,
    Escaped,
}

/// Announces this cache to the server, behind whatever surrogates stand before it.
pub(crate) fn announce(headers: &mut HeaderMap, options: &Options) {
    if let Some(name) = &options.surrogate {
        headers.append(SURROGATE_CAPABILITY, HeaderValue::clone(name.capability()));
    }
}

/// Whether `Surrogate-Control` goes on to who asked: only another surrogate has a use for it.
pub(crate) fn is_for_surrogates(headers: &HeaderMap) -> Downstream {
    match headers.contains_key(SURROGATE_CAPABILITY) {
        true => Downstream::Surrogate,
        false => Downstream::Client,
    }
}

const SURROGATE_CAPABILITY: HeaderName = HeaderName::from_static("surrogate-capability");

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downstream {
    Surrogate,
    Client,
}

#[cfg(test)]
mod tests;
