//! Configuration in layers, with an answer to "where does this value come from?".
//!
//! Later layers win: the built-in defaults of the configuration struct, one TOML file, environment
//! variables with the service's prefix (`PREFIX_REDIS__PORT` is `redis.port`), the kept names of
//! older programs ([`Alias`]), flags. Units are in the names of the keys, so values are plain.
//!
//! A key that nobody reads is an error, in every layer: a misspelt limit must not be a silent
//! default. The known keys are those of the serialised `Default` struct; structs that stand only
//! inside lists add `#[serde(deny_unknown_fields)]`.

mod environment;
mod error;
mod extract;
mod keys;
mod print;
mod reference;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::Error;
pub use print::print_config;
pub use reference::{KeyDoc, ReferenceError, reference, reference_page};

use environment::Assignment;
use keys::KeyPath;

/// What a service says about its configuration besides the struct itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spec<'a> {
    /// Prefix of the service's environment variables, with its final underscore.
    pub prefix: &'a str,
    /// Environment variables of older programs that keep working. A name in this table is never
    /// read as a prefixed one. If two set names mean the same key, the first in the table wins.
    pub aliases: &'a [Alias],
    /// Keys whose values are never shown; `*` stands for one segment (`credentials.*.token`).
    pub secrets: &'a [&'a str],
}

/// A kept environment variable and the key that it sets.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    pub name: &'static str,
    pub key: &'static str,
    /// Reads the variable; the error says what was expected, as in "expected ...".
    pub read: fn(&str) -> Result<Setting, &'static str>,
}

impl Alias {
    /// A variable whose text is the value.
    pub const fn text(name: &'static str, key: &'static str) -> Self {
        Alias {
            name,
            key,
            read: |text| Ok(Setting::Text(text.to_owned())),
        }
    }

    /// A switch as shell scripts, Python and YAML write it: `True`, `1`, `yes`, `off`, ...
    pub const fn switch(name: &'static str, key: &'static str) -> Self {
        Alias {
            name,
            key,
            read: read_switch,
        }
    }

    /// A list separated by colons or commas.
    pub const fn list(name: &'static str, key: &'static str) -> Self {
        Alias {
            name,
            key,
            read: read_list,
        }
    }
}

fn read_switch(text: &str) -> Result<Setting, &'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(Setting::Bool(true)),
        "false" | "0" | "no" | "off" => Ok(Setting::Bool(false)),
        _ => Err("True or False"),
    }
}

fn read_list(text: &str) -> Result<Setting, &'static str> {
    let parts = text
        .split([':', ','])
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Ok(Setting::List(parts.map(str::to_owned).collect()))
}

/// A value from outside the file. Text is read as whatever type the key has: a port number, a
/// comma-separated or TOML list, a string.
#[derive(Clone, PartialEq)]
pub enum Setting {
    Text(String),
    Bool(bool),
    List(Vec<String>),
}

// A setting may be a secret; nothing here knows its key.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Setting::Text(_) => "Text(..)",
            Setting::Bool(_) => "Bool(..)",
            Setting::List(_) => "List(..)",
        })
    }
}

impl From<bool> for Setting {
    fn from(value: bool) -> Self {
        Setting::Bool(value)
    }
}

impl From<String> for Setting {
    fn from(value: String) -> Self {
        Setting::Text(value)
    }
}

impl From<&str> for Setting {
    fn from(value: &str) -> Self {
        Setting::Text(value.to_owned())
    }
}

/// A flag that was given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As typed, with its dashes.
    pub name: &'static str,
    pub key: &'static str,
    pub value: Setting,
}

impl Flag {
    /// `None` when the flag was not given, so that a binary can collect its flags with `flatten`.
    pub fn given<V: Into<Setting>>(
        name: &'static str,
        key: &'static str,
        value: Option<V>,
    ) -> Option<Self> {
        value.map(|value| Flag {
            name,
            key,
            value: value.into(),
        })
    }
}

/// Everything outside the program that a configuration is made of.
#[derive(Clone, Default)]
pub struct Sources {
    pub file: Option<File>,
    pub environment: Vec<(String, String)>,
    pub flags: Vec<Flag>,
}

/// A configuration file's path and text.
#[derive(Clone)]
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

impl Sources {
    /// Reads the file, if one is named, and the process environment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(
        file: Option<&Path>,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<Sources, Error> {
        let file = match file {
            None => None,
            Some(path) => Some(File {
                path: path.to_owned(),
                text: std::fs::read_to_string(path).map_err(|source| Error::Unreadable {
                    path: path.to_owned(),
                    source,
                })?,
            }),
        };
        // A variable that is not UTF-8 cannot be one of ours: all our values are text.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Sources {
            file,
            environment,
            flags: flags.into_iter().collect(),
        })
    }
}

// The environment and the file may hold secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("file", &self.file.as_ref().map(|file| &file.path))
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Which layer a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Environment(name) => write!(f, "env {name}"),
            Source::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Where each key that is not a default comes from.
#[derive(Debug, Clone, Default)]
pub struct Provenance(BTreeMap<KeyPath, Source>);

impl Provenance {
    /// The source of a key written as `redis.port`.
    pub fn of(&self, key: &str) -> Source {
        self.of_path(&KeyPath::parse(key))
    }

    /// A value inside a list or map comes from where that list or map was set.
    fn of_path(&self, path: &KeyPath) -> Source {
        path.ancestors()
            .find_map(|ancestor| self.0.get(&ancestor))
            .cloned()
            .unwrap_or(Source::Default)
    }

    /// A later layer replaces what earlier ones said about the key and all below it.
    fn record(&mut self, path: KeyPath, source: Source) {
        self.0.retain(|known, _| !known.starts_with(&path));
        self.0.insert(path, source);
    }
}

/// A configuration and where its values come from.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    pub value: T,
    pub provenance: Provenance,
}

/// Reads the file and the process environment, then does what [`load_from`] does.
///
/// # Errors
/// As [`load_from`]; also when the file cannot be read.
pub fn load<T>(
    spec: &Spec<'_>,
    file: Option<&Path>,
    flags: impl IntoIterator<Item = Flag>,
) -> Result<Loaded<T>, Error>
where
    T: Serialize + DeserializeOwned + Default,
{
    load_from(spec, Sources::read(file, flags)?)
}

/// Puts the layers together. Pure: everything from outside is in `sources`.
///
/// # Errors
/// The first unknown key or wrong value, naming the key and where it was set.
pub fn load_from<T>(spec: &Spec<'_>, sources: Sources) -> Result<Loaded<T>, Error>
where
    T: Serialize + DeserializeOwned + Default,
{
    let defaults = T::default();
    let shape = keys::Shape::of(&defaults)?;
    let mut provenance = Provenance::default();

    let file = match &sources.file {
        None => None,
        Some(file) => {
            let table = extract::parse_file(file)?;
            for path in shape.check_table(&table, file)? {
                provenance.record(path, Source::File(file.path.clone()));
            }
            Some(table)
        }
    };

    let mut assignments = environment::prefixed(spec, &shape, &sources.environment)?;
    assignments.extend(environment::aliased(spec, &shape, &sources.environment)?);
    for flag in sources.flags {
        assignments.push(Assignment::of_flag(flag, &shape)?);
    }
    for assignment in &assignments {
        provenance.record(assignment.path.clone(), assignment.source.clone());
    }

    let value = extract::extract(spec, &defaults, file, assignments, &provenance)?;
    Ok(Loaded { value, provenance })
}

#[cfg(test)]
mod tests;
