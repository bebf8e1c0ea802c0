//! Rows of the public RBA data set, one at a time.
//!
//! What pandas takes for missing is missing here too, `NA` (Namibia) included: the authors' scores are of what pandas read,
//! and scores that shall be compared must be over the same rows.

use crate::engine::freeman::history::Login;
use crate::engine::time::Timestamp;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::io::Read;

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
    #[error("{0}")]
    Csv(#[from] csv::Error),
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub rows: u64,
    pub failed: u64,
    pub incomplete: u64,
    pub disordered: u64,
}

/// One successful login.
pub struct Row<'r> {
    pub index: &'r str,
    pub login: Login,
    /// When; the time of the row before where this row's cannot be read.
    pub at: Timestamp,
}

pub struct Rows<R> {
    reader: Reader<R>,
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
        let mut reader = ReaderBuilder::new().from_reader(file);
        let headers = reader.byte_headers()?.clone();
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let found = headers.iter().position(|header| header == column.as_bytes());
            *place = found.ok_or(RbaError::NoColumn(column))?;
        }
        Ok(Rows {
            reader,
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
        while self.reader.read_byte_record(&mut self.record)? {
            self.tally.rows += 1;
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
            if !succeeded.eq_ignore_ascii_case(b"true") {
                self.tally.failed += 1;
                continue;
            }
            self.at = instant(at).unwrap_or(self.at);
            let login = Login::of(account, [ip, asn, country], [agent, browser, system, device]);
            self.index.clear();
            self.index.push_str(&String::from_utf8_lossy(cells[0]));
            return Ok(Some(Row { index: &self.index, login, at: self.at }));
        }
        Ok(None)
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }
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
        let Tally { rows, failed, incomplete, disordered } = rows.tally();
        assert_eq!([rows, failed, incomplete, disordered], [4, 1, 2, 1]);
    }

    #[test]
    fn another_file_is_told_by_the_column_that_it_lacks() {
        let error = Rows::new(HEAD.replace("ASN", "AS").as_bytes()).err().unwrap();
        assert!(error.to_string().contains("`ASN`"), "{error}");
        assert!(Rows::new(&b""[..]).is_err());
    }
}
