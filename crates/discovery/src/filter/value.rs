//! What a query's text means as a value, and what is said when it means none. The words are Django's.

use super::table::{Kind, Lookup};
use crate::moment::Moment;

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    Texts(Vec<String>),
    Number(Number),
    Numbers(Vec<Number>),
    Bool(bool),
}

/// A number that whole numbers are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Whole(i64),
    /// Between this number and the next.
    Above(i64),
}

impl Operand {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => 1,
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

const NUMBER: &str = "Enter a number.";
const TIME: &str = "Enter a valid date/time.";
const BOOLEAN: &str = "Enter a valid boolean.";

pub(super) fn parse(kind: Kind, lookup: Lookup, text: &str) -> Result<Operand, &'static str> {
    if lookup == Lookup::IsNull {
        return boolean(text).map(Operand::Bool).ok_or(BOOLEAN);
    }
    let many = lookup == Lookup::In;
    match kind {
        Kind::Bool => boolean(text).map(Operand::Bool).ok_or(BOOLEAN),
        Kind::Text | Kind::Id if many => {
            Ok(Operand::Texts(text.split(',').map(str::to_owned).collect()))
        }
        Kind::Text | Kind::Id => Ok(Operand::Text(text.to_owned())),
        Kind::Integer => numbers(text, many, number, NUMBER),
        Kind::Epoch => numbers(text, many, epoch, NUMBER),
        Kind::Time => numbers(text, many, moment, TIME),
    }
}

fn numbers(
    text: &str,
    many: bool,
    read: fn(&str) -> Option<Number>,
    message: &'static str,
) -> Result<Operand, &'static str> {
    if !many {
        return read(text).map(Operand::Number).ok_or(message);
    }
    let numbers: Option<Vec<Number>> = text.split(',').map(read).collect();
    numbers.map(Operand::Numbers).ok_or(message)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Number::Whole(whole));
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    // A number too large for a column saturates, which compares the same.
    let floor = value.floor() as i64;
    Some(if value.fract() == 0.0 && value.abs() < 9e18 {
        Number::Whole(floor)
    } else {
        Number::Above(floor)
    })
}

/// Seconds, as milliseconds.
fn epoch(text: &str) -> Option<Number> {
    Some(match number(text)? {
        Number::Whole(seconds) => Number::Whole(seconds.saturating_mul(1_000)),
        Number::Above(seconds) => Number::Above(seconds.saturating_mul(1_000)),
    })
}

/// `2011-01-25T18:44:36Z`, `2011-01-25 18:44:36`, `2011-01-25 18:44`, `2011-01-25`; without a zone it is UTC.
fn moment(text: &str) -> Option<Number> {
    let text = text.trim().replacen(' ', "T", 1);
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text,
    };
    Moment::parse(&whole).map(|at| Number::Whole(at.milliseconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_numbers_and_moments() {
        for (text, expected) in [
            ("12", Some(Number::Whole(12))),
            (" -3 ", Some(Number::Whole(-3))),
            ("2.0", Some(Number::Whole(2))),
            ("1.5", Some(Number::Above(1))),
            ("-1.5", Some(Number::Above(-2))),
            ("99999999999999999999", Some(Number::Above(i64::MAX))),
            ("nan", None),
            ("inf", None),
            ("many", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        for text in [
            "2011-01-25T18:44:36Z",
            "2011-01-25T19:44:36+01:00",
            "2011-01-25 18:44:36",
            "2011-01-25T18:44:36",
        ] {
            let expected = Some(Number::Whole(1_295_981_076_000));
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(moment("2011-01-25"), Some(Number::Whole(1_295_913_600_000)));
        for text in ["yesterday", "2011-13-01", "2011-01-25T", "18:44"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn booleans() {
        for (text, expected) in [
            ("True", Some(true)),
            ("0", Some(false)),
            ("yes", None),
            ("2", None),
        ] {
            assert_eq!(boolean(text), expected, "{text}");
        }
    }
}
