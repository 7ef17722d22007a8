//! The relations of the items of a page: one query for each relation, answered from an index alone.

use std::collections::HashMap;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::query::{Links, Relations, push_id};
use crate::identity::Resource;
use crate::moment::Moment;
use crate::problem::Problem;
use crate::store::{EdgeKind, Gap, Others, Side, Store, Subject, SyncMark};

/// One relation of one item, as far as it was asked for.
#[derive(Debug)]
pub(super) enum Relation {
    LeftOut,
    Count(i64),
    Full {
        links: Links,
        resource: Resource,
        ids: Vec<i64>,
    },
}

/// As [`Relation`] is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Relation)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what is serialised by hand")]
pub(super) enum RelationBody {
    /// Hyperlinks.
    Full(Vec<String>),
    /// With `relations=count`.
    Count(i64),
}

impl Relation {
    pub(super) const fn is_left_out(&self) -> bool {
        matches!(self, Self::LeftOut)
    }
}

impl Serialize for Relation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::LeftOut => serializer.serialize_none(),
            Self::Count(count) => serializer.serialize_i64(*count),
            Self::Full {
                links,
                resource,
                ids,
            } => {
                let mut list = serializer.serialize_seq(Some(ids.len()))?;
                // What all of them begin with is written once.
                let mut url = String::new();
                links.push_list(&mut url, *resource);
                let begin = url.len();
                for id in ids {
                    url.truncate(begin);
                    push_id(&mut url, *resource, *id);
                    list.serialize_element(&url)?;
                }
                list.end()
            }
        }
    }
}

/// Reads the relations of the items of one page.
pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) links: &'a Links,
    pub(super) asked: Relations,
    /// How many more hyperlinks this page may have.
    pub(super) left: i64,
}

/// A relation of several items, by their ids.
pub(super) struct Read {
    items: HashMap<i64, Relation>,
    rest: fn() -> Relation,
}

impl Read {
    pub(super) fn take(&mut self, id: i64) -> Relation {
        self.items.remove(&id).unwrap_or_else(self.rest)
    }
}

impl Reader<'_> {
    pub(super) async fn read(
        &mut self,
        kind: EdgeKind,
        side: Side,
        resource: Resource,
        ids: &[i64],
    ) -> Result<Read, Problem> {
        match self.asked {
            Relations::None => Ok(Read {
                items: HashMap::new(),
                rest: || Relation::LeftOut,
            }),
            Relations::Count => {
                let counts = self.store.edge_counts(kind, side, ids).await?;
                let counts = counts.into_iter();
                Ok(Read {
                    items: counts
                        .map(|(id, count)| (id, Relation::Count(count)))
                        .collect(),
                    rest: || Relation::Count(0),
                })
            }
            Relations::Full => {
                let found = self.store.others_of(kind, side, ids, self.left).await?;
                let Others::All(others) = found else {
                    return Err(Problem::TooManyRelations);
                };
                let links: usize = others.iter().map(|(_, ids)| ids.len()).sum();
                self.left -= i64::try_from(links).unwrap_or(i64::MAX);
                let full = |(id, ids)| {
                    let links = self.links.clone();
                    (
                        id,
                        Relation::Full {
                            links,
                            resource,
                            ids,
                        },
                    )
                };
                Ok(Read {
                    items: others.into_iter().map(full).collect(),
                    rest: || Relation::LeftOut,
                })
            }
        }
    }
}

/// How far an item has been read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sync)]
pub(super) struct SyncBody {
    last_full_sync: Option<String>,
    /// `null`: never again.
    due_at: Option<String>,
    /// `complete`, `partial` or `unavailable`.
    state: &'static str,
    gaps: Vec<GapBody>,
}

/// A list that cannot match what GitHub counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gap)]
pub(super) struct GapBody {
    relation: &'static str,
    /// `upstream_limit`, `deleted_accounts` or `not_fetched`.
    reason: &'static str,
    reported: i64,
    stored: i64,
    recorded_at: String,
}

pub(super) fn sync(mark: &SyncMark, gaps: Option<Vec<Gap>>) -> SyncBody {
    SyncBody {
        last_full_sync: text(mark.last_full_sync),
        due_at: text(mark.due_at),
        state: mark.state.as_str(),
        gaps: gaps.unwrap_or_default().iter().map(gap).collect(),
    }
}

fn gap(gap: &Gap) -> GapBody {
    GapBody {
        relation: gap.relation.as_str(),
        reason: gap.reason.as_str(),
        reported: gap.reported,
        stored: gap.stored,
        recorded_at: gap.recorded_at.to_string(),
    }
}

pub(super) async fn gaps(
    store: &Store,
    subject: Subject,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<Gap>>, Problem> {
    let mut gaps: HashMap<i64, Vec<Gap>> = HashMap::new();
    for gap in store.gaps_of(subject, ids).await? {
        gaps.entry(gap.subject_id).or_default().push(gap);
    }
    Ok(gaps)
}

pub(super) fn text(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}
