//! Reading bodies as the application will: urlencoded, multipart and JSON, over the whole held body.
//!
//! The parsers are our own. `form_urlencoded`, `multer` and `serde_json` each give the one reading that their authors
//! think right, and drop the rest: the second `login`, the `;`, the boundary after a bare line feed, the first of two
//! equal keys. A gate must know what *other* backends make of the same bytes, so it needs the raw positions. With the
//! body whole in memory each parser is one forward pass over a slice: no stream, no state machine, no await.
//!
//! Two kinds of trouble are told apart. What no careful reader can settle is [`Unreadable`], and the route says what
//! happens then. What backends settle differently is read, and marked: as further readings of a value, or as an
//! [`Oddity`]. Browsers cause neither.

mod charset;
mod json;
mod media;
mod multipart;
mod oddity;
mod parameters;
mod query;
mod urlencoded;
mod values;
mod wanted;

pub use oddity::{Oddities, Oddity};
pub use query::{Given, QueryParameter};
pub use values::{Reading, Values};
pub use wanted::{Kin, Place, Wanted};

use charset::Charset;
use http::{HeaderMap, header};
use media::Media;

/// Most fields or parts of one body; a form beyond that is no form.
const MAX_FIELDS: usize = 10_000;
/// Fields up to which every backend reads: PHP (`max_input_vars`), Node's qs and querystring and Tomcat stop after so many and
/// say nothing. A name that comes later is there to some and not to others.
const MAX_SURE: usize = 1000;
/// Longest wanted value, bytes after decoding.
const MAX_VALUE: usize = 16 * 1024;
/// Most readings kept of one value.
const MAX_READINGS: usize = 32;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the Content-Type header is malformed or contradicts itself")]
    ContentType,
    #[error("the body is of a kind that is not read here")]
    MediaType,
    #[error("the body is compressed")]
    ContentEncoding,
    #[error("the charset is not supported, or the body is not in it")]
    Charset,
    #[error("the multipart boundary is missing, doubled or malformed")]
    Boundary,
    #[error("the body breaks the rules of its format")]
    Syntax,
    #[error("the body is nested too deeply")]
    Depth,
    #[error("the body has too many fields")]
    TooManyFields,
    #[error("a wanted value is too long")]
    ValueTooLong,
}

impl Values {
    /// Reads the query string (without `?`). A query that cannot be read in full is marked, and never refused: its path
    /// was recognised already.
    pub fn read_query(&mut self, query: &[u8]) {
        if urlencoded::read(query, Charset::UTF_8, Place::Query, self).is_err() {
            self.add_odd(Oddity::Query);
        }
        self.finish(Some(Place::Query));
    }

    /// Reads the body by what the headers say of it, and by what it plainly is.
    ///
    /// An empty body has no values, whatever its headers say. Where no route asks for the body it is read all the same,
    /// because a framework may merge it with the query, and its troubles are nobody's.
    pub fn read_body(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), Unreadable> {
        if body.is_empty() {
            return Ok(());
        }
        let before = self.odd();
        let read = self.read_by_type(headers, body);
        if self.needs_body() {
            return read;
        }
        self.set_odd(before);
        Ok(())
    }

    fn read_by_type(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), Unreadable> {
        refuse_compression(headers)?;
        let content_type = media::content_type(headers)?;
        if content_type.repeated {
            self.add_odd(Oddity::ContentType);
        }
        // Go and others decode JSON whatever the header says.
        let disguised = self.asks_json() && json::looks_like(body);
        let charset = content_type.charset;
        match content_type.media {
            Media::Json => json::read(body, charset, self)?,
            Media::Urlencoded | Media::Other if disguised => {
                self.add_odd(Oddity::ContentType);
                json::read(body, charset, self)?;
            }
            Media::Missing => {
                self.add_odd(Oddity::NoContentType);
                if disguised {
                    json::read(body, charset, self)?;
                } else {
                    urlencoded::read(body, charset, Place::Form, self)?;
                }
            }
            Media::Urlencoded => urlencoded::read(body, charset, Place::Form, self)?,
            Media::Multipart { boundary } => multipart::read(body, &boundary, charset, self)?,
            Media::Other => return Err(Unreadable::MediaType),
        }
        self.finish(None);
        Ok(())
    }
}

/// A value with `+` and `%XX` undone, for who compares and does not care what it was written in.
pub fn decoded(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    urlencoded::decode(value, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refuse_compression(headers: &HeaderMap) -> Result<(), Unreadable> {
    let plain = |value: &http::HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    match headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        true => Ok(()),
        false => Err(Unreadable::ContentEncoding),
    }
}

#[cfg(test)]
mod tests;
