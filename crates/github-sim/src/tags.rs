//! The entity tag of a representation (behaviour notes 1.1 to 1.4).

use crate::switches::TagHash;
use md5::Md5;
use sha2::{Digest, Sha256};

/// The request header values that enter the hash, in GitHub's order; `None` = not sent, or not named by `Vary`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HashedHeaders<'a> {
    pub(crate) accept: Option<&'a [u8]>,
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) cookie: Option<&'a [u8]>,
    pub(crate) one_time_password: Option<&'a [u8]>,
}

impl HashedHeaders<'_> {
    /// `value:` for each header that counts.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let values = [
            self.accept,
            self.authorization,
            self.cookie,
            self.one_time_password,
        ];
        let mut prefix = Vec::with_capacity(128);
        for value in values.into_iter().flatten() {
            prefix.extend_from_slice(value);
            prefix.push(b':');
        }
        prefix
    }
}

/// The opaque part of the tag, without quotes. `body` is the compact JSON, or for text the JSON string literal of it.
pub(crate) fn formula(hash: TagHash, prefix: &[u8], body: &[u8]) -> String {
    match hash {
        TagHash::Sha256 => hex::encode(
            Sha256::new()
                .chain_update(prefix)
                .chain_update(body)
                .finalize(),
        ),
        TagHash::Md5 => hex::encode(
            Md5::new()
                .chain_update(prefix)
                .chain_update(body)
                .finalize(),
        ),
        TagHash::Opaque => hex::encode(
            Sha256::new()
                .chain_update(b"a secret that no client knows\n")
                .chain_update(prefix)
                .chain_update(body)
                .finalize(),
        ),
    }
}

/// What the formula hashes for text in a diff or patch media type: its JSON string literal (1.2).
pub(crate) fn text_literal(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string always serialises")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_were_not_sent_leave_no_trace() {
        let bare = HashedHeaders::default();
        assert_eq!(bare.prefix(), b"");
        let sent = HashedHeaders {
            accept: Some(b"*/*"),
            authorization: Some(b"token X"),
            ..HashedHeaders::default()
        };
        assert_eq!(sent.prefix(), b"*/*:token X:");
    }

    #[test]
    fn the_tag_of_an_empty_list() {
        // sha256("[]"), a constant that the speculative probe of a client relies on.
        assert_eq!(
            formula(TagHash::Sha256, b"", b"[]"),
            "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
        );
        assert_eq!(
            formula(TagHash::Md5, b"", b"[]"),
            "d751713988987e9331980363e24189ce"
        );
        assert_ne!(
            formula(TagHash::Opaque, b"", b"[]"),
            formula(TagHash::Sha256, b"", b"[]")
        );
    }

    #[test]
    fn a_text_is_hashed_as_a_json_string() {
        assert_eq!(text_literal("a\"b\n</é>"), "\"a\\\"b\\n</é>\"".as_bytes());
    }
}
