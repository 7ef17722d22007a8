//! Environment variables and flags as assignments of keys.

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::keys::{KeyPath, Knowledge, Shape};
use super::{Error, Flag, Setting, Source, Spec};

/// One key set from outside the file.
pub(super) struct Assignment {
    pub(super) path: KeyPath,
    pub(super) source: Source,
    /// The readings that a text allows, most literal first; the type of the key decides.
    pub(super) readings: Vec<Value>,
}

impl Assignment {
    fn new(path: KeyPath, source: Source, setting: Setting) -> Self {
        Assignment {
            path,
            source,
            readings: readings(setting),
        }
    }

    pub(super) fn of_flag(flag: Flag, shape: &Shape) -> Result<Self, Error> {
        let path = KeyPath::parse(flag.key);
        known_target(&path, shape, flag.name)?;
        Ok(Assignment::new(path, Source::Flag(flag.name), flag.value))
    }
}

/// The variables that carry the prefix. A name in the alias table is left to [`aliased`].
///
/// # Errors
/// When a variable carries the prefix but means no key.
pub(super) fn prefixed(
    spec: &Spec<'_>,
    shape: &Shape,
    environment: &[(String, String)],
) -> Result<Vec<Assignment>, Error> {
    let mut assignments = Vec::new();
    if spec.prefix.is_empty() {
        return Ok(assignments);
    }
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix(spec.prefix) else {
            continue;
        };
        if spec.aliases.iter().any(|alias| alias.name == name) {
            continue;
        }
        let path = KeyPath::from_segments(
            rest.to_ascii_lowercase()
                .split("__")
                .map(Into::into)
                .collect(),
        );
        if shape.knows(&path) == Knowledge::Unknown {
            if is_service_link(rest) {
                continue;
            }
            return Err(Error::Unknown {
                what: format!("environment variable {name}"),
                nearest: shape.nearest(&path).map(|key| key.variable(spec.prefix)),
            });
        }
        let source = Source::Environment(name.clone());
        assignments.push(Assignment::new(path, source, Setting::Text(text.clone())));
    }
    // The environment has no order of its own: a table comes before its fields.
    assignments.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(assignments)
}

/// The kept names. An empty one counts as not set, because container manifests pass variables on
/// without knowing whether they have a value.
pub(super) fn aliased(
    spec: &Spec<'_>,
    shape: &Shape,
    environment: &[(String, String)],
) -> Result<Vec<Assignment>, Error> {
    let mut assignments = Vec::new();
    // Later assignments win, the first of the table has to: so it comes last.
    for alias in spec.aliases.iter().rev() {
        let path = KeyPath::parse(alias.key);
        known_target(&path, shape, alias.name)?;
        let Some((_, text)) = environment.iter().find(|(name, _)| name == alias.name) else {
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let source = Source::Environment(alias.name.to_owned());
        let setting = (alias.read)(text).map_err(|expected| Error::Invalid {
            key: alias.key.to_owned(),
            problem: format!("expected {expected}"),
            origin: source.to_string(),
        })?;
        assignments.push(Assignment::new(path, source, setting));
    }
    Ok(assignments)
}

/// The tables of flags and aliases are part of the program; a key that has been renamed without
/// them shows in the first test that loads anything.
fn known_target(path: &KeyPath, shape: &Shape, name: &str) -> Result<(), Error> {
    match shape.knows(path) {
        Knowledge::Known | Knowledge::Open => Ok(()),
        Knowledge::Unknown => Err(Error::Unknown {
            what: format!("key {path} behind {name}"),
            nearest: shape.nearest(path).map(|key| key.to_string()),
        }),
    }
}

/// Kubernetes puts the address of every service of a namespace into the environment of its pods
/// (`enableServiceLinks`): a service named like the program yields `PREFIX_SERVICE_HOST`,
/// `PREFIX_PORT`, `PREFIX_PORT_8080_TCP_ADDR`. Those are not the operator's spelling mistakes.
fn is_service_link(rest: &str) -> bool {
    if rest == "SERVICE_HOST" || rest == "PORT" {
        return true;
    }
    if let Some(name) = rest.strip_prefix("SERVICE_PORT") {
        return name.is_empty() || name.starts_with('_');
    }
    let Some(port) = rest.strip_prefix("PORT_") else {
        return false;
    };
    let Some((number, protocol)) = port.split_once('_') else {
        return false;
    };
    let protocol = protocol.split('_').next().unwrap_or_default();
    number.bytes().all(|byte| byte.is_ascii_digit()) && matches!(protocol, "TCP" | "UDP" | "SCTP")
}

fn readings(setting: Setting) -> Vec<Value> {
    let text = match setting {
        Setting::Bool(value) => return vec![Value::from(value)],
        Setting::List(parts) => return vec![Value::from(parts)],
        Setting::Text(text) => text,
    };
    let mut readings = vec![Value::from(text.clone())];
    readings.extend(typed(&text));
    // A TOML list that does not parse must not be taken for words with brackets.
    if text.trim_start().starts_with('[') {
        return readings;
    }
    let parts = || {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
    };
    readings.push(Value::from(parts().map(str::to_owned).collect::<Vec<_>>()));
    if let Some(list) = parts().map(typed).collect::<Option<Vec<_>>>() {
        readings.push(Value::from(list));
    }
    readings
}

/// The text as a TOML value.
fn typed(text: &str) -> Option<Value> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    let mut table = Toml::from_str::<Dict>(&format!("value = {text}")).ok()?;
    table.remove("value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_told_from_mistakes() {
        for link in [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT",
            "PORT_80_TCP",
        ] {
            assert!(is_service_link(link), "{link}");
        }
        assert!(is_service_link("PORT_8080_TCP_ADDR"));
        for mistake in [
            "PORTS",
            "SERVICE_HOSTS",
            "PORT_HTTP",
            "REDIS__PORT",
            "PORT_80_HTTP",
        ] {
            assert!(!is_service_link(mistake), "{mistake}");
        }
    }
}
