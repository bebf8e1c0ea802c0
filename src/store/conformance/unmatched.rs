//! Answers that no outcome rule matches.

use super::*;

pub fn an_answer_that_no_rule_matches_dilutes_only_where_none_ever_matched(make: impl Fn(Limits) -> Store) {
    for (told_apart, answered) in [(true, 5), (false, 25)] {
        let store = make(limits());
        for id in 0..25 {
            see(&store, &Observation { told_apart, ..login(id, NOON, 1, &[name(id as u64)]) });
            settle(&store, id, if id < 5 { Outcome::Failed } else { Outcome::Unknown });
        }
        let seen = tally(&see(&store, &login(99, NOON, 1, &[name(0)])));
        assert_eq!(seen, (25, answered, 5), "told apart: {told_apart}");
    }
}
