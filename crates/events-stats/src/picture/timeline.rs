//! Each event as a stroke in the row of its type.

use std::collections::BTreeMap;

use super::axis::{Area, TimeAxis};
use super::canvas::{Anchor, Canvas, SHADES, WIDTH};
use super::{Scene, duration};

/// More types than this share the last row.
const ROWS: usize = 12;

const ROW_HEIGHT: f64 = 38.0;
const TOP: f64 = 34.0;

struct Row<'a> {
    name: &'a str,
    places: Vec<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts and seconds of a window")]
pub(super) fn draw(scene: &Scene<'_>) -> String {
    let mut area = Area {
        left: 8.0,
        top: TOP,
        right: WIDTH - 8.0,
        bottom: TOP,
    };
    let axis = TimeAxis::new(&area, scene);
    let rows = rows(scene, &axis);
    area.bottom = TOP + ROW_HEIGHT * rows.len().max(1) as f64;
    let heading = format!("Events by type · {}", scene.repository);
    let said = match rows.as_slice() {
        [] => "no events in this window".to_owned(),
        rows => {
            let told: Vec<String> = rows
                .iter()
                .map(|row| format!("{} {}", row.places.len(), row.name))
                .collect();
            format!(
                "In {}: {}",
                duration(axis.seconds() as f64),
                told.join(", ")
            )
        }
    };
    let mut canvas = Canvas::new(area.bottom + 26.0, &heading, &said);
    axis.draw_gaps(&mut canvas, &area, scene);
    for (at, row) in rows.iter().enumerate() {
        let top = TOP + ROW_HEIGHT * at as f64;
        let shade = at % SHADES;
        canvas.text("k", (area.left, top + 12.0), Anchor::Start, row.name);
        let count = row.places.len().to_string();
        canvas.text("", (area.right, top + 12.0), Anchor::End, &count);
        canvas.strokes(&format!("t s{shade}"), &row.places, (top + 17.0, 15.0));
        let foot = top + ROW_HEIGHT - 2.0;
        canvas.line("g", (area.left, foot), (area.right, foot));
    }
    axis.draw(&mut canvas, &area);
    if rows.is_empty() {
        canvas.text("", (240.0, TOP + ROW_HEIGHT / 2.0), Anchor::Middle, &said);
    }
    canvas.finish()
}

/// The types, the most frequent first.
fn rows<'a>(scene: &Scene<'a>, axis: &TimeAxis) -> Vec<Row<'a>> {
    let mut by_kind: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for event in scene.events {
        by_kind
            .entry(event.kind)
            .or_default()
            .push(axis.x(event.at));
    }
    let mut rows: Vec<Row<'a>> = by_kind
        .into_iter()
        .map(|(name, places)| Row { name, places })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.places.len()));
    if rows.len() > ROWS {
        let rest = rows.split_off(ROWS - 1);
        let places = rest.into_iter().flat_map(|row| row.places).collect();
        rows.push(Row {
            name: "other types",
            places,
        });
    }
    rows
}
