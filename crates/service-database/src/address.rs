//! Where the database is: `sqlite:///abs/path`, a plain path, or `postgres://`.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// A database, not yet opened.
#[derive(Clone, Debug)]
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A server of PostgreSQL.
    Server(Box<PgConnectOptions>),
}

/// What is wrong with an address. It never repeats the address: that may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAddress {
    /// Nothing is there.
    #[error("it is empty: sqlite:///absolute/path, a path, or postgres://user@host/database")]
    Empty,
    /// Neither database is meant.
    #[error(
        "the scheme `{0}` is not known: sqlite:///absolute/path, a path, or postgres://user@host/database"
    )]
    Scheme(String),
    /// `sqlite:` without a file.
    #[error("`sqlite:` needs the path of a file: sqlite:///absolute/path")]
    NoFile,
    /// Nothing would be kept.
    #[error("a database in memory keeps nothing: name a file")]
    Memory,
    /// `postgres:` that says no server.
    #[error("this is no address of PostgreSQL: postgres://user:password@host:5432/database")]
    NoServer,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let text = text.trim();
        let Some((scheme, rest)) = scheme(text) else {
            return file(text, NoAddress::Empty);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => file(rest.strip_prefix("//").unwrap_or(rest), NoAddress::NoFile),
            "postgres" | "postgresql" => PgConnectOptions::from_str(text)
                .map(|options| Self::Server(Box::new(options)))
                .map_err(|_| NoAddress::NoServer),
            _ => Err(NoAddress::Scheme(scheme.to_owned())),
        }
    }
}

fn file(path: &str, empty: NoAddress) -> Result<Address, NoAddress> {
    match path {
        "" => Err(empty),
        ":memory:" => Err(NoAddress::Memory),
        path => Ok(Address::File(PathBuf::from(path))),
    }
}

/// What stands before `:`, where that looks like a scheme and not like part of a path.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (is_scheme && (rest.starts_with("//") || scheme == "sqlite")).then_some((scheme, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            match Address::parse(text).unwrap() {
                Address::File(path) => assert_eq!(path, PathBuf::from(expected)),
                Address::Server(_) => panic!("{text} is a file"),
            }
        }
        check("sqlite:///var/lib/events.db", "/var/lib/events.db");
        check("sqlite://events.db", "events.db");
        check("sqlite:events.db", "events.db");
        check("/var/lib/events.db", "/var/lib/events.db");
        check("events.db", "events.db");
        check("./a:b.db", "./a:b.db");
    }

    #[test]
    fn servers() {
        for text in ["postgres://u@h:5433/d", "postgresql://u:p@h:5433/d"] {
            match Address::parse(text).unwrap() {
                Address::Server(server) => {
                    assert_eq!((server.get_host(), server.get_port()), ("h", 5433));
                }
                Address::File(_) => panic!("{text} is a server"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_a_password_is_not() {
        #[track_caller]
        fn check(text: &str, expected: &NoAddress) {
            let problem = Address::parse(text).unwrap_err();
            assert_eq!(&problem, expected, "{text}");
            assert!(!problem.to_string().contains("secret"));
        }
        check("", &NoAddress::Empty);
        check("sqlite://", &NoAddress::NoFile);
        check("sqlite:", &NoAddress::NoFile);
        check("sqlite::memory:", &NoAddress::Memory);
        check(
            "mysql://u:secret@h/d",
            &NoAddress::Scheme("mysql".to_owned()),
        );
        check("mysql://x", &NoAddress::Scheme("mysql".to_owned()));
        check("postgres://u:secret@h:port/d", &NoAddress::NoServer);
        check("postgres://[:bad", &NoAddress::NoServer);
    }
}
