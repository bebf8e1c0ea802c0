//! How what is remembered is written as bytes: numbers little-endian, fields in the order of their declaration, lists
//! behind their length.
//!
//! A serialiser with a schema would write names, or need a description of types that nobody but this program reads. What
//! is here is a trait with one line a type; a file that another version wrote is known by its number and set aside.
//! Reading trusts nothing: it ends with `None` on the first byte that does not fit, and never reserves more than there
//! are bytes left.

use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::evidence::Counts;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::store::VelocityKey;
use crate::store::{DeviceKey, Withdrawal};

/// A value that can be written and read again.
pub trait Kept: Sized {
    fn put(&self, to: &mut Vec<u8>);
    /// Takes a value off the front; `None` if there is none.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// `kept!(Type { field, field })`: the fields in turn.
macro_rules! kept {
    ($name:ident $(<$generic:ident>)? { $($field:ident),* $(,)? }) => {
        impl $(<$generic: $crate::store::memory::state::kept::Kept>)? $crate::store::memory::state::kept::Kept for $name $(<$generic>)? {
            fn put(&self, to: &mut Vec<u8>) {
                $($crate::store::memory::state::kept::Kept::put(&self.$field, to);)*
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                Some($name { $($field: $crate::store::memory::state::kept::Kept::take(from)?),* })
            }
        }
    };
}
pub(in crate::store::memory) use kept;

/// `choice!(Type: 0 = Variant, 1 = Other)`: variants without fields.
macro_rules! choice {
    ($name:ident: $($number:literal = $variant:ident),* $(,)?) => {
        impl Kept for $name {
            fn put(&self, to: &mut Vec<u8>) {
                to.push(match self { $($name::$variant => $number),* });
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                match u8::take(from)? {
                    $($number => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Kept for $number {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$number>::from_le_bytes(*bytes))
            }
        })*
    };
}

numbers!(u8, u16, i16, u32, u64, u128);

choice!(Outcome: 0 = Succeeded, 1 = Failed, 2 = Pending, 3 = Unknown, 4 = Aborted);
choice!(Withdrawal: 0 = Denied, 1 = Challenged, 2 = Held);
kept!(Counts { attempts, failed, succeeded, open });

/// A count: neither negative, nor infinite, nor no number.
impl Kept for f64 {
    fn put(&self, to: &mut Vec<u8>) {
        self.to_bits().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(f64::from_bits(u64::take(from)?)).filter(|count| count.is_finite() && *count >= 0.0)
    }
}

/// Likewise.
impl Kept for f32 {
    fn put(&self, to: &mut Vec<u8>) {
        self.to_bits().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(f32::from_bits(u32::take(from)?)).filter(|count| count.is_finite() && *count >= 0.0)
    }
}

impl Kept for bool {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(to);
        self.iter().for_each(|each| each.put(to));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let length = u32::take(from)? as usize;
        // Every value takes a byte at least, so this bounds what a damaged length can ask for.
        let mut list = Vec::with_capacity(length.min(from.len()).min(1024));
        for _ in 0..length {
            list.push(T::take(from)?);
        }
        Some(list)
    }
}

impl<T: Kept> Kept for Box<[T]> {
    fn put(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(to);
        self.iter().for_each(|each| each.put(to));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Vec::take(from).map(Vec::into_boxed_slice)
    }
}

impl Kept for VelocityKey {
    fn put(&self, to: &mut Vec<u8>) {
        self.to_bytes().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        VelocityKey::from_bytes(<[u8; 18]>::take(from)?)
    }
}

impl<T: Kept> Kept for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        self.iter().for_each(|value| value.put(to));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

impl<T: Kept> Kept for Box<T> {
    fn put(&self, to: &mut Vec<u8>) {
        (**self).put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        T::take(from).map(Box::new)
    }
}

impl<T: Kept, const N: usize> Kept for [T; N] {
    fn put(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|each| each.put(to));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut read = Vec::with_capacity(N);
        for _ in 0..N {
            read.push(T::take(from)?);
        }
        read.try_into().ok()
    }
}

impl Kept for Timestamp {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u64::take(from).map(Timestamp)
    }
}

impl Kept for Pseudonym {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        <[u8; 16]>::take(from).map(Pseudonym)
    }
}

impl Kept for AttemptId {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u128::take(from).map(AttemptId)
    }
}

impl Kept for Network {
    fn put(&self, to: &mut Vec<u8>) {
        self.bits().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u128::take(from).map(Network::from_bits)
    }
}

impl Kept for DeviceKey {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            DeviceKey::Cookie(id) => {
                to.push(0);
                id.put(to);
            }
            DeviceKey::Fingerprint { hash, asn } => {
                to.push(1);
                hash.put(to);
                asn.put(to);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Kept::take(from).map(DeviceKey::Cookie),
            1 => Some(DeviceKey::Fingerprint { hash: u64::take(from)?, asn: u32::take(from)? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back<T: Kept + PartialEq + std::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(T::take(&mut rest).as_ref(), Some(value));
        assert!(rest.is_empty());
        for cut in 0..bytes.len() {
            assert_eq!(T::take(&mut &bytes[..cut]), None, "a value that was cut off is none");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u128, list: Vec<u64>, some: Option<u32>, yes: bool, id: [u8; 16], asn: u32) {
            there_and_back(&number);
            there_and_back(&list);
            there_and_back(&some);
            there_and_back(&yes);
            there_and_back(&Network::from_bits(number));
            there_and_back(&DeviceKey::Cookie(Pseudonym(id)));
            there_and_back(&DeviceKey::Fingerprint { hash: 7, asn });
            there_and_back(&Counts { attempts: f64::from(asn), failed: 0.5, succeeded: 0.0, open: 1e-9 });
        }
    }

    #[test]
    fn a_count_that_cannot_be_is_refused() {
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            let mut bytes = Vec::new();
            wrong.put(&mut bytes);
            assert_eq!(f64::take(&mut &bytes[..]), None);
        }
    }

    #[test]
    fn a_length_without_its_values_reserves_nothing() {
        assert_eq!(Vec::<u64>::take(&mut &u32::MAX.to_le_bytes()[..]), None);
    }
}
