//! The part of GitHub's description that this test needs, as JSON Schema.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// OpenAPI 3.0 as read from disk.
pub(crate) struct Description {
    document: Value,
}

const COMPONENTS: &str = "#/components/";

impl Description {
    pub(crate) fn read(place: &str) -> Self {
        let text =
            std::fs::read_to_string(place).unwrap_or_else(|error| panic!("{place}: {error}"));
        Self {
            document: serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{place}: {error}")),
        }
    }

    /// What is wrong with a body of `GET template`.
    pub(crate) fn problems(&self, template: &str, body: &Value) -> Vec<String> {
        let Some(schema) = self.schema_of(template) else {
            return vec![format!("the description has no JSON answer for {template}")];
        };
        let validator = self.validator(schema);
        let mut problems = Vec::new();
        for error in validator.iter_errors(body).take(4) {
            let mut text = error.to_string();
            text.truncate(
                text.char_indices()
                    .nth(400)
                    .map_or(text.len(), |(at, _)| at),
            );
            problems.push(format!("at {}: {text}", error.instance_path()));
        }
        problems
    }

    fn schema_of(&self, template: &str) -> Option<&Value> {
        let mut response = self
            .document
            .get("paths")?
            .get(template)?
            .get("get")?
            .get("responses")?
            .get("200")?;
        if let Some(reference) = response.get("$ref").and_then(Value::as_str) {
            response = self.document.pointer(reference.strip_prefix('#')?)?;
        }
        response
            .get("content")?
            .get("application/json")?
            .get("schema")
    }

    /// The schema with everything that it refers to, and nothing else: compiling all of GitHub takes minutes.
    fn validator(&self, schema: &Value) -> Validator {
        let mut wanted = BTreeSet::new();
        references(schema, &mut wanted);
        let mut definitions = Map::new();
        while let Some(name) = wanted.pop_first() {
            if definitions.contains_key(&name) {
                continue;
            }
            let target = self.document.pointer(&format!("/components/{name}"));
            let target = target.unwrap_or_else(|| panic!("the description lacks {name}"));
            references(target, &mut wanted);
            definitions.insert(name, translate(target));
        }
        let definitions: Map<String, Value> = definitions
            .into_iter()
            .map(|(name, schema)| (name.replace('/', "."), schema))
            .collect();
        let schema = json!({ "allOf": [translate(schema)], "$defs": definitions });
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap_or_else(|error| panic!("the description is no schema: {error}"))
    }
}

fn references(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|name| name.strip_prefix(COMPONENTS))
            {
                found.insert(name.to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// From OpenAPI 3.0 to JSON Schema 2020-12:
/// * `nullable` becomes a choice with `null`;
/// * `oneOf` becomes `anyOf`: GitHub's alternatives overlap (a `WatchEvent` payload also fits `{}`);
/// * `example` and extensions go, they are no schemas.
fn translate(schema: &Value) -> Value {
    let Value::Object(map) = schema else {
        return match schema {
            Value::Array(list) => list.iter().map(translate).collect(),
            other => other.clone(),
        };
    };
    let mut new = Map::new();
    for (key, value) in map {
        match key.as_str() {
            "nullable" | "example" | "examples" | "discriminator" | "externalDocs" | "xml"
            | "default"
                if !is_schema(value) => {}
            "oneOf" | "anyOf" => {
                let alternatives = new.entry("anyOf").or_insert_with(|| json!([]));
                if let (Value::Array(all), Value::Array(more)) = (alternatives, translate(value)) {
                    all.extend(more);
                }
            }
            "$ref" => {
                let name = value
                    .as_str()
                    .and_then(|name| name.strip_prefix(COMPONENTS));
                let target = name.map(|name| format!("#/$defs/{}", name.replace('/', ".")));
                new.insert(
                    "$ref".to_owned(),
                    target.map_or_else(|| value.clone(), Value::from),
                );
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties: Map<String, Value> = properties
                    .map(|(name, schema)| (name.clone(), translate(schema)))
                    .collect();
                new.insert("properties".to_owned(), properties.into());
            }
            _ => {
                new.insert(key.clone(), translate(value));
            }
        }
    }
    if map.get("nullable") == Some(&Value::Bool(true)) {
        return json!({ "anyOf": [Value::Object(new), { "type": "null" }] });
    }
    Value::Object(new)
}

/// A property may be called `default` or `example`; then its value is a schema.
fn is_schema(value: &Value) -> bool {
    value.get("type").is_some_and(Value::is_string) && value.get("description").is_some()
}

#[test]
fn nullable_and_one_of_are_translated() {
    let schema = json!({ "oneOf": [{ "type": "string", "nullable": true, "example": 1 }, { "$ref": "#/components/schemas/a" }] });
    let expected = json!({ "anyOf": [
        { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        { "$ref": "#/$defs/schemas.a" },
    ] });
    assert_eq!(translate(&schema), expected);
}

#[test]
fn a_wrong_body_is_found() {
    let document = json!({
        "paths": { "/x": { "get": { "responses": { "200": { "content": { "application/json": {
            "schema": { "type": "array", "items": { "$ref": "#/components/schemas/x" } },
        } } } } } } },
        "components": { "schemas": { "x": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } } } },
    });
    let description = Description { document };
    assert!(description.problems("/x", &json!([{ "id": 1 }])).is_empty());
    assert_eq!(description.problems("/x", &json!([{ "id": "1" }])).len(), 1);
    assert_eq!(description.problems("/x", &json!([{}])).len(), 1);
    assert_eq!(description.problems("/y", &json!([])).len(), 1);
}
