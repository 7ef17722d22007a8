//! The parameters of an administrative request: each known, each at most once.

use std::borrow::Cow;

use super::problem::AdminProblem;

#[derive(Debug)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads a query string; a parameter that is not among `known` is an error, because a misspelt one must not widen
    /// what an operator meant.
    pub(crate) fn read(text: Option<&'a str>, known: &[&str]) -> Result<Self, AdminProblem> {
        let pairs: Vec<_> = form_urlencoded::parse(text.unwrap_or_default().as_bytes()).collect();
        match pairs.iter().find(|(name, _)| !known.contains(&&**name)) {
            Some(_) => Err(AdminProblem::UnknownParameter),
            None => Ok(Self(pairs)),
        }
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, AdminProblem> {
        let mut values = self.0.iter().filter(|(given, _)| given == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(AdminProblem::Parameter {
                name,
                problem: "is given more than once",
            }),
            (first, None) => Ok(first.map(|(_, value)| value.clone())),
        }
    }
}
