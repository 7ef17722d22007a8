//! `object!`: a JSON object literal that keeps key order and compiles in linear time
//! (`serde_json::json!` recurses per token and gives up at the hundred keys of a repository).

macro_rules! object {
    () => {
        serde_json::Value::Object(serde_json::Map::new())
    };
    ($($key:literal : $value:expr),+ $(,)?) => {{
        let mut map = serde_json::Map::new();
        $( map.insert(String::from($key), serde_json::Value::from($value)); )+
        serde_json::Value::Object(map)
    }};
}
pub(crate) use object;

use serde_json::Value;

/// Adds keys behind the existing ones; a value that is no object stays as it is.
pub(crate) fn extend(target: &mut Value, addition: Value) {
    if let (Value::Object(target), Value::Object(addition)) = (target, addition) {
        target.extend(addition);
    }
}

/// Drops one key, keeping the order of the others.
pub(crate) fn without(target: &mut Value, key: &str) {
    if let Value::Object(target) = target {
        target.shift_remove(key);
    }
}
