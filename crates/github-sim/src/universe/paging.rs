//! Pages and their `Link` headers, in GitHub's order and with its id-form urls (behaviour notes 4).

use crate::answer::Ask;

/// `page` and `per_page` as GitHub understands them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// From 1.
    pub(crate) page: usize,
    pub(crate) per_page: usize,
}

pub(crate) fn parameter<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a str> {
    // The last of repeated parameters wins, as in Rack.
    ask.query
        .iter()
        .rev()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

impl Paging {
    pub(crate) fn of(ask: &Ask<'_>) -> Self {
        Self::with_default(ask, 30)
    }

    /// Nonsense and zero fall back to the default; asking for more than 100 is silently clamped.
    pub(crate) fn with_default(ask: &Ask<'_>, default: usize) -> Self {
        let number = |name: &str| {
            parameter(ask, name)
                .and_then(|text| text.parse::<usize>().ok())
                .filter(|n| *n > 0)
        };
        Self {
            page: number("page").unwrap_or(1).min(1_000_000),
            per_page: number("per_page").map_or(default, |asked| asked.min(100)),
        }
    }

    pub(crate) fn slice<'t, T>(&self, items: &'t [T]) -> &'t [T] {
        let from = ((self.page - 1) * self.per_page).min(items.len());
        let to = (from + self.per_page).min(items.len());
        &items[from..to]
    }

    pub(crate) fn pages(&self, total: usize) -> usize {
        total.div_ceil(self.per_page).max(1)
    }

    /// Page 1: next, last. Middle: prev, next, last, first. Last: prev, first. Only page: nothing.
    pub(crate) fn link(
        &self,
        ask: &Ask<'_>,
        path: &str,
        total: usize,
    ) -> Vec<(&'static str, String)> {
        let last = self.pages(total);
        let to = |page: usize| page_url(ask, path, &[("page", page.to_string())]);
        let mut link = Vec::new();
        if self.page > 1 {
            link.push(("prev", to((self.page - 1).min(last))));
        }
        if self.page < last {
            link.push(("next", to(self.page + 1)));
        }
        // Past the end GitHub still names the last page.
        if self.page != last {
            link.push(("last", to(last)));
        }
        if self.page > 1 {
            link.push(("first", to(1)));
        }
        link
    }

    /// Compare's own order: last, next, first, prev; the middle of nothing may be `first` alone.
    pub(crate) fn compare_link(
        &self,
        ask: &Ask<'_>,
        path: &str,
        total: usize,
    ) -> Vec<(&'static str, String)> {
        let mut link = self.link(ask, path, total);
        let rank = |rel: &str| {
            ["last", "next", "first", "prev"]
                .iter()
                .position(|other| *other == rel)
        };
        link.sort_by_key(|(rel, _)| rank(rel));
        link
    }
}

/// Original parameters first; the named ones are replaced in place when present and appended when not.
pub(crate) fn page_url(ask: &Ask<'_>, path: &str, replaced: &[(&str, String)]) -> String {
    let mut pairs: Vec<String> = ask
        .raw_query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(str::to_owned)
        .collect();
    for (name, value) in replaced {
        let fresh = format!("{name}={value}");
        match pairs
            .iter_mut()
            .find(|pair| pair.split('=').next() == Some(name))
        {
            Some(pair) => *pair = fresh,
            None => pairs.push(fresh),
        }
    }
    let query = pairs.join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{path}{mark}{query}", ask.base)
}

/// `/users`, `/organizations`, `/repositories`: next by id, and `first` as a URI template.
pub(crate) fn since_link(ask: &Ask<'_>, path: &str, last_id: u64) -> Vec<(&'static str, String)> {
    let next = page_url(ask, path, &[("since", last_id.to_string())]);
    let kept = parameter(ask, "per_page").map(|per_page| format!("?per_page={}", encode(per_page)));
    let template = if kept.is_some() {
        "{&since}"
    } else {
        "{?since}"
    };
    vec![
        ("next", next),
        (
            "first",
            format!("{}{path}{}{template}", ask.base, kept.unwrap_or_default()),
        ),
    ]
}

/// Percent-encodes one path segment or query value.
pub(crate) fn encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

/// Encodes a path but keeps its slashes.
pub(crate) fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}
