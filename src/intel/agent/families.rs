//! Names of browsers and operating systems as people know them, by the word that betrays them. Browsers pile up the names
//! of those they descend from (Edge says Chrome, Chrome says Safari, all say Mozilla), so the order is the logic: the first
//! entry whose word is there wins.

/// Word and name, most specific first.
pub(super) const BROWSERS: &[(&str, &str)] = &[
    // Windows inside applications.
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("FB_IAB/", "Facebook"),
    ("Instagram ", "Instagram"),
    ("Barcelona ", "Threads"),
    ("BytedanceWebview/", "TikTok"),
    ("musical_ly", "TikTok"),
    ("trill_", "TikTok"),
    ("Snapchat/", "Snapchat"),
    ("Snapchat ", "Snapchat"),
    ("Pinterest for ", "Pinterest"),
    ("Pinterest/", "Pinterest"),
    ("Twitter for ", "X"),
    ("TwitterAndroid", "X"),
    ("LinkedInApp", "LinkedIn"),
    ("MicroMessenger/", "WeChat"),
    ("Line/", "LINE"),
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(", "Naver"),
    ("AlipayClient/", "Alipay"),
    ("baiduboxapp/", "Baidu"),
    ("GSA/", "Google app"),
    ("Slack_SSB/", "Slack"),
    ("Teams/", "Teams"),
    ("OktaMobile/", "Okta Mobile"),
    ("MobileIron/", "MobileIron"),
    // Browsers on somebody else's engine.
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPX/", "Opera GX"),
    ("OPiOS/", "Opera"),
    ("Opera Mini/", "Opera Mini"),
    ("Opera Mobi", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Brave/", "Brave"),
    ("brave/", "Brave"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("YaSearchBrowser/", "Yandex"),
    ("UCBrowser/", "UC Browser"),
    ("UCWEB/", "UC Browser"),
    ("UBrowser/", "UC Browser"),
    ("MiuiBrowser/", "Mi Browser"),
    ("MintBrowser/", "Mint Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("HeyTapBrowser/", "HeyTap Browser"),
    ("VivoBrowser/", "Vivo Browser"),
    ("Whale/", "Whale"),
    ("MQQBrowser/", "QQ Browser"),
    ("QQBrowser/", "QQ Browser"),
    ("BIDUBrowser", "Baidu Browser"),
    ("baidubrowser/", "Baidu Browser"),
    ("MetaSr", "Sogou Browser"),
    ("SogouMobileBrowser/", "Sogou Browser"),
    ("360SE", "360 Browser"),
    ("Silk/", "Silk"),
    ("Puffin/", "Puffin"),
    ("Maxthon", "Maxthon"),
    ("MxBrowser/", "Maxthon"),
    ("coc_coc_browser/", "Coc Coc"),
    ("Seznam.cz/", "Seznam"),
    ("Ecosia", "Ecosia"),
    ("AlohaBrowser/", "Aloha"),
    ("Avast/", "Avast Secure Browser"),
    ("AVG/", "AVG Secure Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("OculusBrowser/", "Meta Quest Browser"),
    ("QtCarBrowser", "Tesla"),
    ("Electron/", "Electron"),
    // Gecko and its forks.
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox Focus"),
    ("Klar/", "Firefox Klar"),
    ("SeaMonkey/", "SeaMonkey"),
    ("PaleMoon/", "Pale Moon"),
    ("Waterfox/", "Waterfox"),
    ("Basilisk/", "Basilisk"),
    ("IceCat/", "IceCat"),
    ("Iceweasel/", "Iceweasel"),
    ("Camino/", "Camino"),
    // WebKit and KHTML without Chrome's name.
    ("Epiphany/", "GNOME Web"),
    ("Konqueror/", "Konqueror"),
    ("Falkon/", "Falkon"),
    ("QupZilla/", "QupZilla"),
    ("Midori/", "Midori"),
    ("BlackBerry", "BlackBerry Browser"),
    ("BB10", "BlackBerry Browser"),
    ("NokiaBrowser/", "Nokia Browser"),
    // The big ones.
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("wv)", "WebView"),
    ("Chrome/", "Chrome"),
    ("Firefox/", "Firefox"),
    ("IEMobile", "Internet Explorer"),
    ("MSIE ", "Internet Explorer"),
    ("Trident/", "Internet Explorer"),
    ("Android ", "Android Browser"),
    ("Version/", "Safari"),
    ("AppleWebKit/", "WebKit"),
];

/// Word and name, most specific first.
pub(super) const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone", "Windows Phone"),
    ("Xbox", "Xbox"),
    ("PlayStation", "PlayStation"),
    ("PLAYSTATION", "PlayStation"),
    ("Nintendo", "Nintendo"),
    ("KAIOS/", "KaiOS"),
    ("Tizen", "Tizen"),
    ("Web0S", "webOS"),
    ("webOS", "webOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("iPad", "iPadOS"),
    ("iPhone", "iOS"),
    ("iPod", "iOS"),
    ("iOS", "iOS"),
    ("Android", "Android"),
    ("Adr ", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("BlackBerry", "BlackBerry"),
    ("BB10", "BlackBerry"),
    ("SymbianOS", "Symbian"),
    ("Symbian", "Symbian"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("J2ME", "Java ME"),
    ("Linux", "Linux"),
];

/// Browsers say they are Mozilla, or are one of the few that never did.
pub(super) fn begins_like_a_browser(header: &str) -> bool {
    ["Mozilla/", "Opera/", "UCWEB/", "BlackBerry", "Nokia"].iter().any(|start| header.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word behind one that it contains would never win.
    #[test]
    fn no_entry_hides_behind_a_shorter_one() {
        for table in [BROWSERS, SYSTEMS] {
            for (place, (word, name)) in table.iter().enumerate() {
                for (earlier, other) in &table[..place] {
                    assert!(!word.starts_with(earlier) || name == other, "{word} is hidden by {earlier}");
                }
            }
        }
    }
}
