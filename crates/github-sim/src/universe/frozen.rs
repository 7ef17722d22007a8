//! A folder of frozen answers of one organisation, served byte for byte.
//!
//! | file | shape | served at |
//! |---|---|---|
//! | `root.json` | object | `/` |
//! | `org.json` | object with `login` and `id` | `/orgs/{login}`, `/organizations/{id}` |
//! | `members.json` | array of objects | `/orgs/{login}/members`, in pages |
//! | `repos.json` | array of objects | `/orgs/{login}/repos`, in pages |
//! | `users_{user}_orgs.json` | array of objects | `/users/{user}/orgs`, in pages |
//!
//! `org.json` is required, the others are optional; further files are not looked at. White space between tokens is
//! removed, as GitHub sends none; everything else in an element (key order, escapes, number spelling) is kept.
//! `Link` uses the id form, which is served too.

use super::overrides::{Document, List, Shape};
use super::time::parse;
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};

/// Why a folder of frozen answers could not be loaded.
///
/// The folder holds `org.json` (required), `root.json`, `members.json`, `repos.json` and `users_{user}_orgs.json`;
/// the first two are objects, the others arrays of objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not valid JSON", path.display())]
    Syntax {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} at {place}: expected {expected}", path.display())]
    Shape {
        path: PathBuf,
        place: String,
        expected: &'static str,
    },
}

/// White space outside of strings goes; the text is valid JSON.
fn compact(json: &str) -> Bytes {
    let mut kept = Vec::with_capacity(json.len());
    let (mut inside, mut escaped) = (false, false);
    for byte in json.bytes() {
        if inside || !byte.is_ascii_whitespace() {
            kept.push(byte);
        }
        match byte {
            b'"' if !escaped => inside = !inside,
            _ => {}
        }
        escaped = inside && byte == b'\\' && !escaped;
    }
    kept.into()
}

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// `None` when the file does not exist.
    fn open(folder: &Path, name: &str) -> Result<Option<Self>, LoadError> {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self { path, text })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LoadError::Read { path, source }),
        }
    }

    fn shape(&self, place: impl Into<String>, expected: &'static str) -> LoadError {
        LoadError::Shape {
            path: self.path.clone(),
            place: place.into(),
            expected,
        }
    }

    fn syntax(&self) -> impl Fn(serde_json::Error) -> LoadError + '_ {
        |source| LoadError::Syntax {
            path: self.path.clone(),
            source,
        }
    }

    fn object(&self) -> Result<Value, LoadError> {
        let value: Value = serde_json::from_str(&self.text).map_err(self.syntax())?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(self.shape("$", "an object"))
        }
    }

    fn elements(&self) -> Result<Vec<Bytes>, LoadError> {
        serde_json::from_str::<Value>(&self.text).map_err(self.syntax())?;
        let elements: Vec<&RawValue> =
            serde_json::from_str(&self.text).map_err(|_| self.shape("$", "an array"))?;
        for (position, element) in elements.iter().enumerate() {
            if !element.get().starts_with('{') {
                return Err(self.shape(format!("$[{position}]"), "an object"));
            }
        }
        Ok(elements
            .into_iter()
            .map(|element| compact(element.get()))
            .collect())
    }

    fn document(&self, paths: Vec<String>, last_modified: Option<i64>) -> Document {
        Document {
            paths,
            shape: Shape::Object {
                body: compact(&self.text),
                last_modified,
            },
        }
    }

    fn list(&self, path: String, identity: String) -> Result<Document, LoadError> {
        let elements = self.elements()?;
        let paths = vec![path, identity.clone()];
        Ok(Document {
            paths,
            shape: Shape::List(List { identity, elements }),
        })
    }
}

pub(crate) fn read(folder: &Path) -> Result<Vec<Document>, LoadError> {
    let mut documents = Vec::new();
    let Some(file) = File::open(folder, "org.json")? else {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(LoadError::Read {
            path: folder.join("org.json"),
            source,
        });
    };
    let organization = file.object()?;
    let login = organization
        .get("login")
        .and_then(Value::as_str)
        .ok_or_else(|| file.shape("$.login", "a string"))?;
    let id = organization
        .get("id")
        .and_then(Value::as_u64)
        .ok_or_else(|| file.shape("$.id", "a number"))?;
    let updated_at = organization
        .get("updated_at")
        .and_then(Value::as_str)
        .and_then(parse);
    documents.push(file.document(
        vec![format!("/orgs/{login}"), format!("/organizations/{id}")],
        updated_at,
    ));
    if let Some(file) = File::open(folder, "root.json")? {
        file.object()?;
        documents.push(file.document(vec!["/".to_owned()], None));
    }
    for list in ["members", "repos"] {
        if let Some(file) = File::open(folder, &format!("{list}.json"))? {
            documents.push(file.list(
                format!("/orgs/{login}/{list}"),
                format!("/organizations/{id}/{list}"),
            )?);
        }
    }
    let failed = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.push(
            entry
                .map_err(failed)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    for name in names {
        let Some(user) = name
            .strip_prefix("users_")
            .and_then(|name| name.strip_suffix("_orgs.json"))
        else {
            continue;
        };
        if let Some(file) = File::open(folder, &name)? {
            // The id of the user is not known here, so `Link` keeps the name form.
            documents
                .push(file.list(format!("/users/{user}/orgs"), format!("/users/{user}/orgs"))?);
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_tokens_goes() {
        let text = "{ \"a b\" : \"x \\\" y\\\\\" ,\n \"n\" : 1.50 }";
        assert_eq!(
            compact(text),
            Bytes::from_static(b"{\"a b\":\"x \\\" y\\\\\",\"n\":1.50}")
        );
    }
}
