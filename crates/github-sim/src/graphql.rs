//! The little of GraphQL that REST clients meet: who am I, and how much is left.
//!
//! A query is parsed into fields, aliases and sub-selections; arguments, directives and variables are skipped. Fields
//! other than `viewer` and `rateLimit` answer with GraphQL's own error for an unknown field.

use crate::clock::iso_date;
use crate::quota::Meter;
use serde_json::{Map, Value, json};

/// Who asks, as `viewer` shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphqlViewer<'a> {
    pub(crate) login: &'a str,
    pub(crate) id: Option<u64>,
}

/// The answer to a query; always status 200.
pub(crate) fn execute(body: &[u8], viewer: GraphqlViewer<'_>, meter: Meter) -> Value {
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let Some(query) = request["query"].as_str() else {
        return error(
            "A query attribute must be specified and must be a string.",
            None,
        );
    };
    let Some(fields) = parse(query) else {
        return error("Parse error on the query", Some("PARSE_ERROR"));
    };
    let known = json!({
        "viewer": {
            "__typename": "User",
            "login": viewer.login,
            "databaseId": viewer.id,
            "id": format!("U_{}", viewer.id.unwrap_or_default()),
            "name": viewer.login,
            "url": format!("https://github.com/{}", viewer.login),
        },
        "rateLimit": {
            "__typename": "RateLimit",
            "limit": meter.limit,
            "cost": 1,
            "nodeCount": 0,
            "remaining": meter.remaining(),
            "used": meter.used,
            "resetAt": iso_date(meter.reset),
        },
        "__typename": "Query",
    });
    match select(&fields, &known, "Query") {
        Ok(data) => json!({"data": data}),
        Err(unknown) => error(&unknown, None),
    }
}

/// 200 with an error inside: GraphQL's way to say that the points are used up.
pub(crate) fn rate_limited(who: &str) -> Value {
    json!({"errors": [{
        "type": "RATE_LIMITED",
        "code": "graphql_rate_limit",
        "message": format!("API rate limit already exceeded for {who}."),
    }]})
}

fn error(message: &str, kind: Option<&str>) -> Value {
    match kind {
        Some(kind) => json!({"errors": [{"type": kind, "message": message}]}),
        None => json!({"errors": [{"message": message}]}),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    alias: String,
    name: String,
    fields: Vec<Field>,
}

fn select(fields: &[Field], known: &Value, parent: &str) -> Result<Value, String> {
    let mut data = Map::new();
    for field in fields {
        let Some(value) = known.get(&field.name) else {
            return Err(format!(
                "Field '{}' doesn't exist on type '{parent}'",
                field.name
            ));
        };
        let value = match value.get("__typename").and_then(Value::as_str) {
            Some(name) if field.fields.is_empty() => {
                return Err(format!(
                    "Field must have selections (field '{}' returns {name} but has no selections)",
                    field.name
                ));
            }
            Some(name) => select(&field.fields, value, name)?,
            None => value.clone(),
        };
        data.insert(field.alias.clone(), value);
    }
    Ok(Value::Object(data))
}

/// The top-level selection of the first operation.
fn parse(query: &str) -> Option<Vec<Field>> {
    let tokens = tokens(query);
    let mut at = tokens.iter().position(|token| token == "{")?;
    selection(&tokens, &mut at)
}

/// Names and punctuation; what stands in parentheses is left out, and so are comments.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let code: String = query
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let mut name = String::new();
    for character in code.chars() {
        if (character.is_alphanumeric() || character == '_') && depth == 0 {
            name.push(character);
            continue;
        }
        if !name.is_empty() {
            tokens.push(std::mem::take(&mut name));
        }
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '{' | '}' | ':' if depth == 0 => tokens.push(character.to_string()),
            _ => {}
        }
    }
    tokens
}

fn selection(tokens: &[String], at: &mut usize) -> Option<Vec<Field>> {
    *at += 1;
    let mut fields = Vec::new();
    loop {
        let token = tokens.get(*at)?;
        if token == "}" {
            *at += 1;
            return Some(fields);
        }
        let alias = token.clone();
        *at += 1;
        let mut name = alias.clone();
        if tokens.get(*at).is_some_and(|next| next == ":") {
            name = tokens.get(*at + 1)?.clone();
            *at += 2;
        }
        let nested = tokens.get(*at).is_some_and(|next| next == "{");
        let inner = if nested {
            selection(tokens, at)?
        } else {
            Vec::new()
        };
        fields.push(Field {
            alias,
            name,
            fields: inner,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Value) {
        let body = json!({"query": query}).to_string();
        let viewer = GraphqlViewer {
            login: "octo-1",
            id: Some(5),
        };
        let meter = Meter {
            resource: "graphql",
            limit: 5_000,
            used: 2,
            reset: 0,
        };
        assert_eq!(execute(body.as_bytes(), viewer, meter), expected);
    }

    #[test]
    fn viewer_and_rate_limit_with_aliases_and_arguments() {
        check(
            "query { viewer { login } }",
            json!({"data": {"viewer": {"login": "octo-1"}}}),
        );
        check(
            "query Q($x: Int) { me: viewer { login databaseId } rateLimit(dryRun: true) { remaining } }",
            json!({"data": {
                "me": {"login": "octo-1", "databaseId": 5}, "rateLimit": {"remaining": 4_998},
            }}),
        );
    }

    #[test]
    fn what_it_does_not_know_it_says() {
        let error = |message: &str| json!({"errors": [{"message": message}]});
        check(
            "{ nodes { id } }",
            error("Field 'nodes' doesn't exist on type 'Query'"),
        );
        check(
            "{ viewer }",
            error("Field must have selections (field 'viewer' returns User but has no selections)"),
        );
        check(
            "{ viewer { login ",
            json!({"errors": [
                {"type": "PARSE_ERROR", "message": "Parse error on the query"},
            ]}),
        );
    }
}
