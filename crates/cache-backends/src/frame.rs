//! zstd frames around bytes: what compresses and decompresses for all who keep bytes smaller than they are.

use std::cell::RefCell;

use zstd::zstd_safe::{DCtx, compress_bound};

use crate::dictionary::{Dictionaries, Dictionary, LEVEL};

/// Smaller bytes are kept as they are: compressing them saves less than it costs.
pub(crate) const COMPRESSED_FROM_BYTES: usize = 1 << 10;

/// Larger bytes gain less than a tenth by a dictionary and take longer (docs/decisions/0018-zstd-dictionary.md).
pub(crate) const DICTIONARY_UP_TO_BYTES: usize = 64 << 10;

thread_local! {
    // A context is a few hundred KiB: one per thread that compresses or decompresses, instead of one per value. What a
    // dictionary is made into is not in it, but shared by all threads.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        RefCell::new(zstd::bulk::Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = RefCell::new(DCtx::try_create());
}

/// The bytes compressed, and with which dictionary; `None` where that would not make them smaller.
pub(crate) fn smaller<'d>(
    value: &[u8],
    dictionaries: &'d Dictionaries,
) -> Option<(Vec<u8>, Option<&'d Dictionary>)> {
    if value.len() < COMPRESSED_FROM_BYTES {
        return None;
    }
    let dictionary = dictionaries
        .newest()
        .filter(|_| value.len() <= DICTIONARY_UP_TO_BYTES);
    let frame = compress(value, dictionary)?;
    (frame.len() < value.len()).then_some((frame, dictionary))
}

pub(crate) fn compress(value: &[u8], dictionary: Option<&Dictionary>) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = compressor.as_mut()?;
        let Some(dictionary) = dictionary else {
            return compressor.compress(value).ok();
        };
        let mut compressed = Vec::with_capacity(compress_bound(value.len()));
        compressor
            .context_mut()
            .compress_using_cdict(&mut compressed, value, dictionary.encoder().as_cdict())
            .ok()?;
        Some(compressed)
    })
}

/// Never makes more than `length` bytes, whatever the payload says.
pub(crate) fn decompress(
    payload: &[u8],
    length: usize,
    dictionary: Option<&Dictionary>,
) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(length);
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = decompressor.as_mut()?;
        match dictionary {
            Some(dictionary) => decompressor.decompress_using_ddict(
                &mut value,
                payload,
                dictionary.decoder().as_ddict(),
            ),
            None => decompressor.decompress(&mut value, payload),
        }
        .ok()
    })?;
    (value.len() == length).then_some(value)
}
