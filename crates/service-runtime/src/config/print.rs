//! The effective configuration as TOML-like lines, with the source of every value.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::keys::{Coverage, KeyPath};
use super::{Loaded, Spec};
use crate::secret::MASK;

/// One line `key = value  # from SOURCE` per key, in the order of the keys. Secrets are masked;
/// a key without a value is shown as a comment.
pub fn print_config<T: Serialize>(spec: &Spec<'_>, loaded: &Loaded<T>) -> String {
    let value = match serde_json::to_value(&loaded.value) {
        Ok(value) => value,
        Err(error) => return format!("# the configuration cannot be shown: {error}\n"),
    };
    let mut lines = Vec::new();
    collect(KeyPath::default(), &value, &mut lines);
    lines.sort_by(|(left, _), (right, _)| left.cmp(right));

    let mut text = String::new();
    for (path, value) in lines {
        let source = loaded.provenance.of_path(&path);
        let shown = match path.is_covered_by(spec.secrets) {
            Coverage::Secret => masked(value),
            Coverage::Public => toml(value),
        };
        match shown {
            Some(shown) => writeln!(text, "{path} = {shown}  # from {source}"),
            None => writeln!(text, "# {path} is not set  # from {source}"),
        }
        .expect("writing to a string cannot fail");
    }
    text
}

/// Tables, and lists of tables, become one line for each of their values.
fn collect<'v>(path: KeyPath, value: &'v Value, lines: &mut Vec<(KeyPath, &'v Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                collect(path.child(name), field, lines);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (position, item) in items.iter().enumerate() {
                collect(path.child(position.to_string()), item, lines);
            }
        }
        _ => lines.push((path, value)),
    }
}

fn masked(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => Some("\"\"".to_owned()),
        Value::Array(items) => {
            let masks = vec![format!("\"{MASK}\""); items.len()];
            Some(format!("[{}]", masks.join(", ")))
        }
        _ => Some(format!("\"{MASK}\"")),
    }
}

/// A value as TOML. JSON strings are TOML basic strings; tables inside lists are taken apart
/// before, so an object here is an empty table or inside a mixed list.
pub(super) fn toml(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(toml).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        other => Some(other.to_string()),
    }
}
