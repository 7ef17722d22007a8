//! Pictures of a window: how far apart its events are, how many there were when, and which (pure).
//!
//! Each is one SVG that needs nothing from elsewhere, follows the reader's light or dark scheme, and says in words what
//! it shows, for those who cannot see it.

use crate::Timestamp;
use crate::gap::Gap;

mod axis;
mod canvas;
mod gaps;
mod rate;
mod timeline;

pub(crate) use canvas::Escaped;

/// What a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A histogram of the times between consecutive events.
    #[default]
    Gaps,
    /// Events by time.
    Rate,
    /// Each event in the row of its type.
    Timeline,
}

impl Kind {
    /// All of them, in the order of the dashboard.
    pub(crate) const ALL: [Self; 3] = [Self::Gaps, Self::Rate, Self::Timeline];

    /// The word in addresses.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gaps => "gaps",
            Self::Rate => "rate",
            Self::Timeline => "timeline",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One event of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// `PushEvent`, ...
    pub kind: &'a str,
}

/// What is to be drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    /// Where the window begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Oldest first.
    pub events: &'a [Point<'a>],
    /// Where events may be missing.
    pub gaps: &'a [Gap],
}

/// Draws it.
pub(crate) fn draw(kind: Kind, scene: &Scene<'_>) -> String {
    match kind {
        Kind::Gaps => gaps::draw(scene),
        Kind::Rate => rate::draw(scene),
        Kind::Timeline => timeline::draw(scene),
    }
}

/// `42 s`, `3 min`, `5 h`, `2 d`: at most three digits where that is possible.
pub(crate) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        value if value < 120.0 => (value, "s"),
        value if value < 7_200.0 => (value / 60.0, "min"),
        value if value < 172_800.0 => (value / 3_600.0, "h"),
        value => (value / 86_400.0, "d"),
    };
    let text = match value {
        value if value >= 9.95 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    };
    format!("{}\u{202f}{unit}", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapReason;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    fn draw_all(events: &[Point<'_>], gaps: &[Gap]) -> [String; 3] {
        let scene = Scene {
            repository: "o/<r>&",
            from: at(0),
            to: at(7 * 86_400),
            events,
            gaps,
        };
        Kind::ALL.map(|kind| draw(kind, &scene))
    }

    /// Every tag that is opened is closed, and no text breaks out of it.
    #[track_caller]
    fn check_form(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').unwrap();
            assert!(!text.contains('>'), "{text}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{svg}");
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn pictures_are_whole_and_need_nothing_from_elsewhere() {
        let events: Vec<Point<'_>> = (0..300)
            .map(|n| Point {
                at: at(n * n * 6),
                kind: ["PushEvent", "WatchEvent", "<b>"][usize::try_from(n % 3).unwrap()],
            })
            .collect();
        let gap = Gap {
            from: at(1_000),
            to: at(90_000),
            reason: GapReason::Downtime,
            events_missed_at_least: 0,
        };
        for svg in draw_all(&events, &[gap]) {
            check_form(&svg);
            assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
            assert!(svg.contains("role=\"img\""));
            assert!(svg.contains("<title"), "{svg}");
            assert!(svg.contains("o/&lt;r&gt;&amp;"));
            assert!(svg.contains("prefers-color-scheme: dark"));
            assert!(!svg.contains("href") && !svg.contains("url(") && !svg.contains("@import"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_window_with_one_event_or_none_says_so() {
        let one = [Point {
            at: at(5),
            kind: "PushEvent",
        }];
        for events in [&[][..], &one[..]] {
            for svg in draw_all(events, &[]) {
                check_form(&svg);
                assert!(!svg.contains("NaN"), "{svg}");
            }
        }
        assert!(
            draw_all(&[], &[])
                .iter()
                .all(|svg| svg.contains("no events"))
        );
        assert!(draw_all(&one, &[])[0].contains("fewer than two events"));
    }

    #[test]
    fn an_empty_stretch_of_time_is_drawn_too() {
        let scene = Scene {
            repository: "o/r",
            from: at(0),
            to: at(0),
            events: &[],
            gaps: &[],
        };
        for kind in Kind::ALL {
            let svg = draw(kind, &scene);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn durations_are_short() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (1.5, "1.5 s"),
            (119.0, "119 s"),
            (120.0, "2 min"),
            (5_400.0, "90 min"),
            (9_000.0, "2.5 h"),
            (604_800.0, "7 d"),
        ] {
            let expected = expected.replace(' ', "\u{202f}");
            assert_eq!(duration(seconds), expected);
        }
    }
}
