//! Targeted cache control (RFC 9213): `CDN-Cache-Control` and fields like it, which are structured dictionaries.

use std::fmt;

use http::HeaderValue;

use crate::structured::{BareItem, Malformed, parse_dictionary};

/// The value of one directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directive {
    /// It stands alone: `no-store`.
    Flag,
    /// A number that is not negative: `max-age=60`.
    Integer(u64),
    /// Anything else, which no directive of RFC 9111 has.
    Other,
}

/// The field is no dictionary; a cache then behaves as if it were not there (RFC 9213 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetedError {
    at: usize,
}

impl fmt::Display for TargetedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no structured dictionary from byte {} on", self.at)
    }
}

impl std::error::Error for TargetedError {}

/// The directives of all lines of a targeted field, in order. Of a directive that is repeated the last counts.
///
/// ```
/// use github_headers::targeted::{self, Directive};
/// use http::HeaderValue;
///
/// let lines = [HeaderValue::from_static("max-age=60, no-cache")];
/// let directives = targeted::parse(&lines).unwrap();
/// assert_eq!(directives[0], ("max-age".into(), Directive::Integer(60)));
/// assert_eq!(directives[1], ("no-cache".into(), Directive::Flag));
/// ```
///
/// # Errors
/// When the lines together are no dictionary.
pub fn parse<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
) -> Result<Vec<(Box<str>, Directive)>, TargetedError> {
    let lines: Vec<&[u8]> = lines.into_iter().map(HeaderValue::as_bytes).collect();
    let members =
        parse_dictionary(&lines.join(&b", "[..])).map_err(|Malformed(at)| TargetedError { at })?;
    let directives = members.into_iter().filter_map(|(name, value)| {
        Some((
            name,
            match value {
                // `no-store=?0` says that it is not so.
                Some(BareItem::Boolean(false)) => return None,
                Some(BareItem::Boolean(true)) => Directive::Flag,
                Some(BareItem::Integer(number)) => {
                    u64::try_from(number).map_or(Directive::Other, Directive::Integer)
                }
                _ => Directive::Other,
            },
        ))
    });
    Ok(directives.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<&[(&str, Directive)]>) {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| HeaderValue::from_static(line))
            .collect();
        let parsed = parse(&lines).ok();
        let parsed: Option<Vec<(&str, Directive)>> = parsed.as_ref().map(|parsed| {
            parsed
                .iter()
                .map(|(name, value)| (&**name, *value))
                .collect()
        });
        assert_eq!(parsed.as_deref(), expected, "{lines:?}");
    }

    #[test]
    fn table() {
        use Directive::{Flag, Integer, Other};
        check(&[], Some(&[]));
        check(&["max-age=60"], Some(&[("max-age", Integer(60))]));
        check(
            &["max-age=60;x=1, private", "no-store"],
            Some(&[
                ("max-age", Integer(60)),
                ("private", Flag),
                ("no-store", Flag),
            ]),
        );
        check(&["max-age=1, max-age=2"], Some(&[("max-age", Integer(2))]));
        check(&["max-age=\"60\""], Some(&[("max-age", Other)]));
        check(&["max-age=-1"], Some(&[("max-age", Other)]));
        check(&["no-cache=(\"a\" b);q=1"], Some(&[("no-cache", Other)]));
        check(&["no-store=?0"], Some(&[]));
        // Not a dictionary.
        check(&["max-age=10000, &&&&&"], None);
        check(&["MaX-aGe=3600"], None);
        check(&["max-age =100"], None);
        check(&["max-age= 100"], None);
        check(&["max-age=1,"], None);
        check(&["a=(1"], None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(line) = HeaderValue::from_bytes(&line) {
                let _: Result<_, _> = parse([&line]);
            }
        }
    }
}
