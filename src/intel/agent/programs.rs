//! The table of programs: the embedded list of crawlers and libraries, and our own additions for what it lacks.

use super::Place;
use crate::engine::attempt::AgentKind;
use crate::intel::embedded;

/// One pattern and what it tells.
#[derive(Clone, Copy)]
pub(super) struct Row {
    kind: &'static str,
    place: &'static str,
    pub text: &'static str,
    name: &'static str,
}

/// All patterns, the embedded first.
pub(super) fn rows() -> impl Iterator<Item = Row> {
    let embedded = embedded::agent_rows().filter_map(|line| {
        let mut columns = line.split('\t');
        Some(Row { kind: columns.next()?, place: columns.next()?, text: columns.next()?, name: columns.next()? })
    });
    let own = OWN.iter().map(|&(kind, place, text, name)| Row { kind, place, text, name });
    embedded.chain(own)
}

impl Row {
    /// Which of several that match names the program, smallest first: a crawler's own name says more than the browser it
    /// drives or the library it uses, and a mere contact address says least.
    pub(super) fn rank(&self) -> u8 {
        match self.kind {
            "contact" => 3,
            "crawler" => 0,
            "automation" => 1,
            _ => 2,
        }
    }

    /// `None` for regular expressions.
    pub(super) fn place(&self) -> Option<Place> {
        match self.place {
            "start" => Some(Place::Start),
            "word" => Some(Place::Word),
            "in" => Some(Place::Anywhere),
            _ => None,
        }
    }

    pub(super) fn agent_kind(&self) -> AgentKind {
        match self.kind {
            "automation" => AgentKind::Automation(self.name.into()),
            "library" => AgentKind::Library(self.name.into()),
            _ => AgentKind::Crawler(self.name.into()),
        }
    }
}

/// What the embedded list lacks: common HTTP stacks that name themselves, tools for load and for guessing passwords, and
/// the conventions that a robot gives its address after a plus sign, and that its name ends in what it is, before its version.
const OWN: &[(&str, &str, &str, &str)] = &[
    ("automation", "in", "Electron-Nightmare", "Nightmare"),
    ("automation", "word", "Cypress/", "Cypress"),
    ("automation", "word", "HeadlessFirefox", "HeadlessFirefox"),
    ("automation", "word", "HeadlessEdg", "HeadlessEdge"),
    ("automation", "word", "SlimerJS/", "SlimerJS"),
    ("automation", "word", "TestCafe/", "TestCafe"),
    ("automation", "word", "WebDriver", "WebDriver"),
    ("automation", "word", "jsdom/", "jsdom"),
    ("contact", "in", "+http://", "declared crawler"),
    ("contact", "in", "+https://", "declared crawler"),
    ("contact", "in", "+www.", "declared crawler"),
    ("contact", "in", "Bot/", "declared crawler"),
    ("contact", "in", "Crawler/", "declared crawler"),
    ("contact", "in", "Spider/", "declared crawler"),
    ("contact", "in", "bot/", "declared crawler"),
    ("contact", "in", "crawler/", "declared crawler"),
    ("contact", "in", "spider/", "declared crawler"),
    ("library", "regex", "^node(?:$|[/ ]|js)", "Node.js"),
    ("library", "regex", "^undici(?:$|[/ ])", "undici"),
    ("library", "regex", "^(?i:ruby)(?:$|[/ ])", "Ruby"),
    ("library", "start", "ApacheBench/", "ApacheBench"),
    ("library", "start", "Boto", "Boto"),
    ("library", "start", "Bun/", "Bun"),
    ("library", "start", "Dart/", "Dart"),
    ("library", "start", "Deno/", "Deno"),
    ("library", "start", "EasyHttp/", "EasyHttp"),
    ("library", "start", "Faraday ", "Faraday"),
    ("library", "start", "Faraday/", "Faraday"),
    ("library", "start", "Google-HTTP-Java-Client", "Google-HTTP-Java-Client"),
    ("library", "start", "GuzzleHttp/", "Guzzle"),
    ("library", "start", "HTTPClient/", "HTTPClient"),
    ("library", "start", "HTTPoison", "HTTPoison"),
    ("library", "start", "Java-http-client/", "Java"),
    ("library", "start", "Java/", "Java"),
    ("library", "start", "Jersey/", "Jersey"),
    ("library", "start", "Ktor client", "Ktor"),
    ("library", "start", "Lua-resty", "lua-resty"),
    ("library", "start", "Manticore ", "Manticore"),
    ("library", "start", "PHP/", "PHP"),
    ("library", "start", "PHP-SOAP/", "PHP"),
    ("library", "start", "PostmanRuntime/", "Postman"),
    ("library", "start", "PycURL/", "PycURL"),
    ("library", "start", "Python/", "Python"),
    ("library", "start", "ReactorNetty/", "ReactorNetty"),
    ("library", "start", "RestSharp/", "RestSharp"),
    ("library", "start", "SuperAgent", "superagent"),
    ("library", "start", "Symfony HttpClient", "Symfony HttpClient"),
    ("library", "start", "Typhoeus", "Typhoeus"),
    ("library", "start", "Vert.x-WebClient/", "Vert.x"),
    ("library", "start", "WinHttp", "WinHTTP"),
    ("library", "start", "aria2/", "aria2"),
    ("library", "start", "excon/", "Excon"),
    ("library", "start", "fasthttp", "fasthttp"),
    ("library", "start", "go-resty/", "go-resty"),
    ("library", "start", "got (", "got"),
    ("library", "start", "hackney/", "hackney"),
    ("library", "start", "http.rb/", "http.rb"),
    ("library", "start", "hyper/", "hyper"),
    ("library", "start", "insomnia/", "Insomnia"),
    ("library", "start", "lua-resty", "lua-resty"),
    ("library", "start", "mint/", "Mint"),
    ("library", "start", "req/", "req"),
    ("library", "start", "reqwest", "reqwest"),
    ("library", "start", "rest-client/", "rest-client"),
    ("library", "start", "unirest", "Unirest"),
    ("library", "start", "ureq/", "ureq"),
    ("library", "word", "Blackbird", "Blackbird"),
    ("library", "word", "Gatling/", "Gatling"),
    ("library", "word", "Hydra)", "Hydra"),
    ("library", "word", "JMeter", "JMeter"),
    ("library", "word", "OpenBullet", "OpenBullet"),
    ("library", "word", "PowerShell/", "PowerShell"),
    ("library", "word", "SilverBullet", "SilverBullet"),
    ("library", "word", "WindowsPowerShell/", "PowerShell"),
    ("library", "word", "gobuster/", "gobuster"),
    ("library", "word", "k6/", "k6"),
    ("library", "word", "libcurl", "libcurl"),
    ("library", "word", "locust", "Locust"),
    ("library", "word", "urllib3/", "urllib3"),
    ("library", "word", "vegeta", "Vegeta"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_known_kind_and_place() {
        for row in rows() {
            assert!(["crawler", "library", "automation", "contact"].contains(&row.kind), "{} {}", row.kind, row.text);
            assert!(["start", "word", "in", "regex"].contains(&row.place), "{} {}", row.place, row.text);
            assert!(row.text.len() >= 3 && !row.name.is_empty(), "{:?} {:?}", row.text, row.name);
        }
    }

    #[test]
    fn regular_expressions_stay_few() {
        // Each costs on every new header; a plain pattern costs nothing.
        assert!(rows().filter(|row| row.place().is_none()).count() <= 40);
    }
}
