//! Spans of time as people write them.

/// `90`, `90s`, `5m`, `2h`, `7d` in seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        None => (text, 1),
        Some(number) => (
            number,
            match text.as_bytes().last() {
                Some(b'm') => 60,
                Some(b'h') => 3_600,
                Some(b'd') => 86_400,
                _ => 1,
            },
        ),
    };
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans() {
        for (text, expected) in [
            ("90", Some(90)),
            (" 90s ", Some(90)),
            ("5m", Some(300)),
            ("2 h", Some(7_200)),
            ("7d", Some(604_800)),
            ("", None),
            ("d", None),
            ("-1", None),
            ("1w", None),
            ("99999999999999999999d", None),
            ("1000000000000000000d", None),
        ] {
            assert_eq!(super::seconds(text), expected, "{text:?}");
        }
    }
}
