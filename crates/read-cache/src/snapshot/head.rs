//! What is known of a body, as it travels to the master cache beside the packed body (pure).
//!
//! JSON with a layout number. To add a field: give it a `#[serde(default)]` and keep the fixture of the layout before;
//! a field that cannot have a default raises [`LAYOUT`], and [`Head::read`] goes on accepting the previous one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use github_headers::EntityTag;
use serde::{Deserialize, Serialize};

use super::{Formula, Page, Snapshot, Validator};
use crate::content::BodyDigest;
use crate::flatten::PageSpan;
use crate::refresh::Times;

const LAYOUT: u32 = 1;

/// Everything about a snapshot but its body and its version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) times: Times,
    pub(crate) changed_at: SystemTime,
    pub(crate) took: Duration,
    pub(crate) digest: BodyDigest,
    pub(crate) pages: Vec<Page>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    layout: u32,
    confirmed_at_milliseconds: u64,
    expires_milliseconds: u64,
    stale_until_milliseconds: u64,
    changed_at_milliseconds: u64,
    took_milliseconds: u64,
    body_sha256: String,
    pages: Vec<WrittenPage>,
}

#[derive(Serialize, Deserialize)]
struct WrittenPage {
    start: usize,
    end: usize,
    items: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    caller: String,
    #[serde(default)]
    formula_holds: bool,
}

fn milliseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The end of the year 9999, beyond which there is no HTTP date.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

/// A time beyond all calendars makes the head unreadable, not the process panic.
fn time(milliseconds: u64) -> Option<SystemTime> {
    let at = Duration::from_millis(milliseconds);
    (milliseconds <= LAST_MILLISECOND).then_some(UNIX_EPOCH + at)
}

impl Head {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            times: snapshot.times,
            changed_at: snapshot.changed_at,
            took: snapshot.took,
            digest: snapshot.content.digest,
            pages: snapshot.pages.to_vec(),
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let pages = self.pages.iter().map(|page| {
            let validator = page.validator.as_ref();
            WrittenPage {
                start: page.span.bytes.start,
                end: page.span.bytes.end,
                items: page.span.items,
                tag: validator.map(|validator| validator.tag.to_string()),
                caller: validator.map_or(String::new(), |validator| hex::encode(validator.caller)),
                formula_holds: validator.is_some_and(|found| found.formula == Formula::Holds),
            }
        });
        let written = Written {
            layout: LAYOUT,
            confirmed_at_milliseconds: milliseconds(self.times.confirmed_at),
            expires_milliseconds: milliseconds(self.times.expires),
            stale_until_milliseconds: milliseconds(self.times.stale_until),
            changed_at_milliseconds: milliseconds(self.changed_at),
            took_milliseconds: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            body_sha256: hex::encode(self.digest),
            pages: pages.collect(),
        };
        // Strings and numbers in a struct: there is nothing that could fail.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// `None` = another layout, or damage: a miss.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        if written.layout != LAYOUT {
            return None;
        }
        let mut digest = BodyDigest::default();
        hex::decode_to_slice(&written.body_sha256, &mut digest).ok()?;
        Some(Self {
            times: Times {
                confirmed_at: time(written.confirmed_at_milliseconds)?,
                expires: time(written.expires_milliseconds)?,
                stale_until: time(written.stale_until_milliseconds)?,
            },
            changed_at: time(written.changed_at_milliseconds)?,
            took: Duration::from_millis(written.took_milliseconds),
            digest,
            pages: written
                .pages
                .into_iter()
                .map(read_page)
                .collect::<Option<_>>()?,
        })
    }
}

fn read_page(page: WrittenPage) -> Option<Page> {
    let validator = match page.tag {
        None => None,
        Some(tag) => {
            let mut caller = [0; 16];
            hex::decode_to_slice(&page.caller, &mut caller).ok()?;
            Some(Validator {
                tag: EntityTag::parse(tag).ok()?,
                caller,
                formula: match page.formula_holds {
                    true => Formula::Holds,
                    false => Formula::Fails,
                },
            })
        }
    };
    (page.start <= page.end).then_some(Page {
        span: PageSpan {
            bytes: page.start..page.end,
            items: page.items,
        },
        validator,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first version. Never change it: nodes of two versions share a master cache during a roll-out.
    const LAYOUT_1: &str = include_str!("../../tests/fixtures/head-layout-1.json");

    fn head() -> Head {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        Head {
            times: Times {
                confirmed_at: at(1_785_412_800),
                expires: at(1_785_413_800),
                stale_until: at(1_785_500_200),
            },
            changed_at: at(1_785_400_000),
            took: Duration::from_millis(1234),
            digest: [7; 32],
            pages: vec![
                Page {
                    span: PageSpan {
                        bytes: 1..100,
                        items: 2,
                    },
                    validator: Some(Validator {
                        tag: EntityTag::parse("W/\"abc\"").unwrap(),
                        caller: [9; 16],
                        formula: Formula::Holds,
                    }),
                },
                Page {
                    span: PageSpan {
                        bytes: 101..101,
                        items: 0,
                    },
                    validator: None,
                },
            ],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Head::read(&head().write()), Some(head()));
    }

    #[test]
    fn the_first_layout_is_read() {
        assert_eq!(Head::read(LAYOUT_1.trim().as_bytes()), Some(head()));
        assert_eq!(
            String::from_utf8(head().write()).unwrap(),
            LAYOUT_1.trim(),
            "a change of what is written needs a new layout and fixture"
        );
    }

    #[test]
    fn what_cannot_be_understood_is_a_miss() {
        let text = String::from_utf8(head().write()).unwrap();
        for (from, to) in [
            ("\"layout\":1", "\"layout\":2"),
            ("0707", "07zz"),
            ("\"start\":1,", "\"start\":200,"),
            ("W/", "V/"),
            ("1785412800000", "18446744073709551615"),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            assert_eq!(Head::read(damaged.as_bytes()), None, "{from}");
        }
        assert_eq!(Head::read(b""), None);
    }
}
