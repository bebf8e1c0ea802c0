//! What a User-Agent claims of engine, version and system, as values that other headers can be compared with.
//!
//! A dozen words are looked for, each once, in a header that is cut already; it is done once per distinct header, because
//! what comes of it is remembered with the names. Only browsers are read: what a library claims is its name.

use crate::engine::appearance::{Claims, Engine, System};
use memchr::memmem;

/// Families that ship what they say.
const PLAIN: [&str; 9] =
    ["Chrome", "Chromium", "Edge", "Opera", "Samsung Internet", "Brave", "Vivaldi", "Firefox", "Safari"];

/// Browsers on iOS that are not Safari: the version of the engine is not theirs to tell.
const GUESTS_ON_IOS: [&str; 6] = ["CriOS/", "FxiOS/", "EdgiOS/", "OPiOS/", "OPT/", "GSA/"];

/// `family`: the name under which people know the browser.
pub(super) fn claims(header: &str, family: Option<&str>) -> Claims {
    let has = |word: &str| memmem::find(header.as_bytes(), word.as_bytes()).is_some();
    let any = |words: &[&str]| words.iter().any(|word| has(word));
    let guest = any(&GUESTS_ON_IOS);
    let system = match () {
        () if has("Windows Phone") => System::Unknown,
        () if any(&["iPhone", "iPad", "iPod"]) => System::Ios,
        () if has("Windows NT ") => System::Windows,
        () if has("Android") => System::Android,
        () if has("CrOS") => System::ChromeOs,
        () if has("Macintosh") => System::MacOs,
        () if any(&["X11", "Linux"]) => System::Linux,
        () => System::Unknown,
    };
    let (engine, major) = match () {
        () if any(&["Trident/", "MSIE ", "Edge/", "Presto/", "Opera Mini"]) => (Engine::Legacy, 0),
        // Safari asks for pages of computers as a Mac does, and its guests keep their names in that.
        () if system == System::Ios || guest => {
            let own = !guest && has("Safari/");
            (Engine::WebKit, if own { version(header, "Version/") } else { 0 })
        }
        () if any(&["Chrome/", "Chromium/"]) => {
            let major = version(header, "Chrome/");
            (Engine::Blink, if major == 0 { version(header, "Chromium/") } else { major })
        }
        () if has("Firefox/") && has("Gecko/") => (Engine::Gecko, version(header, "Firefox/")),
        () if system == System::MacOs && has("Version/") && has("AppleWebKit/") => {
            (Engine::WebKit, version(header, "Version/"))
        }
        () => (Engine::Unknown, 0),
    };
    Claims {
        engine,
        major,
        system,
        handheld: has("Mobile"),
        edge: any(&["Edg/", "EdgA/"]),
        plain: family.is_some_and(|family| PLAIN.contains(&family)),
        invented: any(&["Windows NT 11", "Windows NT 12"]),
    }
}

/// The number right behind a word; 0 if there is none.
fn version(header: &str, word: &str) -> u16 {
    let Some(at) = memmem::find(header.as_bytes(), word.as_bytes()) else { return 0 };
    let digits = header.as_bytes().iter().skip(at + word.len()).take_while(|byte| byte.is_ascii_digit()).take(4);
    digits.fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn browsers_claim_engine_version_and_system() {
        const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        const BLINK: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (header, engine, major, system) in [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/131.0.0.0 Safari/537.36"), Engine::Blink, 131, System::Windows),
            (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/131.0.0.0 Safari/537.36"), Engine::Blink, 131, System::ChromeOs),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/131.0.0.0 Mobile Safari/537.36"), Engine::Blink, 131, System::Android),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {BLINK} Ubuntu Chromium/80.0.3987.87 Chrome/80.0.3987.87 Safari/537.36"), Engine::Blink, 80, System::Linux),
            (format!("Mozilla/5.0 (Windows NT 10.0) {BLINK} Chrome/64.0.3282.140 Safari/537.36 Edge/17.17134"), Engine::Legacy, 0, System::Windows),
            ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko".to_owned(), Engine::Legacy, 0, System::Windows),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0".to_owned(), Engine::Gecko, 133, System::Windows),
            (format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.1 Safari/605.1.15"), Engine::WebKit, 18, System::MacOs),
            (format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1"), Engine::WebKit, 18, System::Ios),
            (format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"), Engine::WebKit, 0, System::Ios),
            (format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} CriOS/131 Version/11.1.1 Safari/605.1.15"), Engine::WebKit, 0, System::MacOs),
            (format!("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {WEBKIT} Mobile/15E148 [FBAN/FBIOS]"), Engine::WebKit, 0, System::Ios),
            ("Mozilla/5.0 (Linux; U; Android 4.0.3; de-de) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30".to_owned(), Engine::Unknown, 0, System::Android),
            ("Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1) AppleWebKit/537.36 Chrome/52 Mobile Safari/537.36 Edge/15.15063".to_owned(), Engine::Legacy, 0, System::Unknown),
        ] {
            let claims = claims(&header, None);
            assert_eq!((claims.engine, claims.major, claims.system), (engine, major, system), "{header}");
        }
    }

    #[test]
    fn only_families_that_ship_what_they_say_are_plain() {
        let plain = |family: &str| claims("Mozilla/5.0 Chrome/131.0", Some(family)).plain;
        assert!(plain("Chrome") && plain("Edge") && plain("Samsung Internet"));
        assert!(!plain("WebView") && !plain("UC Browser") && !plain("Electron"));
        assert!(!claims("Mozilla/5.0 Chrome/131.0", None).plain);
    }

    #[test]
    fn systems_that_are_not_are_invented() {
        assert!(claims("Mozilla/5.0 (Windows NT 11.0; Win64; x64) Chrome/131.0", None).invented);
        assert!(!claims("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0", None).invented);
        assert!(!claims("Mozilla/5.0 (Windows NT 6.1) Chrome/109.0", None).invented);
    }

    proptest! {
        #[test]
        fn any_header_claims_something_or_nothing(header in "(Mozilla/5.0 )?(Chrome/|Version/|Firefox/)?[0-9]{0,9}\\PC{0,60}") {
            let claims = claims(&header, None);
            prop_assert!(claims.major <= 9999);
        }
    }
}
