//! Every fuzz target on some thousand inputs: random ones, the seeds, and mutations of both. Always the same ones, so a
//! failure can be repeated; `cargo fuzz` looks further.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::fs;
use std::path::Path;

use fuzz_bodies::{entry, headers, policy, stored};

/// xorshift64*, whose sequence is the same everywhere and for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest))
            .map(|_| self.next() as u8)
            .collect()
    }

    /// A few bytes changed, cut out, doubled or added.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(8)).min(bytes.len());
            match self.below(5) {
                _ if bytes.is_empty() => bytes = self.bytes(16),
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..end)),
                3 => bytes.extend_from_within(at..end),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../seeds")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has seeds");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn drive(body: fn(&[u8]), seeds: &[Vec<u8>], cases: usize, longest: usize) {
    seeds.iter().for_each(|seed| body(seed));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..cases {
        let case = match random.below(2) {
            0 => random.bytes(longest),
            _ => {
                let seed = random.below(seeds.len());
                random.mutate(&seeds[seed])
            }
        };
        body(&case);
    }
}

#[test]
fn header_parsers() {
    drive(headers, &seeds("headers"), 20_000, 128);
}

#[test]
fn the_policy() {
    drive(policy, &seeds("policy"), 1_500, 400);
}

#[test]
fn entries() {
    let mut seeds = seeds("entry");
    let mut random = Random(7);
    for _ in 0..20 {
        seeds.extend(stored(&random.bytes(400)));
    }
    assert!(
        seeds.len() > 20,
        "real entries to begin with: {}",
        seeds.len()
    );
    drive(entry, &seeds, 20_000, 128);
}
