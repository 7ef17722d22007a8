//! Rust text without its comments and literals, so that rules see code only.

use std::ops::Range;

/// `source` with comments, strings and character literals blanked; every line keeps its number and its length in
/// characters is not promised.
pub(super) fn bare(source: &str) -> String {
    let symbols: Vec<char> = source.chars().collect();
    let mut kept = String::with_capacity(source.len());
    let mut at = 0;
    while at < symbols.len() {
        let end = literal_end(&symbols, at);
        if end == at {
            kept.push(symbols[at]);
            at += 1;
        } else {
            kept.push(' ');
            kept.extend(symbols[at..end].iter().filter(|symbol| **symbol == '\n'));
            at = end;
        }
    }
    kept
}

/// The end of the comment or literal that starts at `at`; `at` itself if none does.
fn literal_end(symbols: &[char], at: usize) -> usize {
    let rest = &symbols[at..];
    match rest {
        ['/', '/', ..] => at + position(rest, |symbols| symbols[0] == '\n'),
        ['/', '*', ..] => at + block_comment(rest),
        ['"', ..] => at + 1 + string(&rest[1..]),
        ['r', '#' | '"', ..] if !continues_a_word(symbols, at) => at + raw_string(rest),
        ['\'', '\\', ..] => at + 3 + position(&rest[3..], |symbols| symbols[0] == '\'') + 1,
        // A character, not a lifetime.
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
    .min(symbols.len())
}

fn continues_a_word(symbols: &[char], at: usize) -> bool {
    // `br"..."` is a raw string too, any other letter before makes `r` part of a name.
    at.checked_sub(1).is_some_and(|before| {
        let symbol = symbols[before];
        symbol != 'b' && (symbol.is_alphanumeric() || symbol == '_')
    })
}

fn position(symbols: &[char], found: impl Fn(&[char]) -> bool) -> usize {
    (0..symbols.len())
        .find(|index| found(&symbols[*index..]))
        .unwrap_or(symbols.len())
}

fn string(inside: &[char]) -> usize {
    let mut at = 0;
    while let Some(symbol) = inside.get(at) {
        match symbol {
            '"' => return at + 1,
            '\\' => at += 2,
            _ => at += 1,
        }
    }
    inside.len()
}

fn raw_string(symbols: &[char]) -> usize {
    let hashes = symbols[1..]
        .iter()
        .take_while(|symbol| **symbol == '#')
        .count();
    if symbols.get(1 + hashes) != Some(&'"') {
        // A raw identifier such as `r#type`.
        return 0;
    }
    let body = &symbols[hashes + 2..];
    let closes = |rest: &[char]| {
        rest[0] == '"'
            && rest[1..]
                .iter()
                .take_while(|symbol| **symbol == '#')
                .take(hashes)
                .count()
                == hashes
    };
    hashes + 2 + position(body, closes) + 1 + hashes
}

/// Block comments nest.
fn block_comment(symbols: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < symbols.len() {
        match symbols[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    symbols.len()
}

/// The lines (counted from 0) of the items under `#[cfg(test)]` in bare code.
pub(super) fn test_lines(bare: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, _) in bare.match_indices("#[cfg(test)]") {
        let first = bare[..start].matches('\n').count();
        let rest = &bare[start..];
        let length = item_length(rest);
        found.push(first..first + rest[..length].matches('\n').count() + 1);
    }
    found
}

/// Up to the `;` or the closing brace that ends the item.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, symbol) in item.char_indices() {
        match symbol {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    item.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(bare(source), expected, "{source}");
        assert_eq!(
            bare(source).lines().count(),
            source.lines().count(),
            "{source}"
        );
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check("a(); // todo!()", "a();  ");
        check("a /* x /* y */\n z */ b", "a  \n b");
        check("say(\"todo!() \\\" more\", b)", "say( , b)");
        check("say(\"two\nlines\")", "say( \n)");
        check("x(r#\"a \"quoted\" b\"#, r\"c\", br\"d\")", "x( ,  , b )");
        check("let r#type = for_r;", "let r#type = for_r;");
        check(
            "match c { '\"' => 1, '\\'' => 2, '\\u{7f}' => 3 }",
            "match c {   => 1,   => 2,   => 3 }",
        );
        check(
            "fn f<'a>(x: &'a str) -> &'a str",
            "fn f<'a>(x: &'a str) -> &'a str",
        );
        check("unfinished \"text", "unfinished  ");
    }

    #[test]
    fn items_for_tests_are_found() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { c(); }\n}\nfn d() {}\n#[cfg(test)]\nmod more;\n";
        assert_eq!(test_lines(source), [1..5, 6..8]);
    }
}
