//! The histogram of the times between consecutive events, on a logarithmic scale.

use super::axis::{Area, counts};
use super::canvas::{Anchor, Canvas};
use super::{Scene, duration};

const HEIGHT: f64 = 220.0;

/// Lower ends of the classes, in seconds: three to a power of ten or so, at moments that people count in.
const CLASSES: [i64; 16] = [
    0, 1, 3, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 36_000, 86_400, 259_200, 604_800,
    2_592_000,
];

const LABELS: [&str; 16] = [
    "0", "1s", "3s", "10s", "30s", "1m", "3m", "10m", "30m", "1h", "3h", "10h", "1d", "3d", "7d",
    "30d",
];

fn class_of(seconds: i64) -> usize {
    CLASSES
        .partition_point(|lower| *lower <= seconds)
        .saturating_sub(1)
}

#[expect(clippy::cast_precision_loss, reason = "counts and seconds of a window")]
pub(super) fn draw(scene: &Scene<'_>) -> String {
    let mut gaps: Vec<i64> = scene
        .events
        .windows(2)
        .map(|pair| pair[1].at.seconds_since(pair[0].at).max(0))
        .collect();
    gaps.sort_unstable();
    let heading = format!("Time between events · {}", scene.repository);
    let average = scene.events.first().zip(scene.events.last());
    let average = average
        .filter(|_| !gaps.is_empty())
        .map(|(first, last)| last.at.seconds_since(first.at) as f64 / gaps.len() as f64);
    let Some(average) = average else {
        let said = match scene.events.len() {
            0 => "no events in this window",
            _ => "fewer than two events: there is nothing between them",
        };
        let mut canvas = Canvas::new(HEIGHT, &heading, said);
        canvas.text("", (240.0, HEIGHT / 2.0), Anchor::Middle, said);
        return canvas.finish();
    };
    let said = format!(
        "{} gaps, from {} to {}, on average {}",
        gaps.len(),
        duration(gaps[0] as f64),
        duration(gaps[gaps.len() - 1] as f64),
        duration(average)
    );
    let mut canvas = Canvas::new(HEIGHT, &heading, &said);
    let (first, last) = (class_of(gaps[0]), class_of(gaps[gaps.len() - 1]));
    // At least five classes, so that one bar does not fill the picture.
    let first = first.min(last.saturating_sub(4));
    let last = last.max(first + 4).min(CLASSES.len() - 1);
    let mut bars = vec![0_usize; last - first + 1];
    for gap in &gaps {
        bars[class_of(*gap) - first] += 1;
    }
    let area = Area::plot(HEIGHT);
    let most = bars.iter().copied().max().unwrap_or_default();
    let unit = counts(&mut canvas, &area, most);
    let width = area.width() / bars.len() as f64;
    for (at, count) in bars.iter().enumerate() {
        let (x, height) = (area.left + at as f64 * width, *count as f64 * unit);
        let class = first + at;
        let upper = CLASSES.get(class + 1);
        let range = match upper {
            Some(upper) => format!(
                "{} to {}",
                duration(CLASSES[class] as f64),
                duration(*upper as f64)
            ),
            None => format!("{} or more", duration(CLASSES[class] as f64)),
        };
        if *count > 0 {
            let place = (x + 1.5, area.bottom - height);
            let said = format!("{range}: {count}");
            canvas.rectangle("b s0", place, (width - 3.0, height), &said);
        }
        canvas.text("", (x, area.bottom + 18.0), Anchor::Middle, LABELS[class]);
    }
    let seconds = average.max(0.0);
    let class = class_of(seconds as i64);
    let lower = CLASSES[class] as f64;
    let part = match CLASSES.get(class + 1) {
        // Within a class the scale is logarithmic, but for the first, which begins at 0.
        Some(upper) if lower > 0.0 => (seconds / lower).ln() / (*upper as f64 / lower).ln(),
        Some(upper) => seconds / *upper as f64,
        None => 0.5,
    };
    let x = area.left + (class as f64 - first as f64 + part) * width;
    canvas.line("mark", (x, area.top), (x, area.bottom));
    let label = format!("mean {}", duration(average));
    let (at, anchor) = match x > area.right - 90.0 {
        true => (x - 5.0, Anchor::End),
        false => (x + 5.0, Anchor::Start),
    };
    canvas.text("k", (at, area.top + 10.0), anchor, &label);
    canvas.finish()
}
