//! Whose logins are let in (pure).

use std::collections::HashSet;

/// The logins that may use the mirror; GitHub's logins differ by more than the case of their letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed(HashSet<Box<str>>);

/// Why a text is no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLogin {
    Empty,
    /// No login holds such a character: most likely several were given as one.
    Character(char),
}

impl Allowed {
    pub(crate) fn new(logins: &[String]) -> Self {
        let folded = logins.iter().map(|login| fold(login).into());
        Self(folded.collect())
    }

    pub(crate) fn has(&self, login: &str) -> Standing {
        match self.0.contains(&*fold(login)) {
            true => Standing::Allowed,
            false => Standing::Stranger,
        }
    }
}

/// Whether a login is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Allowed,
    Stranger,
}

/// Checks one entry of the list.
pub(crate) fn check(login: &str) -> Result<(), NoLogin> {
    let fits = |symbol: &char| symbol.is_ascii_alphanumeric() || "-_[]".contains(*symbol);
    if login.is_empty() {
        return Err(NoLogin::Empty);
    }
    match login.chars().find(|symbol| !fits(symbol)) {
        Some(symbol) => Err(NoLogin::Character(symbol)),
        None => Ok(()),
    }
}

fn fold(login: &str) -> String {
    login.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_letters_does_not_matter() {
        let allowed = Allowed::new(&["Octocat".to_owned(), "hubot".to_owned()]);
        for login in ["octocat", "OCTOCAT", "Hubot"] {
            assert_eq!(allowed.has(login), Standing::Allowed, "{login}");
        }
        for login in ["octo", "octocats", "", "octocat "] {
            assert_eq!(allowed.has(login), Standing::Stranger, "{login}");
        }
    }

    #[test]
    fn entries() {
        for login in ["octocat", "a-b", "company_emu", "dependabot[bot]", "7"] {
            assert_eq!(check(login), Ok(()), "{login}");
        }
        assert_eq!(check(""), Err(NoLogin::Empty));
        assert_eq!(check("a:b"), Err(NoLogin::Character(':')));
        assert_eq!(check(" a"), Err(NoLogin::Character(' ')));
    }
}
