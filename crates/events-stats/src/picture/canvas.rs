//! A sheet to draw on, with the one style of all pictures.

use std::fmt::{self, Display, Write as _};

/// All pictures are so wide; a page scales them.
pub(super) const WIDTH: f64 = 480.0;

/// Shades of the types, in light and dark, told apart by people who see colours differently.
pub(super) const SHADES: usize = 8;

/// Nothing in it reaches beyond the picture it stands in: a page holds several.
const STYLE: &str = "\
.gx{--paper:#f6f8fa;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--miss:#cf222e;\
--s0:#2563c9;--s1:#c2570c;--s2:#0f8a5f;--s3:#b4307a;--s4:#7048c6;--s5:#8a6d00;--s6:#007a8f;--s7:#6b7280;\
font:12px system-ui,sans-serif}\
@media (prefers-color-scheme: dark){.gx{--paper:#161b22;--ink:#e6edf3;--soft:#9aa4af;--line:#3a424b;--miss:#ff7b72;\
--s0:#6ea8ff;--s1:#ff9e5e;--s2:#4fd1a1;--s3:#ff86c2;--s4:#b79bff;--s5:#e3c341;--s6:#4fc3d9;--s7:#9aa4af}}\
.gx text{fill:var(--soft)}.gx .h{fill:var(--ink);font-size:14px;font-weight:600}.gx .k{fill:var(--ink);stroke:var(--paper);stroke-width:3px;paint-order:stroke}.gx .paper{fill:var(--paper)}\
.gx .e{text-anchor:end}.gx .m{text-anchor:middle}\
.gx .g{stroke:var(--line)}.gx .mark{stroke:var(--ink);stroke-dasharray:3 3}\
.gx .miss{fill:var(--miss);fill-opacity:.16}.gx .t{stroke-width:1.5;stroke-opacity:.75}\
.gx .s0{--c:var(--s0)}.gx .s1{--c:var(--s1)}.gx .s2{--c:var(--s2)}.gx .s3{--c:var(--s3)}\
.gx .s4{--c:var(--s4)}.gx .s5{--c:var(--s5)}.gx .s6{--c:var(--s6)}.gx .s7{--c:var(--s7)}\
.gx .b{fill:var(--c)}.gx .t{stroke:var(--c)}";

/// A picture in the making.
pub(super) struct Canvas {
    out: String,
}

/// Which side of its place a text is at.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    /// An empty one, with what it shows in words.
    pub(super) fn new(height: f64, heading: &str, description: &str) -> Self {
        let (heading, description) = (Escaped(heading), Escaped(description));
        let mut canvas = Self { out: String::new() };
        canvas.write(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gx\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
             aria-label=\"{heading}. {description}\"><title>{heading}</title><desc>{description}</desc>\
             <style>{STYLE}</style><rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\"/><text class=\"h\" x=\"8\" y=\"20\">{heading}</text>"
        ));
        canvas
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let side = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " m",
            Anchor::End => " e",
        };
        self.write(format_args!(
            "<text class=\"{class}{side}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            Escaped(text)
        ));
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.write(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// A filled rectangle that says what it is when pointed at.
    pub(super) fn rectangle(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        said: &str,
    ) {
        self.write(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\">\
             <title>{}</title></rect>",
            Escaped(said)
        ));
    }

    /// Strokes of one height, one for each place.
    pub(super) fn strokes(&mut self, class: &str, places: &[f64], (top, height): (f64, f64)) {
        self.write(format_args!("<path class=\"{class}\" d=\""));
        for x in places {
            self.write(format_args!("M{x:.1} {top:.1}v{height:.1}"));
        }
        self.out.push_str("\"/>");
    }

    fn write(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(arguments);
    }
}

/// Text as XML and HTML.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symbol in self.0.chars() {
            match symbol {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                symbol if symbol.is_control() => f.write_char(' ')?,
                symbol => f.write_char(symbol)?,
            }
        }
        Ok(())
    }
}
