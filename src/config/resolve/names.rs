//! Names that operators invent, and hosts, which are names too.
//!
//! Route, policy and rule names travel in records, headers and metrics, so they are short and plain. A list's name is
//! also a CEL variable (`listed.office`). Hosts are compared as resolvers do: lower case, ASCII, no trailing dot.

use super::Resolver;
use crate::config::tree::NodeId;

impl Resolver<'_, '_> {
    /// Letters, digits, `-` and `_`, at most 64.
    pub(super) fn check_name(&self, node: NodeId, name: &str) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let message = "a name has 1 to 64 letters, digits, `-` and `_`";
            self.error(node, message, &*format!("write `{}`", plain_name(name, '-')));
        }
    }

    /// A name that can stand in a rule: lower-case letters, digits and `_`, beginning with a letter.
    pub(super) fn check_identifier(&self, node: NodeId, name: &str) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if !starts || name.len() > 64 || !name.bytes().all(plain) {
            let message = "rules name this list as `listed.<name>`: it needs lower-case letters, digits and `_`, and a letter first";
            self.error(node, message, &*format!("write `{}`", plain_name(&name.to_lowercase(), '_')));
        }
    }

    /// A host, or a glob over hosts, as hosts are compared. A leading `!` stays.
    pub(super) fn canonical_host(&self, node: NodeId, text: &str) -> Option<String> {
        let (negation, host) = text.strip_prefix('!').map_or(("", text), |host| ("!", host));
        match canonical_host(host) {
            Ok(canonical) => Some(format!("{negation}{canonical}")),
            Err((message, help)) => {
                self.error(node, message, help);
                None
            }
        }
    }
}

/// Lower case, punycode, no trailing dot; `*` and `?` stay.
pub(super) fn canonical_host(host: &str) -> Result<String, (&'static str, &'static str)> {
    if host.contains("://") || host.contains('/') {
        return Err(("a host stands alone here, without scheme and path", "write `shop.example`"));
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if bracketed {
        let address = host.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>();
        return address
            .map(|ip| format!("[{ip}]"))
            .map_err(|_| ("this is not an IPv6 address", "write `[2001:db8::1]`"));
    }
    if host.contains(':') {
        return Err((
            "a host stands alone here, without a port",
            "leave the port out; IPv6 addresses stand in brackets",
        ));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut labels = Vec::new();
    for label in host.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err(("this is not a host name", "write it as in `shop.example` or `*.shop.example`"));
        }
        if label.is_ascii() {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*' | b'?');
            if !label.bytes().all(plain) {
                return Err(("this is not a host name", "write it as in `shop.example` or `*.shop.example`"));
            }
            labels.push(label.to_ascii_lowercase());
        } else {
            let ascii = idna::domain_to_ascii(label).map_err(|_| ("this is not a host name", "check its letters"))?;
            labels.push(ascii);
        }
    }
    Ok(labels.join("."))
}

/// The nearest name of plain characters.
fn plain_name(name: &str, filler: char) -> String {
    let plain: String = name
        .chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || (c == '-' && filler == '-') { c } else { filler })
        .collect();
    let plain = plain.trim_matches(filler);
    let starts = plain.starts_with(|c: char| c.is_ascii_alphabetic());
    if plain.is_empty() {
        "name".to_owned()
    } else if starts || filler == '-' {
        plain.to_owned()
    } else {
        format!("list_{plain}")
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_host;

    #[test]
    fn hosts_are_written_one_way() {
        for (host, expected) in [
            ("Shop.Example.", Some("shop.example")),
            ("*.Shop.example", Some("*.shop.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("*.bücher.example", Some("*.xn--bcher-kva.example")),
            ("[2001:DB8::1]", Some("[2001:db8::1]")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("shop.example:443", None),
            ("https://shop.example", None),
            ("a..b", None),
            ("sh op", None),
            ("", None),
        ] {
            assert_eq!(canonical_host(host).ok().as_deref(), expected, "{host}");
        }
    }
}
