//! Whether a delivery was signed with our secret: `X-Hub-Signature-256`, HMAC-SHA-256 of the body's bytes.
//!
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a signature turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    Valid,
    /// Not of this body under this secret, or no signature at all.
    Invalid,
}

/// Compares in constant time; the body has not been looked at before.
pub(crate) fn verify(secret: &[u8], header: &[u8], body: &[u8]) -> Signature {
    let Some(sent) = header.strip_prefix(b"sha256=").and_then(decode_hex) else {
        return Signature::Invalid;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return Signature::Invalid;
    };
    mac.update(body);
    match mac.verify_slice(&sent) {
        Ok(()) => Signature::Valid,
        Err(_) => Signature::Invalid,
    }
}

fn decode_hex(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |character: u8| char::from(character).to_digit(16);
        let value = digit(pair[0])? * 16 + digit(pair[1])?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const HEX: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[track_caller]
    fn check(secret: &[u8], header: &str, body: &[u8], expected: Signature) {
        assert_eq!(
            verify(secret, header.as_bytes(), body),
            expected,
            "{header}"
        );
    }

    #[test]
    fn githubs_own_example() {
        check(SECRET, &format!("sha256={HEX}"), BODY, Signature::Valid);
        let capital = format!("sha256={}", HEX.to_uppercase());
        check(SECRET, &capital, BODY, Signature::Valid);
    }

    #[test]
    fn anything_else_is_invalid() {
        let good = format!("sha256={HEX}");
        check(SECRET, &good, b"Hello, World?", Signature::Invalid);
        check(b"another", &good, BODY, Signature::Invalid);
        for header in [
            "",
            "sha256=",
            HEX,
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!("sha1={HEX}"),
            &format!("sha256={}zz", &HEX[..62]),
            &format!("sha256={}", "0".repeat(64)),
        ] {
            check(SECRET, header, BODY, Signature::Invalid);
        }
    }
}
