//! `graph/`: who is near whom. Breadth first, and bounded: an answer that is cut off says so.

use std::collections::{HashMap, HashSet};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{Links, Query, choice};
use super::{Outcome, Served, Shared, answer};
use crate::identity::Resource;
use crate::problem::Problem;
use crate::store::{Developer, EdgeKind, Side};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Neighborhood {
    login: String,
    depth: i64,
    kind: &'static str,
    /// `false`: there are more than may be looked at.
    complete: bool,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Node {
    id: String,
    url: String,
    /// `developer` or `repository`.
    resource: &'static str,
    /// The login, or the repository's full name.
    name: String,
    /// Steps from the developer that was asked for.
    distance: i64,
}

/// From the follower, stargazer or owner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Edge {
    kind: &'static str,
    from: String,
    to: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PathBody {
    from: String,
    to: String,
    /// Steps; `null` where none was found.
    length: Option<usize>,
    /// Logins from `from` to `to`, each following the next.
    path: Option<Vec<Step>>,
    /// `false`: there may be one, but it is too long or there were too many to look at.
    complete: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Step {
    login: String,
    url: String,
}

/// What is walked along: which edges, and from which end.
#[derive(Clone, Copy, Debug)]
struct Walk {
    name: &'static str,
    steps: &'static [(EdgeKind, Side)],
}

const WALKS: [Walk; 5] = [
    Walk {
        name: "follows",
        steps: &[
            (EdgeKind::Follows, Side::From),
            (EdgeKind::Follows, Side::To),
        ],
    },
    Walk {
        name: "following",
        steps: &[(EdgeKind::Follows, Side::From)],
    },
    Walk {
        name: "followers",
        steps: &[(EdgeKind::Follows, Side::To)],
    },
    Walk {
        name: "stars",
        steps: &[(EdgeKind::Stars, Side::From)],
    },
    Walk {
        name: "owns",
        steps: &[(EdgeKind::Owns, Side::From)],
    },
];

/// A node of the graph: repositories and developers have numbers of their own.
type Place = (Resource, i64);

/// Who is within some steps of a developer.
#[utoipa::path(get, path = "/github/graph/neighbors/{login}", tag = "graph", params(
    ("login" = String, Path, description = "In any case"),
    ("depth" = Option<i64>, Query, description = "Steps; 1 unless given, and cut to `api.graph_max_depth`"),
    ("kind" = Option<String>, Query, description = "`follows` (both directions, the default), `following`, `followers`, `stars` or `owns`; repositories are ends"),
), responses(
    (status = 200, description = "Nodes and the edges that lead to them", body = Neighborhood),
    (status = 400, description = "A value that means nothing, under its parameter's name"),
    (status = 404, description = "Nobody of that login is known", body = crate::api::docs::Detail),
))]
pub(super) async fn neighbors(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(login): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    let outcome = neighborhood(&shared, &links, &login, &query).await;
    answer::told("neighbors", outcome)
}

async fn neighborhood(shared: &Shared, links: &Links, login: &str, query: &Query) -> Outcome {
    let most = i64::from(shared.limits.graph_max_depth);
    let depth = match query.value("depth").map(str::parse::<i64>) {
        None => 1,
        Some(Ok(depth)) if depth >= 0 => depth.min(most),
        Some(_) => return Err(Problem::bad_value("depth", "Enter a whole number.")),
    };
    let kind = query.value("kind").unwrap_or("follows");
    let walk = WALKS.iter().find(|walk| walk.name == kind);
    let walk = walk.ok_or_else(|| choice("kind", kind))?;
    let start = developer(shared, login).await?;
    let mut found = Found::starting_at((Resource::Developer, start.github_id));
    let mut frontier = vec![start.github_id];
    for distance in 1..=depth {
        if frontier.is_empty() || !found.complete {
            break;
        }
        frontier = step(shared, walk, &frontier, distance, &mut found).await?;
    }
    let names = names(shared, &found).await?;
    let id = |(resource, id): Place| resource.id(id).to_string();
    let node = |(place, distance): (Place, i64)| Node {
        id: id(place),
        url: links.item(place.0, place.1),
        resource: match place.0 {
            Resource::Developer => "developer",
            Resource::Repository => "repository",
        },
        name: names.get(&place).cloned().unwrap_or_default(),
        distance,
    };
    answer::ok(&Neighborhood {
        login: start.login,
        depth,
        kind: walk.name,
        complete: found.complete,
        nodes: found.order.iter().copied().map(node).collect(),
        edges: found
            .edges
            .iter()
            .map(|(kind, from, to)| Edge {
                kind: kind.as_str(),
                from: id(*from),
                to: id(*to),
            })
            .collect(),
    })
}

struct Found {
    order: Vec<(Place, i64)>,
    known: HashSet<Place>,
    edges: Vec<(EdgeKind, Place, Place)>,
    edges_known: HashSet<(EdgeKind, Place, Place)>,
    complete: bool,
}

impl Found {
    fn starting_at(place: Place) -> Self {
        Self {
            order: vec![(place, 0)],
            known: HashSet::from([place]),
            edges: Vec::new(),
            edges_known: HashSet::new(),
            complete: true,
        }
    }
}

/// So many nodes are asked about at once.
const BATCH: usize = 500;

/// Goes one step from each developer of the frontier; the developers that are new.
async fn step(
    shared: &Shared,
    walk: &Walk,
    frontier: &[i64],
    distance: i64,
    found: &mut Found,
) -> Result<Vec<i64>, Problem> {
    let most = usize::try_from(shared.limits.graph_max_nodes).unwrap_or(usize::MAX);
    // An answer has a few edges for each node that it may have.
    let most_edges = i64::from(shared.limits.graph_max_nodes).saturating_mul(4);
    let mut next = Vec::new();
    for (kind, side) in walk.steps {
        let other = match kind {
            EdgeKind::Follows => Resource::Developer,
            EdgeKind::Stars | EdgeKind::Owns => Resource::Repository,
        };
        for batch in frontier.chunks(BATCH) {
            let left = most_edges - i64::try_from(found.edges.len()).unwrap_or(i64::MAX);
            let edges = shared.store.edges_of(*kind, *side, batch, left + 1).await?;
            for (mine, theirs) in edges {
                let (mine, theirs) = ((Resource::Developer, mine), (other, theirs));
                if !found.known.contains(&theirs) {
                    if found.order.len() >= most {
                        found.complete = false;
                        continue;
                    }
                    found.known.insert(theirs);
                    found.order.push((theirs, distance));
                    if other == Resource::Developer {
                        next.push(theirs.1);
                    }
                }
                let edge = match side {
                    Side::From => (*kind, mine, theirs),
                    Side::To => (*kind, theirs, mine),
                };
                if i64::try_from(found.edges.len()).unwrap_or(i64::MAX) >= most_edges {
                    found.complete = false;
                    return Ok(next);
                }
                if found.edges_known.insert(edge) {
                    found.edges.push(edge);
                }
            }
        }
    }
    Ok(next)
}

async fn names(shared: &Shared, found: &Found) -> Result<HashMap<Place, String>, Problem> {
    let mut names = HashMap::new();
    for batch in found.order.chunks(BATCH) {
        let of = |wanted: Resource| -> Vec<i64> {
            let batch = batch
                .iter()
                .filter(|((resource, _), _)| *resource == wanted);
            batch.map(|((_, id), _)| *id).collect()
        };
        for (id, login) in shared.store.logins_of(&of(Resource::Developer)).await? {
            names.insert((Resource::Developer, id), login);
        }
        for (id, name) in shared
            .store
            .full_names_of(&of(Resource::Repository))
            .await?
        {
            names.insert((Resource::Repository, id), name);
        }
    }
    Ok(names)
}

async fn developer(shared: &Shared, login: &str) -> Result<Developer, Problem> {
    let found = shared.store.developer_by_login(login).await?;
    found.ok_or(Problem::NotFound)
}

/// The shortest way from one developer to another along who follows whom.
#[utoipa::path(get, path = "/github/graph/path", tag = "graph", params(
    ("from" = String, Query, description = "A login"),
    ("to" = String, Query, description = "A login"),
), responses(
    (status = 200, description = "The path, or `null`", body = PathBody),
    (status = 400, description = "A login is missing"),
    (status = 404, description = "Nobody of that login is known", body = crate::api::docs::Detail),
))]
pub(super) async fn path(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    answer::told("path", shortest(&shared, &links, &query).await)
}

async fn shortest(shared: &Shared, links: &Links, query: &Query) -> Outcome {
    let login = |name: &str| {
        let missing = || Problem::bad_value(name, "This field is required.");
        query.value(name).ok_or_else(missing)
    };
    let from = developer(shared, login("from")?).await?;
    let to = developer(shared, login("to")?).await?;
    let mut search = Search::starting_at(from.github_id);
    let most = usize::try_from(shared.limits.graph_max_nodes).unwrap_or(usize::MAX);
    for _ in 0..shared.limits.graph_max_depth {
        if search.reached.contains_key(&to.github_id) || search.frontier.is_empty() {
            break;
        }
        search.step(shared, most).await?;
    }
    let way = search.way(from.github_id, to.github_id);
    let complete = way.is_some() || (search.complete && search.frontier.is_empty());
    let path = match way {
        None => None,
        Some(way) => {
            let logins: HashMap<i64, String> =
                shared.store.logins_of(&way).await?.into_iter().collect();
            let step = |id: &i64| Step {
                login: logins.get(id).cloned().unwrap_or_default(),
                url: links.item(Resource::Developer, *id),
            };
            Some(way.iter().map(step).collect::<Vec<_>>())
        }
    };
    answer::ok(&PathBody {
        from: from.login,
        to: to.login,
        length: path.as_ref().map(|path| path.len() - 1),
        path,
        complete,
    })
}

struct Search {
    /// Each with the one before it.
    reached: HashMap<i64, i64>,
    frontier: Vec<i64>,
    complete: bool,
}

impl Search {
    fn starting_at(id: i64) -> Self {
        Self {
            reached: HashMap::from([(id, id)]),
            frontier: vec![id],
            complete: true,
        }
    }

    async fn step(&mut self, shared: &Shared, most: usize) -> Result<(), Problem> {
        let mut next = Vec::new();
        let limit = i64::from(shared.limits.graph_max_nodes).saturating_mul(4);
        for batch in std::mem::take(&mut self.frontier).chunks(BATCH) {
            let edges = shared
                .store
                .edges_of(EdgeKind::Follows, Side::From, batch, limit);
            let edges = edges.await?;
            if i64::try_from(edges.len()).unwrap_or(i64::MAX) >= limit {
                self.complete = false;
            }
            for (mine, other) in edges {
                if self.reached.contains_key(&other) {
                    continue;
                }
                if self.reached.len() >= most {
                    self.complete = false;
                    break;
                }
                self.reached.insert(other, mine);
                next.push(other);
            }
        }
        self.frontier = next;
        Ok(())
    }

    fn way(&self, from: i64, to: i64) -> Option<Vec<i64>> {
        let mut way = vec![to];
        let mut at = to;
        while at != from {
            at = *self.reached.get(&at)?;
            way.push(at);
        }
        way.reverse();
        Some(way)
    }
}
