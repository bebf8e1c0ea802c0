//! A configuration is read again, and most of it is as it was.
//!
//! Of what a reload of ten thousand routes costs, two thirds are spent on the characters of routes that nobody touched.
//! So a reading leaves a [`Version`] behind: the text, where the items of `routes` stand in it, and the routes they became.
//! The next reading looks for those items in the new text. For each that is there again it writes an empty entry and as
//! many blank lines as it had, and gives the shorter document to the ordinary loader, with the routes that are
//! known ([`Kept`]). The loader puts them in their places, and makes all checks that look at more than one route, or at a
//! route and its policy, over the whole list. Lines, columns and indices are those of the new text, so what is
//! warned of in the rest needs no translation. Everything outside of `routes` is read, resolved and checked anew each time,
//! with the files it names; so a rule that changed costs no more, and there is no second idea of what a change is.
//!
//! **Why this cannot say something else than a full reading would.** An item's text becomes the same nodes wherever it
//! stands if nothing is open where it begins and where it ends. That is so for the items of the earlier text (the tree of
//! its full reading [agreed](cut) with the cut) and for the new ones and the empty ones of the shorter document (its tree
//! has to agree too, or all is read in full). An item in the middle of an open quote, a quote that swallows its neighbours,
//! lines of a block scalar that look like items: in each case an entry is missing, and the trees do not agree. What could
//! reach across is excluded: anchors and aliases, directives, and anything but plain lines. A route is made from its nodes
//! and its policy alone (no file: [`Resolved`](super::resolve::Resolved); the environment does not change while a process
//! runs), and the same checks on the same nodes say the same.
//!
//! **Whatever is not certain is read in full**, which costs what it did and yields the exact report: any error in the
//! shorter document, a route that its policy no longer fits, two routes of one name or in one's shadow, budgets that all
//! together might exceed. An item that was warned of is never taken for known, so that it is warned of again.

mod cut;
#[cfg(test)]
mod tests;

use super::report::{MOST_PROBLEMS, Warning};
use super::settings::{Route, RoutePolicy, Settings, Source};
use super::tree::{Environment, NODES, NodeId, Tree};
use super::{Files, Parsed, Reading};
use crate::engine::event::Event;
use cut::Cut;
use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What is kept of a reading that went well. As large as the file, and a few words for each route.
#[derive(Debug)]
pub struct Version {
    text: String,
    cut: Cut,
    items: Vec<Item>,
}

/// One item of `routes`, and what became of it.
#[derive(Debug)]
struct Item {
    route: Arc<Route>,
    /// Nodes in the tree.
    size: u32,
    /// Something in it was warned of.
    warned: bool,
}

/// Reads a text, with the help of what was read before.
pub(super) fn read(
    name: &str,
    text: String,
    base: &Path,
    environment: Environment<'_>,
    files: &Files,
    earlier: Option<&Version>,
) -> Reading {
    let followed = earlier.and_then(|earlier| earlier.follow(name, &text, base, environment, files));
    if let Some(Followed { settings, warnings, files, cut, items }) = followed {
        let admin = Some(settings.admin.clone());
        let version = Some(Version { text, cut, items });
        return Reading { result: Ok((settings, warnings)), files, admin, version };
    }
    let parsed = super::parsed(name, &text, base, environment, files.clone(), super::Reach::Here, None);
    let Parsed { result, files, admin, routes_are_text } = parsed;
    let mut version = None;
    let result = result.map(|(settings, warnings, tree)| {
        if routes_are_text {
            version = Version::of(text, &tree, &settings, &warnings);
        }
        (settings, warnings)
    });
    Reading { result, files, admin, version }
}

/// What came of the shorter document.
struct Followed {
    settings: Settings,
    warnings: Vec<Warning>,
    files: Files,
    cut: Cut,
    items: Vec<Item>,
}

impl Version {
    /// `None` if the text is laid out in a way that the next reading could make nothing of.
    fn of(text: String, tree: &Tree, settings: &Settings, warnings: &[Warning]) -> Option<Version> {
        if tree.anchored || warnings.len() >= MOST_PROBLEMS {
            return None;
        }
        let cut = Cut::of(&text)?;
        let entries = cut.entries(&text, tree)?;
        if settings.routes.len() != entries.len() {
            return None;
        }
        let warned = warned(&text, &cut, warnings);
        let sizes = Cut::sizes(tree, entries);
        let made = settings.routes.iter().zip(sizes).zip(warned);
        let items = made.map(|((route, size), warned)| Item { route: route.clone(), size, warned }).collect();
        Some(Version { text, cut, items })
    }

    /// Reads a text that may be much like this one. `None`: it has to be read in full.
    fn follow(
        &self,
        name: &str,
        text: &str,
        base: &Path,
        environment: Environment<'_>,
        files: &Files,
    ) -> Option<Followed> {
        if text.len() as u64 > super::LARGEST {
            return None;
        }
        let cut = Cut::of(text)?;
        let known = self.find(text, &cut);
        // Were most of them to be read, and then all of them again, nothing would be gained.
        let news: usize =
            (0..).zip(&known).filter(|(_, known)| known.is_none()).map(|(at, _)| cut.item(at).len()).sum();
        if news > cut.all().len() / 2 {
            return None;
        }
        let short = shortened(text, &cut, &known);
        let kept = self.kept(text, &cut, &known, Cut::of(&short)?);
        let parsed = super::parsed(name, &short, base, environment, files.clone(), super::Reach::Here, Some(&kept));
        let (mut settings, warnings, tree) = parsed.result.ok()?;
        if kept.doubt.get() || !parsed.routes_are_text || tree.anchored || warnings.len() >= MOST_PROBLEMS {
            return None;
        }
        let entries = kept.cut.entries(&short, &tree)?;
        if entries.len() != cut.len() || settings.routes.len() != cut.len() {
            return None;
        }
        let sizes = Cut::sizes(&tree, entries);
        let warned = warned(text, &cut, &warnings);
        let mut items = Vec::with_capacity(cut.len());
        let mut nodes = tree.len();
        for (((known, route), size), warned) in known.iter().zip(&settings.routes).zip(sizes).zip(warned) {
            // An empty entry must have stayed empty, and another must be what is in the file.
            if known.is_some() && size != 1 {
                return None;
            }
            let size = known.map_or(size, |place| self.items[place].size);
            nodes += if known.is_some() { size as usize - 1 } else { 0 };
            items.push(Item { route: route.clone(), size, warned });
        }
        if nodes > NODES {
            return None;
        }
        settings.hash = super::hash(text);
        settings.source = Source(text.into());
        Some(Followed { settings, warnings, files: parsed.files, cut, items })
    }

    /// For each item of the new text its place in this one, if it is there, each at most once. Most edits leave what is
    /// before and behind them as it was; between, items may have been moved.
    fn find(&self, text: &str, cut: &Cut) -> Vec<Option<usize>> {
        let (old, new) = (self.cut.len(), cut.len());
        let same = |before: usize, after: usize| self.text[self.cut.item(before)] == text[cut.item(after)];
        let most = old.min(new);
        let first = (0..most).take_while(|&at| same(at, at)).count();
        let last = (0..most - first).take_while(|&at| same(old - 1 - at, new - 1 - at)).count();
        let mut between: HashMap<&str, usize> =
            (first..old - last).map(|at| (&self.text[self.cut.item(at)], at)).collect();
        let place = |at: usize| {
            if at < first {
                Some(at)
            } else if at >= new - last {
                Some(at + old - new)
            } else {
                between.remove(&text[cut.item(at)])
            }
        };
        let places = (0..new).map(place);
        places.map(|place| place.filter(|&place| !self.items[place].warned)).collect()
    }

    fn kept(&self, text: &str, cut: &Cut, known: &[Option<usize>], short: Cut) -> Kept {
        let (before, after) = (self.cut.all(), cut.all());
        let same_around =
            self.text[..before.start] == text[..after.start] && self.text[before.end..] == text[after.end..];
        let mut kept = Kept {
            cut: short,
            routes: known.iter().map(|place| Some(self.items[(*place)?].route.clone())).collect(),
            policies: HashMap::new(),
            standard: HashMap::new(),
            is_whole: known.len() == self.items.len() && (0..).zip(known).all(|(at, place)| *place == Some(at)),
            doubt: Cell::new(false),
        };
        if same_around {
            for item in &self.items {
                let (event, policy) = (&item.route.event, &item.route.policy);
                let name = &policy.rules.name;
                if &**name != super::resolve::STANDARD {
                    if !kept.policies.contains_key(&**name) {
                        kept.policies.insert((&**name).into(), policy.clone());
                    }
                } else if !kept.standard.contains_key(event) {
                    kept.standard.insert(event.clone(), policy.clone());
                }
            }
        }
        kept
    }
}

/// Which items are warned of.
fn warned(text: &str, cut: &Cut, warnings: &[Warning]) -> Vec<bool> {
    let mut warned = vec![false; cut.len()];
    if warnings.is_empty() {
        return warned;
    }
    let mut line = 1 + lines(&text[..cut.all().start]);
    for (place, warned) in warned.iter_mut().enumerate() {
        let until = line + lines(&text[cut.item(place)]);
        // The last line of a file need not end.
        let last = until.max(line + 1);
        *warned = warnings.iter().any(|warning| (line..last).contains(&warning.line));
        line = until;
    }
    warned
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// The text with empty entries for the items that are known, all lines where they were.
fn shortened(text: &str, cut: &Cut, known: &[Option<usize>]) -> String {
    let all = cut.all();
    let mut short = text[..all.start].to_owned();
    for (place, known) in known.iter().enumerate() {
        let item = &text[cut.item(place)];
        if known.is_none() {
            short.push_str(item);
            continue;
        }
        short.extend(std::iter::repeat_n(' ', cut.indent));
        short.push('-');
        short.extend(std::iter::repeat_n('\n', lines(item)));
    }
    short.push_str(&text[all.end..]);
    short
}

/// What the loader need not make again.
pub(super) struct Kept {
    /// Of the shorter document.
    cut: Cut,
    /// By place in the list of the new text.
    routes: Vec<Option<Arc<Route>>>,
    /// Policies as they were, by name; none if anything outside of `routes` was written differently.
    policies: HashMap<Box<str>, Arc<RoutePolicy>>,
    standard: HashMap<Event, Arc<RoutePolicy>>,
    is_whole: bool,
    doubt: Cell<bool>,
}

impl Kept {
    /// The empty entries that stand for routes; none if the document is not what it was taken for.
    pub fn entries(&self, text: &str, tree: &Tree) -> Vec<NodeId> {
        let entries = self.cut.entries(text, tree).unwrap_or_default().iter().zip(&self.routes);
        entries.filter(|(entry, known)| known.is_some() && tree.is_empty(**entry)).map(|(entry, _)| *entry).collect()
    }

    /// The route at this place of the list; `None`: it stands in the document.
    pub fn route(&self, place: usize) -> Option<&Arc<Route>> {
        self.routes.get(place)?.as_ref()
    }

    /// The policy that was made from the same text as this one, if the bodies in its files are the same as well. Routes
    /// that keep their policy need not be copied, and versions share it.
    pub fn policy(&self, name: &str, made: &RoutePolicy) -> Option<&Arc<RoutePolicy>> {
        self.policies.get(name).filter(|known| known.deny == made.deny)
    }

    /// The built-in policies that were made, with the same parameters of signals.
    pub fn standard(&self) -> HashMap<Event, Arc<RoutePolicy>> {
        self.standard.clone()
    }

    /// Whether the list is what it was.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Something is to be said of a route that is not in the document: it must be read in full.
    pub fn doubt(&self) {
        self.doubt.set(true);
    }
}
