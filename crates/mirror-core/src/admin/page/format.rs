//! Texts, numbers and times as the page shows them.

use std::fmt::{self, Write as _};

use crate::admin::status::Quantiles;

/// Text that may hold anything.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symbol in self.0.chars() {
            match symbol {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(symbol)?,
            }
        }
        Ok(())
    }
}

/// A number with thin spaces between thousands.
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_char('\u{202f}')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

pub(super) struct Ratio(pub(super) Option<f64>);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // 99.96 % is not all.
            Some(ratio) if ratio < 1.0 => {
                write!(f, "{:.1}\u{202f}%", (ratio * 1000.0).floor() / 10.0)
            }
            Some(_) => f.write_str("100\u{202f}%"),
            None => f.write_str("\u{2013}"),
        }
    }
}

pub(super) struct Seconds(pub(super) Option<f64>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("\u{2013}"),
            Some(seconds) if seconds < 0.001 => write!(f, "{:.0}\u{202f}\u{b5}s", seconds * 1e6),
            Some(seconds) if seconds < 0.01 => write!(f, "{:.1}\u{202f}ms", seconds * 1e3),
            Some(seconds) if seconds < 1.0 => write!(f, "{:.0}\u{202f}ms", seconds * 1e3),
            Some(seconds) => write!(f, "{seconds:.1}\u{202f}s"),
        }
    }
}

pub(super) struct Both<'a>(pub(super) &'a Quantiles);

impl fmt::Display for Both<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, high) = (Seconds(self.0.p50_seconds), Seconds(self.0.p99_seconds));
        write!(f, "{median} / {high}")
    }
}

/// Seconds in the largest unit that says enough.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..=119 => write!(f, "{seconds}\u{202f}s"),
            seconds @ 120..=7199 => write!(f, "{}\u{202f}min", seconds / 60),
            seconds @ 7200..=172_799 => write!(f, "{}\u{202f}h", seconds / 3600),
            seconds => write!(f, "{}\u{202f}d", seconds / 86_400),
        }
    }
}

pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sizes are far below 2^53.
        let bytes = self.0 as f64;
        match self.0 {
            0..=1023 => write!(f, "{}\u{202f}B", self.0),
            1024..=1_048_575 => write!(f, "{:.1}\u{202f}KiB", bytes / 1024.0),
            1_048_576..=1_073_741_823 => write!(f, "{:.1}\u{202f}MiB", bytes / 1_048_576.0),
            _ => write!(f, "{:.1}\u{202f}GiB", bytes / 1_073_741_824.0),
        }
    }
}

pub(super) struct Optional<T>(pub(super) Option<T>);

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("\u{2013}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_made_for_people() {
        #[track_caller]
        fn check(shown: impl fmt::Display, expected: &str) {
            assert_eq!(shown.to_string().replace('\u{202f}', " "), expected);
        }
        check(Count(0), "0");
        check(Count(1_234_567), "1 234 567");
        check(Ratio(Some(0.9999)), "99.9 %");
        check(Ratio(Some(1.0)), "100 %");
        check(Ratio(None), "\u{2013}");
        check(Seconds(Some(0.000_04)), "40 \u{b5}s");
        check(Seconds(Some(0.0123)), "12 ms");
        check(Span(3_700), "61 min");
        check(Span(90_000), "25 h");
        check(Bytes(1536), "1.5 KiB");
    }

    #[test]
    fn text_cannot_become_markup() {
        let text = Text("<script>\"'&").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;&#39;&amp;");
    }
}
