//! The kinds of things that attempts share, as a closed table: stores, the admin API and the signals name them alike, and a
//! kind that is added has its code in state files and on servers from the first day.

/// What attempts can share beside their network, their device and their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// The /56 of an IPv6 address: what most providers give one line.
    Network56,
    /// The /48 of an IPv6 address: what one customer of a hosting provider has.
    Network48,
    /// All who run the same software.
    Fingerprint,
    /// All who run the same software in one autonomous system, whether or not they have a cookie.
    AsnFingerprint,
    /// E-mail addresses that are made alike, by event.
    EmailTemplate,
    /// E-mail addresses at one domain, by event.
    EmailDomain,
    /// E-mail addresses that arrive in one mailbox, by event.
    EmailMailbox,
    /// One e-mail address with its tags and dots, by event.
    EmailSpelling,
    /// The card's first six to eight digits, by event.
    CardBin,
    /// By event.
    Phone,
    /// Where to ship to, by event.
    Address,
    /// The network that registers, by event: what it does beside is not counted.
    Registrar,
    /// The whole site, by event.
    Site,
    /// Where the bill goes to, by event.
    BillingAddress,
    /// Orders from one network: how many cards.
    NetworkCards,
    /// Orders from one device, or from all who run the same software in one network: how many cards.
    DeviceCards,
    /// Orders of one account: how many cards.
    AccountCards,
    /// Orders of strangers (on devices on which nobody ever logged in) who run the same software, anywhere; those of small sums and
    /// others apart.
    FingerprintStrangers,
    /// Orders of strangers with cards of the same first digits; those of small sums and others apart.
    CardBinStrangers,
    /// Orders of all strangers.
    SiteStrangers,
    /// What the client's network does, by event; of resets alone.
    NetworkEvent,
    /// What is done on the account, by event; of resets alone.
    AccountEvent,
}

impl EntityKind {
    pub const ALL: [EntityKind; 22] = [
        EntityKind::Network56,
        EntityKind::Network48,
        EntityKind::Fingerprint,
        EntityKind::AsnFingerprint,
        EntityKind::EmailTemplate,
        EntityKind::EmailDomain,
        EntityKind::EmailMailbox,
        EntityKind::EmailSpelling,
        EntityKind::CardBin,
        EntityKind::Phone,
        EntityKind::Address,
        EntityKind::BillingAddress,
        EntityKind::Registrar,
        EntityKind::Site,
        EntityKind::NetworkCards,
        EntityKind::DeviceCards,
        EntityKind::AccountCards,
        EntityKind::FingerprintStrangers,
        EntityKind::CardBinStrangers,
        EntityKind::SiteStrangers,
        EntityKind::NetworkEvent,
        EntityKind::AccountEvent,
    ];

    /// As the admin API calls it.
    pub fn name(self) -> &'static str {
        match self {
            EntityKind::Network56 => "network_56",
            EntityKind::Network48 => "network_48",
            EntityKind::Fingerprint => "fingerprint",
            EntityKind::AsnFingerprint => "asn_fingerprint",
            EntityKind::EmailTemplate => "email_template",
            EntityKind::EmailDomain => "email_domain",
            EntityKind::EmailMailbox => "email_mailbox",
            EntityKind::EmailSpelling => "email_spelling",
            EntityKind::CardBin => "card_bin",
            EntityKind::Phone => "phone",
            EntityKind::Address => "address",
            EntityKind::Registrar => "registrar",
            EntityKind::Site => "site",
            EntityKind::BillingAddress => "billing_address",
            EntityKind::NetworkCards => "network_cards",
            EntityKind::DeviceCards => "device_cards",
            EntityKind::AccountCards => "account_cards",
            EntityKind::FingerprintStrangers => "fingerprint_strangers",
            EntityKind::CardBinStrangers => "card_bin_strangers",
            EntityKind::SiteStrangers => "site_strangers",
            EntityKind::NetworkEvent => "network_event",
            EntityKind::AccountEvent => "account_event",
        }
    }

    /// As stores write it: never changed, never reused.
    pub fn code(self) -> u8 {
        match self {
            EntityKind::Network56 => 1,
            EntityKind::Network48 => 2,
            EntityKind::Fingerprint => 3,
            EntityKind::AsnFingerprint => 4,
            EntityKind::EmailTemplate => 5,
            EntityKind::CardBin => 6,
            EntityKind::Phone => 7,
            EntityKind::Address => 8,
            EntityKind::Site => 9,
            EntityKind::EmailDomain => 20,
            EntityKind::EmailMailbox => 21,
            EntityKind::EmailSpelling => 22,
            EntityKind::Registrar => 23,
            EntityKind::BillingAddress => 24,
            EntityKind::NetworkCards => 25,
            EntityKind::DeviceCards => 26,
            EntityKind::AccountCards => 27,
            EntityKind::FingerprintStrangers => 28,
            EntityKind::CardBinStrangers => 29,
            EntityKind::SiteStrangers => 30,
            EntityKind::NetworkEvent => 31,
            EntityKind::AccountEvent => 32,
        }
    }

    /// Whether what is told apart there are cards, and not accounts. Where an order says nothing of its card it is the account
    /// all the same.
    pub fn tells_cards_apart(self) -> bool {
        match self {
            EntityKind::NetworkCards
            | EntityKind::DeviceCards
            | EntityKind::AccountCards
            | EntityKind::FingerprintStrangers
            | EntityKind::CardBinStrangers
            | EntityKind::SiteStrangers => true,
            EntityKind::Network56
            | EntityKind::Network48
            | EntityKind::Fingerprint
            | EntityKind::AsnFingerprint
            | EntityKind::EmailTemplate
            | EntityKind::CardBin
            | EntityKind::Phone
            | EntityKind::Address
            | EntityKind::BillingAddress
            | EntityKind::EmailDomain
            | EntityKind::EmailMailbox
            | EntityKind::EmailSpelling
            | EntityKind::Registrar
            | EntityKind::NetworkEvent
            | EntityKind::AccountEvent
            | EntityKind::Site => false,
        }
    }

    /// Whether it stands in a form, is what orders share, or is the whole site. It is counted by event then, and answers to every event count; else only those to a
    /// secret do, as at every source.
    pub fn is_by_event(self) -> bool {
        match self {
            EntityKind::EmailTemplate
            | EntityKind::EmailDomain
            | EntityKind::EmailMailbox
            | EntityKind::EmailSpelling
            | EntityKind::CardBin
            | EntityKind::Phone
            | EntityKind::Address
            | EntityKind::Registrar
            | EntityKind::BillingAddress
            | EntityKind::NetworkCards
            | EntityKind::DeviceCards
            | EntityKind::AccountCards
            | EntityKind::FingerprintStrangers
            | EntityKind::CardBinStrangers
            | EntityKind::SiteStrangers
            | EntityKind::Site
            | EntityKind::NetworkEvent
            | EntityKind::AccountEvent => true,
            EntityKind::Network56 | EntityKind::Network48 | EntityKind::Fingerprint | EntityKind::AsnFingerprint => {
                false
            }
        }
    }
}
