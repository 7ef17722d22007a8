//! Conditions and order for the database. Values never become part of the text.

use super::table::{Kind, Lookup, Table};
use super::{Condition, Filter, Number, Operand};
use crate::store::{Dialect, Statement};

/// A field to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: &'static str,
    pub(crate) direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// `-created_at,login`; what is no field is ignored.
pub(super) fn parse_order(table: &'static Table, text: &str) -> Vec<Order> {
    let mut order: Vec<Order> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (name, direction) = match part.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (part, Direction::Ascending),
        };
        let Some(field) = table.fields.iter().find(|field| field.name == name) else {
            continue;
        };
        if order.iter().all(|known| known.column != field.column) {
            order.push(Order {
                column: field.column,
                direction,
            });
        }
    }
    order
}

/// Newest first where nothing else is asked for; ties by id; what is unknown comes last.
pub(crate) fn order_by(order: &[Order]) -> String {
    let mut parts: Vec<String> = order
        .iter()
        .map(|order| match order.direction {
            Direction::Ascending => format!("{} ASC NULLS LAST", order.column),
            Direction::Descending => format!("{} DESC NULLS LAST", order.column),
        })
        .collect();
    if parts.is_empty() {
        parts.push("created_at DESC NULLS LAST".to_owned());
    }
    parts.push("github_id".to_owned());
    parts.join(", ")
}

/// The same order from its end.
pub(crate) fn reversed(order: &[Order]) -> String {
    let mut parts: Vec<String> = order
        .iter()
        .map(|order| match order.direction {
            Direction::Ascending => format!("{} DESC NULLS FIRST", order.column),
            Direction::Descending => format!("{} ASC NULLS FIRST", order.column),
        })
        .collect();
    if parts.is_empty() {
        parts.push("created_at ASC NULLS FIRST".to_owned());
    }
    parts.push("github_id DESC".to_owned());
    parts.join(", ")
}

/// Adds ` WHERE ...`, if there is a condition.
pub(crate) fn where_clause(
    statement: &mut Statement,
    table: &Table,
    filter: &Filter,
    dialect: Dialect,
) {
    let mut separator = " WHERE ";
    for condition in &filter.conditions {
        statement.push(separator);
        push_condition(statement, condition, dialect);
        separator = " AND ";
    }
    if let Some(search) = &filter.search {
        statement.push(separator);
        let mut within = "(";
        for column in table.search {
            statement.push(within);
            push_contains(statement, column, Case::Ignored, search, dialect);
            within = " OR ";
        }
        statement.push(")");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Ignored,
}

const NEVER: &str = "1 = 0";

fn push_condition(statement: &mut Statement, condition: &Condition, dialect: Dialect) {
    let column = condition.field.column;
    match (&condition.operand, condition.lookup) {
        (Operand::Bool(true), Lookup::IsNull) => statement.push(&format!("{column} IS NULL")),
        (Operand::Bool(false), Lookup::IsNull) => statement.push(&format!("{column} IS NOT NULL")),
        (Operand::Bool(value), _) => {
            statement.push(&format!("{column} = "));
            statement.push_value(*value);
        }
        (Operand::Text(text), lookup) if condition.field.kind == Kind::Id => {
            push_ids(statement, column, lookup, std::slice::from_ref(text));
        }
        (Operand::Texts(texts), lookup) if condition.field.kind == Kind::Id => {
            push_ids(statement, column, lookup, texts);
        }
        (Operand::Text(text), Lookup::Contains) => {
            push_contains(statement, column, Case::Exact, text, dialect);
        }
        (Operand::Text(text), Lookup::IContains) => {
            push_contains(statement, column, Case::Ignored, text, dialect);
        }
        // PostgreSQL keeps no text with this byte, and cannot be asked for it.
        (Operand::Text(text), _) if text.contains('\0') => statement.push(NEVER),
        (Operand::Text(text), Lookup::StartsWith) => {
            statement.push(&format!("substr({column}, 1, length("));
            statement.push_value(text.as_str());
            statement.push(")) = ");
            statement.push_value(text.as_str());
        }
        (Operand::Text(text), lookup) => {
            statement.push(&format!("{column} {} ", comparison(lookup)));
            statement.push_value(text.as_str());
        }
        (Operand::Texts(texts), _) => {
            let texts: Vec<&String> = texts.iter().filter(|text| !text.contains('\0')).collect();
            push_list(statement, column, &texts, |statement, text| {
                statement.push_value(text.as_str());
            });
        }
        (Operand::Number(number), lookup) => push_number(statement, column, lookup, *number),
        (Operand::Numbers(numbers), _) => {
            let whole: Vec<i64> = numbers
                .iter()
                .filter_map(|number| match number {
                    Number::Whole(value) => Some(*value),
                    Number::Above(_) => None,
                })
                .collect();
            push_list(statement, column, &whole, |statement, value| {
                statement.push_value(*value);
            });
        }
    }
}

const fn comparison(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Lte => "<=",
        Lookup::Gte => ">=",
        _ => "=",
    }
}

fn push_number(statement: &mut Statement, column: &str, lookup: Lookup, number: Number) {
    let (operator, value) = match (number, lookup) {
        (Number::Whole(value), lookup) => (comparison(lookup), value),
        (Number::Above(value), Lookup::Lte) => ("<=", value),
        (Number::Above(value), Lookup::Gte) => (">", value),
        // No whole number lies between two.
        (Number::Above(_), _) => return statement.push(NEVER),
    };
    statement.push(&format!("{column} {operator} "));
    statement.push_value(value);
}

/// Numbers that are shown as text equal only the text that is shown.
fn push_ids(statement: &mut Statement, column: &str, _lookup: Lookup, texts: &[String]) {
    let shown = |text: &String| {
        let number = text.parse::<i64>().ok()?;
        (number.to_string() == *text).then_some(number)
    };
    let numbers: Vec<i64> = texts.iter().filter_map(shown).collect();
    push_list(statement, column, &numbers, |statement, number| {
        statement.push_value(*number);
    });
}

fn push_list<T>(
    statement: &mut Statement,
    column: &str,
    values: &[T],
    push: impl Fn(&mut Statement, &T),
) {
    if values.is_empty() {
        return statement.push(NEVER);
    }
    statement.push(&format!("{column} IN ("));
    for (at, value) in values.iter().enumerate() {
        statement.push(if at == 0 { "" } else { ", " });
        push(statement, value);
    }
    statement.push(")");
}

/// `%` and `_` are letters like any other. Case is ignored for ASCII only: both databases agree on that.
fn push_contains(
    statement: &mut Statement,
    column: &str,
    case: Case,
    text: &str,
    dialect: Dialect,
) {
    if text.contains('\0') {
        return statement.push(NEVER);
    }
    let find = match dialect {
        Dialect::Sqlite => "instr",
        Dialect::Postgres => "strpos",
    };
    match case {
        Case::Exact => {
            statement.push(&format!("{find}({column}, "));
            statement.push_value(text);
        }
        Case::Ignored => {
            statement.push(&format!("{find}(lower({column}), "));
            statement.push_value(text.to_ascii_lowercase());
        }
    }
    statement.push(") > 0");
}
