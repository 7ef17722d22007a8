//! Compressed bodies, whole and broken.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

fn gzip(data: &[u8], builder: GzBuilder) -> Vec<u8> {
    let mut encoder = builder.write(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn plain_gzip(data: &[u8]) -> Vec<u8> {
    gzip(data, GzBuilder::new())
}

/// Decodes input that comes in parts of one size, with room for so much at a time.
fn decode(coded: &[u8], part: usize, room: usize) -> Result<Vec<u8>, GunzipError> {
    let mut gunzip = Gunzip::new();
    let mut decoded = Vec::new();
    for part in coded.chunks(part) {
        let mut input = Bytes::copy_from_slice(part);
        loop {
            let mut output = Vec::with_capacity(room);
            gunzip.decode(&mut input, &mut output)?;
            decoded.extend_from_slice(&output);
            if output.len() < output.capacity() && input.is_empty() {
                break;
            }
        }
    }
    gunzip.finish()?;
    Ok(decoded)
}

fn text() -> Vec<u8> {
    b"{\"id\":1,\"node_id\":\"MDEwOlJlcG9zaXRvcnkx\"},".repeat(200)
}

#[test]
fn every_optional_part_of_the_header_is_read() {
    let builders = [
        GzBuilder::new(),
        GzBuilder::new().filename("a name"),
        GzBuilder::new().comment("a comment"),
        GzBuilder::new().extra("extra"),
        GzBuilder::new().extra(""),
        GzBuilder::new()
            .filename("a")
            .comment("b")
            .extra("c")
            .mtime(7),
    ];
    for builder in builders {
        let coded = gzip(&text(), builder);
        for part in [1, 3, coded.len()] {
            assert_eq!(decode(&coded, part, 100), Ok(text()));
        }
    }
    // flate2 writes no header checksum: set its flag and insert two bytes.
    let mut coded = plain_gzip(b"text");
    coded[3] |= HEADER_CHECKSUM;
    coded.splice(10..10, [1, 2]);
    assert_eq!(decode(&coded, 1, 100), Ok(b"text".to_vec()));
}

#[test]
fn members_may_follow_each_other() {
    let coded = [plain_gzip(b"one "), plain_gzip(b""), plain_gzip(b"two")].concat();
    for part in [1, 2, coded.len()] {
        assert_eq!(decode(&coded, part, 2), Ok(b"one two".to_vec()));
    }
}

#[test]
fn no_shorter_part_is_taken_for_the_whole() {
    let coded = plain_gzip(&text());
    for length in 0..coded.len() {
        let decoded = decode(&coded[..length], 64, 1024);
        assert_eq!(decoded, Err(GunzipError::Truncated), "{length} bytes");
    }
}

#[test]
fn what_is_wrong_is_named() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<u8>), expected: GunzipError) {
        let mut coded = plain_gzip(b"some text, some text, some text");
        change(&mut coded);
        assert_eq!(decode(&coded, 5, 8), Err(expected));
    }
    check(|coded| coded[0] = b'{', GunzipError::Header);
    check(|coded| coded[1] = 0, GunzipError::Header);
    check(|coded| coded[2] = 7, GunzipError::Header);
    check(|coded| coded[3] = 0x20, GunzipError::Header);
    check(|coded| coded[10] |= 0b110, GunzipError::Data);
    check(
        |coded| *coded.last_mut().unwrap() ^= 1,
        GunzipError::Checksum,
    );
    check(
        |coded| {
            let at = coded.len() - 8;
            coded[at] ^= 1
        },
        GunzipError::Checksum,
    );
    check(|coded| coded.push(0), GunzipError::Header);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_data_in_any_parts_comes_back(
        data in proptest::collection::vec(0_u8..4, 0..5000),
        part in 1_usize..200,
        room in 1_usize..300,
    ) {
        prop_assert_eq!(decode(&plain_gzip(&data), part, room), Ok(data));
    }

    /// A changed byte may be harmless (a time stamp), but never yields other data.
    #[test]
    fn damage_never_passes_for_data(at in 0_usize..1000, flip in 1_u8..=255) {
        let mut coded = plain_gzip(&text());
        let at = at % coded.len();
        coded[at] ^= flip;
        if let Ok(decoded) = decode(&coded, 64, 1024) {
            prop_assert_eq!(decoded, text());
        }
    }

    #[test]
    fn nonsense_does_not_panic(nonsense: Vec<u8>, part in 1_usize..50) {
        let mut coded = vec![0x1f, 0x8b, 8];
        coded.extend_from_slice(&nonsense);
        let _any_outcome = decode(&coded, part, 64);
    }
}
