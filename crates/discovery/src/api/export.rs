//! `export`: everything as one stream, read piece by piece.
//!
//! `jsonl` has one object a line: developers, repositories, edges, closed edges with their `closed_at`. `csv` has the
//! edges, closed ones too. `graphml` has the graph as it is now.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response, header};
use serde_json::json;

use super::query::{Query, choice};
use super::relations::text;
use super::{Served, Shared, answer};
use crate::identity::Resource;
use crate::store::{Developer, EdgeKind, NamedEdge, Repository, Store, StoreError};

/// So many rows are read at once.
const PIECE: i64 = 1_000;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jsonl,
    Csv,
    Graphml,
}

impl Format {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "jsonl" => Self::Jsonl,
            "csv" => Self::Csv,
            "graphml" => Self::Graphml,
            _ => return None,
        })
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Jsonl => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Graphml => "application/xml",
        }
    }
}

/// Everything that is known.
#[utoipa::path(get, path = "/github/export", tag = "graph", params(
    ("format" = Option<String>, Query, description = "`jsonl` (the default), `csv` (edges) or `graphml`"),
), responses(
    (status = 200, description = "A stream", content((String = "application/x-ndjson"), (String = "text/csv"), (String = "application/xml"))),
    (status = 400, description = "No such format"),
))]
pub(super) async fn export(State(shared): Served, RawQuery(query): RawQuery) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    let word = query.value("format").unwrap_or("jsonl");
    let outcome = match Format::parse(word) {
        Some(format) => Ok(streamed(&shared, format)),
        None => Err(choice("format", word)),
    };
    answer::told("export", outcome)
}

fn streamed(shared: &Shared, format: Format) -> Response<Body> {
    let exporter = Exporter::new(shared.store.clone(), format);
    let pieces = stream::try_unfold(exporter, |mut exporter| async move {
        // An error breaks the connection off: a client must not take a part for the whole.
        let piece = exporter.next_piece().await?;
        Ok::<_, StoreError>(piece.map(|piece| (Bytes::from(piece), exporter)))
    });
    let mut answer = Response::new(Body::from_stream(pieces));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.media_type()),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Where the next piece begins.
#[derive(Clone, Copy, Debug)]
enum Place {
    Start,
    Developers(i64),
    Repositories(i64),
    Edges(EdgeKind, (i64, i64)),
    End,
    Over,
}

const FIRST: (i64, i64) = (i64::MIN, i64::MIN);

/// Writes everything, piece by piece.
#[derive(Debug)]
pub struct Exporter {
    store: Store,
    format: Format,
    place: Place,
}

impl Exporter {
    pub fn new(store: Store, format: Format) -> Self {
        Self {
            store,
            format,
            place: Place::Start,
        }
    }

    /// `None` after the last piece.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_piece(&mut self) -> Result<Option<String>, StoreError> {
        let mut piece = String::new();
        while piece.is_empty() {
            match self.place {
                Place::Over => return Ok(None),
                Place::Start => {
                    piece.push_str(self.opening());
                    self.place = match self.format {
                        Format::Jsonl | Format::Graphml => Place::Developers(i64::MIN),
                        Format::Csv => Place::Edges(EdgeKind::Follows, FIRST),
                    };
                }
                Place::Developers(after) => {
                    let found = self.store.developers_after(after, PIECE).await?;
                    self.place = match found.last() {
                        Some(last) => Place::Developers(last.github_id),
                        None => Place::Repositories(i64::MIN),
                    };
                    found.iter().for_each(|one| self.developer(&mut piece, one));
                }
                Place::Repositories(after) => {
                    let found = self.store.repositories_after(after, PIECE).await?;
                    self.place = match found.last() {
                        Some(last) => Place::Repositories(last.record.github_id),
                        None => Place::Edges(EdgeKind::Follows, FIRST),
                    };
                    found
                        .iter()
                        .for_each(|one| self.repository(&mut piece, one));
                }
                Place::Edges(kind, after) => {
                    let found = self.store.edges_after(kind, after, PIECE).await?;
                    self.place = match (found.last(), kind) {
                        (Some(last), kind) => Place::Edges(kind, (last.from_id, last.to_id)),
                        (None, EdgeKind::Follows) => Place::Edges(EdgeKind::Stars, FIRST),
                        (None, EdgeKind::Stars | EdgeKind::Owns) => Place::End,
                    };
                    found
                        .iter()
                        .for_each(|edge| self.edge(&mut piece, kind, edge));
                }
                Place::End => {
                    if self.format == Format::Graphml {
                        piece.push_str("</graph></graphml>\n");
                    }
                    self.place = Place::Over;
                }
            }
        }
        Ok(Some(piece))
    }

    const fn opening(&self) -> &'static str {
        match self.format {
            Format::Jsonl => "",
            Format::Csv => "kind,from_github_id,from,to_github_id,to,opened_at,closed_at\n",
            Format::Graphml => {
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\
                 <key id=\"resource\" for=\"node\" attr.name=\"resource\" attr.type=\"string\"/>\
                 <key id=\"name\" for=\"node\" attr.name=\"name\" attr.type=\"string\"/>\
                 <key id=\"kind\" for=\"edge\" attr.name=\"kind\" attr.type=\"string\"/>\
                 <graph edgedefault=\"directed\">\n"
            }
        }
    }

    fn developer(&self, piece: &mut String, developer: &Developer) {
        let id = Resource::Developer.id(developer.github_id);
        if self.format == Format::Graphml {
            return node(piece, &id.to_string(), "developer", &developer.login);
        }
        let detail = developer.detail.as_ref();
        let line = json!({
            "type": "developer",
            "id": id.to_string(),
            "github_id": developer.github_id.to_string(),
            "login": developer.login,
            "name": detail.and_then(|detail| detail.name.as_deref()),
            "location": detail.and_then(|detail| detail.location.as_deref()),
            "bio": detail.and_then(|detail| detail.bio.as_deref()),
            "company": detail.and_then(|detail| detail.company.as_deref()),
            "email": detail.and_then(|detail| detail.email.as_deref()),
            "created_at": text(detail.and_then(|detail| detail.created_at)),
            "updated_at": text(detail.and_then(|detail| detail.updated_at)),
            "followers_count": detail.map(|detail| detail.followers_count),
            "following_count": detail.map(|detail| detail.following_count),
            "public_gists": detail.map(|detail| detail.public_gists),
            "public_repos": detail.map(|detail| detail.public_repos),
            "state": developer.sync.state.as_str(),
            "last_full_sync": text(developer.sync.last_full_sync),
        });
        // Writing to a string cannot fail.
        let _ = writeln!(piece, "{line}");
    }

    fn repository(&self, piece: &mut String, repository: &Repository) {
        let record = &repository.record;
        let id = Resource::Repository.id(record.github_id);
        if self.format == Format::Graphml {
            return node(piece, &id.to_string(), "repository", &record.full_name);
        }
        let flags = &record.flags;
        let line = json!({
            "type": "repository",
            "id": id.to_string(),
            "github_id": record.github_id.to_string(),
            "owner_github_id": record.owner_github_id.to_string(),
            "name": record.name,
            "full_name": record.full_name,
            "description": record.description,
            "homepage": record.homepage,
            "language": record.language,
            "created_at": text(record.created_at),
            "updated_at": text(record.updated_at),
            "has_downloads": flags.has_downloads,
            "has_issues": flags.has_issues,
            "has_pages": flags.has_pages,
            "has_projects": flags.has_projects,
            "has_wiki": flags.has_wiki,
            "private": flags.private,
            "archived": flags.archived,
            "disabled": flags.disabled,
            "stargazers_count": record.stargazers_count,
            "subscribers_count": record.subscribers_count,
            "watchers_count": record.watchers_count,
            "open_issues_count": record.open_issues_count,
            "state": repository.sync.state.as_str(),
            "last_full_sync": text(repository.sync.last_full_sync),
        });
        let _ = writeln!(piece, "{line}");
    }

    fn edge(&self, piece: &mut String, kind: EdgeKind, edge: &NamedEdge) {
        let target = match kind {
            EdgeKind::Follows => Resource::Developer,
            EdgeKind::Stars | EdgeKind::Owns => Resource::Repository,
        };
        let from = Resource::Developer.id(edge.from_id).to_string();
        let to = target.id(edge.to_id).to_string();
        let closed = text(edge.closed_at);
        match self.format {
            Format::Jsonl => {
                let line = json!({
                    "type": "edge",
                    "kind": kind.as_str(),
                    "from": from,
                    "from_login": edge.from,
                    "to": to,
                    "to_name": edge.to,
                    "opened_at": edge.opened_at.to_string(),
                    "closed_at": closed,
                });
                let _ = writeln!(piece, "{line}");
            }
            Format::Csv => {
                let (from, to) = (quoted(&edge.from), quoted(&edge.to));
                let _ = writeln!(
                    piece,
                    "{},{},{from},{},{to},{},{}",
                    kind.as_str(),
                    edge.from_id,
                    edge.to_id,
                    edge.opened_at,
                    closed.unwrap_or_default()
                );
            }
            Format::Graphml if closed.is_none() => {
                let kind = kind.as_str();
                let _ = writeln!(
                    piece,
                    "<edge source=\"{from}\" target=\"{to}\"><data key=\"kind\">{kind}</data></edge>"
                );
            }
            Format::Graphml => {}
        }
    }
}

fn node(piece: &mut String, id: &str, resource: &str, name: &str) {
    let name = super::docs::escaped(name);
    let _ = writeln!(
        piece,
        "<node id=\"{id}\"><data key=\"resource\">{resource}</data><data key=\"name\">{name}</data></node>"
    );
}

/// RFC 4180: quotes where something within would end the field.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_of_csv() {
        assert_eq!(quoted("a/b"), "a/b");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
