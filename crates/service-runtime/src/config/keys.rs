//! Key paths, and the set of keys that a configuration struct knows.

use std::fmt;

use figment::value::{Dict, Value as FigmentValue};
use serde::Serialize;
use serde_json::Value;

use super::{Error, File};
use crate::secret::MASK;

/// A key as segments: `redis.port`, `routes[0].policy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    pub(super) fn parse(key: &str) -> Self {
        KeyPath(
            key.split(['.', '['])
                .map(|part| part.trim_end_matches(']').to_owned())
                .collect(),
        )
    }

    pub(super) fn from_segments(segments: Vec<String>) -> Self {
        KeyPath(segments)
    }

    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    pub(super) fn child(&self, segment: impl Into<String>) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.into());
        KeyPath(segments)
    }

    pub(super) fn starts_with(&self, other: &KeyPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path itself, then everything above it.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = KeyPath> + '_ {
        (1..=self.0.len())
            .rev()
            .map(|length| KeyPath(self.0[..length].to_vec()))
    }

    /// Whether a pattern such as `credentials.*.token` covers this key or something above it.
    pub(super) fn is_covered_by(&self, patterns: &[&str]) -> Coverage {
        let covered = patterns.iter().any(|pattern| {
            let pattern = KeyPath::parse(pattern);
            pattern.0.len() <= self.0.len()
                && pattern
                    .0
                    .iter()
                    .zip(&self.0)
                    .all(|(want, have)| want == "*" || want == have)
        });
        if covered {
            Coverage::Secret
        } else {
            Coverage::Public
        }
    }

    /// The name of the environment variable that sets this key.
    pub(super) fn variable(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.0.join("__").to_ascii_uppercase())
    }
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    Public,
    Secret,
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            if position > 0 && segment.bytes().all(|byte| byte.is_ascii_digit()) {
                write!(f, "[{segment}]")?;
            } else {
                let dot = if position > 0 { "." } else { "" };
                write!(f, "{dot}{segment}")?;
            }
        }
        Ok(())
    }
}

/// The serialised default configuration: which keys exist.
#[derive(Debug)]
pub(super) struct Shape(Value);

/// Whether the configuration struct reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    Known,
    /// Below a list, an optional table or an open map, where only the struct itself can tell.
    Open,
    Unknown,
}

impl Shape {
    pub(super) fn of<T: Serialize>(defaults: &T) -> Result<Self, Error> {
        let value =
            serde_json::to_value(defaults).map_err(|error| Error::Defaults(Box::new(error)))?;
        let shape = Shape(value);
        for (path, leaf) in shape.leaves() {
            // A masked default would be read back as "***"; and a service must not ship one.
            if leaf.as_str() == Some(MASK) {
                return Err(Error::SecretDefault {
                    key: path.to_string(),
                });
            }
        }
        Ok(shape)
    }

    pub(super) fn knows(&self, path: &KeyPath) -> Knowledge {
        let mut here = &self.0;
        for segment in path.segments() {
            here = match here {
                Value::Object(fields) if fields.is_empty() => return Knowledge::Open,
                Value::Object(fields) => match fields.get(segment) {
                    Some(field) => field,
                    None => return Knowledge::Unknown,
                },
                Value::Array(_) | Value::Null => return Knowledge::Open,
                _ => return Knowledge::Unknown,
            };
        }
        Knowledge::Known
    }

    /// Every key that holds a value of its own: lists and empty tables count as one.
    pub(super) fn leaves(&self) -> Vec<(KeyPath, &Value)> {
        fn walk<'v>(path: KeyPath, value: &'v Value, into: &mut Vec<(KeyPath, &'v Value)>) {
            match value {
                Value::Object(fields) if !fields.is_empty() => {
                    for (name, field) in fields {
                        walk(path.child(name), field, into);
                    }
                }
                _ => into.push((path, value)),
            }
        }
        let mut leaves = Vec::new();
        walk(KeyPath::default(), &self.0, &mut leaves);
        leaves.sort_by(|(left, _), (right, _)| left.cmp(right));
        leaves
    }

    /// The leaves of a file's table, all of them known.
    pub(super) fn check_table(&self, table: &Dict, file: &File) -> Result<Vec<KeyPath>, Error> {
        let mut leaves = Vec::new();
        self.check_into(KeyPath::default(), table, file, &mut leaves)?;
        Ok(leaves)
    }

    fn check_into(
        &self,
        above: KeyPath,
        table: &Dict,
        file: &File,
        leaves: &mut Vec<KeyPath>,
    ) -> Result<(), Error> {
        for (name, value) in table {
            let path = above.child(name);
            if self.knows(&path) == Knowledge::Unknown {
                return Err(Error::Unknown {
                    what: format!("key {path} in {}", file.path.display()),
                    nearest: self.nearest(&path).map(|key| key.to_string()),
                });
            }
            match value {
                FigmentValue::Dict(_, inner) if !inner.is_empty() => {
                    self.check_into(path, inner, file, leaves)?;
                }
                _ => leaves.push(path),
            }
        }
        Ok(())
    }

    /// The known key that a misspelt one most likely stands for.
    pub(super) fn nearest(&self, wrong: &KeyPath) -> Option<KeyPath> {
        let text = wrong.to_string();
        let mut keys: Vec<KeyPath> = Vec::new();
        for (leaf, _) in self.leaves() {
            for key in leaf.ancestors() {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys.into_iter()
            .map(|key| (distance(&text, &key.to_string()), key))
            .filter(|(distance, key)| *distance <= key.to_string().len().min(text.len()) / 3)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, key)| key)
            // A right name in the wrong section is the other common mistake.
            .or_else(|| {
                let last = wrong.segments().last()?;
                let mut same = self.leaves().into_iter().map(|(path, _)| path);
                same.find(|path| path.segments().last() == Some(last))
            })
    }
}

/// The nearest of a few words, for values.
pub(super) fn nearest_word<'a>(wrong: &str, words: &[&'a str]) -> Option<&'a str> {
    words
        .iter()
        .map(|word| (distance(wrong, word), *word))
        .filter(|(distance, word)| *distance <= (word.len().max(3)) / 3 + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many characters have to be inserted, removed, replaced or swapped with their neighbour
/// (optimal string alignment; swapped letters are the commonest slip).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replaced = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + replaced);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_slip() {
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn paths_are_shown_as_they_are_written() {
        let path = KeyPath::from_segments(vec!["routes".into(), "0".into(), "policy".into()]);
        assert_eq!(path.to_string(), "routes[0].policy");
        assert_eq!(KeyPath::parse("routes[0].policy"), path);
        assert_eq!(
            KeyPath::parse("redis.port").variable("GATE_"),
            "GATE_REDIS__PORT"
        );
    }

    #[test]
    fn a_pattern_covers_what_is_below_it() {
        let check = |key: &str| KeyPath::parse(key).is_covered_by(&["credentials.*.token", "keys"]);
        assert_eq!(check("credentials[3].token"), Coverage::Secret);
        assert_eq!(check("keys[0]"), Coverage::Secret);
        assert_eq!(check("credentials[3].kind"), Coverage::Public);
        assert_eq!(check("credentials"), Coverage::Public);
    }
}
