//! SVG drawn by hand: bars, and lines over a logarithmic axis.

use std::fmt::Write as _;

use crate::results::{Plot, Section, shown};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 40.0;
const BAR: f64 = 22.0;
const COLOURS: [&str; 6] = [
    "#2563eb", "#93c5fd", "#64748b", "#f59e0b", "#10b981", "#ef4444",
];

/// The picture of a section, if it has one.
pub(super) fn draw(section: &Section) -> Option<String> {
    match section.plot {
        Plot::None => None,
        Plot::Bars => Some(bars(section)),
        Plot::Lines => Some(lines(section)),
    }
}

fn bars(section: &Section) -> String {
    let rows: Vec<(&str, f64)> = section
        .rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), (*row.values.first()?)?)))
        .collect();
    let longest = rows.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let height = TOP + rows.len() as f64 * (BAR + 8.0) + 12.0;
    let mut svg = begin(height, &section.title, section.columns.first());
    for (at, (name, value)) in rows.iter().enumerate() {
        let y = TOP + at as f64 * (BAR + 8.0);
        let width = match longest > 0.0 {
            true => value / longest * (WIDTH - LEFT - RIGHT),
            false => 0.0,
        };
        let colour = match name.starts_with("github-mirror") || name.starts_with("ours") {
            true => COLOURS[0],
            false => COLOURS[2],
        };
        let middle = y + BAR / 2.0 + 4.0;
        text(&mut svg, LEFT - 8.0, middle, "end", name);
        rectangle(&mut svg, LEFT, y, width, BAR, colour);
        text(
            &mut svg,
            LEFT + width + 6.0,
            middle,
            "start",
            &shown(*value),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn lines(section: &Section) -> String {
    const HEIGHT: f64 = 260.0;
    const FOOT: f64 = 40.0;
    let xs: Vec<f64> = section.rows.iter().map(|row| number(&row.name)).collect();
    let last = xs.iter().copied().fold(1.0, f64::max);
    let first = xs.iter().copied().fold(last, f64::min).max(1.0);
    let all = section.rows.iter().flat_map(|row| &row.values).flatten();
    let highest = all.copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x_of = |x: f64| {
        let share = match last > first {
            true => (x.max(1.0) / first).ln() / (last / first).ln(),
            false => 0.0,
        };
        70.0 + share * (WIDTH - 70.0 - 180.0)
    };
    let y_of = |y: f64| TOP + (1.0 - y / highest) * (HEIGHT - TOP - FOOT);
    let mut svg = begin(HEIGHT, &section.title, None);
    for share in [0.0, 0.5, 1.0] {
        let y = y_of(share * highest);
        rectangle(&mut svg, 70.0, y, WIDTH - 250.0, 1.0, "#e2e8f0");
        text(&mut svg, 62.0, y + 4.0, "end", &shown(share * highest));
    }
    for (row, x) in section.rows.iter().zip(&xs) {
        text(&mut svg, x_of(*x), HEIGHT - 20.0, "middle", &row.name);
    }
    text(&mut svg, 70.0, HEIGHT - 4.0, "start", &section.rows_are);
    for (column, name) in section.columns.iter().enumerate() {
        let colour = COLOURS[column % COLOURS.len()];
        let mut points = String::new();
        let mut end = None;
        for (row, x) in section.rows.iter().zip(&xs) {
            if let Some(value) = row.values[column] {
                let (x, y) = (x_of(*x), y_of(value));
                push(&mut points, format_args!("{x:.1},{y:.1} "));
                end = Some((x, y));
            }
        }
        push(
            &mut svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                points.trim_end()
            ),
        );
        if let Some((x, y)) = end {
            text(
                &mut svg,
                x + 6.0,
                y + 4.0 + 12.0 * (column % 2) as f64,
                "start",
                name,
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// `10 000` and `2 cores` by the number in them.
fn number(name: &str) -> f64 {
    let digits: String = name
        .chars()
        .filter(|char| char.is_ascii_digit() || *char == '.')
        .collect();
    digits.parse().unwrap_or(0.0)
}

fn begin(height: f64, title: &str, unit: Option<&String>) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#0f172a\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let title = match unit {
        Some(unit) => format!("{title} ({unit})"),
        None => title.to_owned(),
    };
    text(&mut svg, 10.0, 20.0, "start", &title);
    svg
}

fn rectangle(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    push(
        svg,
        format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>\n"
        ),
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    push(
        svg,
        format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>\n"),
    );
}

fn push(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    svg.write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(plot: Plot) -> Section {
        let mut section = Section::new("k", "a < b", "entries", &["x", "y"]).drawn(plot);
        section.row("10", [Some(4.0), Some(1.0)]);
        section.row("1 000", [Some(2.0), None]);
        section
    }

    #[test]
    fn the_longest_bar_fills_the_width() {
        let svg = draw(&section(Plot::Bars)).unwrap();
        let full = WIDTH - LEFT - RIGHT;
        assert!(svg.contains(&format!("width=\"{full:.1}\"")), "{svg}");
        assert!(
            svg.contains(&format!("width=\"{:.1}\"", full / 2.0)),
            "{svg}"
        );
        assert!(svg.contains("a &lt; b (x)"), "{svg}");
    }

    #[test]
    fn a_line_for_each_column() {
        let svg = draw(&section(Plot::Lines)).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert!(svg.contains("points=\"70.0,40.0 580.0,130.0\""), "{svg}");
    }

    #[test]
    fn no_plot_no_picture() {
        assert_eq!(draw(&section(Plot::None)), None);
    }
}
