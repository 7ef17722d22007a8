//! Merging the layers with figment and reading the struct from them.

use std::collections::VecDeque;

use figment::error::{Actual, Kind};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::environment::Assignment;
use super::keys::{Coverage, KeyPath, nearest_word};
use super::{Error, File, Provenance, Spec};

/// A finished table as a figment layer.
struct Layer(Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("layer")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

pub(super) fn parse_file(file: &File) -> Result<Dict, Error> {
    Toml::from_str::<Dict>(&file.text).map_err(|error| {
        let offset = error
            .span()
            .map_or(0, |span| span.start)
            .min(file.text.len());
        let before = &file.text.as_bytes()[..offset];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        Error::Syntax {
            path: file.path.clone(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: offset - line_start + 1,
            message: error.message().replace('\n', ", "),
        }
    })
}

/// Reads the struct. Where a text allows several readings, the first that fits the struct wins;
/// if none fits, the error of the most literal one is reported.
pub(super) fn extract<T>(
    spec: &Spec<'_>,
    defaults: &T,
    file: Option<Dict>,
    assignments: Vec<Assignment>,
    provenance: &Provenance,
) -> Result<T, Error>
where
    T: Serialize + DeserializeOwned,
{
    let invalid = |error: figment::Error| describe(spec, error, provenance);
    let defaults = Value::serialize(defaults).map_err(|error| Error::Defaults(Box::new(error)))?;
    let mut base = Figment::from(Layer(defaults.into_dict().unwrap_or_default()));
    if let Some(file) = file {
        base = base.merge(Layer(file));
    }

    let mut pending: Vec<Pending> = assignments.into_iter().map(Pending::new).collect();
    loop {
        let mut figment = base.clone();
        for assignment in &pending {
            figment = figment.merge(Layer(nested(&assignment.path, &assignment.reading)));
        }
        let error = match figment.extract::<T>() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let at = KeyPath::from_segments(error.path.clone());
        // The last assignment of a key is the one that took effect.
        let culprit = pending
            .iter_mut()
            .rev()
            .find(|pending| at.starts_with(&pending.path));
        let Some(culprit) = culprit else {
            return Err(invalid(error));
        };
        let first = culprit.first_error.get_or_insert(error);
        match culprit.others.pop_front() {
            Some(reading) => culprit.reading = reading,
            None => return Err(invalid(first.clone())),
        }
    }
}

/// An assignment whose reading is being tried.
struct Pending {
    path: KeyPath,
    reading: Value,
    others: VecDeque<Value>,
    first_error: Option<figment::Error>,
}

impl Pending {
    fn new(assignment: Assignment) -> Self {
        let mut others = VecDeque::from(assignment.readings);
        let reading = others
            .pop_front()
            .expect("a setting has at least its literal reading");
        Pending {
            path: assignment.path,
            reading,
            others,
            first_error: None,
        }
    }
}

fn nested(path: &KeyPath, value: &Value) -> Dict {
    let mut segments = path.segments().iter().rev();
    let last = segments.next().expect("a key has at least one segment");
    let mut dict = Dict::from([(last.clone(), value.clone())]);
    for segment in segments {
        dict = Dict::from([(segment.clone(), Value::from(dict))]);
    }
    dict
}

fn describe(spec: &Spec<'_>, error: figment::Error, provenance: &Provenance) -> Error {
    let path = KeyPath::from_segments(error.path);
    let origin = provenance.of_path(&path).to_string();
    let secrecy = path.is_covered_by(spec.secrets);
    let problem = match error.kind {
        Kind::UnknownField(name, known) => {
            // figment's path ends with the field itself.
            return Error::Unknown {
                what: format!("key {path} ({origin})"),
                nearest: nearest_word(&name, known).map(str::to_owned),
            };
        }
        Kind::MissingField(name) => {
            return Error::Invalid {
                key: path.child(name).to_string(),
                problem: "missing".to_owned(),
                origin,
            };
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!(
                "expected {}, found {}",
                expected_name(&expected),
                found(&actual, secrecy)
            )
        }
        Kind::UnknownVariant(_, known) if secrecy == Coverage::Secret => {
            format!("expected one of {}", known.join(", "))
        }
        Kind::UnknownVariant(name, known) => {
            let nearest = nearest_word(&name, known)
                .map(|word| format!(", did you mean {word}?"))
                .unwrap_or_default();
            format!(
                "expected one of {}, found {name:?}{nearest}",
                known.join(", ")
            )
        }
        Kind::InvalidLength(length, expected) => {
            format!(
                "expected {}, found {length} elements",
                expected_name(&expected)
            )
        }
        // The words come from the type's own Deserialize and may repeat the value.
        _ if secrecy == Coverage::Secret => "not a valid value".to_owned(),
        other => other.to_string(),
    };
    // Types that are read as a whole (untagged, flattened) lose the path.
    let key = match path.segments() {
        [] => "configuration".to_owned(),
        _ => path.to_string(),
    };
    Error::Invalid {
        key,
        problem: problem.replace('\n', " "),
        origin,
    }
}

/// serde's words for a type, in the operator's language.
fn expected_name(expected: &str) -> String {
    let (kind, range) = match expected {
        "u8" => ("a whole number", Some((0, i128::from(u8::MAX)))),
        "u16" => ("a whole number", Some((0, i128::from(u16::MAX)))),
        "u32" => ("a whole number", Some((0, i128::from(u32::MAX)))),
        "i8" => (
            "a whole number",
            Some((i128::from(i8::MIN), i128::from(i8::MAX))),
        ),
        "i16" => (
            "a whole number",
            Some((i128::from(i16::MIN), i128::from(i16::MAX))),
        ),
        "i32" => (
            "a whole number",
            Some((i128::from(i32::MIN), i128::from(i32::MAX))),
        ),
        "i64" | "isize" => ("a whole number", None),
        "u64" | "usize" => ("a whole number, not negative", None),
        "f32" | "f64" => ("a number", None),
        "a boolean" => ("true or false", None),
        "a sequence" => ("a list", None),
        "a map" => ("a table", None),
        other if other.starts_with("struct ") => ("a table", None),
        other => (other, None),
    };
    match range {
        Some((least, most)) => format!("{kind} from {least} to {most}"),
        None => kind.to_owned(),
    }
}

fn found(actual: &Actual, secrecy: Coverage) -> String {
    let (kind, value) = match actual {
        Actual::Bool(value) => ("a switch", Some(value.to_string())),
        Actual::Unsigned(value) => ("a number", Some(value.to_string())),
        Actual::Signed(value) => ("a number", Some(value.to_string())),
        Actual::Float(value) => ("a number", Some(value.to_string())),
        Actual::Char(value) => ("a string", Some(format!("{value:?}"))),
        Actual::Str(value) => ("a string", Some(format!("{value:?}"))),
        Actual::Seq => ("a list", None),
        Actual::Map => ("a table", None),
        Actual::Unit | Actual::Option => ("nothing", None),
        _ => ("something else", None),
    };
    match (secrecy, value) {
        (Coverage::Public, Some(value)) => value,
        (Coverage::Public, None) | (Coverage::Secret, _) => kind.to_owned(),
    }
}
