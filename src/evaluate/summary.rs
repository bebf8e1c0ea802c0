//! From what was counted to the report.

use super::attack;
use super::detection::{AGES, Campaign, Took, Track, median};
use super::innocents::{self, Fared};
use super::reauthentication::{self, SIZES};
use super::report::{
    Asking, AtPolicy, Attack, Bar, Bin, ByAge, ByName, Calibration, Caught, Curve, Detection, Innocents, Person, Range,
    Reached, Reason, Reauthentication, Recall, RuleHits, Signal, Thieves, Threshold,
};
use super::share::{Share, rounded};
use super::spread::{self, Spread, percent};
use super::tally::{Group, Label, MEASURES, Tally, measure_name};
use crate::attempt_file::INNOCENT;
use crate::engine::calibration::Reliability;
use crate::engine::event::Event;
use crate::engine::signals::{SignalId, SignalSet};
use crate::engine::time::Timestamp;
use std::collections::BTreeMap;

/// The shares of innocents at which thresholds are told.
pub const FALSE_POSITIVES: [f64; 2] = [0.001, 0.01];
/// Innocents and reasons that are told one by one.
const MOST_TOLD: usize = 20;
/// Points of a curve: eight for each power of ten, from one in ten thousand to all.
const POINTS: i32 = 32;

/// Files by their number.
pub type Names<'n> = &'n dyn Fn(usize) -> String;

pub fn innocents(tally: &Tally, names: Names<'_>) -> Innocents {
    let seen = &tally.innocents;
    let by_event = of_innocents(tally).map(|group| {
        let fate = group.fate;
        let hit = fate.challenged().plus(fate.denied());
        let fared = Fared {
            hit: Share::new(hit.count, fate.attempts),
            denied: fate.denied(),
            kept_out: Share::new(fate.attempts - fate.passed, fate.attempts),
        };
        by_name(group.event.name(), &fared)
    });
    let mut by_persona: Vec<ByName> = seen.personas.iter().map(|(name, fared)| by_name(name, fared)).collect();
    by_persona.sort_by(|a, b| b.fared.hit.count.cmp(&a.fared.hit.count).then_with(|| a.name.cmp(&b.name)));
    let day = |day: u64| Timestamp(day * 86_400_000).to_string().chars().take(10).collect::<String>();
    let all = seen.all.hit;
    let mut rules: Vec<RuleHits> = seen
        .rules
        .iter()
        .map(|((rule, moment, action), hits)| RuleHits {
            rule: rule.to_string(),
            moment: (*moment).to_owned(),
            action: action.clone(),
            hits: Share::new(*hits, all.of),
        })
        .collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.hits.count));
    let mut reasons: Vec<(&SignalSet, &u64)> = seen.reasons.iter().collect();
    reasons.sort_by_key(|(signals, hits)| (std::cmp::Reverse(**hits), **signals));
    let reason = |(signals, hits): (&SignalSet, &u64)| Reason {
        signals: signal_names(*signals),
        hits: Share::new(*hits, all.count),
    };
    let worst = seen.worst(MOST_TOLD).into_iter().map(|(actor, person)| Person {
        actor: actor.to_owned(),
        persona: person.persona.to_string(),
        hits: person.hits,
        denials: person.denials,
        signals: signal_names(person.signals),
        first: format!("{}:{}", names(person.file), person.line),
        rule: person.rule.to_string(),
    });
    Innocents {
        all: shown(&seen.all),
        by_event: by_event.collect(),
        by_persona,
        by_day: seen.days.iter().map(|(number, fared)| by_name(&day(*number), fared)).collect(),
        days: range(seen),
        rules,
        reasons: reasons.into_iter().take(MOST_TOLD).map(reason).collect(),
        people_hit: seen.people_hit(),
        unnamed_hits: seen.unnamed,
        worst: worst.collect(),
    }
}

fn by_name(name: &str, fared: &Fared) -> ByName {
    ByName { name: name.to_owned(), fared: shown(fared) }
}

fn shown(fared: &Fared) -> super::report::Fared {
    let Fared { hit, denied, kept_out } = *fared;
    super::report::Fared { hit, denied, kept_out }
}

fn range(seen: &innocents::Innocents) -> Option<Range> {
    let mut shares: Vec<f64> = seen.days.values().filter_map(|fared| fared.hit.value()).map(rounded).collect();
    shares.sort_by(f64::total_cmp);
    let (least, most) = (*shares.first()?, *shares.last()?);
    Some(Range { least, median: shares[(shares.len() - 1) / 2], most })
}

fn signal_names(signals: SignalSet) -> Vec<String> {
    signals.names().map(str::to_owned).collect()
}

/// The innocents, by event.
fn of_innocents(tally: &Tally) -> impl Iterator<Item = &Group> {
    let innocent = tally.labels.iter().filter(|(label, _)| *label == INNOCENT);
    innocent.flat_map(|(_, label)| &label.groups)
}

/// The attacks, by how much there is of each.
fn of_attacks(tally: &Tally) -> impl Iterator<Item = (&str, &Label)> {
    tally.labels.iter().filter(|(label, _)| *label != INNOCENT)
}

pub fn attacks(tally: &Tally) -> Vec<Attack> {
    let mut attacks: Vec<Attack> = of_attacks(tally).map(|(name, label)| attack(tally, name, label)).collect();
    attacks.sort_by(|a, b| a.label.cmp(&b.label));
    attacks
}

fn attack(tally: &Tally, name: &str, label: &Label) -> Attack {
    let fate = label.fate();
    let own = attack::score_of(name);
    let measures = MEASURES.iter().enumerate().filter(|(_, measure)| measure.is_none() || **measure == own);
    let measures: Vec<(usize, &'static str)> =
        measures.map(|(place, measure)| (place, measure_name(*measure))).collect();
    // Innocents of the same event, whom the attack must be told from; without any, all innocents.
    let beside = |event: &Event, place: usize| -> Vec<&Spread> {
        let groups = || of_innocents(tally);
        let same: Vec<&Spread> =
            groups().filter(|group| group.event == *event).map(|group| &group.spreads[place]).collect();
        if same.is_empty() { groups().map(|group| &group.spreads[place]).collect() } else { same }
    };
    let mut thresholds = Vec::new();
    let mut curves = Vec::new();
    for (place, score) in measures {
        let on = label.groups.iter().map(|group| OnEvent::new(group, place, beside(&group.event, place)));
        // Without anybody innocent, any threshold would do.
        let events: Vec<OnEvent<'_>> = on.filter(|on| on.good.iter().any(|good| good.total() > 0)).collect();
        thresholds.extend(FALSE_POSITIVES.map(|most| threshold(score, most, &events)));
        curves.push(curve(score, &events));
    }
    let mut signals: Vec<Recall> = SignalId::all()
        .map(|id| {
            let fired = label.groups.iter().map(|group| group.fired[usize::from(id.0)]).sum();
            Recall { signal: id.name().to_owned(), recall: Share::new(fired, fate.attempts) }
        })
        .filter(|recall| recall.recall.count > 0)
        .collect();
    signals.sort_by_key(|signal| std::cmp::Reverse(signal.recall.count));
    Attack {
        label: name.to_owned(),
        events: label.groups.iter().map(|group| group.event.name().to_owned()).collect(),
        score: own.map(|score| score.name().to_owned()),
        attempts: fate.attempts,
        at_policy: AtPolicy {
            challenged: fate.challenged(),
            denied: fate.denied(),
            solved: Share::new(fate.solved, fate.challenged().count),
            stopped: Share::new(fate.attempts - fate.passed, fate.attempts),
            harm: Share::new(fate.succeeded, fate.attempts),
        },
        thresholds,
        curves,
        detection: label.campaign.as_ref().map(detection).unwrap_or_default(),
        signals,
    }
}

/// One event of an attack, with the innocents that it must be told from.
struct OnEvent<'t> {
    event: &'t Event,
    good: Vec<&'t Spread>,
    bad: &'t Spread,
    curve: crate::engine::calibration::curve::Curve,
    points: Vec<crate::engine::calibration::curve::Point>,
}

impl<'t> OnEvent<'t> {
    fn new(group: &'t Group, place: usize, good: Vec<&'t Spread>) -> OnEvent<'t> {
        let bad = &group.spreads[place];
        let mut curve = spread::curve(&Spread::default(), bad);
        good.iter().for_each(|good| good.put(&mut curve, false));
        let points = curve.points();
        OnEvent { event: &group.event, good, bad, curve, points }
    }

    /// The lowest threshold that hits at most this share.
    fn bar(&self, most: f64) -> f64 {
        let fit = self.points.iter().take_while(|point| point.false_positives <= most + 1e-12).last();
        fit.map_or(f64::INFINITY, |point| point.threshold)
    }

    fn caught(&self, bar: f64) -> Share {
        Share::new(self.bad.from(bar), self.bad.total())
    }

    fn hit(&self, bar: f64) -> Share {
        self.good.iter().map(|good| Share::new(good.from(bar), good.total())).fold(Share::default(), Share::plus)
    }
}

fn threshold(score: &str, most: f64, events: &[OnEvent<'_>]) -> Threshold {
    let mut told = Threshold {
        score: score.to_owned(),
        false_positives_at_most: most,
        false_positives: Share::default(),
        recall: Share::default(),
        thresholds: BTreeMap::new(),
    };
    for on in events {
        let bar = on.bar(most);
        told.recall = told.recall.plus(on.caught(bar));
        told.false_positives = told.false_positives.plus(on.hit(bar));
        let shown = bar.is_finite().then(|| rounded(percent(bar)));
        told.thresholds.insert(on.event.name().to_owned(), shown);
    }
    told
}

fn curve(score: &str, events: &[OnEvent<'_>]) -> Curve {
    let points = (0..=POINTS).map(|step| {
        let most = 10_f64.powf(f64::from(step - POINTS) / 8.0);
        let recall = events.iter().map(|on| on.caught(on.bar(most))).fold(Share::default(), Share::plus);
        [rounded(most), rounded(recall.value().unwrap_or(0.0))]
    });
    let areas = events.iter().filter_map(|on| Some((on.curve.area()?, on.bad.total() as f64)));
    let (sum, weight) = areas.fold((0.0, 0.0), |(sum, all), (area, weight)| (sum + area * weight, all + weight));
    let area = (weight > 0.0).then(|| rounded(sum / weight));
    Curve { score: score.to_owned(), area, points: points.collect() }
}

fn detection(campaign: &Campaign) -> Detection {
    let took = |took: Took| super::report::Took { attempts: took.attempts, seconds: took.seconds };
    let of = |track: &Track| Reached {
        first: track.first.map(took),
        half: track.held[0].map(took),
        most: track.held[1].map(took),
    };
    let actors = campaign.actors().len() as u64;
    let (ever, first) = median(campaign.actors().map(|track| track.first));
    let (half, until_half) = median(campaign.actors().map(|track| track.held[0]));
    let (most, until_most) = median(campaign.actors().map(|track| track.held[1]));
    Detection {
        whole: of(&campaign.whole),
        actors,
        ever_stopped: Share::new(ever, actors),
        median: Reached { first: first.map(took), half: until_half.map(took), most: until_most.map(took) },
        half: Share::new(half, actors),
        most: Share::new(most, actors),
        untracked_attempts: campaign.untracked,
        after_twenty: campaign.after_head_start,
        after_two_hours: campaign.when_settled,
        by_age: AGES
            .iter()
            .zip(campaign.by_age)
            .map(|(until, stopped)| ByAge { until: Some(*until).filter(|until| *until < u64::MAX), stopped })
            .collect(),
    }
}

pub fn signals(tally: &Tally) -> Vec<Signal> {
    let groups = |bad: bool| {
        let labels = tally.labels.iter().filter(move |(label, _)| (*label != INNOCENT) == bad);
        labels.flat_map(|(_, label)| &label.groups)
    };
    let signal = |id: SignalId| {
        let place = usize::from(id.0);
        let fired = |bad| groups(bad).map(|group| group.fired[place]).sum::<u64>();
        let all = |bad| groups(bad).map(|group| group.fate.attempts).sum::<u64>();
        let blind = [true, false].map(|bad| groups(bad).map(|group| group.blind[place]).sum::<u64>());
        Signal {
            signal: id.name().to_owned(),
            precision: Share::new(fired(true), fired(true) + fired(false)),
            recall: Share::new(fired(true), all(true)),
            false_positives: Share::new(fired(false), all(false)),
            blind: Share::new(blind[0] + blind[1], all(true) + all(false)),
        }
    };
    SignalId::all().map(signal).collect()
}

pub fn calibration(tally: &Tally) -> Vec<Calibration> {
    let told = tally.calibration.iter().zip(MEASURES);
    told.filter_map(|(reliability, measure)| calibrated(measure_name(measure), reliability)).collect()
}

/// A score's calibration; `None` of nothing.
pub fn calibrated(score: &str, reliability: &Reliability) -> Option<Calibration> {
    let brier = reliability.brier()?;
    let bins = reliability.rows().into_iter().map(|row| Bin {
        from: rounded(100.0 * row.from),
        to: rounded(100.0 * row.to),
        mean_score: rounded(100.0 * row.forecast),
        bad: Share::new(row.bad, row.attempts),
    });
    Some(Calibration {
        score: score.to_owned(),
        attempts: reliability.attempts().0,
        base_rate: rounded(reliability.base_rate()?),
        mean_score: rounded(100.0 * reliability.mean_forecast()?),
        brier: rounded(brier.score),
        skill: brier.skill().map(rounded),
        expected_error: rounded(reliability.expected_error()?),
        log_loss: rounded(reliability.log_loss()?),
        bins: bins.collect(),
    })
}

pub fn reauthentication(figure: &reauthentication::Reauthentication) -> Reauthentication {
    let thieves = figure.thieves.iter().map(|(label, spread)| Thieves {
        label: label.to_owned(),
        attempts: spread.total(),
        bars: figure
            .at_bars(spread)
            .into_iter()
            .map(|bar| Bar {
                stopped: bar.stopped,
                bar: rounded(bar.bar),
                asked: bar.asked,
                by_size: bar.by_size.to_vec(),
            })
            .collect(),
    });
    let mut thieves: Vec<Thieves> = thieves.collect();
    thieves.sort_by(|a, b| a.label.cmp(&b.label));
    Reauthentication {
        sizes: SIZES.iter().map(|(from, to)| (*from, Some(*to).filter(|to| *to < u64::MAX))).collect(),
        at_policy: figure.owners.iter().map(|owners| owners.asked).collect(),
        thieves,
        unknown: figure.unknown,
        asking: figure.askings().iter().map(|asking| self::asking(figure, asking)).collect(),
    }
}

fn asking(figure: &reauthentication::Reauthentication, asking: &reauthentication::Asking) -> Asking {
    let caught = |spread: &Spread| Share::new(spread.from(asking.threshold), spread.total());
    let of = |(label, after): (&str, &reauthentication::After)| Caught {
        label: label.to_owned(),
        caught: caught(&after.all),
        with_history: caught(&after.with_history),
    };
    let mut thieves: Vec<Caught> = figure.thieves_after.iter().map(of).collect();
    thieves.sort_by(|a, b| a.label.cmp(&b.label));
    Asking { at_most: asking.at_most, bar: asking.bar.map(rounded), owners: asking.owners, thieves }
}
