//! `/search/*`: no validator, own quota, at most 1,000 results (behaviour notes 1.6 and 4).

use super::content::Issue;
use super::model::{AccountIndex, Kind, RepositoryIndex};
use super::object::{extend, object};
use super::paging::Paging;
use super::reply::{Adjust, Reply, charged, invalid, json, not_found, unprocessable};
use super::view::View;
use crate::answer::TagRule;
use serde_json::Value;

const MAX_RESULTS: usize = 1_000;

/// `stars:>=10 language:rust words`, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) words: Vec<String>,
    pub(crate) qualifiers: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for token in text.split_whitespace() {
            match token.split_once(':') {
                Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                    query.qualifiers.push((
                        name.to_ascii_lowercase(),
                        value.trim_matches('"').to_ascii_lowercase(),
                    ));
                }
                _ => query
                    .words
                    .push(token.trim_matches('"').to_ascii_lowercase()),
            }
        }
        query
    }

    fn values<'q>(&'q self, names: &'q [&str]) -> impl Iterator<Item = &'q str> {
        self.qualifiers
            .iter()
            .filter(move |(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| value.as_str())
    }

    fn matches_words(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

/// `>10`, `>=10`, `<10`, `<=10`, `5..10`, `5..*`, `10`.
fn in_range(value: u64, range: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some((low, high)) = range.split_once("..") {
        return number(low).is_none_or(|low| value >= low)
            && number(high).is_none_or(|high| value <= high);
    }
    // The longer signs first: `>` is the beginning of `>=`.
    for sign in [">=", "<=", ">", "<"] {
        if let Some(limit) = range.strip_prefix(sign).and_then(number) {
            return match sign {
                ">=" => value >= limit,
                "<=" => value <= limit,
                ">" => value > limit,
                _ => value < limit,
            };
        }
    }
    number(range) == Some(value)
}

impl View<'_> {
    fn found<T>(&self, bucket: &'static str, items: &[T], render: impl Fn(&T) -> Value) -> Reply {
        let paging = Paging::of(self.ask);
        if paging.page * paging.per_page > MAX_RESULTS {
            let answer = unprocessable(
                "Only the first 1000 search results are available",
                "/search/search",
            );
            return Err(charged(answer, bucket));
        }
        let items_here: Vec<Value> = paging
            .slice(&items[..items.len().min(MAX_RESULTS)])
            .iter()
            .map(|item| {
                let mut body = render(item);
                extend(&mut body, object! { "score": 1.0 });
                body
            })
            .collect();
        let mut body = object! { "total_count": items.len(), "incomplete_results": false, "items": items_here };
        if self.ask.path.trim_end_matches('/') == "/search/issues" {
            extend(&mut body, object! { "search_type": "lexical" });
        }
        let link = paging.link(self.ask, self.identity, items.len().min(MAX_RESULTS));
        let mut found = json(body).linked(link);
        found.tag = TagRule::None;
        found.max_age = None;
        found.resource = bucket;
        Ok(found)
    }

    pub(crate) fn search_endpoints(&self, rest: &[&str]) -> Reply {
        let bucket = if rest == ["code"] {
            "code_search"
        } else {
            "search"
        };
        let docs = "/search/search";
        let text = self.parameter("q").unwrap_or_default();
        if text.trim().is_empty() {
            return Err(charged(invalid("Search", "q", "missing", docs), bucket));
        }
        let query = Query::parse(text);
        match rest {
            ["repositories"] => {
                let found = self.search_repositories(&query);
                self.found(bucket, &found, |index| self.minimal_repository(*index))
            }
            ["users"] => {
                let found = self.search_users(&query);
                self.found(bucket, &found, |index| self.simple_user(*index))
            }
            ["issues"] => {
                let found = self.search_issues(&query);
                self.found(bucket, &found, |(index, issue)| self.issue(*index, issue))
            }
            ["code"] => {
                let mut found = Vec::new();
                for index in self.search_scope(&query) {
                    let content = self.model.content(index);
                    let Some(commit) = content
                        .branches
                        .get(&self.model.repository(index).default_branch)
                    else {
                        continue;
                    };
                    let Some(commit) = content.objects.commits.get(commit) else {
                        continue;
                    };
                    for (path, sha) in content.objects.files(&commit.tree) {
                        if query.matches_words(&format!("{path} {}", content.objects.text(&sha))) {
                            found.push((index, commit.sha.as_str(), path, sha));
                        }
                    }
                }
                self.found(bucket, &found, |(index, commit, path, sha)| {
                    let url = format!(
                        "{}/contents/{path}?ref={commit}",
                        self.repository_url(*index)
                    );
                    object! {
                        "name": path.rsplit('/').next().unwrap_or(path),
                        "path": path.as_str(),
                        "sha": sha.as_str(),
                        "url": url,
                        "git_url": format!("{}/git/blobs/{sha}", self.repository_url(*index)),
                        "html_url": format!("{}/blob/{commit}/{path}", self.html_url(*index)),
                        "repository": self.bare_repository(*index),
                    }
                })
            }
            ["commits"] => {
                let mut found = Vec::new();
                for index in self.search_scope(&query) {
                    let content = self.model.content(index);
                    let tip = content
                        .branches
                        .get(&self.model.repository(index).default_branch);
                    for commit in tip
                        .map(|tip| content.objects.history(tip))
                        .unwrap_or_default()
                    {
                        if query.matches_words(&commit.message) {
                            found.push((index, commit));
                        }
                    }
                }
                self.found(bucket, &found, |(index, commit)| {
                    let mut body = self.commit(*index, commit);
                    extend(
                        &mut body,
                        object! { "repository": self.bare_repository(*index) },
                    );
                    body
                })
            }
            _ => Err(charged(not_found(docs), bucket)),
        }
    }

    fn search_repositories(&self, query: &Query) -> Vec<RepositoryIndex> {
        let mut found: Vec<RepositoryIndex> = (0..self.model.repositories.len() as u32)
            .filter(|index| self.sees(*index))
            .filter(|index| {
                let repository = self.model.repository(*index);
                let description = repository.description.as_deref().unwrap_or_default();
                query.matches_words(&format!("{} {description}", self.model.full_name(*index)))
                    && query
                        .qualifiers
                        .iter()
                        .all(|(name, value)| match name.as_str() {
                            "stars" => in_range(repository.stargazers.len() as u64, value),
                            "forks" => in_range(repository.forks.len() as u64, value),
                            "size" => in_range(repository.size, value),
                            "language" => repository
                                .language
                                .is_some_and(|own| own.eq_ignore_ascii_case(value)),
                            "topic" => repository.topics.iter().any(|topic| topic == value),
                            "user" | "org" => {
                                self.login(repository.owner).eq_ignore_ascii_case(value)
                            }
                            "repo" => self.model.full_name(*index).eq_ignore_ascii_case(value),
                            "archived" => repository.archived.to_string() == *value,
                            "is" => match value.as_str() {
                                "public" => !repository.private,
                                "private" => repository.private,
                                _ => true,
                            },
                            _ => true,
                        })
            })
            .filter(|index| {
                // Forks are left out unless asked for.
                self.model.repository(*index).parent.is_none()
                    || query.values(&["fork"]).next().is_some()
            })
            .collect();
        let key = |index: &RepositoryIndex| {
            let repository = self.model.repository(*index);
            match self.parameter("sort") {
                Some("forks") => repository.forks.len() as i64,
                Some("updated") => repository.updated_at,
                _ => repository.stargazers.len() as i64,
            }
        };
        found.sort_by_key(key);
        if !self.ascending("order", "desc") {
            found.reverse();
        }
        found
    }

    fn search_users(&self, query: &Query) -> Vec<AccountIndex> {
        let kinds = match query.values(&["type"]).next() {
            Some("user") => vec![Kind::User],
            Some("org") => vec![Kind::Organization],
            _ => vec![Kind::User, Kind::Organization],
        };
        let mut found: Vec<AccountIndex> = kinds
            .into_iter()
            .flat_map(|kind| self.model.living(kind))
            .filter(|index| {
                let account = self.model.account(*index);
                query.matches_words(&account.login)
                    && query
                        .values(&["followers"])
                        .all(|range| in_range(account.followers.len() as u64, range))
                    && query
                        .values(&["repos"])
                        .all(|range| in_range(account.repositories.len() as u64, range))
            })
            .collect();
        if self.parameter("sort").is_some() {
            found.sort_by_key(|index| self.model.account(*index).followers.len());
        } else {
            found.sort_by_key(|index| self.model.account(*index).id);
        }
        if !self.ascending(
            "order",
            if self.parameter("sort").is_some() {
                "desc"
            } else {
                "asc"
            },
        ) {
            found.reverse();
        }
        found
    }

    /// Repositories that a search of contents looks into; the request's preparation built exactly these.
    fn search_scope(&self, query: &Query) -> Vec<RepositoryIndex> {
        super::prepare::search_scope(self.model, self.caller, query)
    }

    fn search_issues(&self, query: &Query) -> Vec<(RepositoryIndex, &Issue)> {
        let mut found: Vec<(RepositoryIndex, &Issue)> = Vec::new();
        for index in self.search_scope(query) {
            for issue in &self.model.content(index).issues {
                let open = issue.closed_at.is_none();
                let wanted = query.qualifiers.iter().all(|(name, value)| {
                    match (name.as_str(), value.as_str()) {
                        ("is" | "state", "open") => open,
                        ("is" | "state", "closed") => !open,
                        ("is" | "type", "issue") => issue.pull.is_none(),
                        ("is" | "type", "pr") => issue.pull.is_some(),
                        ("is", "merged") => issue
                            .pull
                            .as_ref()
                            .is_some_and(|pull| pull.merged_at.is_some()),
                        ("label", label) => issue
                            .labels
                            .iter()
                            .any(|own| own.eq_ignore_ascii_case(label)),
                        ("author", login) => self.login(issue.author).eq_ignore_ascii_case(login),
                        ("assignee", login) => issue
                            .assignee
                            .is_some_and(|user| self.login(user).eq_ignore_ascii_case(login)),
                        _ => true,
                    }
                });
                if wanted && query.matches_words(&issue.title) {
                    found.push((index, issue));
                }
            }
        }
        match self.parameter("sort") {
            Some("updated") => {
                found.sort_by_key(|(index, issue)| (issue.updated_at, *index, issue.number))
            }
            _ => found.sort_by_key(|(index, issue)| (issue.created_at, *index, issue.number)),
        }
        if !self.ascending("order", "desc") {
            found.reverse();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_fall_apart() {
        let query = Query::parse("Tetris language:Assembly stars:>10 :odd");
        assert_eq!(query.words, ["tetris", ":odd"]);
        assert_eq!(query.values(&["stars"]).collect::<Vec<_>>(), [">10"]);
    }

    #[track_caller]
    fn check(range: &str, inside: &[u64], outside: &[u64]) {
        assert!(
            inside.iter().all(|value| in_range(*value, range)),
            "{range}"
        );
        assert!(
            !outside.iter().any(|value| in_range(*value, range)),
            "{range}"
        );
    }

    #[test]
    fn ranges() {
        check(">10", &[11], &[10, 0]);
        check(">=10", &[10, 11], &[9]);
        check("<=3", &[3, 0], &[4]);
        check("5..7", &[5, 7], &[4, 8]);
        check("5..*", &[5, 500], &[4]);
        check("4", &[4], &[5]);
        check("junk", &[], &[0]);
    }
}
