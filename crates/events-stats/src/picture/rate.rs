//! Events by time, in bars of equal length.

use super::axis::{Area, TimeAxis, counts};
use super::canvas::{Anchor, Canvas};
use super::{Scene, duration};
use crate::Timestamp;

const HEIGHT: f64 = 220.0;

/// At most so many bars.
const BARS: i64 = 84;

/// Lengths of a bar in seconds: of those the shortest that needs no more than [`BARS`].
const LENGTHS: [i64; 14] = [
    1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800, 2_592_000,
];

#[expect(clippy::cast_precision_loss, reason = "counts and seconds of a window")]
pub(super) fn draw(scene: &Scene<'_>) -> String {
    let area = Area::plot(HEIGHT);
    let axis = TimeAxis::new(&area, scene);
    let length = LENGTHS
        .into_iter()
        .find(|length| axis.seconds() / length < BARS)
        .unwrap_or_else(|| axis.seconds() / BARS + 1);
    let heading = format!(
        "Events per {} · {}",
        duration(length as f64),
        scene.repository
    );
    let first = scene.from.seconds().div_euclid(length);
    let last = scene.to.seconds().div_euclid(length);
    let mut bars = vec![0_usize; usize::try_from(last - first + 1).unwrap_or(1)];
    for event in scene.events {
        let at = event.at.seconds().div_euclid(length) - first;
        if let Some(bar) = usize::try_from(at).ok().and_then(|at| bars.get_mut(at)) {
            *bar += 1;
        }
    }
    let most = bars.iter().copied().max().unwrap_or_default();
    let said = match scene.events.len() {
        0 => "no events in this window".to_owned(),
        count => format!(
            "{count} events in {}, at most {most} within {}",
            duration(axis.seconds() as f64),
            duration(length as f64)
        ),
    };
    let mut canvas = Canvas::new(HEIGHT, &heading, &said);
    axis.draw_gaps(&mut canvas, &area, scene);
    let unit = counts(&mut canvas, &area, most);
    for (at, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let begins = (first + at as i64) * length;
        let [left, right] = [begins, begins + length].map(|at| axis.x(Timestamp::from_seconds(at)));
        let height = *count as f64 * unit;
        let said = format!("{}: {count}", Timestamp::from_seconds(begins));
        let width = (right - left - 1.0).max(1.0);
        canvas.rectangle("b s0", (left, area.bottom - height), (width, height), &said);
    }
    axis.draw(&mut canvas, &area);
    if scene.events.is_empty() {
        canvas.text("", (240.0, HEIGHT / 2.0), Anchor::Middle, &said);
    }
    canvas.finish()
}
