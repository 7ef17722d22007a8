//! Pages of a list become one list, byte for byte (pure).
//!
//! An element's bytes are those that GitHub sent: nothing is parsed into a tree and printed again. Pages go into one
//! buffer as they arrive, so that a large organisation costs one body and one page of memory, not two bodies.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::key::Form;

/// Why a 200 is not the JSON that its path promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("is not JSON of the kind that its path promises")]
    WrongKind,
    #[error("has an element without an id")]
    NoId,
    #[error("is larger than max_body_bytes")]
    TooLarge,
}

/// The elements of one page, in the page's own bytes.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    pub(crate) ranges: Vec<Range<usize>>,
    pub(crate) ids: Vec<u64>,
}

#[derive(Deserialize)]
struct Identified {
    id: Option<u64>,
}

impl Elements {
    /// Finds the elements of a JSON array.
    pub(crate) fn of(page: &[u8]) -> Result<Self, Flaw> {
        let elements: Vec<&RawValue> = serde_json::from_slice(page).map_err(|_| Flaw::WrongKind)?;
        let start = page.as_ptr() as usize;
        let mut found = Self::default();
        for element in elements {
            let text = element.get();
            if !text.starts_with('{') {
                return Err(Flaw::WrongKind);
            }
            let Identified { id } = serde_json::from_str(text).map_err(|_| Flaw::NoId)?;
            found.ids.push(id.ok_or(Flaw::NoId)?);
            // The element borrows from the page: its place is the distance.
            let at = text.as_ptr() as usize - start;
            found.ranges.push(at..at + text.len());
        }
        Ok(found)
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Checks that a body is one JSON object.
pub(crate) fn check_object(body: &[u8]) -> Result<(), Flaw> {
    let value: &RawValue = serde_json::from_slice(body).map_err(|_| Flaw::WrongKind)?;
    match value.get().starts_with('{') {
        true => Ok(()),
        false => Err(Flaw::WrongKind),
    }
}

/// Where one page's elements stand in the flattened body, without the commas around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageSpan {
    pub(crate) bytes: Range<usize>,
    pub(crate) items: usize,
}

/// What a page adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Fine,
    /// An element that an earlier page has as well: the list moved while it was read.
    Repeated,
}

/// A list in the making.
#[derive(Debug)]
pub(crate) struct Flattening {
    buffer: Vec<u8>,
    spans: Vec<PageSpan>,
    ids: HashSet<u64>,
    max_bytes: usize,
}

impl Flattening {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            buffer: vec![b'['],
            spans: Vec::new(),
            ids: HashSet::new(),
            max_bytes,
        }
    }

    /// Appends the elements of a page.
    pub(crate) fn push(&mut self, page: &[u8]) -> Result<Added, Flaw> {
        let elements = Elements::of(page)?;
        let mut added = Added::Fine;
        for id in &elements.ids {
            if !self.ids.insert(*id) {
                added = Added::Repeated;
            }
        }
        if self.buffer.len() + page.len() > self.max_bytes {
            return Err(Flaw::TooLarge);
        }
        let mut start = None;
        for range in &elements.ranges {
            if self.buffer.len() > 1 {
                self.buffer.push(b',');
            }
            start.get_or_insert(self.buffer.len());
            self.buffer.extend_from_slice(&page[range.clone()]);
        }
        let start = start.unwrap_or(self.buffer.len());
        self.spans.push(PageSpan {
            bytes: start..self.buffer.len(),
            items: elements.len(),
        });
        Ok(added)
    }

    /// The elements of the page that was pushed last, as GitHub would print them alone: `[`, these bytes, `]`.
    pub(crate) fn last_page(&self) -> &[u8] {
        self.spans
            .last()
            .map_or(&[], |span| &self.buffer[span.bytes.clone()])
    }

    pub(crate) fn last_items(&self) -> usize {
        self.spans.last().map_or(0, |span| span.items)
    }

    pub(crate) fn finish(mut self) -> (Bytes, Vec<PageSpan>) {
        self.buffer.push(b']');
        // What the vector holds in reserve would be kept for as long as the body is.
        self.buffer.shrink_to_fit();
        (Bytes::from(self.buffer), self.spans)
    }
}

/// A page of a flattened body as GitHub printed it, in three parts.
pub(crate) fn page_parts<'a>(form: Form, body: &'a [u8], span: &PageSpan) -> [&'a [u8]; 3] {
    let part = body.get(span.bytes.clone()).unwrap_or_default();
    match form {
        Form::Object => [b"", part, b""],
        Form::List => [b"[", part, b"]"],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flattened(pages: &[&str]) -> (String, Vec<PageSpan>) {
        let mut flattening = Flattening::new(1 << 20);
        for page in pages {
            assert_eq!(flattening.push(page.as_bytes()), Ok(Added::Fine));
        }
        let (body, spans) = flattening.finish();
        (String::from_utf8(body.to_vec()).unwrap(), spans)
    }

    #[test]
    fn the_bytes_of_each_element_are_kept() {
        let one = r#"[ {"id":1,"a": 1.50, "b":"\u00e9\/" } , {"id":2} ]"#;
        let (body, spans) = flattened(&[one, r#"[{"id":3}]"#, "[]"]);
        assert_eq!(
            body,
            r#"[{"id":1,"a": 1.50, "b":"\u00e9\/" },{"id":2},{"id":3}]"#
        );
        let items: Vec<usize> = spans.iter().map(|span| span.items).collect();
        assert_eq!(items, [2, 1, 0]);
        assert_eq!(&body[spans[1].bytes.clone()], r#"{"id":3}"#);
        assert!(spans[2].bytes.is_empty());
        let parts = page_parts(Form::List, body.as_bytes(), &spans[1]);
        assert_eq!(parts.concat(), br#"[{"id":3}]"#);
    }

    #[test]
    fn empty_lists_are_empty_lists() {
        assert_eq!(flattened(&["[]"]).0, "[]");
        assert_eq!(flattened(&["[]", r#"[{"id":1}]"#]).0, r#"[{"id":1}]"#);
    }

    #[test]
    fn a_repeated_element_is_noticed_within_and_across_pages() {
        let mut flattening = Flattening::new(1 << 20);
        assert_eq!(flattening.push(br#"[{"id":1}]"#), Ok(Added::Fine));
        assert_eq!(
            flattening.push(br#"[{"id":2},{"id":1}]"#),
            Ok(Added::Repeated)
        );
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused() {
        #[track_caller]
        fn check(page: &str, flaw: Flaw) {
            assert_eq!(
                Flattening::new(1 << 20).push(page.as_bytes()),
                Err(flaw),
                "{page}"
            );
        }
        check(r#"{"message":"x"}"#, Flaw::WrongKind);
        check("<html>", Flaw::WrongKind);
        check("", Flaw::WrongKind);
        check("[1]", Flaw::WrongKind);
        check(r#"[{"id":1}"#, Flaw::WrongKind);
        check(r#"[{"name":"x"}]"#, Flaw::NoId);
        check(r#"[{"id":"1"}]"#, Flaw::NoId);
        assert_eq!(
            Flattening::new(5).push(br#"[{"id":1}]"#),
            Err(Flaw::TooLarge)
        );
        assert_eq!(check_object(b"[]"), Err(Flaw::WrongKind));
        assert_eq!(check_object(b" {} "), Ok(()));
    }

    proptest! {
        #[test]
        fn any_elements_survive_any_paging(
            texts in prop::collection::vec("[ -~é]{0,20}", 0..40),
            size in 1_usize..10,
        ) {
            let elements: Vec<String> = texts
                .iter()
                .enumerate()
                .map(|(id, text)| format!("{{\"id\":{id},\"text\":{}}}", serde_json::json!(text)))
                .collect();
            let pages: Vec<String> = elements
                .chunks(size)
                .map(|page| format!("[{}]", page.join(",")))
                .collect();
            let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
            let (body, spans) = flattened(&pages);
            prop_assert_eq!(&body, &format!("[{}]", elements.join(",")));
            for (page, span) in pages.iter().zip(&spans) {
                let parts = page_parts(Form::List, body.as_bytes(), span).concat();
                prop_assert_eq!(page.as_bytes(), parts.as_slice());
            }
        }
    }
}
