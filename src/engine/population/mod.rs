//! Population evidence: what no single address, device or account shows, and all of them together do.
//!
//! A list of leaked pairs can be tried from one machine in a minute, through a new address for every third pair, or over
//! weeks with one attempt per address and account. The first is `credential_stuffing`'s own business, source by source. The
//! other two have no source: each attempt by itself is a stranger's failed login, of which every site has some each minute.
//! What gives them away is that there are too many of them, and that they have a tool in common.
//!
//! # Whom to compare
//! People log in where they logged in before. Their attempts (a [`Usual`](Standing::Usual) device or network of the account,
//! which got in on an earlier day as well) are the *control group*: no thief can be among them in any number, so what they do tells how the application answers
//! honest people today: how many fail, how many mistype an account's name into one that nobody has. Everybody else is a
//! [`Strange`](Standing::Strange) one, in eight [classes](Class) by what a stranger cannot choose freely: whether anybody ever
//! logged in to that account, whether they brought a cookie, and whether other accounts were tried from their [network](networks)
//! in the last week and nobody got in since. Among strangers the *successes* tell how many are honest
//! (for honest people mostly get in, and guesses mostly do not), so that the rest of a cell, [`Population`]'s *excess*, is the
//! share of it that are no customers:
//!
//! ```text
//! honest(seen)   = successes / q               q: success share of the control group, less what strangers fail more often
//! honest(unseen) = (successes + m · successes(seen, same cookie)) / q          m: share of names mistyped, of the control group
//! excess         = 1 − honest / people
//! ```
//!
//! That needs no time of peace to learn from: an attack that was there before the gate is seen as well as one that begins.
//! A person counts once: tries at one account count as one person's, who succeeded if one of them did.
//!
//! # When to speak of a campaign
//! A share that is high by chance is no campaign. Two sequential tests of Page's kind (E. S. Page, "Continuous inspection
//! schemes", 1954) add up log-likelihood ratios person by person, never below zero, and speak when the sum passes a bound `h`.
//! Between two false alarms lie at least `e^h` persons on average, whatever the traffic's rhythm (G. Lorden, "Procedures for
//! reacting to a change in distribution", 1971); the place where the sum was last zero is when it began.
//! - **Clusters**, of a fingerprint and of a fingerprint within one autonomous system: is a person of it one of people who
//!   fail as often as strangers do at the worst, or one of a list? `h` = [`H_CLUSTER`](watch::H_CLUSTER).
//! - **The site**, class by class, for what is spread over all tools: how many strangers fail for each that gets in, against
//!   the learned level of that ratio, which never goes above a cap, lest an attack that was always there be the level.
//!   Successes are its clock, so that mornings are no alarm. `h` = [`H_SITE`](watch::H_SITE).
//! - **One password** on many accounts ([`passwords`]): as a cluster.
//!
//! What is found is a [`Campaign`]. An attempt is a member if it is a stranger's and its cell (class and fingerprint) is nearly
//! all excess ([`MEMBER`](campaign::MEMBER)): a customer with the same popular browser in the same network, where they always logged in, is
//! none, and neither are strangers with a browser whose strangers get in. A cell that is in stays in until it is clearly out,
//! and a campaign ends when the same test, turned round, says that its cluster is at its level again (of strangers: each class
//! of them, for a list may come to other accounts, and its bots come back), or nothing of it was
//! seen for [six hours](watch::IDLE): so neither oscillates. What the gate refuses and nobody solves counts as a person who did not
//! get in, or a campaign that is stopped would look as if it had ended. An application that refuses everybody says
//! nothing about anybody: while the control group fails, and before some dozens of people got in at all, nothing is counted.
//!
//! # Bounds
//! Everything is bounded: clusters, passwords, campaigns, networks, persons that are told apart. Who floods the gate with fingerprints pushes out
//! those of which least was seen, and is counted by class all the same. Nothing here is written down: after a restart it
//! takes the time of a new detection. One gate sees what it judges itself; each gate of a fleet finds campaigns in its own
//! share of the traffic, after as many attempts as one alone, which is as many times more of the whole. Only logins are looked at.
//!
//! Who has many accounts of their own can make strangers' successes, one per account and some dozens of others: it takes a
//! fifth of them among the guesses to hide in one cell; a network is clean when one account logged in from it. And whoever
//! guesses with a customer's cookie, or from their network, is no stranger; they are one source, and `credential_stuffing`
//! counts those. A cookie on which one's own account got in is as good as none on its first day, and on each day for the
//! fourth account that is tried with it within two hours; accounts of one's own that fail on purpose, so that the application
//! looks broken, count from their second day on, and one for each network.
//!
//! Pure: no clock, no lock, no randomness. [`Population`] is told what became of attempts, and publishes [`Campaigns`], which
//! evidence carries.

pub mod campaign;
mod cluster;
mod honest;
mod look;
mod networks;
mod passwords;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;
pub mod watch;

pub use campaign::{Campaign, Campaigns, Match, Pattern};
pub use look::{Became, Class, Look, Standing};
pub use watch::Population;
