//! What is sealed is opened; what is damaged, unknown or forged is not.

use super::*;
use crate::frame::{COMPRESSED_FROM_BYTES, DICTIONARY_UP_TO_BYTES, compress};

const SMALL_V1: &[u8] = include_bytes!("../../tests/fixtures/envelope-v1-plain.bin");
/// `seal(&large(), &one())`.
const LARGE_V2: &[u8] = include_bytes!("../../tests/fixtures/envelope-v2-dictionary.bin");
const LARGE_V1: &[u8] = include_bytes!("../../tests/fixtures/envelope-v1-zstd.bin");

fn small() -> Vec<u8> {
    b"{\"login\":\"octocat\"}".to_vec()
}

fn large() -> Vec<u8> {
    (0..200)
        .flat_map(|number| format!("{{\"id\":{number},\"login\":\"octocat\"}},").into_bytes())
        .collect()
}

/// Resembles `large()`.
fn dictionary(number: u8) -> Dictionary {
    Dictionary::new(number, b"{\"id\":100,\"login\":\"octocat\"},{\"id\":101,").unwrap()
}

fn none() -> Dictionaries {
    Dictionaries::default()
}

fn one() -> Dictionaries {
    [dictionary(7)].into_iter().collect()
}

fn value(bytes: &[u8], dictionaries: &Dictionaries) -> Option<Vec<u8>> {
    open(bytes, dictionaries).value().map(Cow::into_owned)
}

/// One that opens at most what was written without a dictionary, and one that knows dictionary 7.
#[track_caller]
fn check_miss(why: &str, bytes: &[u8]) {
    assert_eq!(value(bytes, &none()), None, "{why}");
    assert_eq!(value(bytes, &one()), None, "{why}");
}

#[test]
fn what_was_sealed_is_opened() {
    for length in [0, 1, 15, 1023, 1024, 1025, 65_536, 65_537] {
        let value: Vec<u8> = (0..length).map(|at| (at % 7) as u8).collect();
        for dictionaries in [none(), one()] {
            let opened = open(&seal(&value, &dictionaries), &dictionaries)
                .value()
                .map(Cow::into_owned);
            assert_eq!(opened.as_deref(), Some(&value[..]), "{length}");
        }
    }
}

#[test]
fn what_does_not_compress_is_kept_as_it_is() {
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..4096)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    for dictionaries in [none(), one()] {
        let sealed = seal(&noise, &dictionaries);
        assert_eq!(sealed.len(), HEADER_BYTES + noise.len());
        assert_eq!(sealed[2..4], [1, 0], "no dictionary is needed to open it");
        assert_eq!(value(&sealed, &none()).as_deref(), Some(&noise[..]));
    }
}

#[test]
fn json_gets_much_smaller() {
    assert!(seal(&large(), &none()).len() < large().len() / 4);
}

#[test]
fn version_1_is_read() {
    for dictionaries in [none(), one()] {
        assert_eq!(value(SMALL_V1, &dictionaries), Some(small()));
        assert_eq!(value(LARGE_V1, &dictionaries), Some(large()));
    }
    // Plain frames are the same bytes for ever; zstd may come to choose others for the same value.
    assert_eq!(seal(&small(), &one()), SMALL_V1);
}

#[test]
fn no_damaged_frame_is_opened() {
    for sealed in [
        seal(&small(), &none()),
        seal(&large(), &none()),
        seal(&large(), &one()),
    ] {
        for length in 0..sealed.len() {
            check_miss("cut short", &sealed[..length]);
        }
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            check_miss("one bit flipped", &damaged);
        }
        let mut longer = sealed.clone();
        longer.push(0);
        check_miss("a byte too many", &longer);
    }
}

#[test]
fn a_right_sum_is_not_enough() {
    let frame = compress(&large(), None).unwrap();
    let length = u32::try_from(large().len()).unwrap();
    let forged = |version, detail, length: u32, payload: &[u8]| {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[version, detail]);
        bytes.extend_from_slice(&length.to_le_bytes());
        let seed = match version {
            WITH_DICTIONARY => dictionary(7).digest(),
            _ => 0,
        };
        let sum = checksum(&bytes, payload, seed);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    };
    assert!(value(&forged(1, 1, length, &frame), &none()).is_some());
    check_miss("a later version", &forged(3, 1, length, &frame));
    check_miss("version 0", &forged(0, 1, length, &frame));
    check_miss("an unknown flag", &forged(1, 3, length, &frame));
    check_miss("longer than it says", &forged(1, 1, length - 1, &frame));
    check_miss("shorter than it says", &forged(1, 1, length + 1, &frame));
    check_miss("beyond the bound", &forged(1, 1, u32::MAX, &frame));
    check_miss("no zstd frame", &forged(1, 1, 4, b"text"));
    check_miss("plain, another length", &forged(1, 0, 5, b"text"));

    let frame = compress(&large(), Some(&dictionary(7))).unwrap();
    assert!(value(&forged(2, 7, length, &frame), &one()).is_some());
    check_miss("another dictionary", &forged(2, 8, length, &frame));
    check_miss("without it", &forged(1, 1, length, &frame));
    check_miss("longer than it says", &forged(2, 7, length - 1, &frame));
    check_miss("shorter than it says", &forged(2, 7, length + 1, &frame));
    check_miss("beyond the bound", &forged(2, 7, u32::MAX, &frame));
    check_miss("no zstd frame", &forged(2, 7, 4, b"text"));
}

#[test]
fn version_2_is_read() {
    assert_eq!(value(LARGE_V2, &one()), Some(large()));
    let newer = [dictionary(8), dictionary(7)].into_iter().collect();
    assert_eq!(
        value(LARGE_V2, &newer),
        Some(large()),
        "whatever is written now"
    );
}

#[test]
fn what_is_not_known_is_no_damage() {
    let mut later = LARGE_V2.to_vec();
    later[2] = 3;
    assert_eq!(open(&later, &one()), Opened::Unknown, "a later version");
    assert_eq!(open(LARGE_V2, &none()), Opened::Unknown, "no dictionary");
    let others = [dictionary(8)].into_iter().collect();
    assert_eq!(open(LARGE_V2, &others), Opened::Unknown, "others");
}

#[test]
fn other_bytes_under_the_number_of_a_dictionary_give_no_other_value() {
    // The same length, so that zstd alone would copy the wrong bytes and be content.
    let bytes = b"{\"id\":100,\"login\":\"OCTOCAT\"},{\"id\":101,";
    let changed = [Dictionary::new(7, bytes).unwrap()].into_iter().collect();
    assert_eq!(open(LARGE_V2, &changed), Opened::Damaged);
}

#[test]
fn a_dictionary_is_used_where_it_makes_smaller() {
    let value = &large()[..2000];
    assert!(seal(value, &one()).len() < seal(value, &none()).len());
    assert_eq!(seal(value, &one())[2..4], [2, 7]);
    let small = &large()[..COMPRESSED_FROM_BYTES - 1];
    assert_eq!(seal(small, &one())[2..4], [1, 0]);
    let huge = large().repeat(20);
    assert!(huge.len() > DICTIONARY_UP_TO_BYTES);
    assert_eq!(seal(&huge, &one())[2..4], [1, 1]);
}

#[test]
fn bytes_that_only_begin_like_a_dictionary_are_refused() {
    let error = Dictionary::new(3, &[0x37, 0xA4, 0x30, 0xEC, 1, 2, 3, 4, 5, 6]).unwrap_err();
    assert_eq!(error.to_string(), "zstd cannot use dictionary 3");
}
