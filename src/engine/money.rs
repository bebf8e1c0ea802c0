//! Currencies: which there are, how many decimals their amounts have, and what a small sum is in them.
//!
//! Whoever tries stolen cards tries them with sums that their owners overlook, and a rule in dollars would call every
//! order in yen a large one and every order in dinars a small one. So there is a rough worth of each currency here: what a
//! dollar buys of it, to one digit and as of the year in which it was written. It is used for nothing but the question
//! whether a sum is small, where a factor of two does not matter; it is not an exchange rate, and needs no updates.
//!
//! The codes and decimals are those of ISO 4217 (active codes; funds, units of account, metals and test codes are no money that a shop takes).

/// A sum of no more than so many dollars' worth is small. Testers stay below ten; people rarely buy for less, and where
/// they do, nearly all of their cards work.
pub const SMALL: f64 = 10.0;

/// One currency of ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Currency {
    /// Three letters, upper case.
    pub code: &'static str,
    /// How many decimals an amount has.
    pub decimals: u8,
    /// How many units are about a dollar's worth.
    pub to_a_dollar: f64,
}

impl Currency {
    /// By its code in either case; `None` for anything else.
    pub fn find(code: &str) -> Option<Currency> {
        let bytes: [u8; 3] = code.trim().as_bytes().try_into().ok()?;
        let upper = bytes.map(|byte| byte.to_ascii_uppercase());
        let upper = std::str::from_utf8(&upper).ok()?;
        let groups = ROUGHLY.iter().flat_map(|(worth, codes)| codes.split(' ').map(move |code| (*worth, code)));
        let (to_a_dollar, code) = groups.into_iter().find(|(_, code)| *code == upper)?;
        let decimals = DECIMALS.iter().find(|(_, codes)| codes.split(' ').any(|other| other == code));
        Some(Currency { code, decimals: decimals.map_or(2, |(decimals, _)| *decimals), to_a_dollar })
    }
}

/// Whether a sum is one that is overlooked: `None` if no amount is known. Of an unknown currency as of dollars.
pub fn is_small(amount: Option<f64>, currency: Option<&str>) -> Option<bool> {
    let to_a_dollar = currency.and_then(Currency::find).map_or(1.0, |currency| currency.to_a_dollar);
    amount.map(|amount| amount <= SMALL * to_a_dollar)
}

/// Currencies whose amounts do not have two decimals.
const DECIMALS: [(u8, &str); 2] =
    [(0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"), (3, "BHD IQD JOD KWD LYD OMR TND")];

/// By how many units are about a dollar's worth.
const ROUGHLY: [(f64, &str); 13] = [
    (0.3, "BHD KWD OMR"),
    (
        1.0,
        "ANG AUD AWG AZN BAM BBD BGN BMD BND BSD BZD CAD CHF CUP EUR FJD FKP GBP GEL GIP JOD KYD NZD PAB SGD SHP TOP USD WST \
         XCD XCG BYN",
    ),
    (4.0, "AED BRL GHS ILS LYD MYR PEN PGK PLN QAR RON SAR TMT TND TTD TJS BOB CNY DKK HKD HNL MOP NOK SEK GTQ MAD"),
    (15.0, "ERN STN LSL MDL MXN NAD SBD SCR SLE SRD SZL SVC ZAR BWP MVR MRU NIO TWD CZK THB ZMW"),
    (40.0, "DOP EGP INR KGS MKD PHP TRY UAH UYU BTN GMD NPR MUR HTG ETB AFN RUB BDT CVE VUV MZN"),
    (100.0, "ALL DZD JPY RSD ISK KES XPF DJF JMD SSP LRD LKR PKR VED VES YER"),
    (300.0, "AMD HUF KMF KZT CRC GYD SYP SDG"),
    (600.0, "XAF XOF AOA SOS ZWG"),
    (1_000.0, "ARS CLP IQD KRW MWK NGN RWF BIF KPW"),
    (2_000.0, "MMK MNT CDF TZS"),
    (4_000.0, "COP KHR MGA UGX PYG"),
    (10_000.0, "GNF IDR LAK UZS"),
    (30_000.0, "VND IRR LBP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_found_by_its_code_and_by_nothing_else() {
        let euro = Currency::find(" eur ").unwrap();
        assert_eq!((euro.code, euro.decimals), ("EUR", 2));
        assert_eq!(Currency::find("JPY").unwrap().decimals, 0);
        assert_eq!(Currency::find("KWD").unwrap().decimals, 3);
        for other in ["", "EU", "EURO", "XDR", "XTS", "XAU", "BTC", "E R", "ÄÄ", "€", "840"] {
            assert_eq!(Currency::find(other), None, "{other}");
        }
    }

    #[test]
    fn every_code_stands_once_and_every_exception_is_a_currency() {
        let all: Vec<&str> = ROUGHLY.iter().flat_map(|(_, codes)| codes.split_whitespace()).collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
        assert!(all.len() > 150, "{}", all.len());
        for code in all.iter().chain(&DECIMALS.map(|(_, codes)| codes).join(" ").split(' ').collect::<Vec<_>>()) {
            assert!(Currency::find(code).is_some(), "{code}");
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()), "{code}");
        }
    }

    #[test]
    fn small_is_what_a_card_owner_overlooks_in_any_currency() {
        for (amount, currency, small) in [
            (Some(4.99), Some("USD"), Some(true)),
            (Some(49.9), Some("EUR"), Some(false)),
            (Some(500.0), Some("JPY"), Some(true)),
            (Some(4_800.0), Some("JPY"), Some(false)),
            (Some(40.0), Some("SEK"), Some(true)),
            (Some(8.0), None, Some(true)),
            (Some(80.0), Some("???"), Some(false)),
            (Some(0.0), Some("USD"), Some(true)),
            (Some(f64::NAN), Some("USD"), Some(false)),
            (None, Some("USD"), None),
        ] {
            assert_eq!(is_small(amount, currency), small, "{amount:?} {currency:?}");
        }
    }
}
