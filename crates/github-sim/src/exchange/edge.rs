//! Anonymous reads: through the shared edge cache (behaviour notes 1.10).

use super::{Charge, Exchange, Reply};
use crate::credentials::Standing;
use crate::desk::Outcome;
use crate::edge::{EdgeEntry, EdgeKey};
use bytes::Bytes;
use http::{StatusCode, header};

impl Exchange<'_> {
    pub(super) fn goes_through_the_edge(&self) -> bool {
        self.switches.edge_cache
            && self.incoming.is_read()
            && self.caller.standing == Standing::Anonymous
    }

    pub(super) fn at_edge(mut self, charge: Charge) -> Reply {
        let now = self.incoming.now;
        let target = match self.incoming.query {
            Some(query) => format!("{}?{query}", self.incoming.path),
            None => self.incoming.path.to_owned(),
        };
        let key = EdgeKey::of(&target, self.incoming.headers);
        if let Some(entry) = self.front.edge.fresh(&key, now) {
            let charge = self.recharge(charge, entry.resource);
            return self.edge_reply(charge, &entry);
        }
        let found = match self.ask() {
            Outcome::Found(found) => found,
            Outcome::Other(answer) => return self.other(charge, answer),
        };
        let storable = found.status == StatusCode::OK && found.content_type.is_some();
        let Some(seconds) = found.max_age.filter(|_| storable) else {
            return self.found(charge, &found);
        };
        let charge = self.recharge(charge, found.resource);
        let tag = found.tag(self.switches.tag_hash, &self.hashed_prefix());
        let (body, coding) = found.encoded(self.layout(), self.coding());
        let headers = self.circumstances().complete(
            &found,
            tag.as_deref().map(|tag| self.strength(tag, coding)),
            coding,
            body.len(),
        );
        let entry = EdgeEntry {
            headers,
            body,
            tag,
            last_modified: found.last_modified,
            resource: found.resource,
            fresh_until: now + i64::from(seconds),
        };
        self.front.edge.store(key, entry.clone(), now);
        self.edge_reply(charge, &entry)
    }

    /// All stored headers with their old `Date`, on a 304 too.
    pub(super) fn edge_reply(mut self, charge: Charge, entry: &EdgeEntry) -> Reply {
        let not_modified = self
            .verdict(entry.tag.as_deref(), entry.last_modified)
            .is_not_modified();
        if not_modified {
            self.settle_not_modified(charge);
        } else if matches!(charge, Charge::Unpaid) {
            return self.still_exhausted();
        }
        let mut headers = entry.headers.clone();
        let (status, body) = if not_modified {
            // Framing belongs to a body, and there is none.
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::CONTENT_ENCODING);
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, entry.body.clone())
        };
        self.circumstances().tail(&mut headers);
        Reply {
            status,
            headers,
            body,
            flight: self.flight.take(),
        }
    }
}
