//! The parts that a judgement leans on and can be without: what `degraded` may hold, in records and in rules.
//!
//! One closed table, so that a rule over a part that does not exist is an error when it is written, and the README's list
//! cannot miss one. Only what a judgement is poorer for is here. A decision log that cannot be written, or an application
//! whose name cannot be looked up, changes nobody's score: those are told in metrics, in the log and by readiness.

/// One name of the table.
#[derive(Debug)]
pub struct Part {
    pub name: &'static str,
    /// What a judgement is without, in a sentence.
    pub summary: &'static str,
}

macro_rules! parts {
    ($($name:literal $summary:literal;)*) => {
        /// In the order of the documentation.
        pub static PARTS: &[Part] = &[$(Part { name: $name, summary: $summary }),*];
    };
}

parts! {
    "store" "The store did not count this attempt when it came: history is what this gate alone has seen, or nothing. Always with one of the next, which say why.";
    "store_late" "It did not answer within `store.deadline`.";
    "store_down" "It cannot be reached.";
    "store_read_only" "It takes no writes: a replica, or a master that has lost its own.";
    "store_failing_over" "It is loading its data, or another server is taking over.";
    "store_full" "It has no memory left.";
    "store_refused" "It does not let this gate in, or not do this.";
    "store_foreign" "It belongs to an installation with another `secret_file`.";
    "store_broken" "It answered what makes no sense.";
    "store_merging" "It is back, and is being told what happened in the meantime.";
    "lists" "What was added to lists is not known yet: the store was not reached since the start.";
    "city" "The database `intel.city` has something unreadable for this address.";
    "country" "Likewise `intel.country`.";
    "asn" "Likewise `intel.asn`.";
    "anonymous" "Likewise `intel.anonymous`: whether it is a VPN, a Tor exit or a data centre is not known.";
    "passwords" "The service `intel.passwords.range` did not answer in time: whether the password leaked, the local lists alone have said.";
    "dns" "The mail servers of the address's domain were not told within `email.dns.deadline`: `invalid_email` is blind.";
}

/// The names, for the checker of rules.
pub fn names() -> Vec<&'static str> {
    PARTS.iter().map(|part| part.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_explained() {
        for (place, part) in PARTS.iter().enumerate() {
            assert!(PARTS[..place].iter().all(|other| other.name != part.name), "{} twice", part.name);
            assert!(
                part.summary.ends_with('.') && !part.summary.contains('|'),
                "{}: the summary is a sentence",
                part.name
            );
        }
    }
}
