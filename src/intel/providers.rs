//! Whose mail a domain is, as far as it matters to who registers: everybody's, who may have any address there that is free;
//! or a service that forwards to people's real mailboxes under names of its own making.
//!
//! At a provider that takes everybody, people choose their addresses one by one, and so a hundred alike are one hand's. At a
//! company or a school one hand makes them all, after one rule, and nothing follows. So the short list here is of providers
//! that take everybody; of any other domain nothing is assumed. Addresses of forwarding services are letters that were
//! thrown, by design, and harmless: they are a class of their own.

/// Providers that take everybody, by the label before the public suffix, under whichever suffix: `yahoo.co.uk`.
const EVERYWHERE: [&str; 17] = [
    "aol",
    "email",
    "fastmail",
    "gmail",
    "gmx",
    "googlemail",
    "hotmail",
    "inbox",
    "live",
    "mail",
    "msn",
    "outlook",
    "proton",
    "protonmail",
    "yahoo",
    "yandex",
    "zoho",
];

/// And by the whole domain. Sorted.
const DOMAINS: [&str; 112] = [
    "126.com",
    "139.com",
    "163.com",
    "189.cn",
    "alice.it",
    "aliyun.com",
    "aon.at",
    "arcor.de",
    "att.net",
    "azet.sk",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "centrum.cz",
    "centrum.sk",
    "charter.net",
    "citromail.hu",
    "comcast.net",
    "cox.net",
    "daum.net",
    "docomo.ne.jp",
    "earthlink.net",
    "eircom.net",
    "ezweb.ne.jp",
    "foxmail.com",
    "free.fr",
    "freemail.hu",
    "freenet.de",
    "hanmail.net",
    "hey.com",
    "home.nl",
    "hushmail.com",
    "i.ua",
    "icloud.com",
    "ig.com.br",
    "interia.pl",
    "internode.on.net",
    "juno.com",
    "kolumbus.fi",
    "kpnmail.nl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "luukku.com",
    "mac.com",
    "mailbox.org",
    "me.com",
    "meta.ua",
    "mindspring.com",
    "mweb.co.za",
    "mynet.com",
    "nate.com",
    "naver.com",
    "netzero.net",
    "neuf.fr",
    "ntlworld.com",
    "numericable.fr",
    "o2.pl",
    "onet.eu",
    "onet.pl",
    "online.de",
    "online.no",
    "op.pl",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "pm.me",
    "posteo.de",
    "posteo.net",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "rogers.com",
    "sapo.pt",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sina.cn",
    "sina.com",
    "sky.com",
    "skynet.be",
    "sohu.com",
    "sympatico.ca",
    "t-online.de",
    "t-online.hu",
    "talktalk.net",
    "telefonica.net",
    "telenet.be",
    "telia.com",
    "telus.net",
    "terra.com.br",
    "tiscali.it",
    "tuta.com",
    "tutamail.com",
    "tutanota.com",
    "ukr.net",
    "uol.com.br",
    "verizon.net",
    "videotron.ca",
    "virgilio.it",
    "virginmedia.com",
    "vtr.net",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "xtra.co.nz",
    "ziggo.nl",
];

/// Where addresses are telephone or customer numbers, and everybody's are alike.
const NUMBERED: [&str; 5] = ["126.com", "139.com", "163.com", "189.cn", "qq.com"];

/// Forwarding services, by domain, with the service's name. Sorted.
const RELAYS: [(&str, &str); 24] = [
    ("8alias.com", "simplelogin"),
    ("8shield.net", "simplelogin"),
    ("addy.io", "addy"),
    ("addymail.com", "addy"),
    ("aleeas.com", "simplelogin"),
    ("anonaddy.com", "addy"),
    ("anonaddy.me", "addy"),
    ("dralias.com", "simplelogin"),
    ("duck.com", "duckduckgo"),
    ("mozmail.com", "firefox_relay"),
    ("passfwd.com", "proton_pass"),
    ("passinbox.com", "proton_pass"),
    ("passmail.com", "proton_pass"),
    ("passmail.net", "proton_pass"),
    ("privaterelay.appleid.com", "apple"),
    ("relay.firefox.com", "firefox_relay"),
    ("silomails.com", "simplelogin"),
    ("simplelogin.co", "simplelogin"),
    ("simplelogin.com", "simplelogin"),
    ("simplelogin.fr", "simplelogin"),
    ("simplelogin.io", "simplelogin"),
    ("slmail.me", "simplelogin"),
    ("slmails.com", "simplelogin"),
    ("use.startmail.com", "startmail"),
];

/// The forwarding service of this domain, or of a parent.
pub fn relay(domain: &str) -> Option<&'static str> {
    super::disposable::with_parents(domain).find_map(|domain| {
        let place = RELAYS.binary_search_by_key(&domain, |(known, _)| known).ok()?;
        RELAYS.get(place).map(|(_, service)| *service)
    })
}

/// Whether this provider gives everybody an address of their choice. `domain` is lower-case ASCII.
pub fn takes_everybody(domain: &str) -> bool {
    if DOMAINS.binary_search(&domain).is_ok() {
        return true;
    }
    let Some(suffix) = psl::suffix_str(domain) else { return false };
    let label = domain.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.'));
    label.is_some_and(|label| EVERYWHERE.binary_search(&label).is_ok())
}

/// Whether addresses at this provider are numbers that it gave out.
pub fn gives_numbers(domain: &str) -> bool {
    NUMBERED.contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(EVERYWHERE.is_sorted() && DOMAINS.is_sorted() && RELAYS.is_sorted());
    }

    #[test]
    fn providers_of_everybody_and_others() {
        for domain in ["gmail.com", "yahoo.co.uk", "hotmail.fr", "web.de", "wp.pl", "live.com.au", "outlook.co.th"] {
            assert!(takes_everybody(domain), "{domain}");
        }
        for domain in ["", "com", "example.com", "shop.gmail.com", "gmail.example.com", "ethz.ch", "duck.com"] {
            assert!(!takes_everybody(domain), "{domain}");
        }
        assert!(gives_numbers("qq.com") && !gives_numbers("gmail.com"));
    }

    #[test]
    fn relays_are_told_with_their_service() {
        for (domain, service) in [
            ("duck.com", Some("duckduckgo")),
            ("privaterelay.appleid.com", Some("apple")),
            ("anna.anonaddy.me", Some("addy")),
            ("mozmail.com", Some("firefox_relay")),
            ("appleid.com", None),
            ("icloud.com", None),
            ("gmail.com", None),
            ("", None),
        ] {
            assert_eq!(relay(domain), service, "{domain}");
        }
    }
}
