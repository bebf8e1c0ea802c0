//! How large the operator's lists are: what their files hold is told when a configuration comes into force, what was added
//! is asked when somebody looks.

use super::{Error, Family, IntCounter, IntGaugeVec, Metrics, catch_up, table};
use crate::lists::Book;
use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct Lists {
    entries: IntGaugeVec,
    refusals: IntCounter,
    /// Entries in files and in the configuration, by list.
    files: Mutex<Vec<(String, usize)>>,
}

impl Lists {
    pub(super) fn new(of: &Family<'_>) -> Result<Lists, Error> {
        let entries = of.gauges(table::LIST_ENTRIES)?;
        Ok(Lists { entries, refusals: of.counter(table::LIST_REFUSALS)?, files: Mutex::default() })
    }
}

impl Metrics {
    /// What the configuration's lists hold from now on.
    pub fn listed<'a>(&self, sizes: impl Iterator<Item = (&'a str, usize)>) {
        *self.lists.files.lock() = sizes.map(|(list, size)| (list.to_owned(), size)).collect();
    }

    /// Takes over what was added to lists, when somebody asks.
    pub fn take_lists(&self, added: &Book) {
        // One asker at a time; and what is no longer configured goes.
        let files = self.lists.files.lock();
        let entries = |list: &str, source: &str| self.lists.entries.with_label_values(&[list, source]);
        self.lists.entries.reset();
        for (list, size) in &*files {
            entries(list, "file").set(*size as i64);
            entries(list, "added").set(0);
        }
        for (list, ledger) in added.lists() {
            entries(&list, "added").set(ledger.len() as i64);
        }
        catch_up(&self.lists.refusals, added.refused());
    }
}
