//! Re-indents compact JSON the way GitHub does for people (behaviour notes 1.11), without parsing it into values.

/// Two spaces per level, `": "` after keys, a line break at the end; expects valid compact JSON.
pub(crate) fn pretty(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 3 / 2);
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(&byte) = compact.get(position) {
        match byte {
            b'"' => {
                let end = string_end(compact, position);
                out.extend_from_slice(&compact[position..end]);
                position = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                out.push(byte);
                break_line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                // An empty container has one blank line inside.
                trim_indent(&mut out);
                break_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                break_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            other => out.push(other),
        }
        position += 1;
    }
    out.push(b'\n');
    out
}

fn break_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + depth * 2, b' ');
}

fn trim_indent(out: &mut Vec<u8>) {
    while out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Index just behind the string literal that starts at `start`.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(&byte) = json.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            _ => position += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(compact: &str, expected: &str) {
        assert_eq!(
            String::from_utf8(pretty(compact.as_bytes())).unwrap(),
            expected
        );
    }

    #[test]
    fn objects_lists_and_strings_with_punctuation() {
        check(
            r#"{"a":[1,"x:{,\"]"],"b":null}"#,
            "{\n  \"a\": [\n    1,\n    \"x:{,\\\"]\"\n  ],\n  \"b\": null\n}\n",
        );
    }

    #[test]
    fn empty_containers_hold_a_blank_line() {
        check("[]", "[\n\n]\n");
        check(r#"{"a":{}}"#, "{\n  \"a\": {\n\n  }\n}\n");
    }
}
