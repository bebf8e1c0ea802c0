//! Colours, and what else a terminal would act on.
//!
//! Texts are made without knowing whether anybody sees colours: private letters mark them, and the last step puts the
//! terminal's codes in their place or nothing. The same step makes control characters visible, since half of what is
//! printed was written by whoever sent the request.

use std::io::IsTerminal;

/// Marks in a text; each ends at the next [`PLAIN`].
pub const PLAIN: char = '\u{f8f0}';
pub const BOLD: char = '\u{f8f1}';
pub const DIM: char = '\u{f8f2}';
pub const GOOD: char = '\u{f8f3}';
pub const WARN: char = '\u{f8f4}';
pub const BAD: char = '\u{f8f5}';

/// Whether colours are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    pub const OFF: Paint = Paint(false);
    #[cfg(test)]
    pub const ON: Paint = Paint(true);

    /// On a terminal, unless `NO_COLOR` says otherwise (no-color.org).
    pub fn for_stdout() -> Paint {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint(std::io::stdout().is_terminal() && !refused && !dumb)
    }

    /// The text as it is printed.
    pub fn render(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 8);
        for letter in text.chars() {
            let code = match letter {
                PLAIN => "\x1b[0m",
                BOLD => "\x1b[1m",
                DIM => "\x1b[2m",
                GOOD => "\x1b[32m",
                WARN => "\x1b[33m",
                BAD => "\x1b[31m",
                '\n' => "\n",
                letter if letter.is_control() || is_direction(letter) => {
                    out.extend(letter.escape_unicode());
                    continue;
                }
                letter => {
                    out.push(letter);
                    continue;
                }
            };
            if self.0 || letter == '\n' {
                out.push_str(code);
            }
        }
        out
    }
}

/// Letters that turn the order of what is read around.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text in one colour.
pub fn in_colour(colour: char, text: &str) -> String {
    format!("{colour}{text}{PLAIN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_who_sees_them_and_control_characters_for_nobody() {
        let text = format!("{} \x1b[31m\r\u{202e}\n", in_colour(GOOD, "allow"));
        assert_eq!(Paint::OFF.render(&text), "allow \\u{1b}[31m\\u{d}\\u{202e}\n");
        assert!(Paint::ON.render(&text).starts_with("\x1b[32mallow\x1b[0m \\u{1b}"));
    }
}
