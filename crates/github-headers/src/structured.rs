//! Structured fields (RFC 9651): as much as `Cache-Status` needs, which is lists of items with parameters.

use std::fmt;

/// A bare item (RFC 9651 §3.3). Types that `Cache-Status` has no use for are kept as their text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum BareItem {
    Integer(i64),
    String(Box<str>),
    Token(Box<str>),
    Boolean(bool),
    /// A decimal, byte sequence, date or display string, as it came.
    Verbatim(Box<str>),
}

/// An item with its parameters, in order; a repeated key keeps its place and takes the last value (RFC 9651 §4.2.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) value: BareItem,
    pub(crate) parameters: Vec<(Box<str>, BareItem)>,
}

/// The largest magnitude of an integer: fifteen digits (RFC 9651 §3.3.1).
pub(crate) const LARGEST_INTEGER: i64 = 999_999_999_999_999;

/// Where parsing stopped, as a byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) usize);

/// Parses a list whose members are items (RFC 9651 §4.2.1); an inner list is malformed.
pub(crate) fn parse_list(text: &[u8]) -> Result<Vec<Item>, Malformed> {
    let mut cursor = Cursor { text, at: 0 };
    let mut items = Vec::new();
    cursor.skip(|byte| byte == b' ');
    if cursor.peek().is_none() {
        return Ok(items);
    }
    loop {
        items.push(cursor.item()?);
        if cursor.next_member()? == Next::End {
            return Ok(items);
        }
    }
}

/// Key and value of a member of a dictionary.
pub(crate) type Member = (Box<str>, Option<BareItem>);

/// Parses a dictionary (RFC 9651 §4.2.2). The value of a member that is an inner list is `None`: nobody here needs one.
/// A repeated key keeps its place and takes the last value.
pub(crate) fn parse_dictionary(text: &[u8]) -> Result<Vec<Member>, Malformed> {
    let mut cursor = Cursor { text, at: 0 };
    let mut members: Vec<Member> = Vec::new();
    cursor.skip(|byte| byte == b' ');
    if cursor.peek().is_none() {
        return Ok(members);
    }
    loop {
        let key = cursor.key()?;
        let value = if cursor.peek() == Some(b'=') {
            cursor.at += 1;
            cursor.member()?
        } else {
            cursor.parameters()?;
            Some(BareItem::Boolean(true))
        };
        match members.iter_mut().find(|(known, _)| *known == key) {
            Some((_, earlier)) => *earlier = value,
            None => members.push((key, value)),
        }
        if cursor.next_member()? == Next::End {
            return Ok(members);
        }
    }
}

/// What follows a member of a list or dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Member,
    End,
}

/// `sf-token`: begins with a letter or `*`; then also `:` and `/` (RFC 9651 §3.3.4).
pub(crate) fn is_token(text: &str) -> bool {
    text.bytes().next().is_some_and(begins_token) && text.bytes().all(continues_token)
}

fn begins_token(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'*'
}

fn continues_token(byte: u8) -> bool {
    crate::syntax::is_tchar(byte) || matches!(byte, b':' | b'/')
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn malformed(&self) -> Malformed {
        Malformed(self.at)
    }

    /// Skips what `wanted` holds for and returns it.
    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|&&byte| wanted(byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    /// Goes to the next member of a list or dictionary.
    fn next_member(&mut self) -> Result<Next, Malformed> {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        match self.peek() {
            None => return Ok(Next::End),
            Some(b',') => self.at += 1,
            Some(_) => return Err(self.malformed()),
        }
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        match self.peek() {
            // A trailing comma.
            None => Err(self.malformed()),
            Some(_) => Ok(Next::Member),
        }
    }

    /// The value of a dictionary member: an item, or an inner list (RFC 9651 §4.2.1.2), which is passed over.
    fn member(&mut self) -> Result<Option<BareItem>, Malformed> {
        if self.peek() != Some(b'(') {
            return Ok(Some(self.item()?.value));
        }
        self.at += 1;
        loop {
            self.skip(|byte| byte == b' ');
            if self.peek() == Some(b')') {
                self.at += 1;
                self.parameters()?;
                return Ok(None);
            }
            self.item()?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(self.malformed());
            }
        }
    }

    fn item(&mut self) -> Result<Item, Malformed> {
        let value = self.bare_item()?;
        let parameters = self.parameters()?;
        Ok(Item { value, parameters })
    }

    fn parameters(&mut self) -> Result<Vec<(Box<str>, BareItem)>, Malformed> {
        let mut parameters: Vec<(Box<str>, BareItem)> = Vec::new();
        while self.peek() == Some(b';') {
            self.at += 1;
            self.skip(|byte| byte == b' ');
            let key = self.key()?;
            let value = if self.peek() == Some(b'=') {
                self.at += 1;
                self.bare_item()?
            } else {
                BareItem::Boolean(true)
            };
            match parameters.iter_mut().find(|(known, _)| *known == key) {
                Some((_, earlier)) => *earlier = value,
                None => parameters.push((key, value)),
            }
        }
        Ok(parameters)
    }

    fn key(&mut self) -> Result<Box<str>, Malformed> {
        if !self
            .peek()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*')
        {
            return Err(self.malformed());
        }
        let key = self.skip(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'.' | b'*')
        });
        Ok(ascii(key))
    }

    fn bare_item(&mut self) -> Result<BareItem, Malformed> {
        match self.peek().ok_or(self.malformed())? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(BareItem::String),
            b'?' => self.boolean(),
            b':' => self.byte_sequence(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            byte if begins_token(byte) => Ok(BareItem::Token(ascii(self.skip(continues_token)))),
            _ => Err(self.malformed()),
        }
    }

    fn number(&mut self) -> Result<BareItem, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.skip(|byte| byte.is_ascii_digit()).len();
        if self.peek() == Some(b'.') {
            self.at += 1;
            let fraction = self.skip(|byte| byte.is_ascii_digit()).len();
            if !(1..=12).contains(&whole) || !(1..=3).contains(&fraction) {
                return Err(self.malformed());
            }
            return Ok(self.verbatim(start));
        }
        if !(1..=15).contains(&whole) {
            return Err(self.malformed());
        }
        let number = ascii(&self.text[start..self.at])
            .parse()
            .map_err(|_| self.malformed())?;
        Ok(BareItem::Integer(number))
    }

    fn string(&mut self) -> Result<Box<str>, Malformed> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let byte = self.peek().ok_or(self.malformed())?;
            self.at += 1;
            match byte {
                b'"' => return Ok(text.into()),
                b'\\' => match self.peek() {
                    Some(escaped @ (b'"' | b'\\')) => {
                        text.push(char::from(escaped));
                        self.at += 1;
                    }
                    _ => return Err(self.malformed()),
                },
                0x20..=0x7E => text.push(char::from(byte)),
                _ => return Err(Malformed(self.at - 1)),
            }
        }
    }

    fn boolean(&mut self) -> Result<BareItem, Malformed> {
        self.expect(b'?')?;
        let value = match self.peek() {
            Some(b'0') => false,
            Some(b'1') => true,
            _ => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(BareItem::Boolean(value))
    }

    fn byte_sequence(&mut self) -> Result<BareItem, Malformed> {
        let start = self.at;
        self.expect(b':')?;
        self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.expect(b':')?;
        Ok(self.verbatim(start))
    }

    fn date(&mut self) -> Result<BareItem, Malformed> {
        let start = self.at;
        self.expect(b'@')?;
        match self.number()? {
            BareItem::Integer(_) => Ok(self.verbatim(start)),
            _ => Err(self.malformed()),
        }
    }

    fn display_string(&mut self) -> Result<BareItem, Malformed> {
        let start = self.at;
        self.expect(b'%')?;
        self.expect(b'"')?;
        self.skip(|byte| matches!(byte, 0x20..=0x7E) && byte != b'"');
        self.expect(b'"')?;
        Ok(self.verbatim(start))
    }

    fn verbatim(&self, start: usize) -> BareItem {
        BareItem::Verbatim(ascii(&self.text[start..self.at]))
    }
}

/// Bytes that were already checked to be ASCII.
fn ascii(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

impl BareItem {
    /// A token where the text is one, else a string (RFC 9211 §2: names and details may be either).
    ///
    /// A string holds visible ASCII and spaces only (RFC 9651 §3.3.3); other characters become `?`.
    pub(crate) fn token_or_string(text: &str) -> Self {
        if is_token(text) {
            Self::Token(text.into())
        } else {
            Self::string(text)
        }
    }

    pub(crate) fn string(text: &str) -> Self {
        let printable = |character: char| {
            if matches!(character, ' '..='~') {
                character
            } else {
                '?'
            }
        };
        Self::String(text.chars().map(printable).collect::<String>().into())
    }

    /// An integer, clamped to fifteen digits.
    pub(crate) fn integer(number: i64) -> Self {
        Self::Integer(number.clamp(-LARGEST_INTEGER, LARGEST_INTEGER))
    }
}

impl fmt::Display for BareItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(formatter),
            Self::Token(text) | Self::Verbatim(text) => formatter.write_str(text),
            Self::Boolean(value) => formatter.write_str(if *value { "?1" } else { "?0" }),
            Self::String(text) => {
                formatter.write_str("\"")?;
                for character in text.chars() {
                    if matches!(character, '"' | '\\') {
                        formatter.write_str("\\")?;
                    }
                    write!(formatter, "{character}")?;
                }
                formatter.write_str("\"")
            }
        }
    }
}

/// With a space after each semicolon: RFC 9651 §4.2.3.2 lets a parser skip it, and every example of RFC 9211 has it.
impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)?;
        self.parameters
            .iter()
            .try_for_each(|(key, value)| match value {
                BareItem::Boolean(true) => write!(formatter, "; {key}"),
                value => write!(formatter, "; {key}={value}"),
            })
    }
}

#[cfg(test)]
mod tests;
