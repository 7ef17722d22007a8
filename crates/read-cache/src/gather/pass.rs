//! One reading of a list's pages, put together from what GitHub sent and from what it confirmed (pure).

use std::sync::Arc;

use bytes::Bytes;

use crate::drift::{Drift, PageAnswer, judge_last};
use crate::flatten::{Added, Flattening, Flaw, PageSpan, page_parts};
use crate::key::Form;
use crate::snapshot::{Page, Snapshot, Validator};
use crate::upstream::{Answer, Known, Pages};

/// A list that was read before: the last snapshot, or a reading during which the list moved.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) body: Bytes,
    pub(crate) pages: Arc<[Page]>,
}

impl Base {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            body: snapshot.content.identity.bytes.clone(),
            pages: Arc::clone(&snapshot.pages),
        }
    }

    /// What is known of a page (from 0).
    pub(crate) fn known(&self, form: Form, page: usize) -> Known<'_> {
        let Some(page) = self.pages.get(page) else {
            return Known::Nothing;
        };
        match &page.validator {
            None => Known::Nothing,
            Some(validator) => Known::Page {
                body: page_parts(form, &self.body, &page.span),
                validator,
            },
        }
    }

    fn page(&self, page: usize) -> Vec<u8> {
        let span = self.pages.get(page).map(|page| &page.span);
        let parts = span.map(|span| page_parts(Form::List, &self.body, span));
        parts.map_or_else(Vec::new, |parts| parts.concat())
    }
}

/// A reading in progress. Copies nothing until the first page has changed.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    base: Option<&'a Base>,
    max_bytes: usize,
    flattening: Option<Flattening>,
    answers: Vec<PageAnswer>,
    validators: Vec<Option<Validator>>,
    items: Vec<usize>,
    named: Vec<Option<Pages>>,
    drift: Option<Drift>,
}

/// A reading that has come to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) answers: Vec<PageAnswer>,
    pub(crate) pages: Arc<[Page]>,
    /// `None` = every page is what it was.
    pub(crate) body: Option<Bytes>,
    pub(crate) drift: Option<Drift>,
}

/// Whether a list may go on behind the page that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// It is known to end here.
    Nothing,
    /// The page is full and was confirmed, and `Link` is not part of what a 304 confirms.
    Perhaps,
    /// `Link` names further pages.
    More,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(base: Option<&'a Base>, max_bytes: usize) -> Self {
        Self {
            base,
            max_bytes,
            flattening: None,
            answers: Vec::new(),
            validators: Vec::new(),
            items: Vec::new(),
            named: Vec::new(),
            drift: None,
        }
    }

    /// Adds the answer for the next page.
    pub(crate) fn add(&mut self, answer: Answer) -> Result<(), Flaw> {
        let page = self.answers.len();
        match answer {
            Answer::Same(same) => {
                if let (Some(flattening), Some(base)) = (&mut self.flattening, self.base) {
                    let added = flattening.push(&base.page(page))?;
                    self.note(added);
                }
                let known = self.base.and_then(|base| base.pages.get(page));
                self.items.push(known.map_or(0, |page| page.span.items));
                self.answers.push(PageAnswer::Same);
                self.validators.push(Some(same.validator));
                self.named.push(None);
            }
            Answer::Page(fetched) => {
                let flattening = match self.flattening.take() {
                    Some(flattening) => flattening,
                    None => self.unchanged_so_far()?,
                };
                let flattening = self.flattening.insert(flattening);
                let added = flattening.push(&fetched.body)?;
                let parts = [&b"["[..], flattening.last_page(), b"]"];
                let validator = fetched.tag.map(|tag| fetched.by.validator_of(tag, &parts));
                self.items.push(flattening.last_items());
                self.note(added);
                self.answers.push(PageAnswer::Changed);
                self.validators.push(validator);
                self.named.push(Some(fetched.pages));
            }
        }
        Ok(())
    }

    /// Whether there may be more than the pages that were read.
    pub(crate) fn beyond(&self, per_page: u32) -> Beyond {
        let (Some(answer), Some(items)) = (self.answers.last(), self.items.last()) else {
            return Beyond::Nothing;
        };
        let named = self.named.last().copied().flatten();
        let goes_on = matches!(named, Some(Pages::Until(_) | Pages::More));
        match answer {
            PageAnswer::Same if *items >= per_page as usize => Beyond::Perhaps,
            PageAnswer::Changed if *items > 0 && goes_on => Beyond::More,
            _ => Beyond::Nothing,
        }
    }

    pub(crate) fn pages_read(&self) -> usize {
        self.answers.len()
    }

    fn note(&mut self, added: Added) {
        if added == Added::Repeated {
            self.drift.get_or_insert(Drift::Repeated);
        }
    }

    /// What was confirmed before the first change, copied.
    fn unchanged_so_far(&self) -> Result<Flattening, Flaw> {
        let mut flattening = Flattening::new(self.max_bytes);
        if let Some(base) = self.base {
            for page in 0..self.answers.len() {
                flattening.push(&base.page(page))?;
            }
        }
        Ok(flattening)
    }

    pub(crate) fn finish(mut self) -> Read {
        let (body, spans): (Option<Bytes>, Vec<PageSpan>) = match self.flattening.take() {
            Some(flattening) => {
                let (body, spans) = flattening.finish();
                (Some(body), spans)
            }
            None => {
                let pages = self.base.map(|base| base.pages.iter());
                let spans = pages.into_iter().flatten().map(|page| page.span.clone());
                (None, spans.collect())
            }
        };
        // A list that has become shorter leaves empty pages behind; the first page stays also when it is empty.
        let filled = self.items.iter().rposition(|items| *items > 0);
        let pages = filled.map_or(1, |last| last + 1);
        self.named.truncate(pages);
        let named: Vec<Option<u32>> = self
            .named
            .iter()
            .map(|named| match named {
                Some(Pages::Until(last)) => Some(*last),
                Some(Pages::End | Pages::More) | None => None,
            })
            .collect();
        let drift = self.drift.or_else(|| judge_last(&named, pages));
        let pages = spans
            .into_iter()
            .zip(self.validators)
            .take(pages)
            .map(|(span, validator)| Page { span, validator });
        Read {
            answers: self.answers,
            pages: pages.collect(),
            body,
            drift,
        }
    }
}
