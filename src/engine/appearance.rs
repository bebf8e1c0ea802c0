//! What a client looks like by its headers, as values that can be compared with each other.
//!
//! A browser says what it is several times over: in its User-Agent, in its client hints, in how it asks for types, encodings
//! and languages, in what it says of the fetch itself. It says the same each time. Programs that dress up as a browser copy
//! some of it and forget the rest, so what is worth knowing is not any of these values but whether they fit together
//! ([`spoofed_device`](super::signals)). The shell reads the headers once per attempt, within bounds, and nothing of an
//! attacker's text is kept: only numbers, flags and kinds.

/// Who renders the pages, as the User-Agent claims it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    #[default]
    Unknown,
    /// Chrome, Edge, Opera, Samsung Internet, WebViews of Android.
    Blink,
    /// Firefox, but not on iOS.
    Gecko,
    /// Safari, and every browser on iOS.
    WebKit,
    /// Internet Explorer, the first Edge, Presto: they ended before client hints and `Sec-Fetch-*` began.
    Legacy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    #[default]
    Unknown,
    Windows,
    MacOs,
    Linux,
    ChromeOs,
    Android,
    /// iPhones, and iPads that say so: most call themselves a Mac.
    Ios,
}

impl System {
    /// Whether telephones and tablets run it.
    pub fn is_handheld(self) -> bool {
        matches!(self, System::Android | System::Ios)
    }
}

/// What the User-Agent claims beside its names. Parsed once per distinct value, with the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub engine: Engine,
    /// Of the engine's own browser: `Chrome/131` in every Blink, `Firefox/133`, Safari's `Version/18`; 0: not told.
    pub major: u16,
    pub system: System,
    /// It says `Mobile`.
    pub handheld: bool,
    /// It says `Edg/`.
    pub edge: bool,
    /// A browser whose makers ship what they say. Others (WebViews in applications, browsers of telephone makers) mix
    /// engines, versions and headers as they like, and little can be concluded from what they leave out.
    pub plain: bool,
    /// A system that does not exist (`Windows NT 11.0`).
    pub invented: bool,
}

/// `Sec-CH-UA`, `Sec-CH-UA-Mobile`, `Sec-CH-UA-Platform`. All default: they did not come, or said nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Brands were named.
    pub brands: bool,
    /// One of the three is not what its definition allows.
    pub malformed: bool,
    /// The version behind the brand `Chromium`; 0: that is not among them.
    pub chromium: u16,
    pub chrome: bool,
    pub edge: bool,
    pub brave: bool,
    pub headless: bool,
    pub mobile: Option<bool>,
    /// `Unknown`: did not come, or is none of ours.
    pub platform: System,
}

/// `Sec-Fetch-Mode`, as far as forms are sent with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FetchMode {
    #[default]
    Absent,
    Navigate,
    /// `cors`, `no-cors`, `same-origin`: a script asks.
    Script,
    /// `websocket`, and words that there are not.
    Other,
}

/// `Sec-Fetch-*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    pub mode: FetchMode,
    pub site: bool,
    pub dest: bool,
    /// `Sec-Fetch-Dest: empty`.
    pub dest_empty: bool,
    /// `Sec-Fetch-User`.
    pub user: bool,
    /// A word that no browser ever sent: in mode, site or user.
    pub invalid: bool,
}

/// `Accept`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// It names `text/html`.
    pub html: bool,
    /// It begins as a page's does in every browser.
    pub page: bool,
    pub webp: bool,
    /// `application/signed-exchange`: Blink's alone.
    pub signed_exchange: bool,
}

/// `Accept-Encoding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encodings {
    pub brotli: bool,
    pub zstd: bool,
    /// Something that no browser asks for (`compress`), or in an order of a program's (`deflate, gzip`).
    pub odd: bool,
    /// `gzip` and nothing else, or without a blank behind the comma: as several libraries have it.
    pub terse: bool,
}

/// How a HTTP/1 head is written, where nobody between rewrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    /// It was seen as the client wrote it: HTTP/1, no proxy of the operator's before the gate, and none that names itself.
    pub seen: bool,
    pub host_first: bool,
    /// `Accept-Language` stands before `Accept-Encoding`; `None`: not both are there.
    pub languages_first: Option<bool>,
    /// `user-agent` in lower case.
    pub lower_case: bool,
}

/// Headers by which proxies tell of themselves, sent by somebody who is no proxy of the operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    pub via: bool,
    /// How many different headers name an address that the request is said to come from.
    pub addresses: u8,
    /// One of the addresses named is a public one, and not the sender's own.
    pub public: bool,
}

/// All of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    pub hints: Hints,
    pub fetch: Fetch,
    pub accept: Accept,
    pub encodings: Encodings,
    /// Tenths of the second language's weight (`q=0.9` is 9); 0: there is no second, or it has none.
    pub second_language: u8,
    pub writing: Writing,
    pub forwarding: Forwarding,
    /// The visitor's connection is TLS: it is, or the request says so of its own page.
    pub secure: bool,
    /// TLS to the gate itself, which always offers HTTP/2.
    pub own_tls: bool,
    /// The method is one that browsers name the page's origin with.
    pub writes: bool,
    pub content_type: bool,
    /// `X-Requested-With`: a script asks, whatever `Accept` says.
    pub by_script: bool,
    pub upgrade_insecure: bool,
    /// `Pragma: no-cache` without `Cache-Control`.
    pub pragma_alone: bool,
}
