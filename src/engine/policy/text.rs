//! From a rule's text to cel's expression, safely.
//!
//! The grammar is cel's; its parser is a generated one that wants a large stack and, on junk, more time and memory than
//! a slip in a configuration deserves. So a scan of the bytes goes first: it bounds length, tokens and nesting, and
//! refuses, with a better message than a parser can, what no rule may contain. What is left is parsed on a thread with
//! a stack of its own. Places come back as inclusive byte ranges of single tokens, in errors as line and column in
//! characters; here they become byte ranges of whole parts.

use super::Fault;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo};

/// Longest rule, in bytes. A longer one is a list of values, and lists have files.
pub const LONGEST: usize = 4096;
/// Most brackets inside one another.
pub const DEEPEST: usize = 16;
/// Most tokens: names, literals, operators and brackets.
const MOST_TOKENS: usize = 1024;
/// Most conditionals (`? :`), which nest without brackets.
const MOST_CONDITIONALS: usize = 8;
/// Most steps in one chain that the grammar nests to the left: `a.b.c`, `a == b == c`.
const LONGEST_CHAIN: usize = 8;

/// A parsed rule and where its parts stand.
pub(super) struct Parsed<'t> {
    pub expression: IdedExpr,
    text: &'t str,
    info: SourceInfo,
}

impl<'t> Parsed<'t> {
    /// Reads a text that passed [`scan`]. Recurses as deep as the text is nested: call it on a large stack.
    pub fn new(text: &'t str) -> Result<Parsed<'t>, Fault> {
        // An environment without macros: `exists` and `all` stay the calls they were written as.
        let parser = cel::Env::default().with_optional_support(false).parser();
        match parser.parse_with_source_info(text) {
            Ok((expression, info)) => Ok(Parsed { expression, text, info }),
            // One slip makes the parser complain several times; only the first says where.
            Err(errors) => {
                let first = errors.errors.into_iter().next();
                let (line, column) = first.as_ref().map_or((1, 1), |error| error.pos);
                let said = first.map(|error| error.msg).unwrap_or_default();
                let before: usize = text.split_inclusive('\n').take((line - 1).max(0) as usize).map(str::len).sum();
                let rest = text.get(before..).unwrap_or_default();
                let offset =
                    rest.char_indices().nth((column - 1).max(0) as usize).map_or(text.len(), |(i, _)| before + i);
                Err(syntax(text, offset, &said))
            }
        }
    }

    /// Byte range of an expression with all its parts, without brackets around it.
    pub fn span(&self, expression: &IdedExpr) -> (usize, usize) {
        let (mut start, mut end) = self.own_span(expression);
        let mut include = |part: &IdedExpr| {
            let (from, to) = self.span(part);
            start = start.min(from);
            end = end.max(to);
        };
        match &expression.expr {
            Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).for_each(&mut include),
            Expr::Select(select) => include(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(&mut include),
            _ => {}
        }
        if matches!(expression.expr, Expr::List(_)) {
            let rest = self.text.get(end..).unwrap_or_default();
            let inner = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
            end += if rest[inner..].starts_with(']') { inner + 1 } else { 0 };
        }
        (start, end)
    }

    /// Byte range of the operator, name or literal itself. Of a selection: of the field's name.
    pub fn own_span(&self, expression: &IdedExpr) -> (usize, usize) {
        let (first, last) = self.info.offset_for(expression.id).unwrap_or((0, 0));
        let (start, end) = (self.edge(first as usize), self.edge(last as usize + 1));
        if let Expr::Select(select) = &expression.expr {
            let after = self.text.get(end..).unwrap_or_default();
            let start = end + (after.len() - after.trim_start().len());
            return (start, (start + select.field.len()).min(self.text.len()));
        }
        if matches!(&expression.expr, Expr::Ident(name) if name.starts_with('.')) {
            return (start.saturating_sub(1), end.max(start));
        }
        // The parser takes the sign into a negative number and leaves it out of the number's place.
        let negative = match &expression.expr {
            Expr::Literal(LiteralValue::Int(value)) => *value.inner() < 0,
            Expr::Literal(LiteralValue::Double(value)) => *value.inner() < 0.0,
            _ => false,
        };
        let sign = self.text.get(..start).map(str::trim_end).filter(|before| negative && before.ends_with('-'));
        (sign.map_or(start, |before| before.len() - 1), end.max(start))
    }

    /// The next character's edge, should the parser point into one.
    fn edge(&self, offset: usize) -> usize {
        (offset..self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(self.text.len())
    }

    /// The text of a range.
    pub fn slice(&self, (start, end): (usize, usize)) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// A parser's complaint in words for operators.
fn syntax(text: &str, offset: usize, said: &str) -> Fault {
    let rest = text.get(offset..).unwrap_or_default();
    let word: &str = rest.split(|c: char| c.is_whitespace() || "()[],".contains(c)).next().unwrap_or_default();
    if rest.trim().is_empty() || said.contains("'<EOF>' expecting") {
        return Fault::new(text.trim_end().len(), 0, "ends where something is still missing");
    }
    let length = word.len().max(rest.chars().next().map_or(0, char::len_utf8));
    let found = &rest[..length];
    // The beginning of another condition, where an operator should have come first.
    if said.contains("expecting <EOF>")
        || found.starts_with(|c: char| c.is_ascii_alphanumeric() || "!(\"'_".contains(c))
    {
        return Fault::new(offset, length, format!("`{found}` is not expected here; join conditions with && or ||"));
    }
    Fault::new(offset, length, format!("cannot be read from `{found}` on"))
}

/// Bounds a text before anything else reads it. Reports the first thing found: after it, nothing later is certain.
pub(super) fn scan(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(0, text.len(), "is empty; write a condition").write("true"));
    }
    if text.len() > LONGEST {
        let what =
            format!("is longer than {LONGEST} bytes; keep long sets of values in a list and ask `listed.<name>`");
        return Err(Fault::new(0, text.len(), what));
    }
    let mut open: Vec<(usize, u8)> = Vec::new();
    let (mut tokens, mut conditionals, mut dots, mut comparisons) = (0, 0, 0, 0);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or(0);
        let start = at;
        tokens += 1;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => tokens -= 1,
            b'"' | b'\'' => at = string(text, start, byte)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                at += bytes[at..].iter().take_while(|b| word(b)).count();
                name(text, start, at)?;
                if matches!(bytes.get(at), Some(b'"' | b'\'')) {
                    return Err(Fault::new(start, at - start, "texts are written in plain quotes, without a prefix"));
                }
            }
            b'(' | b'[' => {
                open.push((start, byte));
                if open.len() > DEEPEST {
                    return Err(Fault::new(start, 1, format!("nests more than {DEEPEST} brackets")));
                }
                comparisons = 0;
            }
            b')' | b']' => {
                let opened = if byte == b')' { b'(' } else { b'[' };
                if open.pop().is_none_or(|(_, bracket)| bracket != opened) {
                    return Err(Fault::new(start, 1, format!("`{}` closes nothing", char::from(byte))));
                }
            }
            b'&' | b'|' if next == byte => {
                at += 1;
                (dots, comparisons) = (0, 0);
            }
            b'&' => return Err(Fault::new(start, 1, "a single `&` has no meaning").write("&&")),
            b'|' => return Err(Fault::new(start, 1, "a single `|` has no meaning").write("||")),
            b'=' | b'!' | b'<' | b'>' if next == b'=' => {
                at += 1;
                comparisons += 1;
            }
            b'=' => return Err(Fault::new(start, 1, "a single `=` has no meaning").write("==")),
            b'<' | b'>' => comparisons += 1,
            b'/' if next == b'/' => return Err(Fault::new(start, 2, "comments go into the YAML, after `#`")),
            b'!' | b'-' | b'+' | b'*' | b'/' | b'%' if next == byte => {
                return Err(Fault::new(start, 2, format!("`{0}{0}` has no meaning", char::from(byte))));
            }
            b'?' => {
                conditionals += 1;
                if conditionals > MOST_CONDITIONALS {
                    return Err(Fault::new(start, 1, format!("has more than {MOST_CONDITIONALS} conditionals")));
                }
                (dots, comparisons) = (0, 0);
            }
            b'.' => dots += 1,
            b',' | b':' => (dots, comparisons) = (0, 0),
            b'!' | b'-' | b'+' | b'*' | b'/' | b'%' => dots = 0,
            _ => {
                let odd = text.get(start..).and_then(|rest| rest.chars().next()).unwrap_or('?');
                let fault = Fault::new(start, odd.len_utf8(), format!("`{}` has no meaning here", odd.escape_debug()));
                let quote = matches!(odd, '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}');
                return Err(if quote { fault.write("\"") } else { fault });
            }
        }
        if tokens > MOST_TOKENS {
            return Err(Fault::new(start, at - start, format!("has more than {MOST_TOKENS} words and signs")));
        }
        if dots > LONGEST_CHAIN || comparisons > LONGEST_CHAIN {
            let what = format!("chains more than {LONGEST_CHAIN} of these; join conditions with && or ||");
            return Err(Fault::new(start, at - start, what));
        }
        if !matches!(byte, b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' | b' ' | b'\t' | b'\n' | b'\r' | b'(' | b')')
        {
            dots = 0;
        }
    }
    match open.pop() {
        Some((at, bracket)) => Err(Fault::new(at, 1, format!("`{}` is never closed", char::from(bracket)))),
        None => Ok(()),
    }
}

/// The end of the quoted text that begins at `start`.
fn string(text: &str, start: usize, quote: u8) -> Result<usize, Fault> {
    for (at, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if byte == quote => {
                if at == start + 1 && text.as_bytes().get(at + 1) == Some(&quote) {
                    return Err(Fault::new(start, 3, "texts are written in single or double quotes"));
                }
                return Ok(at + 1);
            }
            b'\\' => return Err(Fault::new(at, 1, "texts have no escapes; use the other kind of quote")),
            0..0x20 | 0x7f => {
                return Err(Fault::new(at, 1, "a text ends on the line it begins, without control characters"));
            }
            _ => {}
        }
    }
    Err(Fault::new(start, text.len() - start, "the quote is never closed"))
}

/// Words that other languages use for operators.
fn name(text: &str, start: usize, end: usize) -> Result<(), Fault> {
    if text[..start].trim_end().ends_with('.') {
        return Ok(());
    }
    let write = match &text[start..end] {
        "and" | "AND" => "&&",
        "or" | "OR" => "||",
        "not" | "NOT" => "!",
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        _ => return Ok(()),
    };
    Err(Fault::new(start, end - start, format!("`{}` is written `{write}`", &text[start..end])).write(write))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_stops_what_a_parser_should_not_see() {
        let long = "a".repeat(LONGEST + 1);
        let deep = "(".repeat(DEEPEST + 1);
        let chain = "a.b.c.d.e.f.g.h.i.j.k".to_owned();
        let compared = "a == b".to_owned() + &" == b".repeat(LONGEST_CHAIN);
        let conditionals = "a ? b : ".repeat(MOST_CONDITIONALS + 1) + "c";
        let tokens = "a,".repeat(MOST_TOKENS);
        for (text, offset, says) in [
            ("", 0, "empty"),
            (" \n", 0, "empty"),
            (long.as_str(), 0, "longer than"),
            (deep.as_str(), DEEPEST, "nests"),
            (chain.as_str(), 17, "chains"),
            (compared.as_str(), 42, "chains"),
            (conditionals.as_str(), 66, "conditionals"),
            (tokens.as_str(), MOST_TOKENS, "words and signs"),
            ("a & b", 2, "single"),
            ("a = 1", 2, "single"),
            ("a and b", 2, "&&"),
            ("bot >= 50 # high", 10, "no meaning"),
            ("a == \u{201c}x\u{201d}", 5, "no meaning"),
            ("a == \"x", 5, "never closed"),
            ("a == 'x\\'", 7, "escapes"),
            ("a == r'x'", 5, "prefix"),
            ("a == \"\"\"x\"\"\"", 5, "quotes"),
            ("(a]", 2, "closes nothing"),
            ("a)", 1, "closes nothing"),
            ("[(a)", 0, "never closed"),
            ("a // b", 2, "comments"),
            ("a\u{0}", 1, "no meaning"),
            ("a{}", 1, "no meaning"),
        ] {
            let fault = scan(text).expect_err(text);
            assert!(fault.message.contains(says), "{text}: {}", fault.message);
            assert_eq!(fault.offset, offset, "{text}");
        }
    }

    #[test]
    fn a_scan_lets_rules_through() {
        for text in [
            "fired.brute_force && bot >= 60",
            "!(\"amount\" in missing) && amount >= 99.5",
            "event == 'login' ? risk > 50 : risk > 70",
            "client.country in [\"DE\", \"CH\"] ||\n  device.name.startsWith(\"curl\")",
            "email.domain == 'Ünï'",
        ] {
            assert_eq!(scan(text).map_err(|fault| fault.message), Ok(()), "{text}");
        }
    }
}
