//! Decides whether a conditional request is answered 304 (RFC 9110 section 13, behaviour notes 1.4 and 1.6).

use crate::clock::parse_http_date;
use crate::switches::{Precedence, Switches};

/// The validators of the answer that would be given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validators<'a> {
    /// Opaque part, without quotes; `None` = the endpoint gives no tag.
    pub(crate) tag: Option<&'a str>,
    pub(crate) last_modified: Option<i64>,
}

/// The caller's conditions, as sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions<'a> {
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<&'a str>,
}

/// Why the answer is complete, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was asked.
    Unconditional,
    TagMatches,
    NotModifiedSince,
    Changed,
}

impl Verdict {
    pub(crate) fn is_not_modified(self) -> bool {
        matches!(self, Self::TagMatches | Self::NotModifiedSince)
    }
}

pub(crate) fn evaluate(
    asked: Conditions<'_>,
    have: Validators<'_>,
    switches: &Switches,
) -> Verdict {
    if let Some(field) = asked.if_none_match {
        if have
            .tag
            .is_some_and(|tag| field_matches(field, tag, switches))
        {
            return Verdict::TagMatches;
        }
        if switches.precedence == Precedence::TagOnly {
            return Verdict::Changed;
        }
    }
    match (
        asked.if_modified_since.and_then(parse_http_date),
        have.last_modified,
    ) {
        (Some(since), Some(modified)) if modified <= since => Verdict::NotModifiedSince,
        (None, _) if asked.if_none_match.is_none() => Verdict::Unconditional,
        _ => Verdict::Changed,
    }
}

/// Weak comparison; quotes are mandatory.
fn field_matches(field: &str, tag: &str, switches: &Switches) -> bool {
    if !switches.tag_lists {
        return opaque(field.trim()) == Some(tag);
    }
    field.trim() == "*"
        || field
            .split(',')
            .any(|member| opaque(member.trim()) == Some(tag))
}

fn opaque(member: &str) -> Option<&str> {
    let strong = member.strip_prefix("W/").unwrap_or(member);
    strong.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Thu, 30 Jul 2026 12:00:00 GMT";
    const NOON_SECONDS: i64 = 1_785_412_800;

    #[track_caller]
    fn check(
        none_match: Option<&str>,
        since: Option<&str>,
        modified: Option<i64>,
        expected: Verdict,
    ) {
        check_with(&Switches::default(), none_match, since, modified, expected);
    }

    #[track_caller]
    fn check_with(
        switches: &Switches,
        if_none_match: Option<&str>,
        if_modified_since: Option<&str>,
        last_modified: Option<i64>,
        expected: Verdict,
    ) {
        let asked = Conditions {
            if_none_match,
            if_modified_since,
        };
        let have = Validators {
            tag: Some("abc"),
            last_modified,
        };
        assert_eq!(evaluate(asked, have, switches), expected);
    }

    #[test]
    fn tags_compare_weakly_and_need_quotes() {
        check(None, None, None, Verdict::Unconditional);
        check(Some("\"abc\""), None, None, Verdict::TagMatches);
        check(Some("W/\"abc\""), None, None, Verdict::TagMatches);
        check(Some("abc"), None, None, Verdict::Changed);
        check(Some("\"abd\""), None, None, Verdict::Changed);
        check(Some("\"x\", W/\"abc\""), None, None, Verdict::TagMatches);
        check(Some("*"), None, None, Verdict::TagMatches);
    }

    #[test]
    fn lists_can_be_switched_off() {
        let single = Switches {
            tag_lists: false,
            ..Switches::default()
        };
        check_with(&single, Some("\"abc\""), None, None, Verdict::TagMatches);
        check_with(
            &single,
            Some("\"x\", \"abc\""),
            None,
            None,
            Verdict::Changed,
        );
        check_with(&single, Some("*"), None, None, Verdict::Changed);
    }

    #[test]
    fn dates_count_only_without_a_tag() {
        check(
            None,
            Some(NOON),
            Some(NOON_SECONDS),
            Verdict::NotModifiedSince,
        );
        check(None, Some(NOON), Some(NOON_SECONDS + 1), Verdict::Changed);
        check(None, Some(NOON), None, Verdict::Changed);
        check(
            None,
            Some("nonsense"),
            Some(NOON_SECONDS),
            Verdict::Unconditional,
        );
        check(
            Some("\"x\""),
            Some(NOON),
            Some(NOON_SECONDS),
            Verdict::Changed,
        );
        let either = Switches {
            precedence: Precedence::EitherMatches,
            ..Switches::default()
        };
        check_with(
            &either,
            Some("\"x\""),
            Some(NOON),
            Some(NOON_SECONDS),
            Verdict::NotModifiedSince,
        );
    }
}
