//! An entry as bytes, for stores that keep it outside the process.
//!
//! What comes back behaves as what was written: the same body is asked about for each caller, the same one may be
//! shown, and merging has the same outcome.
//! Only what is computed from a body on the side is not written; it is computed again when it is wanted.
//!
//! # Layout, version 2
//! Numbers are little endian. Texts and lists are preceded by their length.
//!
//! | part | fields |
//! |---|---|
//! | entry | layout version `u8`, path (`u32` length), whether a difference between callers is proven `u8` |
//! | bodies | `u32` count; each: digest 16 bytes, bytes (`u32` length) |
//! | representations | `u32` count; each: body `u32`, status `u16`, sharing `u8`, weak `u8`, requested at `u64` (ns), items + 1 or 0 `u32`, headers |
//! | views | `u32` count; each: class `u8`, head `u32`, previous + 1 or 0 `u32`, used at `u64` (ns) |
//! | confirmations | `u32` count; each: fingerprint 16 bytes, view `u32`, digest 16 bytes, tag (`u16` length, 0 = none), validated at `u64` (ms), fresh until `u64` (ms, 0 = never), caller headers |
//! | revocations | since version 2: `u32` count; each: fingerprint 16 bytes, at `u64` (ms) |
//!
//! Headers are a `u16` count of name (`u16` length) and value (`u32` length).
//! Bodies, representations and views are named by their position.
//!
//! To add a field: raise [`LAYOUT`], write it at the end, let [`Persist::decode`] read both layouts, keep the fixture.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use cache_backends::Persist;
use github_headers::EntityTag;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::RwLock;

use super::confirmations::Confirmations;
use super::kept::KeptHeaders;
use super::representation::Facts;
use super::revocations::Revocations;
use super::views::{Difference, View, ViewId, Views};
use super::{
    BodyDigest, Confirmation, Confirmed, Entry, Representation, Shared, Sharing, State, to_millis,
};
use crate::fingerprint::{CredentialClass, Fingerprint};
use crate::wire::{Reader, Writer, position, to_nanos};

const LAYOUT: u8 = 2;
/// Without revocations.
const LAYOUT_1: u8 = 1;

impl Persist for Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let state = self.0.state.read();
        let mut writer = Writer::new(out);
        writer.u8(LAYOUT);
        writer.long(self.0.path.as_bytes());
        writer.u8(difference_code(state.views.difference()));
        let parts = Parts::of(&state.views);
        parts.write(&mut writer);
        write_views(&mut writer, &state.views, &parts);
        write_confirmations(&mut writer, &state);
        write_revocations(&mut writer, &state.revocations);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let layout = reader.u8()?;
        if layout != LAYOUT && layout != LAYOUT_1 {
            return None;
        }
        let path = std::str::from_utf8(reader.long()?).ok()?;
        let difference = match reader.u8()? {
            0 => Difference::Unproven,
            1 => Difference::Proven,
            _ => return None,
        };
        let representations = read_representations(&mut reader)?;
        let views = read_views(&mut reader, &representations)?;
        let confirmations = read_confirmations(&mut reader, &views)?;
        let revocations = match layout {
            LAYOUT_1 => Revocations::default(),
            _ => read_revocations(&mut reader)?,
        };
        let state = State {
            views: Views::restore(difference, views),
            confirmations,
            revocations,
        };
        reader.is_at_end().then(|| {
            Self(Arc::new(Shared {
                path: path.into(),
                state: RwLock::new(state),
            }))
        })
    }
}

/// The bodies and representations of an entry, each once, with their positions.
///
/// Two representations may have the same bytes: callers of different classes have views of their own.
#[derive(Default)]
struct Parts<'a> {
    bodies: Vec<&'a Arc<Representation>>,
    body_at: HashMap<BodyDigest, u32>,
    representations: Vec<&'a Arc<Representation>>,
    representation_at: HashMap<*const Representation, u32>,
}

impl<'a> Parts<'a> {
    fn of(views: &'a Views) -> Self {
        let mut parts = Self::default();
        for view in views.iter() {
            parts.add(view.head());
            if let Some(previous) = view.previous() {
                parts.add(previous);
            }
        }
        parts
    }

    fn add(&mut self, representation: &'a Arc<Representation>) {
        self.body_at
            .entry(representation.digest())
            .or_insert_with(|| {
                self.bodies.push(representation);
                position(self.bodies.len() - 1)
            });
        self.representation_at
            .entry(Arc::as_ptr(representation))
            .or_insert_with(|| {
                self.representations.push(representation);
                position(self.representations.len() - 1)
            });
    }

    fn position_of(&self, representation: &Arc<Representation>) -> u32 {
        self.representation_at[&Arc::as_ptr(representation)]
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(position(self.bodies.len()));
        for body in &self.bodies {
            writer.raw(body.digest().as_bytes());
            writer.long(&body.body().bytes());
        }
        writer.u32(position(self.representations.len()));
        for representation in &self.representations {
            writer.u32(self.body_at[&representation.digest()]);
            writer.u16(representation.status().as_u16());
            writer.u8(sharing_code(representation.sharing()));
            writer.u8(u8::from(representation.is_weak()));
            writer.u64(to_nanos(representation.requested_at()));
            let items = representation.items();
            writer.u32(items.map_or(0, |items| items.saturating_add(1)));
            writer.headers(&representation.headers().to_map());
        }
    }
}

fn write_views(writer: &mut Writer<'_>, views: &Views, parts: &Parts<'_>) {
    writer.u32(position(views.iter().len()));
    for view in views.iter() {
        writer.u8(class_code(view.class()));
        writer.u32(parts.position_of(view.head()));
        let previous = view.previous();
        writer.u32(previous.map_or(0, |previous| parts.position_of(previous) + 1));
        writer.u64(to_nanos(view.used_at()));
    }
}

fn write_confirmations(writer: &mut Writer<'_>, state: &State) {
    // One of a view that is gone says nothing any more.
    let known: Vec<_> = state
        .confirmations
        .iter()
        .filter_map(|(fingerprint, confirmation)| {
            let view = state.views.position(confirmation.view())?;
            Some((fingerprint, view, confirmation))
        })
        .collect();
    writer.u32(position(known.len()));
    for (fingerprint, view, confirmation) in known {
        let confirmed = confirmation.confirmed();
        writer.raw(fingerprint.as_bytes());
        writer.u32(position(view));
        writer.raw(confirmation.digest().as_bytes());
        let tag = confirmed.tag.as_ref().map(EntityTag::to_header_value);
        writer.short(tag.as_ref().map_or(&[][..], HeaderValue::as_bytes));
        writer.u64(to_millis(confirmed.at));
        writer.u64(confirmed.fresh_until.map_or(0, to_millis));
        match &confirmed.caller_headers {
            Some(headers) => writer.headers(&headers.to_map()),
            None => writer.headers(&HeaderMap::new()),
        }
    }
}

fn write_revocations(writer: &mut Writer<'_>, revocations: &Revocations) {
    let mut known: Vec<_> = revocations.iter().collect();
    known.sort_unstable();
    writer.u32(position(known.len()));
    for (fingerprint, at) in known {
        writer.raw(fingerprint.as_bytes());
        writer.u64(to_millis(at));
    }
}

fn read_revocations(reader: &mut Reader<'_>) -> Option<Revocations> {
    let mut revocations = Revocations::default();
    for _ in 0..reader.count(16 + 8)? {
        let fingerprint = Fingerprint::from_bytes(*reader.array()?);
        revocations.note(fingerprint, reader.millis()?);
    }
    Some(revocations)
}

fn read_representations(reader: &mut Reader<'_>) -> Option<Vec<Arc<Representation>>> {
    let count = reader.count(16 + 4)?;
    let mut bodies = Vec::with_capacity(count);
    for _ in 0..count {
        let digest = BodyDigest::from_bytes(*reader.array()?);
        bodies.push((digest, Bytes::copy_from_slice(reader.long()?)));
    }
    let count = reader.count(4 + 2 + 1 + 1 + 8 + 4 + 2)?;
    let mut representations = Vec::with_capacity(count);
    for _ in 0..count {
        let (digest, body) = bodies.get(reader.position()?)?;
        let facts = Facts {
            status: StatusCode::from_u16(reader.u16()?).ok()?,
            sharing: match reader.u8()? {
                0 => Sharing::ByFormula,
                1 => Sharing::SameFingerprint,
                _ => return None,
            },
            weak: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            requested_at: reader.nanos()?,
            items: reader.u32()?.checked_sub(1),
        };
        let headers = reader.headers()?;
        let restored = Representation::restore(*digest, body.clone(), &headers, facts);
        representations.push(Arc::new(restored));
    }
    Some(representations)
}

fn read_views(reader: &mut Reader<'_>, bodies: &[Arc<Representation>]) -> Option<Vec<View>> {
    let count = reader.count(1 + 4 + 4 + 8)?;
    let mut views = Vec::with_capacity(count);
    for number in 0..count {
        let class = match reader.u8()? {
            0 => CredentialClass::Anonymous,
            1 => CredentialClass::Token,
            2 => CredentialClass::AppJwt,
            _ => return None,
        };
        let head = bodies.get(reader.position()?)?;
        let previous = match reader.position()?.checked_sub(1) {
            None => None,
            Some(position) => Some(Arc::clone(bodies.get(position)?)),
        };
        let used_at = reader.nanos()?;
        let id = ViewId::try_from(number).ok()?;
        views.push(View::restore(
            id,
            class,
            Arc::clone(head),
            previous,
            used_at,
        ));
    }
    Some(views)
}

fn read_confirmations(reader: &mut Reader<'_>, views: &[View]) -> Option<Confirmations> {
    let count = reader.count(16 + 4 + 16 + 2 + 8 + 8 + 2)?;
    let mut confirmations = Confirmations::with_capacity(count);
    for _ in 0..count {
        let fingerprint = Fingerprint::from_bytes(*reader.array()?);
        let view = views.get(reader.position()?)?.id();
        let digest = BodyDigest::from_bytes(*reader.array()?);
        let tag = match reader.short()? {
            [] => None,
            text => Some(EntityTag::parse(text).ok()?),
        };
        let at = reader.millis()?;
        let fresh_until = match reader.millis()? {
            UNIX_EPOCH => None,
            time => Some(time),
        };
        let headers = reader.headers()?;
        let confirmed = Confirmed {
            tag,
            at,
            fresh_until,
            caller_headers: (!headers.is_empty()).then(|| Arc::new(KeptHeaders::new(&headers))),
        };
        let confirmation = Arc::new(Confirmation::new(view, digest, confirmed));
        confirmations.push(fingerprint, confirmation)?;
    }
    Some(confirmations)
}

fn difference_code(difference: Difference) -> u8 {
    match difference {
        Difference::Unproven => 0,
        Difference::Proven => 1,
    }
}

fn sharing_code(sharing: Sharing) -> u8 {
    match sharing {
        Sharing::ByFormula => 0,
        Sharing::SameFingerprint => 1,
    }
}

fn class_code(class: CredentialClass) -> u8 {
    match class {
        CredentialClass::Anonymous => 0,
        CredentialClass::Token => 1,
        CredentialClass::AppJwt => 2,
    }
}

#[cfg(test)]
mod tests;
