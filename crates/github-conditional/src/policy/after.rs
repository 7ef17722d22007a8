//! After GitHub has answered: what the answer means for the stored body and for the caller.

use github_headers::EntityTag;
use http::header::ETAG;
use http::{HeaderMap, StatusCode};

use super::before::Ask;
use super::limits::Refusal;
use crate::outcome::{Storing, Trouble, ValidatorKind};

/// What to do with GitHub's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 304 to our validator: serve the candidate body with the fresh headers.
    Refresh(ValidatorKind),
    /// 304 to the tag of `[]`: an empty list is confirmed to this caller.
    EmptyList,
    /// 304 to the client's own validator: pass it on.
    ClientConfirmed,
    /// A new answer, kept or not.
    Deliver(Storing),
    /// The caller has lost the right to see the resource, or it is gone: pass it on, and forget the caller.
    RightsEnded,
    /// GitHub cannot serve now: show what the caller was confirmed for, else pass the answer on.
    Trouble(Trouble),
}

/// Judges an answer by its head; `refusal` has been read from the body of a 403 or 429.
pub(crate) fn judge(
    asked: Ask,
    sent: Option<&EntityTag>,
    status: StatusCode,
    headers: &HeaderMap,
    refusal: Refusal,
    max_body_bytes: u64,
) -> Verdict {
    match status {
        StatusCode::NOT_MODIFIED => judge_not_modified(asked, sent, headers),
        _ if refusal != Refusal::Other => Verdict::Trouble(Trouble::RateLimited),
        _ if status.is_server_error() => Verdict::Trouble(Trouble::ServerError),
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::GONE
        | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Verdict::RightsEnded,
        _ => Verdict::Deliver(super::storable::storing(status, headers, max_body_bytes)),
    }
}

fn judge_not_modified(asked: Ask, sent: Option<&EntityTag>, headers: &HeaderMap) -> Verdict {
    // A 304 confirms the tag that was asked about. One that names another tag confirms something that is not here, and
    // pairing it with the stored body would freeze a wrong body under a right tag. A 304 without a tag has been seen.
    if let (Some(sent), Some(text)) = (sent, headers.get(ETAG))
        // Word for word is the rule, and then nothing has to be parsed.
        && *text != sent.to_header_value()
        && EntityTag::parse(text).is_ok_and(|named| !sent.weak_eq(&named))
    {
        return Verdict::Trouble(Trouble::ServerError);
    }
    match asked {
        Ask::OwnTag => Verdict::Refresh(ValidatorKind::OwnTag),
        Ask::Predicted => Verdict::Refresh(ValidatorKind::Predicted),
        Ask::LastModified => Verdict::Refresh(ValidatorKind::LastModified),
        Ask::EmptyList => Verdict::EmptyList,
        Ask::Client => Verdict::ClientConfirmed,
        // Nothing was asked: the answer makes no sense.
        Ask::Plain => Verdict::Trouble(Trouble::ServerError),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(
        asked: Ask,
        status: u16,
        tag: Option<&'static str>,
        refusal: Refusal,
        expected: Verdict,
    ) {
        let sent = EntityTag::strong("sent").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag {
            headers.insert(ETAG, HeaderValue::from_static(tag));
        }
        let status = StatusCode::from_u16(status).unwrap();
        let verdict = judge(asked, Some(&sent), status, &headers, refusal, 1000);
        assert_eq!(verdict, expected, "{asked:?} {status} {tag:?}");
    }

    #[test]
    fn not_modified() {
        let other = Refusal::Other;
        let nonsense = Verdict::Trouble(Trouble::ServerError);
        check(
            Ask::OwnTag,
            304,
            Some("\"sent\""),
            other,
            Verdict::Refresh(ValidatorKind::OwnTag),
        );
        check(
            Ask::OwnTag,
            304,
            Some("W/\"sent\""),
            other,
            Verdict::Refresh(ValidatorKind::OwnTag),
        );
        check(
            Ask::OwnTag,
            304,
            None,
            other,
            Verdict::Refresh(ValidatorKind::OwnTag),
        );
        check(Ask::OwnTag, 304, Some("\"else\""), other, nonsense);
        check(
            Ask::Predicted,
            304,
            Some("\"sent\""),
            other,
            Verdict::Refresh(ValidatorKind::Predicted),
        );
        check(
            Ask::EmptyList,
            304,
            Some("\"sent\""),
            other,
            Verdict::EmptyList,
        );
        check(Ask::EmptyList, 304, Some("\"else\""), other, nonsense);
        check(Ask::Plain, 304, None, other, nonsense);
    }

    #[test]
    fn other_answers() {
        let other = Refusal::Other;
        check(
            Ask::OwnTag,
            200,
            Some("\"new\""),
            other,
            Verdict::Deliver(Storing::Recorded),
        );
        check(
            Ask::Plain,
            202,
            Some("\"new\""),
            other,
            Verdict::Deliver(Storing::Status),
        );
        check(
            Ask::Plain,
            301,
            None,
            other,
            Verdict::Deliver(Storing::Status),
        );
        check(
            Ask::Plain,
            422,
            None,
            other,
            Verdict::Deliver(Storing::Status),
        );
        for status in [401, 403, 404, 410, 451] {
            check(Ask::OwnTag, status, None, other, Verdict::RightsEnded);
        }
        for status in [500, 502, 503, 504] {
            check(
                Ask::OwnTag,
                status,
                None,
                other,
                Verdict::Trouble(Trouble::ServerError),
            );
        }
        for refusal in [Refusal::PrimaryLimit, Refusal::SecondaryLimit] {
            check(
                Ask::OwnTag,
                403,
                None,
                refusal,
                Verdict::Trouble(Trouble::RateLimited),
            );
            check(
                Ask::OwnTag,
                429,
                None,
                refusal,
                Verdict::Trouble(Trouble::RateLimited),
            );
        }
    }
}
