//! A command line taken apart as a POSIX shell does it, with bash's `$'…'`, which browsers use for what they must escape.
//!
//! Nothing is expanded: a variable or a substitution in a copied command is text that somebody put there, and stays what
//! it says. The command ends where the shell would end it (`|`, `;`, `&`, `>`, a line's end).

use super::source::SourceError;

/// One word, and the line it begins in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: Vec<u8>,
    pub line: usize,
}

/// Most words of one command.
const MOST_WORDS: usize = 4096;

/// The words of the first command, and whether something follows it.
pub fn split(text: &[u8]) -> Result<(Vec<Word>, bool), SourceError> {
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut words: Vec<Word> = Vec::new();
    loop {
        reader.skip_blanks();
        let line = reader.line;
        match reader.peek() {
            None => return Ok((words, false)),
            Some(b'\n') if words.is_empty() => {
                reader.next();
            }
            Some(b'\n') => return Ok((words, !reader.text[reader.at..].trim_ascii().is_empty())),
            Some(b'|' | b';' | b'&' | b'<' | b'>') => return Ok((words, true)),
            Some(b'#') => reader.skip_comment(),
            Some(_) => {
                if words.len() == MOST_WORDS {
                    let message = format!("the command has more than {MOST_WORDS} words");
                    return Err(SourceError::at(line, message, "keep the request that you ask about"));
                }
                words.push(Word { text: reader.word()?, line });
            }
        }
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    /// Length of an escaped line end here: the command goes on in the next line.
    fn continuation(&self) -> Option<usize> {
        match &self.text[self.at..] {
            [b'\\', b'\n', ..] => Some(2),
            [b'\\', b'\r', b'\n', ..] => Some(3),
            _ => None,
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
            } else if matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn skip_comment(&mut self) {
        while !matches!(self.peek(), None | Some(b'\n')) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Result<Vec<u8>, SourceError> {
        let mut word = Vec::new();
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                continue;
            }
            match self.peek() {
                None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'|' | b';' | b'&' | b'<' | b'>') => return Ok(word),
                Some(b'\'') => self.single(&mut word)?,
                Some(b'"') => self.double(&mut word)?,
                Some(b'$') if self.text.get(self.at + 1) == Some(&b'\'') => {
                    self.at += 1;
                    self.escaped(&mut word)?;
                }
                Some(b'\\') => {
                    self.at += 1;
                    word.extend(self.next());
                }
                Some(_) => word.extend(self.next()),
            }
        }
    }

    fn unclosed(line: usize, quote: &str) -> SourceError {
        let message = format!("the quote {quote} that begins here is not closed");
        SourceError::at(line, message, "copy the whole command (\"Copy as cURL (bash)\")")
    }

    fn single(&mut self, word: &mut Vec<u8>) -> Result<(), SourceError> {
        let line = self.line;
        self.at += 1;
        loop {
            match self.next() {
                None => return Err(Reader::unclosed(line, "'")),
                Some(b'\'') => return Ok(()),
                Some(byte) => word.push(byte),
            }
        }
    }

    fn double(&mut self, word: &mut Vec<u8>) -> Result<(), SourceError> {
        let line = self.line;
        self.at += 1;
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                continue;
            }
            match self.next() {
                None => return Err(Reader::unclosed(line, "\"")),
                Some(b'"') => return Ok(()),
                Some(b'\\') if matches!(self.peek(), Some(b'"' | b'\\' | b'$' | b'`')) => word.extend(self.next()),
                Some(byte) => word.push(byte),
            }
        }
    }

    /// `$'…'`.
    fn escaped(&mut self, word: &mut Vec<u8>) -> Result<(), SourceError> {
        let line = self.line;
        self.at += 1;
        loop {
            match self.next() {
                None => return Err(Reader::unclosed(line, "$'")),
                Some(b'\'') => return Ok(()),
                Some(b'\\') => self.escape(word),
                Some(byte) => word.push(byte),
            }
        }
    }

    fn escape(&mut self, word: &mut Vec<u8>) {
        let Some(letter) = self.next() else { return };
        let simple = match letter {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'e' | b'E' => 27,
            b'f' => 12,
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'?' => letter,
            b'x' => return word.extend(self.number(16, 2).map(|number| number as u8)),
            b'u' => return self.character(4, word),
            b'U' => return self.character(8, word),
            b'0'..=b'7' => {
                self.at -= 1;
                return word.extend(self.number(8, 3).map(|number| number as u8));
            }
            _ => return word.extend([b'\\', letter]),
        };
        word.push(simple);
    }

    fn character(&mut self, digits: usize, word: &mut Vec<u8>) {
        let character = self.number(16, digits).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        word.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Up to `digits` digits, at least one.
    fn number(&mut self, radix: u32, digits: usize) -> Option<u32> {
        let rest = &self.text[self.at..];
        let count = rest.iter().take(digits).take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let text = std::str::from_utf8(&rest[..count]).ok()?;
        self.at += count;
        u32::from_str_radix(text, radix).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let (words, _) = split(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        words.into_iter().map(|word| String::from_utf8_lossy(&word.text).into_owned()).collect()
    }

    #[test]
    fn words_are_the_shells() {
        for (text, expected) in [
            ("curl a 'b c' \"d\\\"e$f\" g\\ h", &["curl", "a", "b c", "d\"e$f", "g h"][..]),
            ("curl \\\n  -H 'x' \\\r\n  -k", &["curl", "-H", "x", "-k"]),
            ("curl $'a\\u00e4\\'\\x41\\101\\n' ''", &["curl", "aä'AA\n", ""]),
            ("curl 'it'\\''s'", &["curl", "it's"]),
            ("curl a # b\n", &["curl", "a"]),
            ("\n\ncurl a\nrm b", &["curl", "a"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn the_command_ends_where_the_shell_ends_it() {
        for text in ["curl a | jq", "curl a; b", "curl a&b=c", "curl a > b", "curl a\nb"] {
            let (words, more) = split(text.as_bytes()).unwrap();
            assert!(more && words.len() == 2, "{text}");
        }
        assert!(!split(b"curl a\n\n").unwrap().1);
    }

    #[test]
    fn an_open_quote_is_told_with_its_line() {
        for text in ["curl \\\n -H 'a", "curl \\\n \"a", "curl \\\n $'a\\"] {
            assert_eq!(split(text.as_bytes()).unwrap_err().line, 2, "{text}");
        }
    }
}
