//! The paths that are kept: which ones, what they hold, and how a request's path finds its key (pure).

use std::fmt;

/// What a key's answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// `/`: one JSON object.
    Root,
    /// `/orgs/{org}`: one JSON object.
    Organization,
    /// `/orgs/{org}/members`: pages of a list.
    Members,
    /// `/orgs/{org}/repos`: pages of a list, with views over it.
    Repositories,
}

/// Whether an answer is one object or a list in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Object,
    List,
}

impl Kind {
    pub(crate) const fn form(self) -> Form {
        match self {
            Self::Root | Self::Organization => Form::Object,
            Self::Members | Self::Repositories => Form::List,
        }
    }

    /// The route template, for metrics.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Organization => "/orgs/{org}",
            Self::Members => "/orgs/{org}/members",
            Self::Repositories => "/orgs/{org}/repos",
        }
    }
}

/// One path that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// As asked upstream, in the spelling of the settings.
    pub(crate) path: String,
    /// In lower case: how a request finds it, and its name in the master cache.
    pub(crate) name: String,
}

impl Key {
    fn new(kind: Kind, path: String) -> Self {
        Self {
            kind,
            name: path.to_ascii_lowercase(),
            path,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The keys of these organisations: the root once, then three for each.
pub(crate) fn keys_of(orgs: &[String]) -> Vec<Key> {
    let of_org = |org: &String| {
        [
            Key::new(Kind::Organization, format!("/orgs/{org}")),
            Key::new(Kind::Members, format!("/orgs/{org}/members")),
            Key::new(Kind::Repositories, format!("/orgs/{org}/repos")),
        ]
    };
    std::iter::once(Key::new(Kind::Root, "/".to_owned()))
        .chain(orgs.iter().flat_map(of_org))
        .collect()
}

/// Whether a text can be a login of GitHub's: letters, digits and hyphens (and `_`, which enterprise accounts have).
pub(crate) fn is_login(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_root_and_three_keys_for_each_organisation() {
        let keys = keys_of(&["Netflix".to_owned(), "github".to_owned()]);
        let paths: Vec<&str> = keys.iter().map(|key| key.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/",
                "/orgs/Netflix",
                "/orgs/Netflix/members",
                "/orgs/Netflix/repos",
                "/orgs/github",
                "/orgs/github/members",
                "/orgs/github/repos",
            ]
        );
        assert_eq!(keys[2].name, "/orgs/netflix/members");
    }

    #[test]
    fn logins() {
        assert!(is_login("Netflix") && is_login("a-b-1") && is_login("x_corp"));
        for wrong in ["", "a/b", "a b", "..", "a?b", "é"] {
            assert!(!is_login(wrong), "{wrong}");
        }
    }
}
