//! Kinds of people: one row each. How often they come, from where, and what goes wrong with them.

/// One kind.
#[derive(Debug)]
pub struct Persona {
    /// As attempts have it in `persona`.
    pub name: &'static str,
    pub summary: &'static str,
    /// Share of the accounts, in any unit.
    pub share: f64,
    /// Logins a day, in any unit: the sum is scaled to the mix.
    pub logins: f64,
    /// How often the first try fails, as a multiple of the average.
    pub failure: f64,
    /// How often they ask for a new password without trying, as a multiple of the average.
    pub forgets: f64,
    /// Of their logins on working days, how many are at work.
    pub at_work: f64,
    /// Of the others, how many are on the phone's network.
    pub mobile: f64,
    /// How much of it is on a computer or tablet that the household shares.
    pub shared: f64,
    /// Of their logins, how many are through a VPN.
    pub vpn: f64,
    /// How often a browser comes without the cookies of the last time (private windows, cookies cleared).
    pub forgetful_browser: f64,
    /// Share of days abroad.
    pub abroad: f64,
    /// Has a password manager, which makes passwords that nobody guesses and that are nowhere else.
    pub manager: bool,
}

const ORDINARY: Persona = Persona {
    name: "",
    summary: "",
    share: 0.0,
    logins: 0.0,
    failure: 1.0,
    forgets: 1.0,
    at_work: 0.15,
    mobile: 0.3,
    shared: 0.08,
    vpn: 0.01,
    forgetful_browser: 0.04,
    abroad: 0.01,
    manager: false,
};

/// All kinds.
pub static PERSONAS: [Persona; 11] = [
    Persona {
        name: "office",
        summary: "works with it: each working day, mostly behind the company's one address, with its kind of computer",
        share: 20.0,
        logins: 0.9,
        failure: 0.8,
        at_work: 0.8,
        ..ORDINARY
    },
    Persona {
        name: "daily",
        summary: "comes each day, from home and on the way",
        share: 12.0,
        logins: 1.1,
        failure: 0.7,
        mobile: 0.45,
        ..ORDINARY
    },
    Persona { name: "several_a_week", summary: "comes every other day", share: 20.0, logins: 0.45, ..ORDINARY },
    Persona { name: "weekly", summary: "comes once a week", share: 18.0, logins: 0.14, failure: 1.4, ..ORDINARY },
    Persona {
        name: "monthly",
        summary: "comes once a month",
        share: 10.0,
        logins: 0.033,
        failure: 2.2,
        forgets: 3.0,
        ..ORDINARY
    },
    Persona {
        name: "rare",
        summary: "comes less than once a month",
        share: 5.0,
        logins: 0.01,
        failure: 3.0,
        forgets: 6.0,
        ..ORDINARY
    },
    Persona {
        name: "family",
        summary: "shares a computer or tablet, and the line, with the rest of a family who have accounts too",
        share: 5.0,
        logins: 0.4,
        at_work: 0.05,
        shared: 0.8,
        ..ORDINARY
    },
    Persona {
        name: "traveller",
        summary: "is abroad for days, in hotels' networks or roaming",
        share: 2.5,
        logins: 0.7,
        abroad: 0.35,
        mobile: 0.4,
        vpn: 0.08,
        ..ORDINARY
    },
    Persona {
        name: "forgetful",
        summary: "tries one password after the other, or asks for a new one at once",
        share: 3.0,
        logins: 0.2,
        failure: 5.0,
        forgets: 12.0,
        ..ORDINARY
    },
    Persona {
        name: "password_manager",
        summary: "has a password manager: fills in at once, hardly ever fails",
        share: 8.0,
        logins: 0.5,
        failure: 0.15,
        forgets: 0.1,
        manager: true,
        ..ORDINARY
    },
    Persona {
        name: "private",
        summary: "keeps no cookies and often has a VPN on",
        share: 2.0,
        logins: 0.4,
        vpn: 0.5,
        forgetful_browser: 0.85,
        manager: true,
        failure: 0.3,
        forgets: 0.2,
        ..ORDINARY
    },
];

/// The average over all logins of what a persona has.
pub fn average(of: impl Fn(&Persona) -> f64) -> f64 {
    let weight = |persona: &Persona| persona.share * persona.logins;
    let all: f64 = PERSONAS.iter().map(weight).sum();
    PERSONAS.iter().map(|persona| weight(persona) * of(persona)).sum::<f64>() / all
}

/// Logins a day of the average account, in the table's unit.
pub fn average_logins() -> f64 {
    let all: f64 = PERSONAS.iter().map(|persona| persona.share).sum();
    PERSONAS.iter().map(|persona| persona.share * persona.logins).sum::<f64>() / all
}

/// For the manual: name and what it is.
pub fn table() -> String {
    let all: f64 = PERSONAS.iter().map(|persona| persona.share).sum();
    let row = |persona: &Persona| {
        format!("| `{}` | {} | {:.0} % |\n", persona.name, persona.summary, 100.0 * persona.share / all)
    };
    format!("| persona | who | accounts |\n| --- | --- | ---: |\n{}", PERSONAS.iter().map(row).collect::<String>())
}
