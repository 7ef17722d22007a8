//! Why an administrative request is not carried out; `crate::problem` makes answers of them.

use super::access::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminProblem {
    /// Not allowed.
    Refused(Refusal),
    /// Nothing is at this path.
    NoSuchPage,
    /// The page knows other methods only.
    Method { allowed: &'static str },
    /// A parameter that is needed.
    Missing(&'static str),
    /// A parameter that no page knows.
    UnknownParameter,
    /// A parameter with a value that cannot be used.
    Parameter {
        name: &'static str,
        problem: &'static str,
    },
    /// A purge of neither or of both.
    PathOrPrefix,
    /// A body that is too large or broke off.
    Body,
    /// The log level is none.
    Level,
    /// The program that runs the mirror does not offer this.
    NotOffered,
    /// The settings could not be read again: the message names the key.
    Settings(String),
}

impl AdminProblem {
    /// The word used in metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::NoSuchPage => "admin-no-such-page",
            Self::Method { .. } => "admin-method",
            Self::Missing(_)
            | Self::UnknownParameter
            | Self::Parameter { .. }
            | Self::PathOrPrefix
            | Self::Body
            | Self::Level => "admin-parameter",
            Self::NotOffered => "admin-not-offered",
            Self::Settings(_) => "admin-settings",
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.message().to_owned(),
            Self::NoSuchPage => "Not Found".to_owned(),
            Self::Method { allowed } => format!("use {allowed}"),
            Self::Missing(name) => format!("the parameter {name} is missing"),
            Self::UnknownParameter => "a parameter is not known here".to_owned(),
            Self::Parameter { name, problem } => format!("the parameter {name} {problem}"),
            Self::PathOrPrefix => "give either path or prefix".to_owned(),
            Self::Body => "the body cannot be read".to_owned(),
            Self::Level => {
                "the log level is none: off, error, warn, info, debug, trace or a list such as info,hyper=debug"
                    .to_owned()
            }
            Self::NotOffered => "the program that runs this mirror does not offer it".to_owned(),
            Self::Settings(problem) => problem.clone(),
        }
    }
}
