//! Where people live: how many, when they are awake, what they speak and pay with, and where their post goes.
//!
//! One row a country. Weights are those of an international shop; offsets are of November, without summer time. Nothing here
//! claims to be a statistic: what matters is that the parts of one person agree with each other.

use super::browsers::System;
use super::chance::Chance;
use super::networks::Country;

/// One country.
pub struct Place {
    pub code: &'static str,
    /// Share of the population, in any unit.
    pub weight: f64,
    /// Minutes from UTC.
    pub offset: i64,
    /// What browsers ask for: by falling frequency, each half as frequent as the one before.
    pub languages: &'static [&'static str],
    pub currency: &'static str,
    /// How much of the currency a US dollar is, for prices.
    pub dollar: f64,
    /// Telephone prefix.
    pub phone: &'static str,
    /// Whose names, by locale.
    pub names: &'static str,
    /// Mail providers by falling frequency.
    pub mail: &'static [&'static str],
    /// Of a hundred phones, how many are iPhones.
    pub iphones: u64,
}

macro_rules! places {
    ($($code:literal $weight:literal $offset:literal [$($language:literal)*] $currency:literal $dollar:literal $phone:literal
       $names:literal [$($mail:literal)*] $iphones:literal;)*) => {
        &[$(Place { code: $code, weight: $weight, offset: $offset, languages: &[$($language),*], currency: $currency,
            dollar: $dollar, phone: $phone, names: $names, mail: &[$($mail),*], iphones: $iphones }),*]
    };
}

#[rustfmt::skip]
pub static PLACES: &[Place] = places! {
    "US" 22.0 -300 ["en-US,en" "en-US" "es-US,es,en" "en-US,en,es"] "USD" 1.0 "+1" "en_US" ["gmail.com" "yahoo.com" "icloud.com" "outlook.com" "hotmail.com" "aol.com" "comcast.net"] 58;
    "GB" 10.0 0 ["en-GB,en" "en-GB,en-US,en" "en-GB" "pl-PL,pl,en"] "GBP" 0.79 "+44" "en_GB" ["gmail.com" "hotmail.co.uk" "outlook.com" "yahoo.co.uk" "btinternet.com" "icloud.com"] 51;
    "DE" 12.0 60 ["de-DE,de,en-US,en" "de-DE,de" "de,en-US,en" "en-US,en" "tr-TR,tr,de"] "EUR" 0.93 "+49" "de_DE" ["gmail.com" "web.de" "gmx.de" "t-online.de" "outlook.de" "freenet.de" "gmx.net" "posteo.de"] 37;
    "FR" 8.0 60 ["fr-FR,fr,en-US,en" "fr-FR,fr" "fr,en" "en-US,en"] "EUR" 0.93 "+33" "fr_FR" ["gmail.com" "orange.fr" "hotmail.fr" "free.fr" "wanadoo.fr" "yahoo.fr" "laposte.net"] 34;
    "IT" 5.0 60 ["it-IT,it,en-US,en" "it-IT,it" "en-US,en"] "EUR" 0.93 "+39" "it_IT" ["gmail.com" "libero.it" "hotmail.it" "virgilio.it" "alice.it" "icloud.com"] 30;
    "ES" 5.0 60 ["es-ES,es" "es-ES,es,en" "ca-ES,ca,es" "en-US,en"] "EUR" 0.93 "+34" "es_ES" ["gmail.com" "hotmail.com" "yahoo.es" "outlook.es" "telefonica.net"] 24;
    "NL" 3.0 60 ["nl-NL,nl,en-US,en" "nl,en" "en-US,en,nl"] "EUR" 0.93 "+31" "nl_NL" ["gmail.com" "hotmail.com" "ziggo.nl" "kpnmail.nl" "outlook.com" "live.nl"] 41;
    "BE" 1.5 60 ["nl-BE,nl,en" "fr-BE,fr,en" "nl-NL,nl"] "EUR" 0.93 "+32" "nl_NL" ["gmail.com" "telenet.be" "hotmail.com" "skynet.be"] 40;
    "AT" 1.5 60 ["de-AT,de,en" "de-DE,de,en-US,en"] "EUR" 0.93 "+43" "de_DE" ["gmail.com" "gmx.at" "aon.at" "hotmail.com"] 38;
    "CH" 1.5 60 ["de-CH,de,en" "fr-CH,fr,en" "de-DE,de"] "CHF" 0.88 "+41" "de_DE" ["gmail.com" "bluewin.ch" "gmx.ch" "hotmail.com" "protonmail.com"] 58;
    "IE" 0.8 0 ["en-IE,en" "en-GB,en" "en-US,en"] "EUR" 0.93 "+353" "en_GB" ["gmail.com" "hotmail.com" "eircom.net" "icloud.com"] 50;
    "PT" 1.0 0 ["pt-PT,pt,en" "pt-PT,pt" "pt-BR,pt"] "EUR" 0.93 "+351" "pt_PT" ["gmail.com" "hotmail.com" "sapo.pt" "outlook.pt"] 27;
    "SE" 1.5 60 ["sv-SE,sv,en-US,en" "sv-SE,sv" "en-US,en"] "SEK" 10.5 "+46" "sv_SE" ["gmail.com" "hotmail.com" "telia.com" "live.se"] 57;
    "NO" 1.0 60 ["nb-NO,nb,no,en" "nb-NO,nb" "en-US,en"] "NOK" 10.8 "+47" "no_NO" ["gmail.com" "hotmail.com" "online.no" "icloud.com"] 62;
    "DK" 1.0 60 ["da-DK,da,en-US,en" "da-DK,da"] "DKK" 6.9 "+45" "da_DK" ["gmail.com" "hotmail.com" "live.dk" "icloud.com"] 63;
    "FI" 0.8 120 ["fi-FI,fi,en-US,en" "fi-FI,fi" "sv-FI,sv,fi"] "EUR" 0.93 "+358" "fi_FI" ["gmail.com" "hotmail.com" "outlook.com" "luukku.com"] 33;
    "PL" 4.0 60 ["pl-PL,pl,en-US,en" "pl-PL,pl" "uk-UA,uk,pl"] "PLN" 4.0 "+48" "pl_PL" ["gmail.com" "wp.pl" "o2.pl" "onet.pl" "interia.pl" "op.pl"] 14;
    "CZ" 1.2 60 ["cs-CZ,cs,en" "cs-CZ,cs"] "CZK" 23.5 "+420" "cs_CZ" ["seznam.cz" "gmail.com" "email.cz" "centrum.cz"] 22;
    "SK" 0.5 60 ["sk-SK,sk,cs,en" "sk-SK,sk"] "EUR" 0.93 "+421" "sk_SK" ["gmail.com" "azet.sk" "centrum.sk" "zoznam.sk"] 20;
    "HU" 0.8 60 ["hu-HU,hu,en-US,en" "hu-HU,hu"] "HUF" 370.0 "+36" "hu_HU" ["gmail.com" "freemail.hu" "citromail.hu" "t-online.hu"] 25;
    "RO" 1.2 120 ["ro-RO,ro,en-US,en" "en-US,en,ro"] "RON" 4.6 "+40" "ro_RO" ["gmail.com" "yahoo.com" "icloud.com"] 22;
    "GR" 0.8 120 ["el-GR,el,en" "en-US,en,el"] "EUR" 0.93 "+30" "el_GR" ["gmail.com" "hotmail.com" "yahoo.gr"] 22;
    "TR" 2.0 180 ["tr-TR,tr,en-US,en" "tr-TR,tr"] "TRY" 34.0 "+90" "tr_TR" ["gmail.com" "hotmail.com" "outlook.com" "yahoo.com"] 17;
    "UA" 1.0 120 ["uk-UA,uk,en-US,en" "ru-UA,ru,uk" "uk,en"] "UAH" 41.0 "+380" "uk_UA" ["gmail.com" "ukr.net" "i.ua" "meta.ua"] 26;
    "CA" 4.0 -300 ["en-CA,en" "en-US,en" "fr-CA,fr,en"] "CAD" 1.37 "+1" "en_US" ["gmail.com" "hotmail.com" "yahoo.ca" "outlook.com" "rogers.com"] 60;
    "MX" 2.5 -360 ["es-MX,es" "es-419,es" "es-MX,es,en"] "MXN" 17.5 "+52" "es_MX" ["gmail.com" "hotmail.com" "outlook.com" "yahoo.com.mx"] 23;
    "BR" 5.0 -180 ["pt-BR,pt,en-US,en" "pt-BR,pt" "pt-BR"] "BRL" 5.1 "+55" "pt_BR" ["gmail.com" "hotmail.com" "outlook.com" "yahoo.com.br" "uol.com.br"] 18;
    "AR" 1.0 -180 ["es-AR,es" "es-419,es" "es-ES,es"] "ARS" 900.0 "+54" "es_MX" ["gmail.com" "hotmail.com" "yahoo.com.ar"] 12;
    "CL" 0.7 -180 ["es-CL,es" "es-419,es"] "CLP" 930.0 "+56" "es_MX" ["gmail.com" "hotmail.com" "vtr.net"] 24;
    "CO" 0.9 -300 ["es-CO,es" "es-419,es"] "COP" 3900.0 "+57" "es_MX" ["gmail.com" "hotmail.com" "outlook.com"] 15;
    "AU" 3.0 660 ["en-AU,en" "en-GB,en-US,en" "en-US,en"] "AUD" 1.5 "+61" "en_GB" ["gmail.com" "hotmail.com" "bigpond.com" "outlook.com" "icloud.com"] 58;
    "NZ" 0.6 780 ["en-NZ,en" "en-GB,en"] "NZD" 1.65 "+64" "en_GB" ["gmail.com" "hotmail.com" "xtra.co.nz"] 50;
    "JP" 3.0 540 ["ja,en-US,en" "ja-JP,ja" "ja"] "JPY" 150.0 "+81" "ja_JP" ["gmail.com" "yahoo.co.jp" "docomo.ne.jp" "icloud.com" "outlook.jp"] 66;
    "KR" 1.5 540 ["ko-KR,ko,en-US,en" "ko-KR,ko"] "KRW" 1350.0 "+82" "ko_KR" ["naver.com" "gmail.com" "daum.net" "hanmail.net"] 28;
    "IN" 5.0 330 ["en-IN,en" "en-US,en" "en-GB,en-US,en" "hi-IN,hi,en"] "INR" 83.0 "+91" "en_IN" ["gmail.com" "yahoo.co.in" "outlook.com" "rediffmail.com"] 5;
    "ID" 2.0 420 ["id-ID,id,en-US,en" "en-US,en" "id"] "IDR" 15800.0 "+62" "id_ID" ["gmail.com" "yahoo.com" "yahoo.co.id"] 12;
    "PH" 1.0 480 ["en-US,en" "en-PH,en" "fil-PH,fil,en"] "PHP" 57.0 "+63" "es_MX" ["gmail.com" "yahoo.com" "yahoo.com.ph"] 13;
    "VN" 1.0 420 ["vi-VN,vi,en-US,en" "vi"] "VND" 25000.0 "+84" "vi_VN" ["gmail.com" "yahoo.com" "icloud.com"] 32;
    "TH" 0.8 420 ["th-TH,th,en" "th,en" "en-US,en"] "THB" 36.0 "+66" "en_US" ["gmail.com" "hotmail.com" "outlook.co.th"] 30;
    "ZA" 1.0 120 ["en-ZA,en" "en-GB,en" "en-US,en"] "ZAR" 18.5 "+27" "zu_ZA" ["gmail.com" "yahoo.com" "webmail.co.za" "mweb.co.za"] 15;
    "NG" 0.8 60 ["en-NG,en" "en-US,en" "en-GB,en"] "NGN" 1500.0 "+234" "en_NG" ["gmail.com" "yahoo.com" "outlook.com"] 10;
    "EG" 0.7 120 ["ar-EG,ar,en" "ar" "en-US,en"] "EGP" 48.0 "+20" "tr_TR" ["gmail.com" "yahoo.com" "hotmail.com"] 14;
};

impl Place {
    /// A country, as often as people of ours live there.
    pub fn any(chance: &mut Chance) -> &'static Place {
        &PLACES[chance.weighted(PLACES.iter().map(|place| place.weight))]
    }

    pub fn country(&self) -> Country {
        Country::of(self.code)
    }

    /// Earlier ones are more frequent, each twice the next.
    pub fn one<'a>(of: &[&'a str], chance: &mut Chance) -> &'a str {
        let zeros = (chance.draw() | 1 << 40).trailing_zeros() as usize;
        of[zeros % of.len()]
    }

    pub fn phone_system(&self, chance: &mut Chance) -> System {
        if chance.below(100) < self.iphones { System::Ios } else { System::Android }
    }
}

/// The system of a computer: of somebody's own, or of a company.
pub fn computer_system(own: bool, chance: &mut Chance) -> System {
    match (own, chance.below(100)) {
        (true, 0..=66) | (false, 0..=84) => System::Windows,
        (true, 67..=95) | (false, 85..=98) => System::MacOs,
        _ => System::Linux,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::names;
    use crate::simulate::networks::Kind;

    #[test]
    fn every_place_has_networks_names_and_mail() {
        for place in PLACES {
            assert!(names::of(place.names).is_some(), "{}", place.code);
            for kind in [Kind::Home, Kind::Mobile] {
                assert!(!place.country().networks(kind).is_empty(), "{} {kind:?}", place.code);
            }
        }
        assert!(PLACES.len() > 30);
        for place in PLACES {
            assert!(!place.languages.is_empty() && place.mail.len() > 2 && place.iphones <= 100, "{}", place.code);
        }
    }
}
