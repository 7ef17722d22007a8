//! Gathers one key's data from GitHub: asks for its pages, keeps those that are as they were, starts anew when the list
//! moved, and prepares what came of it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::config::CacheConfig;
use crate::content::Content;
use crate::drift::{Drift, MOST_RESTARTS, PageAnswer, to_confirm};
use crate::failure::{Cause, Failed};
use crate::flatten::{PageSpan, check_object, page_parts};
use crate::key::{Form, Key};
use crate::refresh::Times;
use crate::snapshot::{Page, Snapshot};
use crate::upstream::{Answer, Known, Pages, Source};

mod pass;

use pass::{Base, Beyond, Pass, Read};

/// Gathers within these bounds.
#[derive(Clone, Debug)]
pub(crate) struct Gatherer {
    pub(crate) source: Source,
    pub(crate) limits: CacheConfig,
}

/// What came of the pages.
struct Gathered {
    /// `None` = the body is what it was.
    body: Option<Bytes>,
    pages: Arc<[Page]>,
}

impl Gatherer {
    /// Gathers a key under a fencing number. What `previous` has and GitHub confirms is not sent again.
    ///
    /// # Cancel safety
    /// May be dropped at any time; nothing is kept then.
    pub(crate) async fn gather(
        &self,
        key: &Key,
        version: u64,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, Failed> {
        let started = Instant::now();
        let asked_at = self.source.clock.now();
        let base = previous.map(Base::of);
        let gathered = match key.kind.form() {
            Form::Object => self.object(key, base.as_ref()).await?,
            Form::List => self.list(key, base).await?,
        };
        let content = match (gathered.body, previous) {
            (None, Some(previous)) => Arc::clone(&previous.content),
            // A 304 to a question without a condition.
            (None, None) => return Err(Failed::of(Cause::ServerError)),
            (Some(body), _) => {
                let kind = key.kind;
                let prepared = tokio::task::spawn_blocking(move || Content::prepare(kind, body));
                // Cancelled when the process ends: then nothing was prepared.
                let content = prepared.await.map_err(|_| Failed::of(Cause::WrongBody))??;
                Arc::new(content)
            }
        };
        let unchanged = previous.filter(|previous| previous.content.digest == content.digest);
        Ok(Snapshot {
            version,
            times: self.times(asked_at),
            changed_at: unchanged.map_or(asked_at, |previous| previous.changed_at),
            took: started.elapsed(),
            pages: gathered.pages,
            content: unchanged.map_or(content, |previous| Arc::clone(&previous.content)),
        })
    }

    /// A copy's life begins when the first question was asked: what came later is at least as new.
    fn times(&self, asked_at: SystemTime) -> Times {
        let expires = asked_at + self.limits.master_ttl();
        Times {
            confirmed_at: asked_at,
            expires,
            stale_until: expires + self.limits.max_stale(),
        }
    }

    async fn object(&self, key: &Key, base: Option<&Base>) -> Result<Gathered, Failed> {
        let known = base.map_or(Known::Nothing, |base| base.known(Form::Object, 0));
        let (body, validator) = match self.source.ask(&key.path, known).await? {
            Answer::Same(same) => (None, Some(same.validator)),
            Answer::Page(page) => {
                check_object(&page.body)?;
                if page.body.len() > self.limits.max_body_bytes {
                    return Err(Failed::of(Cause::TooLarge));
                }
                let validator = page.tag.map(|tag| page.by.validator_of(tag, &[&page.body]));
                (Some(page.body), validator)
            }
        };
        let bytes = match (&body, base) {
            (Some(body), _) => body.len(),
            (None, Some(base)) => base.body.len(),
            (None, None) => 0,
        };
        let span = PageSpan {
            bytes: 0..bytes,
            items: 1,
        };
        Ok(Gathered {
            body,
            pages: Arc::new([Page { span, validator }]),
        })
    }

    /// Reads a list until it stood still while it was read.
    async fn list(&self, key: &Key, base: Option<Base>) -> Result<Gathered, Failed> {
        let mut base = base;
        // What the readings before this one found, and why they were not enough.
        let mut before: Option<(Bytes, Drift)> = None;
        for _ in 0..=MOST_RESTARTS {
            let read = self.read(key, base.as_ref()).await?;
            let (found, drift) = match (read.body, &before) {
                (None, None) => {
                    return Ok(Gathered {
                        body: None,
                        pages: read.pages,
                    });
                }
                // Still twice on the pages, although nothing changes: GitHub contradicts itself.
                (None, Some((body, Drift::Repeated))) => (body.clone(), Drift::Repeated),
                // All that the last reading found was confirmed by this one, so that it was true in between.
                (None, Some((body, _))) => {
                    return Ok(Gathered {
                        body: Some(body.clone()),
                        pages: read.pages,
                    });
                }
                (Some(body), _) => {
                    let drift = match read.drift {
                        None => self.confirm(key, &body, &read.answers, &read.pages).await?,
                        found => found,
                    };
                    match drift {
                        Some(drift) => (body, drift),
                        None => {
                            return Ok(Gathered {
                                body: Some(body),
                                pages: read.pages,
                            });
                        }
                    }
                }
            };
            tracing::info!(%key, reason = drift.as_str(), "the list moved while it was read");
            // What was sent in vain is not sent again where it still stands.
            base = Some(Base {
                body: found.clone(),
                pages: read.pages,
            });
            before = Some((found, drift));
        }
        Err(before.map_or(Failed::of(Cause::Unsteady), |(_, drift)| drift.into()))
    }

    /// Reads all pages once.
    async fn read(&self, key: &Key, base: Option<&Base>) -> Result<Read, Failed> {
        let mut pass = Pass::new(base, self.limits.max_body_bytes);
        let first = self.page(key, 0, base).await?;
        let pages = match &first {
            Answer::Page(page) => match page.pages {
                Pages::Until(last) => last,
                Pages::End | Pages::More => 1,
            },
            // `Link` does not come with a 304.
            Answer::Same(_) => base.map_or(1, |base| base.pages.len() as u32),
        };
        if pages > self.limits.max_pages {
            return Err(Failed::of(Cause::TooLarge));
        }
        pass.add(first)?;
        let mut others = stream::iter(1..pages as usize)
            .map(|page| self.page(key, page, base))
            .buffered(self.limits.page_concurrency);
        while let Some(answer) = others.try_next().await? {
            pass.add(answer)?;
        }
        drop(others);
        loop {
            let page = pass.pages_read();
            let beyond = pass.beyond(self.limits.per_page);
            let answer = match beyond {
                Beyond::Nothing => return Ok(pass.finish()),
                _ if page >= self.limits.max_pages as usize => {
                    return Err(Failed::of(Cause::TooLarge));
                }
                Beyond::More => self.page(key, page, None).await?,
                Beyond::Perhaps => self.ask(key, page, Known::Empty).await?,
            };
            match answer {
                Answer::Page(_) => pass.add(answer)?,
                // Still empty.
                Answer::Same(_) => return Ok(pass.finish()),
            }
        }
    }

    /// Asks once more about the pages before the last one that has changed.
    async fn confirm(
        &self,
        key: &Key,
        body: &Bytes,
        answers: &[PageAnswer],
        pages: &Arc<[Page]>,
    ) -> Result<Option<Drift>, Failed> {
        let base = Base {
            body: body.clone(),
            pages: Arc::clone(pages),
        };
        let pages = to_confirm(answers);
        let pages = pages.start..pages.end.min(base.pages.len());
        let mut answers = stream::iter(pages)
            .map(|page| {
                let base = &base;
                async move { Ok::<_, Failed>((page, self.page(key, page, Some(base)).await?)) }
            })
            .buffered(self.limits.page_concurrency);
        while let Some((page, answer)) = answers.try_next().await? {
            let moved = match answer {
                Answer::Same(_) => false,
                // Without a tag, or with one that changes by itself, the bytes say it.
                Answer::Page(sent) => {
                    page_parts(Form::List, &base.body, &base.pages[page].span).concat() != sent.body
                }
            };
            if moved {
                return Ok(Some(Drift::EarlierPageChanged));
            }
        }
        Ok(None)
    }

    /// Asks for a page (from 0).
    async fn page(&self, key: &Key, page: usize, base: Option<&Base>) -> Result<Answer, Failed> {
        let known = base.map_or(Known::Nothing, |base| base.known(Form::List, page));
        self.ask(key, page, known).await
    }

    async fn ask(&self, key: &Key, page: usize, known: Known<'_>) -> Result<Answer, Failed> {
        let size = self.limits.per_page;
        let target = match page {
            0 => format!("{}?per_page={size}", key.path),
            _ => format!("{}?per_page={size}&page={}", key.path, page + 1),
        };
        self.source.ask(&target, known).await
    }
}
