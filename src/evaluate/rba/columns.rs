//! Rows of the public RBA data set, one at a time.
//!
//! What pandas takes for missing is missing here too, `NA` (Namibia) included: the authors' scores are of what pandas read,
//! and scores that shall be compared must be over the same rows.

use crate::engine::freeman::history::Login;
use crate::engine::time::Timestamp;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

/// The columns that are read: index, time, account, success, then address and agent from the top of each hierarchy.
const COLUMNS: [&str; 11] = [
    "index",
    "Login Timestamp",
    "User ID",
    "Login Successful",
    "IP Address",
    "ASN",
    "Country",
    "User Agent String",
    "Browser Name and Version",
    "OS Name and Version",
    "Device Type",
];

/// Texts that pandas reads as no value.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RbaError {
    #[error("there is no column `{0}`; the columns of the RBA data set are needed")]
    NoColumn(&'static str),
    #[error("the row after row {0} is longer than {MOST} bytes: a quote that is not closed?")]
    TooLong(u64),
    #[error("line {line}: `Login Successful` is `{value}`: True or False is needed")]
    Success { line: u64, value: String },
    #[error("{0}")]
    Csv(#[from] csv::Error),
}

/// Bytes of one row, about; those of the data set have some 300.
const MOST: usize = 256 << 10;

/// Ends where more is asked of it than one row may have: the reader of rows would collect until memory is full.
struct Bounded<R> {
    file: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left.get() == 0 {
            return Err(std::io::Error::other("too long"));
        }
        let most = into.len().min(self.left.get());
        let read = self.file.read(&mut into[..most])?;
        self.left.set(self.left.get() - read);
        Ok(read)
    }
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub rows: u64,
    pub failed: u64,
    pub incomplete: u64,
    pub disordered: u64,
    /// Logins whose time cannot be read, which takes part in the live form alone.
    pub undated: u64,
    /// The line of the first of them.
    pub first_undated: u64,
}

/// One successful login.
pub struct Row<'r> {
    pub index: &'r str,
    pub login: Login,
    /// When; the time of the row before where this row's cannot be read.
    pub at: Timestamp,
}

pub struct Rows<R> {
    reader: Reader<Bounded<R>>,
    /// What the row that is being read may still have.
    left: Rc<Cell<usize>>,
    record: ByteRecord,
    /// Where [`COLUMNS`] are.
    places: [usize; COLUMNS.len()],
    last: Vec<u8>,
    at: Timestamp,
    tally: Tally,
    index: String,
}

impl<R: Read> Rows<R> {
    pub fn new(file: R) -> Result<Rows<R>, RbaError> {
        let left = Rc::new(Cell::new(MOST));
        let mut reader = ReaderBuilder::new().from_reader(Bounded { file, left: left.clone() });
        let headers = reader.byte_headers().map_err(|error| too_long(&left, 0, error))?.clone();
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let found = headers.iter().position(|header| header == column.as_bytes());
            *place = found.ok_or(RbaError::NoColumn(column))?;
        }
        Ok(Rows {
            reader,
            left,
            record: ByteRecord::new(),
            places,
            last: Vec::new(),
            at: Timestamp::default(),
            tally: Tally::default(),
            index: String::new(),
        })
    }

    /// The next successful login.
    pub fn read(&mut self) -> Result<Option<Row<'_>>, RbaError> {
        loop {
            self.left.set(MOST);
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| too_long(&self.left, self.tally.rows, error))? {
                return Ok(None);
            }
            self.tally.rows += 1;
            let line = self.record.position().map_or(0, csv::Position::line);
            let cells = self.places.map(|place| self.record.get(place).unwrap_or_default());
            let [_, at, account, succeeded, ip, asn, country, agent, browser, system, device] = cells;
            if cells[1..].iter().any(|cell| MISSING.iter().any(|missing| missing.as_bytes() == *cell)) {
                self.tally.incomplete += 1;
                continue;
            }
            if at < &self.last[..] {
                self.tally.disordered += 1;
            }
            self.last.clear();
            self.last.extend_from_slice(at);
            // As spreadsheets and databases write it, too. Anything else would silently be a login that failed.
            match succeeded.to_ascii_lowercase().as_slice() {
                b"true" | b"1" => {}
                b"false" | b"0" => {
                    self.tally.failed += 1;
                    continue;
                }
                _ => {
                    let value = String::from_utf8_lossy(&succeeded[..succeeded.len().min(40)]).into_owned();
                    return Err(RbaError::Success { line, value: crate::config::printable(&value) });
                }
            }
            match instant(at) {
                Some(at) => self.at = at,
                None => {
                    self.tally.undated += 1;
                    if self.tally.undated == 1 {
                        self.tally.first_undated = line;
                    }
                }
            }
            let login = Login::of(account, [ip, asn, country], [agent, browser, system, device]);
            self.index.clear();
            self.index.push_str(&String::from_utf8_lossy(cells[0]));
            return Ok(Some(Row { index: &self.index, login, at: self.at }));
        }
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }
}

fn too_long(left: &Cell<usize>, rows: u64, error: csv::Error) -> RbaError {
    if left.get() == 0 { RbaError::TooLong(rows) } else { error.into() }
}

/// `2020-02-03 12:43:30.772`, which is UTC.
fn instant(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    Timestamp::parse(&format!("{text}Z")).or_else(|| Timestamp::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "index,Login Timestamp,User ID,Round-Trip Time [ms],IP Address,Country,Region,City,ASN,User Agent \
                        String,Browser Name and Version,OS Name and Version,Device Type,Login Successful,Is Attack IP,Is \
                        Account Takeover";

    #[test]
    fn a_row_without_end_is_refused() {
        let row = "0,2020-02-03 12:43:30.772,-4,NaN,10.0.65.171,NO,-,-,29695,Mozilla,Firefox 20,iOS 13,mobile,True,False,False\n";
        let endless = std::io::repeat(b'x').take(1 << 30);
        let head = format!("{HEAD}\n{}\"", row.repeat(9_000));
        let mut rows = Rows::new(head.as_bytes().chain(endless)).unwrap();
        let mut read = 0;
        let refused = loop {
            match rows.read() {
                Ok(Some(_)) => read += 1,
                Ok(None) => panic!("the last row has no end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, RbaError::TooLong(9_000)) && read == 9_000, "{refused}");
    }

    #[test]
    fn only_whole_successful_rows_are_logins() {
        let text = format!(
            "{HEAD}\n0,2020-02-03 12:43:30.772,-4,NaN,10.0.65.171,NO,-,-,29695,\"Mozilla, like\",Firefox 20,iOS 13,mobile,True,False,False\n\
             1,2020-02-03 12:43:29.000,-4,,10.0.65.171,NO,-,-,29695,Mozilla,Firefox 20,iOS 13,mobile,False,False,False\n\
             2,2020-02-03 12:43:31.000,-4,,10.0.65.171,NA,-,-,29695,Mozilla,Firefox 20,iOS 13,mobile,True,False,False\n\
             3,2020-02-03 12:43:32.000,-4,,10.0.65.171,NO,-,-,29695,Mozilla,Firefox 20,iOS 13,,True,False,False\n"
        );
        let mut rows = Rows::new(text.as_bytes()).unwrap();
        let row = rows.read().unwrap().unwrap();
        assert_eq!((row.index, row.at.to_string().as_str()), ("0", "2020-02-03T12:43:30.772Z"));
        assert!(rows.read().unwrap().is_none());
        let Tally { rows, failed, incomplete, disordered, undated, .. } = rows.tally();
        assert_eq!([rows, failed, incomplete, disordered, undated], [4, 1, 2, 1, 0]);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_value_and_is_no_failed_login() {
        let row = |at: &str, succeeded: &str| {
            format!("0,{at},-4,NaN,10.0.65.171,NO,-,-,29695,Mozilla,Firefox 20,iOS 13,mobile,{succeeded},False,False\n")
        };
        let at = "2020-02-03 12:43:30.772";
        let text = format!("{HEAD}\n{}{}{}{}", row(at, "1"), row(at, "0"), row(at, "FALSE"), row(at, "Yes"));
        let mut rows = Rows::new(text.as_bytes()).unwrap();
        assert!(rows.read().unwrap().is_some());
        let error = rows.read().err().unwrap().to_string();
        assert_eq!(error, "line 5: `Login Successful` is `Yes`: True or False is needed");
        let text = format!("{HEAD}\n{}{}{}", row(at, "True"), row("hello", "True"), row("2020-13-01 00:00:00", "True"));
        let mut rows = Rows::new(text.as_bytes()).unwrap();
        while rows.read().unwrap().is_some() {}
        assert_eq!((rows.tally().undated, rows.tally().first_undated), (2, 3));
    }

    #[test]
    fn another_file_is_told_by_the_column_that_it_lacks() {
        let error = Rows::new(HEAD.replace("ASN", "AS").as_bytes()).err().unwrap();
        assert!(error.to_string().contains("`ASN`"), "{error}");
        assert!(Rows::new(&b""[..]).is_err());
    }
}
