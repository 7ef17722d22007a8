//! A resource as bytes, for stores that keep it outside the process.
//!
//! # Layout, version 1
//! Numbers are little endian. Texts and lists are preceded by their length; see [`crate::wire`].
//!
//! | part | fields |
//! |---|---|
//! | resource | layout version `u8`, invalidated at `u64` (ns, 0 = never), most variants `u32` |
//! | answers | `u32` count; each: names `u16` count of `u16` texts, digest 16 bytes, language `u8` (0, 1) and 16 bytes if 1, status `u16`, as of `u64` (ns), received at `u64` (ns), age on arrival `u64` (ms), fresh for `u64` (ms), unasked `u8`, stale `u8`, while revalidating `u64` (ms), if error `u64` (ms), headers, body (`u32` length) |
//!
//! To add a field: raise [`LAYOUT`], write it at the end, let [`Persist::decode`] read both layouts, keep the fixture.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::Persist;
use http::{HeaderName, StatusCode};

use super::{Parts, Resource};
use crate::rfc9111::controls::MAX_SECONDS;
use crate::rfc9111::selection::Selection;
use crate::rfc9111::stored::{Stale, Stored, Terms, Times, Unasked};
use crate::wire::{Reader, Writer, position, to_nanos};

const LAYOUT: u8 = 1;

/// Ages and lifetimes are at most this, twice: what was stated and what was waited for.
const MAX_MILLIS: u64 = 4 * MAX_SECONDS * 1000;

impl Persist for Resource {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(LAYOUT);
        writer.u64(self.0.invalidated_at.map_or(0, to_nanos));
        writer.u32(position(self.0.max_variants));
        writer.u32(position(self.0.answers.len()));
        for answer in &self.0.answers {
            write_answer(&mut writer, answer);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != LAYOUT {
            return None;
        }
        let invalidated_at = match reader.nanos()? {
            UNIX_EPOCH => None,
            time => Some(time),
        };
        let max_variants = reader.position()?;
        let count = reader.count(2 + 16 + 1 + 2 + 4 * 8 + 2 + 2 * 8 + 2 + 4)?;
        let answers = (0..count).map(|_| read_answer(&mut reader).map(Arc::new));
        let answers = answers.collect::<Option<Vec<_>>>()?;
        reader.is_at_end().then(|| {
            Self(Arc::new(Parts {
                answers,
                invalidated_at,
                max_variants,
            }))
        })
    }
}

fn write_answer(writer: &mut Writer<'_>, answer: &Stored) {
    let selection = &answer.selection;
    writer.u16(u16::try_from(selection.names().len()).unwrap_or(u16::MAX));
    for name in selection.names().iter() {
        writer.short(name.as_str().as_bytes());
    }
    writer.raw(selection.digest());
    match selection.language() {
        None => writer.u8(0),
        Some(digest) => {
            writer.u8(1);
            writer.raw(digest);
        }
    }
    writer.u16(answer.status.as_u16());
    writer.u64(to_nanos(answer.times.as_of));
    writer.u64(to_nanos(answer.times.received_at));
    writer.u64(millis(answer.times.age_on_arrival));
    writer.u64(millis(answer.times.fresh_for));
    writer.u8(match answer.terms.unasked {
        Unasked::Allowed => 0,
        Unasked::Never => 1,
    });
    writer.u8(match answer.terms.stale {
        Stale::Allowed => 0,
        Stale::Forbidden => 1,
    });
    writer.u64(millis(answer.terms.while_revalidating));
    writer.u64(millis(answer.terms.if_error));
    writer.headers(&answer.headers);
    writer.long(&answer.body.bytes());
}

fn read_answer(reader: &mut Reader<'_>) -> Option<Stored> {
    let mut names = Vec::new();
    for _ in 0..reader.u16()? {
        names.push(HeaderName::from_bytes(reader.short()?).ok()?);
    }
    let digest = *reader.array()?;
    let language = match reader.u8()? {
        0 => None,
        1 => Some(*reader.array()?),
        _ => return None,
    };
    let selection = Selection::restore(names.into(), digest, language);
    let status = StatusCode::from_u16(reader.u16()?).ok()?;
    let times = Times {
        as_of: reader.nanos()?,
        received_at: reader.nanos()?,
        age_on_arrival: duration(reader)?,
        fresh_for: duration(reader)?,
    };
    let terms = Terms {
        unasked: match reader.u8()? {
            0 => Unasked::Allowed,
            1 => Unasked::Never,
            _ => return None,
        },
        stale: match reader.u8()? {
            0 => Stale::Allowed,
            1 => Stale::Forbidden,
            _ => return None,
        },
        while_revalidating: duration(reader)?,
        if_error: duration(reader)?,
    };
    Some(Stored {
        selection,
        status,
        headers: reader.headers()?,
        body: Bytes::copy_from_slice(reader.long()?).into(),
        times,
        terms,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn duration(reader: &mut Reader<'_>) -> Option<Duration> {
    let millis = reader.u64()?;
    (millis <= MAX_MILLIS).then(|| Duration::from_millis(millis))
}
