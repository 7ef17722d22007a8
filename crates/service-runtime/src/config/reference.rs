//! The page of all keys, generated from the default configuration so that it cannot drift.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::keys::{KeyPath, Shape};
use super::print::toml;
use super::{Error, Spec};

/// What the reference page says about a key, besides its default and its environment variable,
/// which are known already.
#[derive(Debug, Clone, Copy)]
pub struct KeyDoc<'a> {
    /// `redis.port`; for the fields of a list of tables `routes[].policy`.
    pub key: &'a str,
    /// `bytes`, `seconds`, a list of words; empty where there is none.
    pub unit: &'a str,
    /// What it does, and what follows from changing it.
    pub meaning: &'a str,
}

/// Why the reference page would be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    #[error(
        "keys without documentation: {missing}; documented keys that do not exist: {superfluous}"
    )]
    Keys {
        missing: String,
        superfluous: String,
    },
    #[error("the default configuration cannot be shown")]
    Defaults(#[source] Error),
}

/// A Markdown table of all keys in the order of `docs`: key, default, unit, environment
/// variables, meaning.
///
/// # Errors
/// When `docs` does not cover exactly the keys of the default configuration.
pub fn reference<T>(
    spec: &Spec<'_>,
    defaults: &T,
    docs: &[KeyDoc<'_>],
) -> Result<String, ReferenceError>
where
    T: Serialize,
{
    let shape = Shape::of(defaults).map_err(ReferenceError::Defaults)?;
    let leaves = shape.leaves();
    let known: BTreeSet<String> = leaves.iter().map(|(path, _)| path.to_string()).collect();
    let documented: BTreeSet<&str> = docs.iter().map(|doc| doc.key).collect();

    let missing = known.iter().filter(|key| {
        let fields = format!("{key}[].");
        !documented.contains(key.as_str()) && !documented.iter().any(|doc| doc.starts_with(&fields))
    });
    let superfluous = documented.iter().filter(|doc| {
        let list = doc.split_once("[].").map_or(**doc, |(list, _)| list);
        !known.contains(list)
    });
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    let superfluous: Vec<&str> = superfluous.copied().collect();
    if !missing.is_empty() || !superfluous.is_empty() {
        let list = |keys: &[&str]| match keys {
            [] => "none".to_owned(),
            keys => keys.join(", "),
        };
        return Err(ReferenceError::Keys {
            missing: list(&missing),
            superfluous: list(&superfluous),
        });
    }

    let mut page = String::from("| key | default | unit | environment | meaning |\n");
    page.push_str("|---|---|---|---|---|\n");
    for doc in docs {
        let path = KeyPath::parse(doc.key);
        let default = leaves.iter().find(|(leaf, _)| *leaf == path);
        let default = default
            .and_then(|(_, value)| toml(value))
            .map_or_else(|| "-".to_owned(), |text| format!("`{}`", cell(&text)));
        let unit = if doc.unit.is_empty() { "-" } else { doc.unit };
        writeln!(
            page,
            "| `{}` | {default} | {} | {} | {} |",
            doc.key,
            cell(unit),
            variables(spec, doc, &path),
            cell(doc.meaning)
        )
        .expect("writing to a string cannot fail");
    }
    Ok(page)
}

fn variables(spec: &Spec<'_>, doc: &KeyDoc<'_>, path: &KeyPath) -> String {
    let mut names = Vec::new();
    let own = path.variable(spec.prefix);
    let taken = spec.aliases.iter().any(|alias| alias.name == own);
    // A list of tables is set as a whole, its fields have no variables.
    if !spec.prefix.is_empty() && !doc.key.contains("[]") && !taken {
        names.push(format!("`{own}`"));
    }
    let aliases = spec.aliases.iter().filter(|alias| alias.key == doc.key);
    names.extend(aliases.map(|alias| format!("`{}`", alias.name)));
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(", ")
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
