//! Fixed answers and edits of frozen lists.

use super::{Change, done};
use crate::answer::TagRule;
use crate::universe::Universe;
use crate::universe::object::object;
use crate::universe::overrides::{Fixed, key};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

pub(super) fn apply(universe: &mut Universe, change: Change) -> Result<Value, String> {
    let bytes = |value: &Value| Bytes::from(value.to_string());
    let id_of = |element: &Bytes| {
        serde_json::from_slice::<Value>(element)
            .ok()
            .and_then(|value| value.get("id")?.as_u64())
    };
    let frozen = |path: &str| format!("{path} is not a frozen list");
    match change {
        Change::SetJson {
            path,
            body,
            query,
            viewer,
            status,
            last_modified,
            tag,
        } => {
            let status =
                StatusCode::from_u16(status).map_err(|_| format!("{status} is not a status"))?;
            let tag = match tag.as_deref() {
                None | Some("formula") => TagRule::Formula,
                Some("none") => TagRule::None,
                Some(sha)
                    if sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
                {
                    TagRule::GitObject(sha.to_ascii_lowercase())
                }
                Some(other) => {
                    return Err(format!("tag `{other}`: formula, none or 40 hex digits"));
                }
            };
            let body = bytes(&body);
            universe.overrides.fix(
                &path,
                Fixed {
                    viewer,
                    query,
                    status,
                    body,
                    last_modified,
                    tag,
                },
            );
            Ok(object! { "path": key(&path) })
        }
        Change::DeleteOverride { path } => {
            if universe.overrides.release(&path) {
                Ok(done())
            } else {
                Err(format!("nothing is put over {path}"))
            }
        }
        Change::ListAppend {
            path,
            item,
            position,
        } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let at = position.unwrap_or(elements.len()).min(elements.len());
            elements.insert(at, bytes(&item));
            Ok(object! { "items": elements.len() })
        }
        Change::ListRemove { path, id } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let before = elements.len();
            elements.retain(|element| id_of(element) != Some(id));
            if elements.len() == before {
                return Err(format!("{path} has no element with id {id}"));
            }
            Ok(object! { "items": elements.len() })
        }
        Change::ListEdit { path, id, set } => {
            let elements = universe
                .overrides
                .list_mut(&path)
                .ok_or_else(|| frozen(&path))?;
            let element = elements
                .iter_mut()
                .find(|element| id_of(element) == Some(id));
            let element = element.ok_or_else(|| format!("{path} has no element with id {id}"))?;
            let mut value: Map<String, Value> =
                serde_json::from_slice(element).map_err(|error| error.to_string())?;
            value.extend(set);
            *element = bytes(&Value::Object(value));
            Ok(object! { "id": id })
        }
        other => Err(format!("{other:?} is no override")),
    }
}
