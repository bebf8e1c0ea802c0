//! `tollgate schema`: the JSON Schema of the configuration, for editors and for CI.

use super::FINE;
use crate::config::schema;
use std::io::Write;

/// Prints it. Always succeeds: a reader that went away is no reason to fail.
pub fn schema() -> u8 {
    let _ = std::io::stdout().lock().write_all(schema::text().as_bytes());
    FINE
}
