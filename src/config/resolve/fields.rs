//! Where a request's fields are: `account: form:login`.

use super::Resolver;
use crate::config::later::listed;
use crate::config::settings::FieldSource;
use crate::config::slot::{Many, Pairs, Slot};
use crate::config::tree::NodeId;
use crate::engine::attempt::Field;
use crate::engine::policy::spelling::nearest;

/// Sources of one field.
const MOST_SOURCES: usize = 16;

const PLACES: [&str; 6] = ["form", "json", "query", "header", "cookie", "basic"];

impl Resolver<'_, '_> {
    /// `pays`: the form is one that cards are written into.
    pub(super) fn fields(&self, slot: &Slot<Pairs<Many<String>>>, pays: bool) -> Vec<(Field, Vec<FieldSource>)> {
        let mut fields = Vec::new();
        for (at, name, node, sources) in slot.get().into_iter().flat_map(Pairs::good) {
            let Some(field) = self.field(at, name) else { continue };
            if sources.0.is_empty() || sources.0.len() > MOST_SOURCES {
                self.error(
                    node,
                    format!("a field has 1 to {MOST_SOURCES} sources"),
                    "write `form:<name of the form's field>`",
                );
            }
            let sources: Vec<_> = sources.good().filter_map(|(node, text)| self.source(node, text, pays)).collect();
            fields.push((field, sources));
        }
        // In the order of the table, so that the order in the file means nothing.
        fields.sort_by_key(|(field, _)| *field);
        fields
    }

    /// A field that people do not see. It must be one that a page can hide, and none that people fill in.
    pub(super) fn trap(&self, slot: &Slot<Many<String>>, fields: &[(Field, Vec<FieldSource>)]) -> Vec<FieldSource> {
        let help = "write `form:<name of the hidden field>`";
        let Some(texts) = slot.get() else { return Vec::new() };
        if let Some(node) = slot.node()
            && (texts.0.is_empty() || texts.0.len() > MOST_SOURCES)
        {
            self.error(node, format!("a trap has 1 to {MOST_SOURCES} sources"), help);
        }
        let mut sources = Vec::new();
        for (node, text) in texts.good() {
            let Some(source) = self.source(node, text, false) else { continue };
            match &source {
                FieldSource::Form(_) | FieldSource::Json(_) | FieldSource::Query(_) => {}
                FieldSource::Header(_)
                | FieldSource::Cookie(_)
                | FieldSource::BasicUser
                | FieldSource::BasicPassword => {
                    self.error(node, format!("no page can hide `{text}` from people"), help);
                    continue;
                }
            }
            if let Some((field, _)) = fields.iter().find(|(_, known)| known.contains(&source)) {
                let message =
                    format!("`{text}` is where people write their {}: all of them would be trapped", field.name());
                self.error(node, message, "give the form a field of its own that nobody sees");
                continue;
            }
            sources.push(source);
        }
        sources
    }

    fn field(&self, node: NodeId, name: &str) -> Option<Field> {
        if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) {
            return Some(field);
        }
        let known = Field::ALL.map(Field::name);
        let plain = name.to_ascii_lowercase().replace(['-', '_', ' '], "");
        if is_verification_value(&plain) || is_short_for_one(&plain) {
            self.error(node, VERIFICATION_VALUE, "leave it out");
            return None;
        }
        if is_whole_number(&plain) {
            let message = "a whole card number is no field: PCI DSS (3.2, 3.4) has everybody keep and show no more of it than \
                           they need, and the gate needs no more than the first six to eight digits and the last four";
            let help = "map `card_bin` and `card_last4`; both may name the form's field that has the whole number, of which no \
                        more is taken";
            self.error(node, message, help);
            return None;
        }
        let meant = match plain.as_str() {
            "login" | "user" | "userid" | "identifier" | "customer" => Some("account"),
            "mail" | "emailaddress" => Some("email"),
            "pass" | "passwd" | "pwd" => Some("password"),
            "tel" | "telephone" | "mobile" => Some("phone"),
            "total" | "price" => Some("amount"),
            "zip" | "postcode" | "postalcode" => Some("shipping_zip"),
            "address" | "street" | "shipping" => Some("shipping_address"),
            "billing" => Some("billing_address"),
            "bin" | "iin" | "cardfirst" | "cardfirstsix" | "cardfirst6" => Some("card_bin"),
            "last4" | "lastfour" | "cardlast" | "cardlastfour" => Some("card_last4"),
            "orderid" | "ordernumber" | "orderno" | "transactionid" | "invoiceid" => Some("order"),
            _ => nearest(name, known),
        };
        let help = meant
            .map_or_else(|| format!("known fields: {}", listed(&known)), |meant| format!("did you mean `{meant}`?"));
        self.error(node, format!("there is no field `{name}`"), &*help);
        None
    }

    fn source(&self, node: NodeId, text: &str, pays: bool) -> Option<FieldSource> {
        let Some((place, name)) = text.split_once(':') else {
            let help = format!(
                "say where it is: `form:{text}`, `json:/{text}`, `query:{text}`, `header:{text}` or `cookie:{text}`"
            );
            self.error(node, format!("`{text}` does not say where the field is"), &*help);
            return None;
        };
        if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
            self.error(
                node,
                "the name behind the `:` has 1 to 256 characters",
                "write `form:<name of the form's field>`",
            );
            return None;
        }
        let plain = name.to_ascii_lowercase().replace(['-', '_', ' '], "");
        let last = plain.rsplit('/').next().unwrap_or(&plain);
        if is_verification_value(last) || pays && is_short_for_one(last) {
            self.error(node, VERIFICATION_VALUE, "leave it out");
            return None;
        }
        match (place, name) {
            ("form", _) => Some(FieldSource::Form(name.into())),
            ("query", _) => Some(FieldSource::Query(name.into())),
            ("cookie", _) => Some(FieldSource::Cookie(name.into())),
            ("json", _) => {
                self.pointer(node, name);
                Some(FieldSource::Json(name.into()))
            }
            ("header", _) => {
                self.header_name(node, name);
                Some(FieldSource::Header(name.to_ascii_lowercase().into()))
            }
            ("basic", "user") => Some(FieldSource::BasicUser),
            ("basic", "password") => Some(FieldSource::BasicPassword),
            ("basic", _) => {
                self.error(node, format!("`basic:{name}` does not exist"), "write `basic:user` or `basic:password`");
                None
            }
            _ => {
                let help = nearest(place, PLACES).map_or_else(
                    || format!("places are {}", listed(&PLACES)),
                    |close| format!("did you mean `{close}:{name}`?"),
                );
                self.error(node, format!("there is no place `{place}` to read a field from"), &*help);
                None
            }
        }
    }
}

/// Why what proves that somebody holds the card in their hands is read by nobody here.
const VERIFICATION_VALUE: &str = "a card's verification value, its PIN and its magnetic track are never read: PCI DSS (3.3.1) \
                                  lets nobody but the bank keep them, and no signal needs them";

/// Whether a name (lower case, without separators) is that of a whole card number.
fn is_whole_number(plain: &str) -> bool {
    [
        "card",
        "cardnumber",
        "cardno",
        "cardnum",
        "cc",
        "ccnumber",
        "ccnum",
        "ccno",
        "creditcard",
        "creditcardnumber",
        "debitcard",
        "pan",
        "primaryaccountnumber",
    ]
    .contains(&plain)
}

/// Whether a name (lower case, without separators) is that of the three or four digits on the back, of the PIN, or of the
/// magnetic stripe.
fn is_verification_value(plain: &str) -> bool {
    [
        "cvv",
        "cvv2",
        "cvc",
        "cvc2",
        "csc",
        "cid",
        "cardcvv",
        "cardcvc",
        "securitycode",
        "cardverification",
        "cardsecuritycode",
        "cardverificationvalue",
        "cardverificationcode",
        "cvvcode",
        "cvccode",
        "cardpin",
        "pinblock",
        "track1",
        "track2",
        "trackdata",
        "magstripe",
    ]
    .contains(&plain)
}

/// What is one of those on a form that takes cards, and on others may be a library's password or a parcel.
fn is_short_for_one(plain: &str) -> bool {
    ["pin", "track", "track3"].contains(&plain)
}
