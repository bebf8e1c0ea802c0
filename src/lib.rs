//! Tollgate: a reverse proxy that judges logins, registrations, password resets and checkouts before the application
//! behind it has to. This page is the map: read it first, then the module that your change is in.
//!
//! # What it is
//!
//! The operator says in YAML how the application's forms look: where they are posted to, which field is the account, how
//! a success can be told from a failure. From then on each such request is scored as it passes, and forwarded, sent to a
//! challenge, or refused, by rules that the operator wrote. Everything else streams through at the speed of the proxy
//! underneath ([Pingora](https://github.com/cloudflare/pingora)). The application is not changed and need not know.
//!
//! # The journey
//!
//! **Route → Attempt → Evidence → Assessment → Decision → Enforcement → Outcome.** Each word is a type, and each arrow one
//! function; whoever knows the seven knows the program.
//!
//! | word | what it is | made by |
//! | --- | --- | --- |
//! | [`Route`](config::settings::Route) | how one event is recognised here, where its fields are, how its outcome is read, which policy rules | [`config`], found by [`recognize`](gateway::recognize) |
//! | [`Attempt`](engine::attempt::Attempt) | the facts of one recognised request; nothing in it names or betrays anybody | [`fields`](gateway::fields) |
//! | [`Evidence`](engine::evidence::Evidence) | the attempt, what is known of its address, what history says, what was cleared | [`gather`](gateway::gather) |
//! | [`Assessment`](engine::assessment::Assessment) | what each [signal](engine::signals) read, and the four scores | [`assess`](engine::assessment::assess) |
//! | [`Decision`](engine::decision::Decision) | the [policy](engine::policy)'s ruling: [`Allow`, `Challenge`, `Deny`](engine::decision::Action), and by which rule | [`decide`](engine::decision::decide) |
//! | [`Enforcement`](engine::record::Enforcement) | what was really done, which in monitor mode is to forward | [`enforce`](gateway::enforce) |
//! | [`Outcome`](engine::outcome::Outcome) | what the application answered | [`answer`](gateway::answer), by the route's [rules](engine::outcome::OutcomeRules) |
//!
//! A login is judged at two [moments](engine::evidence::Moment): *before* it is forwarded, when nothing is proven, and
//! *after* the application said yes, before a byte of its answer reaches the visitor. A challenge at the second moment
//! keeps the answer, sealed, until it is solved. Both moments are the same function over the same evidence;
//! [`DecisionRecord`](engine::record::DecisionRecord) is what the world sees of either.
//!
//! # The life of a request
//!
//! Pingora calls [`Hooks`](gateway::gate::Hooks) in this order; each hook is a line or two, and what is known so far is a
//! variant of [`Visit`](gateway::gate::Visit).
//!
//! 1. The [`Door`](gateway::door) admits the connection, if there is room, and times the request's head.
//! 2. `request_filter` → [`judge::request`](gateway::judge::request), before anything upstream is open:
//!    1. Below `/.tollgate/` the gate answers itself: [`own_pages`](gateway::own_pages).
//!    2. [`Routes::candidates`](gateway::recognize::Routes::candidates) reads the head. Nearly every request ends here and
//!       streams on as `Visit::Passing`.
//!    3. [`framing`](gateway::framing) refuses what two servers could cut in two ways; [`held`](gateway::held) reads the
//!       whole body, within bounds of size, sum and time; [`form`](gateway::form) parses it in every reading that some
//!       backend has.
//!    4. [`Candidates::settle`](gateway::recognize::Candidates::settle) lets the body's values decide between routes, or for
//!       none; [`fields`](gateway::fields) makes the facts, [`identity`](gateway::identity) the pseudonyms.
//!    5. [`gather`](gateway::gather) looks the address up and asks the [`Store`](store::Store) once, which counts this attempt
//!       in the same step.
//!    6. [`engine::decide`]. If it says challenge and the visitor brings a [clearance](engine::clearance) for this very
//!       account and route, that is spent and the same function asked again.
//!    7. [`bans`](gateway::bans) carries out what a rule orders beside its refusal: the next request of that sender finds it.
//!    8. [`enforce::course`](gateway::enforce::course) turns the decision into a [`Permit`](gateway::enforce::Permit) to
//!       forward, or an answer of the gate's own. The first record is written.
//! 3. `upstream_peer`, `upstream_request_filter`, `request_body_filter` → [`forward`](gateway::forward): the request as it
//!    came, less what only the gate may say, plus the verdict.
//! 4. `response_filter` → [`answer::head`](gateway::answer::head): the outcome, if the head tells it; after a success the
//!    second judgement, which may keep the answer.
//! 5. `response_body_filter` → [`answer::body`](gateway::answer::body): watches the first 64 KiB go by if a rule needs them,
//!    or swallows what is kept.
//! 6. `logging` → [`answer::finish`](gateway::answer::finish): the outcome is settled in the store, the second record written,
//!    a kept answer sealed and stored. Its visitor fetches it through [`own_pages`](gateway::own_pages) and
//!    [`released`](gateway::released).
//!
//! # The code
//!
//! Dependencies point one way: `cli`, `gateway`, `admin` → `challenge`, `store`, `intel`, `events`, `secrets`, `config`, `tune` →
//! `engine`. (`admin`'s metrics and pages are called by the gateway to count and tell, and know nothing of it; its API stands above it.)
//!
//! - [`engine`]: the functional core. Pure: no async, no I/O, no clock, no Pingora. Judging cannot fail.
//!   - [`attempt`](engine::attempt), [`event`](engine::event), [`evidence`](engine::evidence): the facts;
//!     [`parts`](engine::parts): what can be missing among them; [`appearance`](engine::appearance): what a client looks
//!     like by its headers.
//!   - [`signals`](engine::signals): one file a signal, one table.
//!   - [`assessment`](engine::assessment): three scorecards in log-odds, and `risk`.
//!   - [`freeman`](engine::freeman): whose login it is, by the published statistical model exactly and live;
//!     [`ownership`](engine::ownership): what is known of an account's owner at the moment after success.
//!   - [`money`](engine::money): currencies, and what a small sum is in each.
//!   - [`population`](engine::population): campaigns, which no single source shows and all logins together do.
//!   - [`policy`](engine::policy): the rule language: CEL's grammar, a type checker of our own, a tree that cannot fail.
//!   - [`decision`](engine::decision), [`record`](engine::record): the ruling, and its public shape.
//!   - [`counterfactual`](engine::counterfactual): what would have been decided had a signal read otherwise.
//!   - [`label`](engine::label): what an attempt really was, said afterwards.
//!   - [`outcome`](engine::outcome): reading the application's answer.
//!   - [`calibration`](engine::calibration): whether scores are what they say they are, counted over attempts whose truth
//!     is known.
//! - [`gateway`]: the imperative shell; all that knows Pingora.
//!   - [`server`](gateway::server) with its `services`, [`door`](gateway::door), [`gate`](gateway::gate): starting,
//!     admitting, the hooks.
//!   - [`judge`](gateway::judge), [`answer`](gateway::answer): the journey, there and back;
//!     [`judgement`](gateway::judgement): its steps that need no socket.
//!   - [`rehearsal`](gateway::rehearsal): the same steps over a request from a file, and what they say in words; or over
//!     a whole traffic.
//!   - [`recognize`](gateway::recognize): routes, in every reading of path, host and method.
//!   - [`framing`](gateway::framing), [`held`](gateway::held), [`form`](gateway::form), [`fields`](gateway::fields),
//!     [`identity`](gateway::identity), [`headers`](gateway::headers), [`appearance`](gateway::appearance),
//!     [`client_ip`](gateway::client_ip), [`mail`](gateway::mail): capture.
//!   - [`gather`](gateway::gather), [`leaks`](gateway::leaks), [`pace`](gateway::pace), [`enforce`](gateway::enforce),
//!     [`forward`](gateway::forward),
//!     [`records`](gateway::records): evidence, permission, the way on, what is written down.
//!   - [`population`](gateway::population): keeps what campaigns are found by, and publishes them.
//!   - [`live`](gateway::live), [`upstream`](gateway::upstream), [`tls`](gateway::tls),
//!     [`client_ca`](gateway::client_ca): one configuration, ready to serve; [`reload`](gateway::reload): the next one;
//!     [`inspection`](gateway::inspection): what is wrong around one; [`succession`](gateway::succession): the next program.
//! - [`challenge`]: one file a kind, one table; tickets, clearances, held answers.
//! - [`simulate`]: labelled traffic from a seed: people and attackers, one table each.
//! - [`store`]: what is remembered between requests; one file a store, one conformance suite. What a gate does without
//!   the store that it shares is [`store::shared`].
//! - [`intel`]: addresses, e-mail domains, User-Agents, the operator's lists: embedded data and files on top;
//!   [`passwords`](intel::passwords): the leaked ones.
//! - [`lists`]: one entry, one line, and what is added to lists while the gate runs; [bans](lists::ban) among it.
//! - [`events`]: where records go; one file a sink.
//! - [`secrets`]: the keys of an installation, and the only place that seals with them.
//! - [`config`]: the YAML, with every mistake told in one run. `file` mirrors what is written and is private; everybody
//!   else sees [`settings`](config::settings).
//! - [`admin`]: [metrics](admin::metrics), the admin listener's [pages](admin::pages), and its [API](admin::api): one table of
//!   endpoints, one file a resource.
//! - [`tune`]: learning weights from labels, for somebody to read.
//! - [`attempt_file`]: attempts with their truth, as `simulate` writes and `evaluate` reads them.
//! - [`evaluate`]: attempts whose truth is known, played to the engine and measured; report, page, comparison.
//! - [`cli`]: one file a command.
//!
//! Outside `src`: `conf` (configurations, and the embedded data with their origins), `tests/it` (stories through the real
//! proxy on sockets), `tests/fixtures` (corpora as data), `tests/apps` (the demonstration, and the trials of
//! `conf/examples` before real applications), `benches`, `fuzz` (a target for every parser of a visitor's bytes).
//!
//! # Invariants
//!
//! They name what is deliberately absent. A change that needs one of these gone needs an argument, not a patch.
//!
//! 1. **A request whose head matches no route is never buffered and never delayed by the engine.**
//! 2. **What the gate read is what the application will read**, or the request is refused or flagged. A body goes on byte for
//!    byte; headers likewise, less the few edits that [`forward`](gateway::forward) names. Nothing is repaired.
//! 3. **Secrets stay in the parse buffers.** No type of the [`engine`] holds a password, a card number or an identifier in
//!    clear; a pseudonym is a keyed hash, a password a per-process tag and whether it leaked. That is why those types may be `Debug`. A full card
//!    number and the digits on its back cannot even be mapped as a field.
//! 4. **Falling through is never allow.** Only [`enforce`](gateway::enforce) makes a [`Permit`](gateway::enforce::Permit);
//!    only [`challenge`] makes a [`Solved`](challenge::Solved), and only from one that it verified and burnt comes a
//!    [`Clearance`](engine::clearance::Clearance).
//! 5. **Absence is a value.** A signal that could not look is [`Blind`](engine::signals::Reading::Blind), a part that did not
//!    answer is [named](engine::parts) in `degraded`, and policy rules on both. There is no default score for "don't know".
//! 6. **Memory that an attacker can grow is bounded**, and what is dropped is counted in a metric.
//! 7. **Monitor mode is the same path**; only [`enforce::course`](gateway::enforce::course) and what cannot be judged at all
//!    ask for the mode.
//! 8. **One request sees one configuration**: an `Arc` of [`Live`](gateway::live::Live), taken once. A configuration comes
//!    into force [whole or not at all](gateway::reload).
//! 9. **Time and randomness are handed in.** The engine has no clock; the gateway's is [`Clock`](gateway::clock::Clock).
//! 10. **Nobody can lock somebody else out.** Guesses against an account count against those who guess; the account's known
//!     sources have a budget of their own; an account is banned only by who knew its password, and an address that may be
//!     many people's never.
//!
//! Absent for good: `unsafe`; a plug-in chain (the order is known, and reads best as a function body); regular expressions
//! compiled on the request path; YAML types at run time; a global registry.
//!
//! # Where to begin
//!
//! - To see it work: `make demo`, then [`judge`](gateway::judge) beside the records that it printed; or `tollgate explain`
//!   for one request, step by step.
//! - A signal: copy a file in [`engine::signals`], add it to the table there. Its tests name the innocents too.
//! - A rule variable: one row of [`VARIABLES`](engine::policy::VARIABLES).
//! - An endpoint of the admin API: one row of a resource in [`admin::api`]; document and README follow.
//! - A kind of challenge: one file and one row of [`KINDS`](challenge::KINDS).
//! - A key of the YAML: a field in `config::file` (its words and its default become the [schema](config::schema), the
//!   README's table and `check --show`), its meaning in [`settings`](config::settings), the step between them in
//!   `config::resolve`, a line in `conf/tollgate.yaml`, a broken specimen in `tests/fixtures/config/bad`; then
//!   `UPDATE_SCHEMA=1` and `UPDATE_README=1` for the tests.
//! - A bypass that somebody found: the story that shows it first, in `tests/it`; then the module that misread.
//!
//! The `gateway` feature (on by default) brings everything with a socket in; `cargo test --no-default-features --lib`
//! builds and tests the engine in seconds.

pub mod engine;

#[cfg(feature = "gateway")]
pub mod admin;
#[cfg(feature = "gateway")]
pub mod attempt_file;
#[cfg(feature = "gateway")]
pub mod challenge;
#[cfg(feature = "gateway")]
pub mod cli;
#[cfg(feature = "gateway")]
pub mod config;
#[cfg(feature = "gateway")]
pub mod evaluate;
#[cfg(feature = "gateway")]
pub mod events;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "gateway")]
pub mod intel;
#[cfg(feature = "gateway")]
pub mod lists;
#[cfg(feature = "gateway")]
pub mod secrets;
#[cfg(feature = "gateway")]
pub mod simulate;
#[cfg(feature = "gateway")]
pub mod store;
#[cfg(feature = "gateway")]
pub mod tune;
