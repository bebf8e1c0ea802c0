//! What is kept of an e-mail address: enough to say whether mail can go there, whose the mailbox is likely to be and whether
//! somebody made a thousand like it, and too little to write to anybody. Everything here was derived where the address was last
//! seen in the clear, at capture.

use super::attempt::Pseudonym;

/// What is kept of an e-mail address.
#[derive(Clone, Debug)]
pub struct Email {
    pub key: Pseudonym,
    /// Lower-case ASCII (punycode) domain; empty if there is none.
    pub domain: Box<str>,
    /// Why mail servers would refuse it, if they would.
    pub problem: Option<EmailProblem>,
    /// The disposable-list entry that covers the domain, if one does.
    pub disposable: Option<Box<str>>,
    /// The service that forwards what is sent to this domain to people's real mailboxes, by its name. Explains, counts for
    /// nothing.
    pub relay: Option<&'static str>,
    /// Whether the domain's mail servers were to be looked up, and the answer did not come in time.
    pub unanswered: bool,
    /// How it is made, where an account is being registered with it.
    pub composition: Option<Box<Composition>>,
}

/// How an address is made: what tells somebody's own from one of a thousand. Nothing of it says what the address is.
#[derive(Clone, Debug)]
pub struct Composition {
    /// The keyed hash of what the local part is made up of and of the provider: `LD2@` for `jane.doe84@mail.example`.
    pub template: Pseudonym,
    /// The share of people's addresses at a provider that are made up alike, in (0, 1). `None`: nobody knows, because there
    /// somebody else makes them.
    pub template_share: Option<f64>,
    /// The keyed hash of the domain.
    pub provider: Pseudonym,
    /// The keyed hash of the mailbox that mail arrives in, whatever tags and dots it has on its way.
    pub mailbox: Pseudonym,
    /// The keyed hash of the address with tags and dots, case aside.
    pub spelling: Pseudonym,
    /// The natural logarithm of how many times likelier a person makes such a local part than a machine that throws letters.
    /// `None`: too short, or in no script that is known.
    pub likelihood: Option<f64>,
    /// Why it does not look as if anybody meant to be written to.
    pub weakness: Option<Weakness>,
}

/// What makes a local part look as if nobody meant to be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Keys that lie side by side: `asdfgh`.
    Keyboard,
    /// One letter, or a few, again and again.
    Repetition,
    /// A word that stands for an address: `test`, `noreply`.
    Placeholder,
    /// A whole word that is obscene.
    Profanity,
}

impl Weakness {
    pub fn name(self) -> &'static str {
        match self {
            Weakness::Keyboard => "keyboard",
            Weakness::Repetition => "repetition",
            Weakness::Placeholder => "placeholder",
            Weakness::Profanity => "profanity",
        }
    }
}

/// Why an address cannot work, after RFC 5321, 5322 and 6531 as mail servers apply them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailProblem {
    Syntax,
    TooLong,
    NoDomain,
    /// The domain does not end in a public suffix.
    NoPublicSuffix,
    /// The domain is in no zone, or has neither mail servers nor addresses. Only where look-ups are on.
    NoMailServer,
    /// The domain says that it takes no mail (RFC 7505). Only where look-ups are on.
    NullMx,
}

impl EmailProblem {
    pub fn name(self) -> &'static str {
        match self {
            EmailProblem::Syntax => "syntax",
            EmailProblem::TooLong => "too_long",
            EmailProblem::NoDomain => "no_domain",
            EmailProblem::NoPublicSuffix => "no_public_suffix",
            EmailProblem::NoMailServer => "no_mail_server",
            EmailProblem::NullMx => "null_mx",
        }
    }
}
