//! Axes: where the marks are, and what is written at them.

use time::OffsetDateTime;

use super::Scene;
use super::canvas::{Anchor, Canvas, WIDTH};
use crate::Timestamp;

/// Part of a picture in which something is measured.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    /// Beside a scale of counts, above a scale of time.
    pub(super) const fn plot(height: f64) -> Self {
        Self {
            left: 40.0,
            top: 34.0,
            right: WIDTH - 12.0,
            bottom: height - 26.0,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Whole steps for counts up to `most`: few, and round.
fn count_step(most: usize) -> usize {
    let mut unit = 1;
    loop {
        for step in [unit, 2 * unit, 5 * unit] {
            if most / step <= 4 {
                return step;
            }
        }
        unit *= 10;
    }
}

/// Draws the scale of counts, and says how high one is.
#[expect(clippy::cast_precision_loss, reason = "counts of a window")]
pub(super) fn counts(canvas: &mut Canvas, area: &Area, most: usize) -> f64 {
    let step = count_step(most);
    let top = most.div_ceil(step).max(1) * step;
    let height = area.height() / top as f64;
    for count in (0..=top).step_by(step) {
        let y = area.bottom - count as f64 * height;
        canvas.line("g", (area.left, y), (area.right, y));
        let at = (area.left - 6.0, y + 4.0);
        canvas.text("", at, Anchor::End, &count.to_string());
    }
    height
}

/// A scale of time.
#[derive(Clone, Copy)]
pub(super) struct TimeAxis {
    from: i64,
    seconds: i64,
    left: f64,
    width: f64,
}

/// Distances between marks, from a minute to a year.
const STEPS: [i64; 16] = [
    60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
    2_592_000, 7_776_000, 31_536_000,
];

impl TimeAxis {
    pub(super) fn new(area: &Area, scene: &Scene<'_>) -> Self {
        Self {
            from: scene.from.seconds(),
            seconds: scene.to.seconds_since(scene.from).max(1),
            left: area.left,
            width: area.width(),
        }
    }

    /// The stretch of time.
    pub(super) fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Where a moment is, kept inside the picture.
    #[expect(clippy::cast_precision_loss, reason = "a window spans years at most")]
    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let passed = at.seconds().saturating_sub(self.from);
        let part = passed as f64 / self.seconds as f64;
        self.left + part.clamp(0.0, 1.0) * self.width
    }

    /// Draws the marks at the foot of `area`.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: &Area) {
        let step = STEPS
            .into_iter()
            .find(|step| self.seconds / step <= 6)
            .unwrap_or(STEPS[STEPS.len() - 1]);
        let first = self.from.div_euclid(step) * step;
        let mut free_from = f64::MIN;
        for count in 0..=8 {
            let at = first + count * step;
            if at < self.from || at > self.from.saturating_add(self.seconds) {
                continue;
            }
            let at = Timestamp::from_seconds(at);
            let x = self.x(at);
            canvas.line("g", (x, area.bottom), (x, area.bottom + 4.0));
            let (anchor, left) = match x {
                x if x < area.left + 20.0 => (Anchor::Start, x),
                x if x > area.right - 20.0 => (Anchor::End, x - LABEL_WIDTH),
                _ => (Anchor::Middle, x - LABEL_WIDTH / 2.0),
            };
            // At the edges labels move inwards: the next one may have no place then.
            if left >= free_from {
                canvas.text("", (x, area.bottom + 18.0), anchor, &label(at, step));
                free_from = left + LABEL_WIDTH;
            }
        }
    }

    /// Shades where events may be missing.
    pub(super) fn draw_gaps(&self, canvas: &mut Canvas, area: &Area, scene: &Scene<'_>) {
        for gap in scene.gaps {
            let (left, right) = (self.x(gap.from), self.x(gap.to));
            let said = format!(
                "events may be missing from {} to {}: {}",
                gap.from,
                gap.to,
                gap.reason.as_str()
            );
            let size = ((right - left).max(2.0), area.height());
            canvas.rectangle("miss", (left, area.top), size, &said);
        }
    }
}

/// Of the widest label, with some space.
const LABEL_WIDTH: f64 = 44.0;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Nov 20`, or `14:00` where marks are closer than a day; UTC.
pub(super) fn label(at: Timestamp, step: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at.seconds()) else {
        return String::new();
    };
    match step < 86_400 {
        true => format!("{:02}:{:02}", at.hour(), at.minute()),
        false => {
            let month = MONTHS[usize::from(u8::from(at.month())) - 1];
            format!("{month}\u{a0}{}", at.day())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_counts_are_round_and_few() {
        for (most, step) in [
            (0, 1),
            (4, 1),
            (5, 2),
            (9, 2),
            (10, 5),
            (24, 5),
            (25, 10),
            (499, 100),
        ] {
            assert_eq!(count_step(most), step, "{most}");
        }
    }

    #[test]
    fn moments_in_words() {
        let at = Timestamp::parse("2026-11-20T14:05:00Z").unwrap();
        assert_eq!(label(at, 3_600), "14:05");
        assert_eq!(label(at, 86_400), "Nov\u{a0}20");
    }
}
