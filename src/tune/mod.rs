//! Learning weights from labels: what attempts really were says what their signals are worth.
//!
//! A scorecard is a logistic regression whose weights were written down by judgement, so labelled attempts can correct it.
//! Three things decide how. The present weights are the prior, not zero: a dozen labels should move a weight a little, and a
//! signal that never fired in them should keep what it had. Weights keep their sign: a signal of guilt that looks innocent in
//! a small sample is noise, or a sign that its threshold is wrong, and neither is mended by rewarding attackers for tripping
//! it. And nothing is applied: what comes out is YAML with its reasons beside it, for somebody to read.
//!
//! The intercept is fitted along and not written down. Labels are given where people look, so that the share of fraud among
//! them is no share of anything; choosing by the truth moves the intercept of a logistic regression and leaves its slopes
//! where they are (Prentice and Pyke 1979). Choosing by the *score* does more than that, which is why the [`Sample`] counts
//! beside the labels what they were chosen from, and the report says it first.
//!
//! - [`sample`]: records to rows, in one reading; who was labelled, and who could not be.
//! - [`fit`]: the regression, towards a prior and within bounds.
//! - [`tuning`]: which weights can be fitted, what they become, and whether that is better on attempts that were held out.
//! - [`report`]: the YAML, and the same for people and programs.

pub mod fit;
pub mod report;
pub mod sample;
pub mod tuning;

pub use sample::Sample;
pub use tuning::{Tuning, Wishes};
