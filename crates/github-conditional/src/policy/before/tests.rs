//! Decision tables: what is served unasked, and which validator is sent.

use std::sync::Arc;

use bytes::Bytes;
use github_headers::EntityTag;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;
use crate::entry::{BodyDigest, Confirmed, Entry, Received, Representation};
use crate::fingerprint::Fingerprint;

const CALLER: Fingerprint = Fingerprint::from_bytes([7; 16]);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn question() -> Question {
    Question {
        directives: Directives::default(),
        freshness: Freshness::Rfc9111,
        class: CredentialClass::Token,
        client_validators: ClientValidators::Absent,
        prediction: Prediction::On,
        speculation: Speculation::EmptyList,
    }
}

mod served_unasked {
    use super::Unasked::{NotCached, Serve};
    use super::*;
    use crate::outcome::FreshReason::{Covered, Fresh, Immutable, MaxStale, OnlyIfCached, Ttl};

    /// Confirmed at second 100, fresh until second 160.
    const HELD: fn() -> Held = || Held {
        validated_at: at(100),
        fresh_until: Some(at(160)),
        settled_at: None,
    };

    #[track_caller]
    fn check(cache_control: &str, held: Option<Held>, seconds: u64, expected: Option<Unasked>) {
        check_under(Freshness::Rfc9111, cache_control, held, seconds, expected);
    }

    #[track_caller]
    fn check_under(
        freshness: Freshness,
        cache_control: &str,
        held: Option<Held>,
        seconds: u64,
        expected: Option<Unasked>,
    ) {
        let mut headers = HeaderMap::new();
        if !cache_control.is_empty() {
            let value = HeaderValue::from_str(cache_control).unwrap();
            headers.insert(CACHE_CONTROL, value);
        }
        let question = Question {
            directives: Directives::of(&headers),
            freshness,
            ..question()
        };
        assert_eq!(
            unasked(&question, held, at(seconds)),
            expected,
            "{freshness:?} `{cache_control}` {held:?} at {seconds}"
        );
    }

    #[test]
    fn nothing_is_held() {
        check("", None, 100, None);
        check("max-stale", None, 100, None);
        check("only-if-cached", None, 100, Some(NotCached));
    }

    #[test]
    fn freshness_ends_at_its_second() {
        check("", Some(HELD()), 100, Some(Serve(Fresh)));
        check("", Some(HELD()), 159, Some(Serve(Fresh)));
        check("", Some(HELD()), 160, None);
        let never_fresh = Held {
            fresh_until: None,
            ..HELD()
        };
        check("", Some(never_fresh), 100, None);
    }

    #[test]
    fn under_revalidate_only_the_client_can_forgo_the_question() {
        let check = |cache_control, expected| {
            check_under(
                Freshness::Revalidate,
                cache_control,
                Some(HELD()),
                110,
                expected,
            );
        };
        check("", None);
        check("max-age=1000", None);
        check("min-fresh=1", None);
        check("max-stale", Some(Serve(MaxStale)));
        check("only-if-cached", Some(Serve(OnlyIfCached)));
    }

    #[test]
    fn a_client_can_ask_for_more() {
        check("no-cache", Some(HELD()), 101, None);
        check("no-cache, max-stale", Some(HELD()), 101, None);
        check("max-age=10", Some(HELD()), 110, Some(Serve(Fresh)));
        check("max-age=10", Some(HELD()), 111, None);
        check("max-age=0", Some(HELD()), 101, None);
        check("max-age=0", Some(HELD()), 100, Some(Serve(Fresh)));
        check("min-fresh=30", Some(HELD()), 130, Some(Serve(Fresh)));
        check("min-fresh=30", Some(HELD()), 131, None);
        check("min-fresh=soon", Some(HELD()), 101, None);
    }

    #[test]
    fn a_client_can_ask_for_less() {
        check("max-stale", Some(HELD()), 99_999, Some(Serve(MaxStale)));
        check("max-stale=10", Some(HELD()), 170, Some(Serve(MaxStale)));
        check("max-stale=10", Some(HELD()), 171, None);
        check("max-stale=soon", Some(HELD()), 161, None);
        check(
            "max-age=65, max-stale=10",
            Some(HELD()),
            165,
            Some(Serve(MaxStale)),
        );
        check("max-age=65, max-stale=10", Some(HELD()), 166, None);
        check("max-stale", Some(HELD()), 120, Some(Serve(Fresh)));
        let never_fresh = Held {
            fresh_until: None,
            ..HELD()
        };
        check(
            "max-stale=10",
            Some(never_fresh),
            110,
            Some(Serve(MaxStale)),
        );
        check("max-stale=10", Some(never_fresh), 111, None);
        check(
            "only-if-cached",
            Some(HELD()),
            99_999,
            Some(Serve(OnlyIfCached)),
        );
        check("only-if-cached", Some(HELD()), 120, Some(Serve(Fresh)));
        // RFC 9111 §5.2.1.7: a stored answer that meets the other constraints, or none.
        check(
            "only-if-cached, no-cache",
            Some(HELD()),
            120,
            Some(NotCached),
        );
        check(
            "only-if-cached, max-age=20",
            Some(HELD()),
            121,
            Some(NotCached),
        );
    }

    #[test]
    fn a_write_ends_freshness_until_the_next_confirmation() {
        let marked = |seconds| {
            Some(Held {
                settled_at: Some(at(seconds)),
                ..HELD()
            })
        };
        check("", marked(99), 120, Some(Serve(Fresh)));
        check("", marked(100), 120, None);
        check("", marked(110), 120, None);
        check("max-stale=20", marked(110), 120, Some(Serve(MaxStale)));
        check("max-stale=19", marked(110), 120, None);
        check("max-stale=19", marked(99), 170, Some(Serve(MaxStale)));
    }

    #[test]
    fn what_the_route_says() {
        let hour = Duration::from_secs(3600);
        let held = Held {
            fresh_until: None,
            ..HELD()
        };
        let check = check_under;
        let ttl = Freshness::Ttl(hour);
        check(ttl, "", Some(held), 3699, Some(Serve(Ttl)));
        check(ttl, "", Some(held), 3700, None);
        check(ttl, "no-cache", Some(held), 101, None);
        check(ttl, "max-age=10", Some(held), 111, None);
        check(ttl, "min-fresh=3590", Some(held), 110, Some(Serve(Ttl)));
        check(ttl, "min-fresh=3590", Some(held), 111, None);
        check(ttl, "max-stale=5", Some(held), 3705, Some(Serve(MaxStale)));
        check(ttl, "max-stale=5", Some(held), 3706, None);
        let covered = Freshness::UntilMarked(hour);
        check(covered, "", Some(held), 3699, Some(Serve(Covered)));
        check(covered, "", Some(held), 3700, None);
        let immutable = Freshness::Immutable;
        check(
            immutable,
            "",
            Some(held),
            u32::MAX.into(),
            Some(Serve(Immutable)),
        );
        check(immutable, "no-cache", Some(held), 101, None);
        for freshness in [ttl, covered, immutable] {
            let touched = |seconds| {
                Some(Held {
                    settled_at: Some(at(seconds)),
                    ..held
                })
            };
            check(freshness, "", touched(100), 120, None);
            // An event of second 90 that settles in the future: what was confirmed since is not trusted yet.
            check(freshness, "", touched(130), 120, None);
            assert!(matches!(
                unasked(
                    &Question {
                        freshness,
                        ..question()
                    },
                    touched(99),
                    at(120)
                ),
                Some(Serve(_))
            ));
            check(freshness, "", None, 100, None);
        }
    }

    #[test]
    fn how_long_it_is_fresh_yet() {
        #[track_caller]
        fn check(freshness: Freshness, held: Held, seconds: u64, expected: Option<i64>) {
            let left = held.ttl_seconds(freshness, at(seconds));
            assert_eq!(left, expected, "{freshness:?} {held:?} at {seconds}");
        }
        let touched = Held {
            settled_at: Some(at(100)),
            ..HELD()
        };
        check(Freshness::Rfc9111, HELD(), 110, Some(50));
        check(Freshness::Rfc9111, HELD(), 170, Some(-10));
        check(Freshness::Rfc9111, touched, 110, Some(0));
        check(
            Freshness::Ttl(Duration::from_secs(20)),
            HELD(),
            110,
            Some(10),
        );
        check(Freshness::Ttl(Duration::MAX / 4), touched, 110, Some(0));
        check(Freshness::Immutable, HELD(), 110, None);
        let unknown = Held {
            fresh_until: None,
            ..HELD()
        };
        check(Freshness::Revalidate, unknown, 110, Some(0));
    }

    #[test]
    fn a_clock_that_was_set_back_is_no_error() {
        check("", Some(HELD()), 50, Some(Serve(Fresh)));
        check("max-age=0", Some(HELD()), 50, Some(Serve(Fresh)));
    }
}

mod asked {
    use super::*;

    /// How the caller knows the body.
    #[derive(Clone, Copy)]
    enum Known {
        OwnTag,
        EmptyTag,
        NoTag,
        FromOthers,
    }

    #[derive(Clone, Copy)]
    enum Dated {
        Yes,
        No,
    }

    fn candidate(known: Known, dated: Dated, sharing: Sharing) -> Candidate {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Dated::Yes = dated {
            let date = HeaderValue::from_static("Thu, 22 Jun 2023 07:16:46 GMT");
            headers.insert(LAST_MODIFIED, date);
        }
        let body = Bytes::from_static(b"{}");
        let representation = Arc::new(Representation::new(
            BodyDigest::of(&body),
            StatusCode::OK,
            headers,
            body,
            sharing,
            at(0),
        ));
        let tag = match known {
            Known::OwnTag => Some(EntityTag::strong("x").unwrap()),
            Known::EmptyTag => Some(EntityTag::parse("W/\"\"").unwrap()),
            Known::NoTag => None,
            Known::FromOthers => {
                let standing = Standing::Predictable;
                return Candidate {
                    representation,
                    standing,
                };
            }
        };
        let entry = Entry::new("/x");
        entry.absorb(Received {
            fingerprint: CALLER,
            class: CredentialClass::Token,
            representation,
            confirmed: Confirmed::new(tag, None, at(0), None),
        });
        entry.candidate(CALLER, CredentialClass::Token).unwrap()
    }

    #[track_caller]
    fn check(question: Question, candidate: Option<Candidate>, expected: Ask) {
        assert_eq!(
            ask(&question, candidate.as_ref()),
            expected,
            "{question:?} {candidate:?}"
        );
    }

    fn with_client() -> Question {
        Question {
            client_validators: ClientValidators::Present,
            ..question()
        }
    }

    fn without_prediction() -> Question {
        Question {
            prediction: Prediction::Off,
            ..question()
        }
    }

    #[test]
    fn the_callers_own_tag_comes_first() {
        for question in [question(), with_client(), without_prediction()] {
            for dated in [Dated::Yes, Dated::No] {
                for sharing in [Sharing::ByFormula, Sharing::SameFingerprint] {
                    check(
                        question,
                        Some(candidate(Known::OwnTag, dated, sharing)),
                        Ask::OwnTag,
                    );
                }
            }
        }
    }

    #[test]
    fn a_date_counts_only_where_there_is_no_tag() {
        let own = Sharing::SameFingerprint;
        for known in [Known::NoTag, Known::EmptyTag] {
            check(
                question(),
                Some(candidate(known, Dated::Yes, own)),
                Ask::LastModified,
            );
            check(
                with_client(),
                Some(candidate(known, Dated::Yes, own)),
                Ask::LastModified,
            );
            check(
                question(),
                Some(candidate(known, Dated::No, own)),
                Ask::Plain,
            );
            check(
                with_client(),
                Some(candidate(known, Dated::No, own)),
                Ask::Client,
            );
        }
    }

    #[test]
    fn a_body_of_others_is_asked_about_only_by_a_predicted_tag() {
        let formula = || Some(candidate(Known::FromOthers, Dated::Yes, Sharing::ByFormula));
        check(question(), formula(), Ask::Predicted);
        check(with_client(), formula(), Ask::Predicted);
        check(without_prediction(), formula(), Ask::Plain);
        let unexplained = || {
            Some(candidate(
                Known::FromOthers,
                Dated::Yes,
                Sharing::SameFingerprint,
            ))
        };
        check(question(), unexplained(), Ask::Plain);
        check(with_client(), unexplained(), Ask::Client);
        let client_only = Question {
            prediction: Prediction::Off,
            ..with_client()
        };
        check(client_only, formula(), Ask::Client);
    }

    #[test]
    fn an_unseen_list_is_asked_about_as_an_empty_one() {
        check(question(), None, Ask::EmptyList);
        check(with_client(), None, Ask::Client);
        check(without_prediction(), None, Ask::Plain);
        check(
            Question {
                speculation: Speculation::Off,
                ..question()
            },
            None,
            Ask::Plain,
        );
        let jwt = Question {
            class: CredentialClass::AppJwt,
            ..question()
        };
        check(jwt, None, Ask::EmptyList);
    }

    #[test]
    fn an_anonymous_caller_pays_for_a_304_so_nothing_is_guessed() {
        let anonymous = Question {
            class: CredentialClass::Anonymous,
            ..question()
        };
        check(anonymous, None, Ask::Plain);
        // What is known to others is asked about: it costs the same and saves the body.
        let formula = candidate(Known::FromOthers, Dated::No, Sharing::ByFormula);
        check(anonymous, Some(formula), Ask::Predicted);
    }
}
