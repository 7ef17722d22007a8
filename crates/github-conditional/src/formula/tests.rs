//! The formula against GitHub's recorded answers.

use std::path::PathBuf;

use super::*;

fn salt(pairs: &[(HeaderName, &str)]) -> Salt {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    Salt::of(&headers)
}

fn vary(lines: &[&str]) -> Varying {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(VARY, HeaderValue::from_str(line).unwrap());
    }
    Varying::of(&headers)
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[test]
fn header_values_enter_raw_and_only_when_sent_and_named() {
    #[track_caller]
    fn check(sent: &[(HeaderName, &str)], class: CredentialClass, hashed: &str) {
        assert_eq!(
            salt(sent).predict(class, Rule::Json, b"[]").opaque(),
            sha256(hashed)
        );
    }
    check(&[], CredentialClass::Anonymous, "[]");
    check(&[(ACCEPT, "*/*")], CredentialClass::Anonymous, "*/*:[]");
    check(&[(ACCEPT, "")], CredentialClass::Anonymous, ":[]");
    let both = [(ACCEPT, "a/b"), (AUTHORIZATION, "token X")];
    check(&both, CredentialClass::Token, "a/b:token X:[]");
    check(&both, CredentialClass::AppJwt, "a/b:[]");
    check(
        &[(AUTHORIZATION, "Bearer X"), (COOKIE, "c=1")],
        CredentialClass::Token,
        "Bearer X:c=1:[]",
    );
}

#[test]
fn a_body_in_parts_has_the_tag_of_the_whole() {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("a/b"));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("token X"));
    let tag = predict_tag(&headers, &[b"[", b"{\"id\":1}", b"]"]);
    assert_eq!(tag.opaque(), sha256("a/b:token X:[{\"id\":1}]"));
}

#[test]
fn vary_is_read_over_lines_and_without_spaces() {
    assert_eq!(
        vary(&[
            "Accept, Authorization, Cookie, X-GitHub-OTP",
            "Accept-Encoding, Accept, X-Requested-With"
        ]),
        Varying([true, true, true])
    );
    assert_eq!(
        vary(&["Accept,Accept-Encoding, Accept, X-Requested-With"]),
        Varying([true, false, false])
    );
    assert_eq!(vary(&["Accept-Encoding"]), Varying([false, false, false]));
}

#[test]
fn a_text_is_hashed_as_a_json_literal_in_any_chunking() {
    let text = "a \"quoted\" \\ line\r\n\ttab \u{8}\u{c}\u{1}\u{1f} \u{7f} / < ü 漢 🦀";
    let literal = serde_json::to_string(text).unwrap();
    let expected = sha256(&literal);
    for size in 1..text.len() {
        let mut hash = TagHash::begin(&salt(&[]), vary(&[]), Rule::TextLiteral);
        for chunk in text.as_bytes().chunks(size) {
            hash.update(chunk);
        }
        assert_eq!(hash.finish().opaque(), expected, "chunks of {size}");
    }
}

#[derive(serde::Deserialize)]
struct Vector {
    url: String,
    accept: Option<String>,
    rule: String,
    etag: String,
    vary: Vec<String>,
    body: String,
}

/// The recorded vectors are not part of the repository; the environment says where they lie.
#[test]
fn reproduces_every_recorded_vector() {
    let Some(path) = recorded_vectors() else {
        println!("not run: the recorded vectors are absent (SHARED_DATA_DIR is not set)");
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let mut checked = 0;
    for line in text.lines() {
        let vector: Vector = serde_json::from_str(line).unwrap();
        let sent: Vec<_> = vector
            .accept
            .iter()
            .map(|accept| (ACCEPT, accept.as_str()))
            .collect();
        let rule = if vector.rule == "text" {
            Rule::TextLiteral
        } else {
            Rule::Json
        };
        let lines: Vec<&str> = vector.vary.iter().map(String::as_str).collect();
        let mut hash = TagHash::begin(&salt(&sent), vary(&lines), rule);
        hash.update(vector.body.as_bytes());
        let recorded = EntityTag::parse(&vector.etag).unwrap();
        assert!(hash.finish().weak_eq(&recorded), "{}", vector.url);
        checked += 1;
    }
    assert!(
        checked >= 40,
        "only {checked} vectors in {}",
        path.display()
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests take the place of recorded data from the environment"
)]
fn recorded_vectors() -> Option<PathBuf> {
    let folder = std::env::var("SHARED_DATA_DIR").ok()?;
    Some(PathBuf::from(folder).join("recorded/etag-vectors.jsonl"))
}
