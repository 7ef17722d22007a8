//! `owner/name` of a repository, from whatever form a user has at hand.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// GitHub's own limits.
const MOST_OWNER_BYTES: usize = 39;
const MOST_NAME_BYTES: usize = 100;

/// `owner/name`, as GitHub writes it; compared without regard to case by its [`key`](Self::key).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FullName {
    text: Box<str>,
    slash: usize,
}

/// Not the name of a repository.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a repository: owner/name or https://github.com/owner/name")]
pub struct NoName;

impl FullName {
    /// Reads `owner/name`, or the address of a repository's page, of its clone or of the API.
    ///
    /// # Errors
    /// When it is none of them, or no such name can exist.
    pub fn parse(text: &str) -> Result<Self, NoName> {
        let text = text.trim();
        let path = match text.split_once("://") {
            None => text.strip_prefix("git@github.com:").unwrap_or(text),
            Some((_, rest)) => {
                let (_, path) = rest.split_once('/').ok_or(NoName)?;
                path.strip_prefix("repos/").unwrap_or(path)
            }
        };
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let (owner, name) = path.split_once('/').ok_or(NoName)?;
        Self::of(owner, name)
    }

    /// Of its two parts.
    ///
    /// # Errors
    /// When no such name can exist.
    pub fn of(owner: &str, name: &str) -> Result<Self, NoName> {
        let is_owner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_name = |byte: u8| is_owner(byte) || byte == b'.';
        let fits = |part: &str, most: usize| !part.is_empty() && part.len() <= most;
        let valid = fits(owner, MOST_OWNER_BYTES)
            && fits(name, MOST_NAME_BYTES)
            && owner.bytes().all(is_owner)
            && name.bytes().all(is_name)
            && !matches!(name, "." | "..");
        match valid {
            true => Ok(Self {
                text: format!("{owner}/{name}").into(),
                slash: owner.len(),
            }),
            false => Err(NoName),
        }
    }

    /// The part before the slash.
    pub fn owner(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The part behind it.
    pub fn name(&self) -> &str {
        &self.text[self.slash + 1..]
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What two spellings of one name have in common.
    pub fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for FullName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for FullName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            let name = FullName::parse(text).ok();
            assert_eq!(name.as_ref().map(FullName::as_str), expected, "{text}");
        }
        let hello = Some("octocat/Hello-World");
        check("octocat/Hello-World", hello);
        check(" octocat/Hello-World/ ", hello);
        check("https://github.com/octocat/Hello-World", hello);
        check("https://github.com/octocat/Hello-World.git", hello);
        check("git@github.com:octocat/Hello-World.git", hello);
        check("https://api.github.com/repos/octocat/Hello-World", hello);
        check("o/.github", Some("o/.github"));
        for text in [
            "",
            "/",
            "o",
            "o/",
            "/r",
            "o/r/x",
            "o/..",
            "o/a b",
            "ö/r",
            "o/r?x",
            "https://x",
        ] {
            check(text, None);
        }
        check(&format!("o/{}", "x".repeat(101)), None);
    }

    #[test]
    fn parts_and_key() {
        let name = FullName::parse("Octocat/Hello").unwrap();
        assert_eq!((name.owner(), name.name()), ("Octocat", "Hello"));
        assert_eq!(name.key(), "octocat/hello");
    }
}
