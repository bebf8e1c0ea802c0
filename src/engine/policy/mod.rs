//! The operator's rules, compiled and checked once, evaluated per decision.

use super::assessment::{Assessment, Model};
use super::decision::{Action, Ruling};
use super::evidence::Evidence;
use std::sync::Arc;

/// A policy that passed the checker: every rule compiles to a bool over known variables.
#[derive(Debug)]
pub struct Policy {
    pub name: Arc<str>,
    pub model: Arc<Model>,
    pub rules: Vec<Rule>,
    pub on_success: Vec<Rule>,
    pub otherwise: Action,
}

#[derive(Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub action: Action,
    // `when`, compiled: policy helper
}

impl Policy {
    /// The first rule of the evidence's moment that matches. A challenge that the attempt's clearance covers is
    /// satisfied: the next rules are asked.
    pub fn rule(&self, _evidence: &Evidence, _assessment: &Assessment) -> Ruling {
        todo!("policy helper")
    }
}
