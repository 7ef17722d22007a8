//! The lexical rules that several headers share (RFC 9110 §5.6).

/// `tchar` of RFC 9110 §5.6.2.
pub(crate) fn is_tchar(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// A non-empty `token` of RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_tchar)
}

/// `OWS` of RFC 9110 §5.6.3.
pub(crate) fn is_ows(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text without optional whitespace at either end.
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_ows(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_ows(*last)
    {
        text = rest;
    }
    text
}

/// A non-negative decimal integer, digits only: `+5`, `5s` and the empty string are no numbers.
/// Larger than `u64` saturates, as RFC 9111 §1.2.2 asks of delta-seconds.
pub(crate) fn parse_digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// A path without query and fragment, and without the `/api/v3` that enterprise-style clients put before it.
pub(crate) fn plain_path(path: &str) -> &str {
    let end = path
        .bytes()
        .position(|byte| matches!(byte, b'?' | b'#'))
        .unwrap_or(path.len());
    let path = &path[..end];
    match path.strip_prefix("/api/v3") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Splits at `separator`, but not inside a quoted string, where a backslash escapes (RFC 9110 §5.6.4).
pub(crate) fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |&byte| {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        } else {
            return !quoted && byte == separator;
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_digits_and_saturate() {
        for (text, expected) in [
            ("0", Some(0)),
            ("60", Some(60)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("", None),
            ("+5", None),
            ("-5", None),
            ("5s", None),
            ("1.5", None),
            (" 5", None),
        ] {
            assert_eq!(parse_digits(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_plain_path_has_no_query_and_no_prefix() {
        for (path, expected) in [
            ("/events", "/events"),
            ("/events?page=2#x", "/events"),
            ("/events#x?y", "/events"),
            ("/api/v3/events", "/events"),
            ("/api/v3?x", "/api/v3"),
            ("/api/v30/events", "/api/v30/events"),
            ("", ""),
        ] {
            assert_eq!(plain_path(path), expected, "{path}");
        }
    }

    #[test]
    fn quotes_hide_separators() {
        let parts = |text: &'static str| -> Vec<&'static [u8]> {
            split_outside_quotes(text.as_bytes(), b',').collect()
        };
        assert_eq!(parts(r#"a,b"#), [b"a", b"b"]);
        assert_eq!(parts(r#"a="x,y",b"#), [&b"a=\"x,y\""[..], b"b"]);
        assert_eq!(parts(r#"a="x\",y",b"#), [&b"a=\"x\\\",y\""[..], b"b"]);
        assert_eq!(parts(r#"a="open,b"#), [b"a=\"open,b"]);
        assert_eq!(parts(""), [b""]);
    }

    #[test]
    fn whitespace_is_space_and_tab_only() {
        assert_eq!(trim_ows(b" \t a b\t "), b"a b");
        assert_eq!(trim_ows(b"\r\na"), b"\r\na");
        assert_eq!(trim_ows(b"  "), b"");
    }
}
