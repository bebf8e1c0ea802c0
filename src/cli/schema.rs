//! `tollgate schema`: the JSON Schema of the configuration, for editors and for CI.

use super::output;
use crate::config::schema;

/// Prints it.
pub fn schema() -> u8 {
    output::print(&schema::text())
}
