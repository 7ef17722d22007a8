//! One line per request.

use std::cell::RefCell;
use std::fmt::{self, Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::{Format, LineWriter, Timestamp};

/// What is said about a request.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    pub at: SystemTime,
    pub method: &'a str,
    /// How the answer was made, as one word.
    pub label: &'a str,
    /// Without its query; `format_args!` serves to put it together without an allocation.
    pub url: &'a dyn Display,
    /// More about the request, for machines: shown in JSON only.
    pub extra: &'a [(&'a str, Field<'a>)],
}

/// A value of an additional field.
#[derive(Clone, Copy)]
pub enum Field<'a> {
    Text(&'a dyn Display),
    Count(u64),
    Seconds(f64),
}

impl fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        text_line(self, &mut line)?;
        f.write_str(line.trim_end())
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Text(text) => write!(f, "{text}"),
            Field::Count(count) => write!(f, "{count}"),
            Field::Seconds(seconds) => write!(f, "{seconds}"),
        }
    }
}

/// Writes access lines. Never blocks; see [`LineWriter`].
#[derive(Debug, Clone)]
pub struct AccessLog {
    format: Format,
    output: LineWriter,
    wanted: Arc<AtomicBool>,
}

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl AccessLog {
    pub fn new(format: Format, output: LineWriter) -> Self {
        AccessLog {
            format,
            output,
            wanted: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Writes only as long as `wanted` is set.
    pub(super) fn while_set(mut self, wanted: &Arc<AtomicBool>) -> Self {
        self.wanted = Arc::clone(wanted);
        self
    }

    pub fn write(&self, access: &Access<'_>) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            let written = match self.format {
                Format::Text => text_line(access, line),
                Format::Json => json_line(access, line),
            };
            // Only a broken Display of the caller's can fail; half a line would mislead.
            if written.is_ok() {
                self.output.push(line.as_bytes());
            }
        });
    }

    /// Lines that were given up so far.
    pub fn dropped_lines(&self) -> u64 {
        self.output.dropped()
    }
}

/// `2026-02-16 21:08:07,948 [GET] ANSWERED https://host/path`
fn text_line(access: &Access<'_>, line: &mut String) -> fmt::Result {
    let Access {
        at,
        method,
        label,
        url,
        extra: _,
    } = access;
    write!(line, "{} [", Timestamp::of(*at).text())?;
    write!(Printable(line), "{method}] {label} {url}")?;
    line.push('\n');
    Ok(())
}

fn json_line(access: &Access<'_>, line: &mut String) -> fmt::Result {
    let Access {
        at,
        method,
        label,
        url,
        extra,
    } = access;
    write!(
        line,
        "{{\"timestamp\":\"{}\",\"method\":\"",
        Timestamp::of(*at).rfc3339()
    )?;
    JsonText(line).write_str(method)?;
    line.push_str("\",\"event\":\"");
    JsonText(line).write_str(label)?;
    line.push_str("\",\"url\":\"");
    write!(JsonText(line), "{url}")?;
    line.push('"');
    for (name, field) in *extra {
        line.push_str(",\"");
        JsonText(line).write_str(name)?;
        line.push_str("\":");
        match field {
            Field::Text(text) => {
                line.push('"');
                write!(JsonText(line), "{text}")?;
                line.push('"');
            }
            Field::Count(count) => write!(line, "{count}")?,
            Field::Seconds(seconds) if seconds.is_finite() => write!(line, "{seconds:.6}")?,
            Field::Seconds(_) => line.push_str("null"),
        }
    }
    line.push_str("}\n");
    Ok(())
}

/// Shows control characters by their number: a request must not be able to forge a line, nor to steer the terminal
/// that shows it (C1 controls do that as well as ESC).
struct Printable<'a>(&'a mut String);

impl fmt::Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let steers = |character: char| {
            character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
        };
        let mut rest = text;
        while let Some(at) = rest.find(steers) {
            let (plain, tail) = rest.split_at(at);
            self.0.push_str(plain);
            let mut characters = tail.chars();
            if let Some(character) = characters.next() {
                write!(self.0, "\\x{:02x}", u32::from(character))?;
            }
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// Escapes as RFC 8259 section 7 asks.
struct JsonText<'a>(&'a mut String);

impl fmt::Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        let mut rest = text;
        while let Some(at) = rest.bytes().position(special) {
            self.0.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                quoted @ (b'"' | b'\\') => {
                    self.0.push('\\');
                    self.0.push(char::from(quoted));
                }
                control => write!(self.0, "\\u{control:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn access<'a>(url: &'a dyn Display, extra: &'a [(&'a str, Field<'a>)]) -> Access<'a> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_771_276_087_948);
        Access {
            at,
            method: "GET",
            label: "ANSWERED",
            url,
            extra,
        }
    }

    fn text(access: &Access<'_>) -> String {
        let mut line = String::new();
        text_line(access, &mut line).unwrap();
        line
    }

    fn json(access: &Access<'_>) -> serde_json::Value {
        let mut line = String::new();
        json_line(access, &mut line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn the_text_line_is_what_existing_readers_parse() {
        let url = format_args!("https://{}/repos/a/b", "host").to_string();
        let line = text(&access(&url, &[("status", Field::Count(200))]));
        assert_eq!(
            line,
            "2026-02-16 21:08:07,948 [GET] ANSWERED https://host/repos/a/b\n"
        );
    }

    #[test]
    fn the_json_line_has_the_same_as_fields() {
        let extra = [
            ("status", Field::Count(200)),
            ("duration_seconds", Field::Seconds(0.25)),
            ("detail", Field::Text(&"a \"b\"\n\\")),
            ("odd", Field::Seconds(f64::NAN)),
        ];
        let expected = serde_json::json!({
            "timestamp": "2026-02-16T21:08:07.948Z", "method": "GET", "event": "ANSWERED",
            "url": "https://host/ü", "status": 200, "duration_seconds": 0.25,
            "detail": "a \"b\"\n\\", "odd": null,
        });
        assert_eq!(json(&access(&"https://host/ü", &extra)), expected);
    }

    #[test]
    fn a_request_cannot_forge_a_line() {
        let line = text(&access(&"/a\r\n2026 [GET] X\u{7f}ü", &[]));
        assert!(
            line.ends_with("ANSWERED /a\\x0d\\x0a2026 [GET] X\\x7fü\n"),
            "{line}"
        );
    }
}
