//! Reads one list to its end, page by page, and stores what is on it.
//!
//! A page is stored before the next one is asked for, and then the cursor moves on: whatever happens, the list goes on
//! from the page where it stopped. Absence counts only when the whole list was read and stood still meanwhile: GitHub
//! divides a list anew for each request, and what moves from page 3 to page 2 while page 2 is behind us is on neither.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::documents::{accounts, repositories};
use super::fetch::{Absence, Answer, Asker, News};
use super::gap::Reach;
use super::work::{Stop, Work, unreadable};
use crate::store::{Anchor, EdgeKind, Pass, PassEnd};

pub(crate) const PER_PAGE: usize = 100;
/// A list that moved as often as this while it was read is left as it is until the next time.
const MOST_RESTARTS: u32 = 3;

/// A list and what is on it.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// Without its query.
    pub(crate) path: String,
    pub(crate) kind: EdgeKind,
    pub(crate) anchor: Anchor,
    pub(crate) members: Members,
}

/// What becomes of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// Developers, each described by a request of its own if nobody knows it.
    Described,
    /// Developers, as the list tells them.
    Listed,
    /// Repositories, whose owners are described.
    Repositories,
}

/// How far a list was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ListCursor {
    pass: Pass,
    /// The page that comes next.
    target: String,
    /// Pages that were stored.
    pub(crate) page: i64,
    items: i64,
    /// What was on each page, to see whether it still is.
    digests: Vec<u64>,
    /// Whether GitHub sent any of them anew.
    sent: bool,
    restarts: u32,
    left_out: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// So many edges are open now.
    Read { reach: Reach, open: i64 },
    /// There is no such list any more.
    Gone,
}

enum Stood {
    Still,
    Moved,
}

impl List {
    fn page(&self, page: i64) -> String {
        let first = format!("{}?per_page={PER_PAGE}", self.path);
        match page {
            1 => first,
            page => format!("{first}&page={page}"),
        }
    }
}

impl Work {
    /// Reads a list from its first page, or from where the cursor is.
    pub(crate) async fn walk(&mut self, list: &List) -> Result<Walked, Stop> {
        if self.cursor.list.is_none() {
            self.begin(list, 0).await?;
        }
        loop {
            let Some(mut at) = self.cursor.list.clone() else {
                return Ok(Walked::Gone);
            };
            let next = match self.fetch(&at.target).await? {
                Answer::Document(page) => {
                    let items = self.store_page(list, &mut at, &page.body).await?;
                    at.page += 1;
                    at.items += i64::try_from(items).unwrap_or(0);
                    at.digests.push(digest(&page.body));
                    at.sent |= page.news == News::Sent;
                    self.progressed(items);
                    // `Link` is not part of what a 304 confirms. The engine looks behind a full page by itself, but not
                    // for anonymous callers, because it costs them.
                    let full = items == PER_PAGE && page.news == News::Confirmed;
                    match (page.next, page.asker) {
                        (Some(next), _) => Some(next),
                        (None, Asker::Nobody) if full => Some(list.page(at.page + 1)),
                        (None, _) => None,
                    }
                }
                Answer::Absent(Absence::Empty) => None,
                Answer::Absent(Absence::TooFar) if at.page > 0 => {
                    return self.end(&at, Reach::PageLimit).await;
                }
                Answer::Absent(_) => {
                    let now = self.now();
                    let store = self.store();
                    store.finish_pass(&at.pass, PassEnd::Aborted, now).await?;
                    self.cursor.list = None;
                    return Ok(Walked::Gone);
                }
            };
            if let Some(next) = next {
                if at.page >= self.tools.rules.max_pages {
                    return self.end(&at, Reach::PageLimit).await;
                }
                at.target = next;
                self.cursor.list = Some(at);
                self.save().await?;
                continue;
            }
            match self.stood_still(list, &at).await? {
                Stood::Still if at.left_out => return self.end(&at, Reach::LeftOut).await,
                Stood::Still => return self.end(&at, Reach::Whole).await,
                Stood::Moved if at.restarts >= MOST_RESTARTS => {
                    return self.end(&at, Reach::Moved).await;
                }
                Stood::Moved => self.begin(list, at.restarts + 1).await?,
            }
        }
    }

    async fn begin(&mut self, list: &List, restarts: u32) -> Result<(), Stop> {
        self.cursor.list = Some(ListCursor {
            pass: self.store().begin_pass(list.kind, list.anchor).await?,
            target: list.page(1),
            page: 0,
            items: 0,
            digests: Vec::new(),
            sent: false,
            restarts,
            left_out: false,
        });
        self.save().await
    }

    async fn end(&mut self, at: &ListCursor, reach: Reach) -> Result<Walked, Stop> {
        let end = match reach {
            // What was left out has no edge that could be closed.
            Reach::Whole | Reach::LeftOut => PassEnd::Complete,
            Reach::PageLimit | Reach::Moved => PassEnd::Aborted,
        };
        let now = self.now();
        let result = self.store().finish_pass(&at.pass, end, now).await?;
        self.cursor.list = None;
        Ok(Walked::Read {
            reach,
            open: result.open,
        })
    }

    /// Stores what is on a page, and tells how many items that were.
    async fn store_page(
        &mut self,
        list: &List,
        at: &mut ListCursor,
        body: &[u8],
    ) -> Result<usize, Stop> {
        let (items, met, ids) = match list.members {
            Members::Described | Members::Listed => {
                let page = accounts(body).map_err(unreadable)?;
                let met = self.meet(&page).await?;
                let ids = met.stored.iter().map(|account| account.id).collect();
                (page.len(), met, ids)
            }
            Members::Repositories => {
                let page = repositories(body).map_err(unreadable)?;
                let owners: Vec<_> = page.iter().map(|one| one.owner.clone()).collect();
                let met = self.meet(&owners).await?;
                let kept = page
                    .iter()
                    .filter(|one| met.stored.iter().any(|owner| owner.id == one.owner.id));
                let records: Vec<_> = kept.map(|one| one.record.clone()).collect();
                let now = self.now();
                self.store().upsert_repositories(&records, now).await?;
                let ids: Vec<i64> = records.iter().map(|record| record.github_id).collect();
                (page.len(), met, ids)
            }
        };
        at.left_out |= met.left_out();
        let now = self.now();
        self.store().append_page(&at.pass, &ids, now).await?;
        match list.members {
            Members::Described | Members::Repositories => self.describe(&met).await?,
            Members::Listed => {}
        }
        Ok(items)
    }

    /// Whether absence from the list proves anything.
    async fn stood_still(&self, list: &List, at: &ListCursor) -> Result<Stood, Stop> {
        let moved_never = at.digests.len() <= 1 || !at.sent;
        if moved_never || self.store().unseen_edges(&at.pass).await? == 0 {
            return Ok(Stood::Still);
        }
        // Costs no quota with a token: GitHub confirms what it has just sent.
        let mut target = Some(list.page(1));
        for expected in &at.digests {
            let Some(asked) = target.take() else {
                return Ok(Stood::Moved);
            };
            match self.fetch(&asked).await? {
                Answer::Document(page) if digest(&page.body) == *expected => target = page.next,
                Answer::Document(_) | Answer::Absent(_) => return Ok(Stood::Moved),
            }
        }
        Ok(match target {
            None => Stood::Still,
            Some(_) => Stood::Moved,
        })
    }
}

fn digest(body: &[u8]) -> u64 {
    let digest = Sha256::digest(body);
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(head)
}
