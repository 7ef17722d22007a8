//! What is to be reached, and what was: ratios of figures from one run.

use crate::measure::TO_NGINX;
use crate::results::Results;

/// Where one figure stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What it is.
    pub figure: &'static str,
    /// What came out; none where the bench, or the one it is compared with, was not there.
    pub measured: Option<f64>,
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// How it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the bound.
    Reached,
    /// Not.
    Short,
    /// There is nothing to judge.
    NotMeasured,
}

impl Verdict {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Short => "short",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Standing {
    /// Whether it is reached.
    pub fn verdict(&self) -> Verdict {
        match (self.measured, self.bound) {
            (None, _) => Verdict::NotMeasured,
            (Some(measured), Bound::AtMost(limit)) if measured <= limit => Verdict::Reached,
            (Some(measured), Bound::AtLeast(limit)) if measured >= limit => Verdict::Reached,
            _ => Verdict::Short,
        }
    }

    /// The bound in words.
    pub fn limit(&self) -> String {
        match self.bound {
            Bound::AtMost(limit) => format!("{limit}"),
            Bound::AtLeast(limit) => format!("at least {limit}"),
        }
    }
}

const MIRROR: &str = "github-mirror";
const RATE: &str = "requests/s";

/// Every figure that has a bound.
pub fn standings(all: &[Results]) -> Vec<Standing> {
    let value = |bench: &str, section: &str, row: &str, column: &str| {
        let results = all.iter().find(|results| results.bench == bench)?;
        results.value(section, row, column)
    };
    let end = |section: &str, row: &str, column: &str| value("end_to_end", section, row, column);
    let to_peer = |section: &str, peer: &str, column: &str| {
        Some(end(section, MIRROR, column)? / end(section, peer, column)?)
    };
    let size = |row: &str, column: &str| value("footprint", "memory", row, column);
    let at_most = |figure, limit, measured| Standing {
        figure,
        measured,
        bound: Bound::AtMost(limit),
    };
    let at_least = |figure, limit, measured| Standing {
        figure,
        measured,
        bound: Bound::AtLeast(limit),
    };
    let rate = |section: &str| end(section, MIRROR, RATE);
    let wide = rate("connections-256").zip(rate("connections-16"));
    vec![
        at_most(
            "CPU per revalidated 5 KB hit / nginx that asks each time",
            0.75,
            to_peer("revalidated", "nginx", TO_NGINX),
        ),
        at_most(
            "CPU per fresh 5 KB hit / nginx",
            0.70,
            to_peer("fresh", "nginx", TO_NGINX),
        ),
        at_most(
            "CPU per revalidated 5 KB hit / Varnish",
            0.28,
            to_peer("revalidated", "Varnish", TO_NGINX),
        ),
        at_most(
            "CPU per revalidated 5 KB hit / squid",
            0.28,
            to_peer("revalidated", "squid", TO_NGINX),
        ),
        at_most(
            "p99 at 16 connections, revalidated / nginx",
            0.5,
            to_peer("revalidated", "nginx", "p99 us"),
        ),
        at_most(
            "hot key, 20 ms away, 256 connections: upstream requests a second",
            60.0,
            end("hot", MIRROR, "upstream/s"),
        ),
        at_least(
            "hot key: throughput / nginx",
            1.0,
            to_peer("hot", "nginx", RATE),
        ),
        at_most(
            "upstream 200s per resource version seen",
            1.01,
            value(
                "quota_replay",
                "strategies",
                "ours",
                "upstream 200s per version seen",
            ),
        ),
        at_most(
            "memory per 5 KB object at 100 000 objects, KB",
            6.0,
            size("100 000 objects", "KB per object"),
        ),
        at_most(
            "the same, compressed, KB",
            2.0,
            size("100 000 objects, compressed", "KB per object"),
        ),
        at_most(
            "idle memory after start, MB",
            15.0,
            value("footprint", "process", "github-mirror", "idle MB"),
        ),
        at_least(
            "throughput at 256 connections / at 16 connections",
            0.95,
            wide.map(|(wide, narrow)| wide / narrow),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Section;

    fn standing(figure: &str, mirror: f64, nginx: f64) -> Standing {
        let mut results = Results::new("end_to_end", "");
        let mut section = Section::new("fresh", "", "", &[TO_NGINX]);
        section.row(MIRROR, [Some(mirror)]);
        section.row("nginx", [Some(nginx)]);
        results.sections.push(section);
        let all = standings(&[results]);
        let found = all.into_iter().find(|found| found.figure == figure);
        found.unwrap()
    }

    #[test]
    fn a_ratio_is_judged_by_its_bound() {
        let fresh = "CPU per fresh 5 KB hit / nginx";
        assert_eq!(standing(fresh, 7.0, 10.0).verdict(), Verdict::Reached);
        assert_eq!(standing(fresh, 7.1, 10.0).verdict(), Verdict::Short);
        let other = "hot key: throughput / nginx";
        assert_eq!(standing(other, 1.0, 1.0).verdict(), Verdict::NotMeasured);
    }

    #[test]
    fn without_results_nothing_is_measured() {
        let all = standings(&[]);
        assert!(all.len() >= 12);
        let verdicts = all.iter().map(Standing::verdict);
        assert!(
            verdicts
                .into_iter()
                .all(|verdict| verdict == Verdict::NotMeasured)
        );
    }
}
