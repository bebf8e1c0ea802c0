//! The ways in which a body can be written that backends read differently. A browser writes none of them.
//!
//! A set in one word, because most requests have none and a reading carries its own.

use super::Unreadable;

/// One such way. Its name stands in the decision record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Oddity {
    /// The body is of another format than its `Content-Type` says, or the header comes twice.
    ContentType,
    /// No `Content-Type` on a body: some backends read it as a form, some not at all.
    NoContentType,
    /// A query string with too many fields, or too long a value.
    Query,
    /// More fields than some backends read, or more values of one name than are kept here.
    Crowd,
    /// Letters outside ASCII in a charset other than UTF-8.
    Charset,
    /// Bytes that are no UTF-8, in no charset that the request names.
    Utf8,
    /// A NUL, where some backends stop reading.
    Nul,
    /// A line break or another control character, written raw.
    Control,
    /// `%` without two hexadecimal digits after it (`%u0061` is a letter to some servers).
    PercentEscape,
    ByteOrderMark,
    /// A JSON value that is neither a string nor a plain whole number.
    JsonType,
    /// Half a surrogate pair in a JSON string.
    Surrogate,
    /// A field that was sent as a file.
    File,
    /// A part in base64 or quoted-printable.
    TransferEncoding,
    /// The multipart boundary where a strict reader sees none.
    MultipartDelimiter,
    /// Text before the first boundary.
    MultipartPreamble,
    /// Text after the last boundary.
    MultipartEpilogue,
    /// No closing boundary.
    MultipartEnd,
    /// Part headers with folds, escapes, doubled or extended parameters, or none that names the field.
    MultipartHeader,
}

impl Oddity {
    pub const ALL: [Oddity; 19] = [
        Oddity::ContentType,
        Oddity::NoContentType,
        Oddity::Query,
        Oddity::Crowd,
        Oddity::Charset,
        Oddity::Utf8,
        Oddity::Nul,
        Oddity::Control,
        Oddity::PercentEscape,
        Oddity::ByteOrderMark,
        Oddity::JsonType,
        Oddity::Surrogate,
        Oddity::File,
        Oddity::TransferEncoding,
        Oddity::MultipartDelimiter,
        Oddity::MultipartPreamble,
        Oddity::MultipartEpilogue,
        Oddity::MultipartEnd,
        Oddity::MultipartHeader,
    ];

    /// As the record prints it after `encoding:`.
    pub fn name(self) -> &'static str {
        match self {
            Oddity::ContentType => "content_type",
            Oddity::NoContentType => "no_content_type",
            Oddity::Query => "query",
            Oddity::Crowd => "crowd",
            Oddity::Charset => "charset",
            Oddity::Utf8 => "utf8",
            Oddity::Nul => "nul",
            Oddity::Control => "control",
            Oddity::PercentEscape => "percent_escape",
            Oddity::ByteOrderMark => "byte_order_mark",
            Oddity::JsonType => "json_type",
            Oddity::Surrogate => "surrogate",
            Oddity::File => "file",
            Oddity::TransferEncoding => "transfer_encoding",
            Oddity::MultipartDelimiter => "multipart_delimiter",
            Oddity::MultipartPreamble => "multipart_preamble",
            Oddity::MultipartEpilogue => "multipart_epilogue",
            Oddity::MultipartEnd => "multipart_end",
            Oddity::MultipartHeader => "multipart_header",
        }
    }
}

/// A set of oddities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u32);

impl Oddities {
    pub fn add(&mut self, oddity: Oddity) {
        self.0 |= 1 << oddity as u8;
    }

    pub fn remove(&mut self, oddity: Oddity) {
        self.0 &= !(1 << oddity as u8);
    }

    pub fn extend(&mut self, others: Oddities) {
        self.0 |= others.0;
    }

    pub fn contains(self, oddity: Oddity) -> bool {
        self.0 & (1 << oddity as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Oddity> {
        Oddity::ALL.into_iter().filter(move |oddity| self.contains(*oddity))
    }
}

impl From<Oddity> for Oddities {
    fn from(oddity: Oddity) -> Oddities {
        Oddities(1 << oddity as u8)
    }
}

impl Unreadable {
    /// As the record prints it.
    pub fn name(self) -> &'static str {
        match self {
            Unreadable::ContentType => "content_type",
            Unreadable::MediaType => "media_type",
            Unreadable::ContentEncoding => "content_encoding",
            Unreadable::Charset => "charset",
            Unreadable::Boundary => "boundary",
            Unreadable::Syntax => "syntax",
            Unreadable::Depth => "depth",
            Unreadable::TooManyFields => "too_many_fields",
            Unreadable::ValueTooLong => "value_too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_oddity_is_in_the_table_once_under_its_own_name() {
        let mut set = Oddities::default();
        for oddity in Oddity::ALL {
            assert!(!set.contains(oddity), "{} twice", oddity.name());
            set.add(oddity);
        }
        let mut names: Vec<_> = set.iter().map(Oddity::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Oddity::ALL.len());
    }
}
