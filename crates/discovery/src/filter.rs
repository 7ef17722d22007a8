//! Which of the stored items a query asks for: one table, from which parsing, SQL, errors and the OpenAPI parameters come.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `table` | the fields of each resource and the lookups of each field |
//! | `value` | what a query's text means as a value, and what is said when it means none |
//! | `sql` | conditions and order for the database |

use std::fmt;

mod sql;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use sql::{Order, order_by, reversed, where_clause};
pub(crate) use table::{DEVELOPERS, Field, Kind, Lookup, RATE_LIMIT, REPOSITORIES, Table};
pub(crate) use value::{Number, Operand};

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) field: &'static Field,
    pub(crate) lookup: Lookup,
    pub(crate) operand: Operand,
}

/// All that a query wants of the items of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) conditions: Vec<Condition>,
    /// Text that some field contains, in any case.
    pub(crate) search: Option<String>,
    /// The fields to sort by; without any, newest first.
    pub(crate) order: Vec<Order>,
}

/// A parameter with a value that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    pub(crate) parameter: String,
    pub(crate) message: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.message)
    }
}

impl Filter {
    /// Reads the parameters that the table knows; the last of one name counts, an empty one is absent, others are
    /// ignored. Every wrong one is told.
    pub(crate) fn parse(
        table: &'static Table,
        parameters: &[(String, String)],
        max_values: usize,
    ) -> Result<Self, Vec<BadValue>> {
        let mut filter = Self::default();
        let (mut bad, mut values) = (Vec::new(), 0);
        for (at, (name, text)) in parameters.iter().enumerate() {
            let repeated = parameters[at + 1..].iter().any(|(later, _)| later == name);
            if repeated || text.is_empty() {
                continue;
            }
            match name.as_str() {
                "search" if !table.search.is_empty() => filter.search = Some(text.clone()),
                "ordering" => filter.order = sql::parse_order(table, text),
                _ => {
                    let Some((field, lookup)) = table.find(name) else {
                        continue;
                    };
                    let parsed = value::parse(field.kind, lookup, text);
                    match parsed {
                        Ok(operand) => {
                            values += operand.len();
                            filter.conditions.push(Condition {
                                field,
                                lookup,
                                operand,
                            });
                        }
                        Err(message) => bad.push(BadValue {
                            parameter: name.clone(),
                            message: message.to_owned(),
                        }),
                    }
                    if values > max_values {
                        bad.push(BadValue {
                            parameter: name.clone(),
                            message: format!("Enter no more than {max_values} values."),
                        });
                        break;
                    }
                }
            }
        }
        if bad.is_empty() { Ok(filter) } else { Err(bad) }
    }

    /// Whether every item passes.
    pub(crate) fn selection(&self) -> Selection {
        if self.conditions.is_empty() && self.search.is_none() {
            Selection::All
        } else {
            Selection::Some
        }
    }
}

/// Whether a filter leaves anything out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    Some,
}
