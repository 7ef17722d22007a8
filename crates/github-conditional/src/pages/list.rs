//! Finds the items of a page, and what tells one item from another.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::read_error::{Kind, ReadError};

/// One item of a page.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) json: &'a RawValue,
    pub(super) identity: Identity<'a>,
}

/// What stays the same while an item changes: its id, or for lack of one the whole of it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity<'a> {
    Id(&'a str),
    Sha(Cow<'a, str>),
    Whole(&'a str),
}

/// The items of a list, or of the only list in an object.
pub(super) fn items(body: &[u8]) -> Result<Vec<Item<'_>>, ReadError> {
    let list = match body.trim_ascii_start().first() {
        Some(b'[') => parse(body)?,
        _ => only_list(body)?,
    };
    Ok(list.into_iter().map(Item::new).collect())
}

/// Reads one item.
pub(super) fn read<T: DeserializeOwned>(item: &RawValue) -> Result<T, ReadError> {
    parse(item.get().as_bytes())
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(json).map_err(|error| Kind::Json(error).into())
}

fn only_list(body: &[u8]) -> Result<Vec<&RawValue>, ReadError> {
    let fields: std::collections::BTreeMap<Cow<'_, str>, &RawValue> = parse(body)?;
    let mut lists = fields
        .into_values()
        .filter(|value| value.get().starts_with('['));
    match (lists.next(), lists.next()) {
        (Some(list), None) => parse(list.get().as_bytes()),
        _ => Err(Kind::NoList.into()),
    }
}

impl<'a> Item<'a> {
    fn new(json: &'a RawValue) -> Self {
        #[derive(Deserialize)]
        struct Names<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            #[serde(borrow, default)]
            sha: Option<Cow<'a, str>>,
        }
        let whole = Identity::Whole(json.get());
        let identity = match serde_json::from_str(json.get()) {
            Ok(Names { id: Some(id), .. }) => Identity::Id(id.get()),
            Ok(Names { sha: Some(sha), .. }) => Identity::Sha(sha),
            _ => whole,
        };
        Self { json, identity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[Identity<'_>]) {
        let found: Vec<_> = items(body.as_bytes())
            .unwrap()
            .into_iter()
            .map(|item| item.identity)
            .collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn items_are_known_by_their_id() {
        use Identity::{Id, Sha, Whole};
        check("[]", &[]);
        check(
            " [{\"id\":1,\"x\":[2]}, {\"x\":1}]",
            &[Id("1"), Whole("{\"x\":1}")],
        );
        check("[{\"id\":\"a\"}]", &[Id("\"a\"")]);
        check("[{\"sha\":\"c0\",\"files\":[]}]", &[Sha("c0".into())]);
        check("[\"a\", 1]", &[Whole("\"a\""), Whole("1")]);
        check("{\"total_count\":1,\"items\":[{\"id\":7}]}", &[Id("7")]);
    }

    #[test]
    fn what_holds_no_list_or_several_is_refused() {
        for body in ["{\"id\":1}", "{\"a\":[],\"b\":[]}"] {
            assert!(items(body.as_bytes()).unwrap_err().is_decode(), "{body}");
        }
        for body in ["", "[{]", "nonsense"] {
            assert!(
                items(body.as_bytes()).unwrap_err().json_error().is_some(),
                "{body}"
            );
        }
    }
}
