//! What stands above the steps: phases, environment, worktree, outputs, concurrency, budget.

use std::collections::BTreeMap;

use crate::definition::draft::{Kind, Node};
use crate::definition::template::{Text, ValueTemplate};
use crate::definition::{Budget, Concurrency, Finish, OnFull, Phase, Worktree, WorktreeMode};

use super::Check;
use super::fields;
use super::places::Place;

const MODES: &[(&str, WorktreeMode)] = &[
    ("stay", WorktreeMode::Stay),
    ("branch", WorktreeMode::Branch),
    ("worktree", WorktreeMode::Worktree),
];
const FINISHES: &[(&str, Finish)] = &[
    ("keep", Finish::Keep),
    ("merge", Finish::Merge),
    ("review", Finish::Review),
];
const ON_FULL: &[(&str, OnFull)] = &[
    ("queue", OnFull::Queue),
    ("reject", OnFull::Reject),
    ("cancel_oldest", OnFull::CancelOldest),
];

impl Check<'_> {
    pub(super) fn phases(&mut self, node: Option<&Node>) -> Vec<Phase> {
        let Some(node) = node else { return Vec::new() };
        let mut phases: Vec<Phase> = Vec::new();
        for item in self.list(node, "`phases`").unwrap_or_default() {
            let (phase, span) = match &item.kind {
                Kind::Map(_) => {
                    let fields = self.fields(item, fields::PHASE, "a phase");
                    let label = self.optional_literal(&fields, "label");
                    let Some(id) = self.required_text(&fields, "id") else {
                        continue;
                    };
                    let span = fields.get("id").map_or(item.span, |n| n.span);
                    let label = label.unwrap_or_else(|| id.clone());
                    (Phase { id, label }, span)
                }
                _ => {
                    let Some(id) = self.literal(item, "a phase") else {
                        continue;
                    };
                    (
                        Phase {
                            label: id.clone(),
                            id,
                        },
                        item.span,
                    )
                }
            };
            if phases.iter().any(|other| other.id == phase.id) {
                let message = format!("phase `{}` is declared twice", phase.id);
                self.report.error(span, "duplicate_phase", message);
                continue;
            }
            if phases.len() == 1000 {
                self.report
                    .error(span, "out_of_range", "more than 1000 phases");
                break;
            }
            phases.push(phase);
        }
        phases
    }

    pub(super) fn definition_env(&mut self, node: Option<&Node>) -> BTreeMap<String, Text> {
        self.env(node, &Place::outside(Place::ENV))
    }

    pub(super) fn definition_outputs(
        &mut self,
        node: Option<&Node>,
    ) -> BTreeMap<String, ValueTemplate> {
        self.value_templates(node, "`outputs`", &Place::outside(Place::AFTER))
    }

    pub(super) fn worktree(&mut self, node: Option<&Node>) -> Option<Worktree> {
        let node = node?;
        let mut worktree = Worktree {
            mode: WorktreeMode::Worktree,
            copy: Vec::new(),
            setup: None,
            finish: Finish::Keep,
        };
        if node.text().is_some() {
            worktree.mode = self.choose(node, "`worktree`", MODES)?;
            return Some(worktree);
        }
        let fields = self.fields(node, fields::WORKTREE, "`worktree`");
        worktree.mode = self
            .choice(&fields, "mode", MODES)
            .unwrap_or(WorktreeMode::Worktree);
        for (path, span) in self.literals(&fields, "copy") {
            self.inside(&path, span, "the path");
            worktree.copy.push(path);
        }
        worktree.setup = self.optional_literal(&fields, "setup");
        worktree.finish = self
            .choice(&fields, "finish", FINISHES)
            .unwrap_or(Finish::Keep);
        if worktree.mode == WorktreeMode::Stay {
            for name in ["copy", "setup", "finish"] {
                if let Some(entry) = fields.entry(name) {
                    self.report.warning(
                        entry.key_span,
                        "no_worktree",
                        format!("`{name}` does nothing with `mode: stay`"),
                        "leave it out, or write `mode: worktree`",
                    );
                }
            }
        }
        Some(worktree)
    }

    pub(super) fn concurrency(&mut self, node: Option<&Node>) -> Option<Concurrency> {
        let node = node?;
        let place = Place::outside(Place::KEY);
        if node.text().is_some() {
            let key = self.template(node, "`concurrency`", &place, false)?;
            return Some(Concurrency {
                key,
                limit: 1,
                on_full: OnFull::Queue,
            });
        }
        let fields = self.fields(node, fields::CONCURRENCY, "`concurrency`");
        let limit = self.small(&fields, "limit", 1, 10_000).unwrap_or(1);
        let on_full = self
            .choice(&fields, "on_full", ON_FULL)
            .unwrap_or(OnFull::Queue);
        let Some(key) = fields.get("key") else {
            self.missing(
                &fields,
                "key",
                "runs with the same key count together: `key: deploy`",
            );
            return None;
        };
        let key = self.template(key, "`key`", &place, false)?;
        Some(Concurrency {
            key,
            limit,
            on_full,
        })
    }

    pub(super) fn budget(&mut self, node: Option<&Node>) -> Budget {
        let Some(node) = node else {
            return Budget::default();
        };
        let fields = self.fields(node, fields::BUDGET, "`budget`");
        Budget {
            usd: self.number(&fields, "usd", 0.0, true),
            tokens: self.whole(&fields, "tokens", 1, 1 << 53),
            minutes: self.number(&fields, "minutes", 0.0, true),
        }
    }
}
