//! Structured fields of RFC 9651.

use super::*;

#[track_caller]
fn item(text: &str) -> Item {
    let mut items = parse_list(text.as_bytes()).unwrap();
    assert_eq!(items.len(), 1, "{text}");
    items.remove(0)
}

/// The examples of RFC 9651 §3.3.
#[test]
fn bare_items() {
    for (text, expected) in [
        ("42", BareItem::Integer(42)),
        ("-999999999999999", BareItem::Integer(-LARGEST_INTEGER)),
        ("007", BareItem::Integer(7)),
        ("4.5", BareItem::Verbatim("4.5".into())),
        (
            "-123456789012.125",
            BareItem::Verbatim("-123456789012.125".into()),
        ),
        ("\"hello world\"", BareItem::String("hello world".into())),
        (r#""a\"b\\""#, BareItem::String(r#"a"b\"#.into())),
        ("foo123/456", BareItem::Token("foo123/456".into())),
        ("*", BareItem::Token("*".into())),
        (
            ":cHJldGVuZA==:",
            BareItem::Verbatim(":cHJldGVuZA==:".into()),
        ),
        ("?1", BareItem::Boolean(true)),
        ("?0", BareItem::Boolean(false)),
        ("@1659578233", BareItem::Verbatim("@1659578233".into())),
        ("%\"f%c3%bc\"", BareItem::Verbatim("%\"f%c3%bc\"".into())),
    ] {
        assert_eq!(item(text).value, expected, "{text}");
    }
}

#[test]
fn malformed_items_say_where() {
    for (text, offset) in [
        ("-", 1),
        ("1234567890123456", 16),
        ("1.", 2),
        ("1.2345", 6),
        ("1234567890123.1", 15),
        ("\"open", 5),
        ("\"a\\b\"", 3),
        ("\"a\tb\"", 2),
        ("?2", 1),
        (":a", 2),
        ("@x", 1),
        ("@1.5", 4),
        ("%x", 1),
        ("a;", 2),
        ("a;B", 2),
        ("a;b=", 4),
        ("a b", 2),
        ("a,", 2),
        (",a", 0),
        ("(a)", 0),
        ("\u{e9}", 0),
    ] {
        assert_eq!(
            parse_list(text.as_bytes()),
            Err(Malformed(offset)),
            "{text}"
        );
    }
}

#[test]
fn a_repeated_parameter_takes_the_last_value() {
    let item = item("a;x=1;y;x=2");
    assert_eq!(item.to_string(), "a; x=2; y");
}

#[test]
fn whitespace_between_members() {
    for text in ["a,b", "a ,\tb", "  a, b  ", "a , b\t"] {
        assert_eq!(parse_list(text.as_bytes()).unwrap().len(), 2, "{text:?}");
    }
    assert_eq!(parse_list(b"").unwrap(), []);
    assert_eq!(parse_list(b"  ").unwrap(), []);
}
