//! The workflows that every simulation runs.

use std::collections::BTreeMap;

pub const SEQUENCE: &str = "
name: Sequence
steps:
  - {id: one, type: script, command: 'true'}
  - {id: pause, type: wait, for: 10s}
  - {id: two, type: script, command: 'true', if: \"steps.one.status == 'completed'\"}
  - {id: never, type: script, command: 'true', if: 'false'}
  - {id: nothing, type: wait, for: '0'}
  - {id: three, type: script, command: 'true'}
";

pub const PARALLEL: &str = "
name: Parallel
steps:
  - {id: start, type: script, command: 'true', needs: []}
  - {id: left, type: script, command: 'true', needs: [start]}
  - {id: right, type: script, command: 'true', needs: [start]}
  - {id: flaky_a, type: script, command: 'true', needs: [start], retry: {attempts: 3, backoff: 5s, jitter: false}}
  - {id: join, type: script, command: 'true', needs: [left, right, flaky_a]}
outputs: {left: '{{ steps.left.result }}'}
";

pub const FOREACH: &str = "
name: Foreach
steps:
  - {id: each, type: script, command: 'true', foreach: [a, b, c, d, e], max_parallel: 2}
  - {id: matrix, type: wait, for: '0', matrix: {os: [l, m], node: [18, 20]}}
  - {id: after, type: script, command: 'true'}
";

pub const APPROVAL: &str = "
name: Approval
steps:
  - {id: before, type: script, command: 'true'}
  - {id: ok, type: approval, message: 'Go on?', timeout: 60s, on_timeout: approve}
  - {id: broken_a, type: script, command: 'false', continue_on_error: true}
  - {id: after, type: script, command: 'true', if: steps.ok.approved}
";

pub const PARENT: &str = "
name: Parent
concurrency: {key: deploy, limit: 1, on_full: queue}
steps:
  - {id: child, type: workflow, workflow: child, args: {}}
  - {id: children, type: workflow, workflow: child, args: {}, foreach: [1, 2]}
  - {id: after, type: script, command: 'true'}
";

pub const CHILD: &str = "
name: Child
steps:
  - {id: work, type: script, command: 'true'}
  - {id: rest, type: wait, for: 1s}
outputs: {said: '{{ steps.work.result }}'}
";

pub const FAILING: &str = "
name: Failing
steps:
  - {id: fine, type: script, command: 'true', needs: []}
  - {id: broken_b, type: script, command: 'false', needs: [], retry: {attempts: 2, backoff: 1s}}
  - {id: later, type: script, command: 'true', needs: [fine, broken_b]}
";

pub const CAREFUL: &str = "
name: Careful
budget: {minutes: 0.1}
steps:
  - {id: asks, type: script, command: 'true', on_lost: ask}
  - {id: gives_up, type: script, command: 'true', on_lost: fail, continue_on_error: true}
  - {id: spends, type: script, command: 'true'}
  - {id: spends_more, type: script, command: 'true'}
";

pub const AGENTS: &str = "
name: Agents
worktree: worktree
steps:
  - {id: first, type: agent, agent: claude, prompt: 'Do it'}
  - {id: asks, type: agent, agent: codex, prompt: 'Ask'}
  - {id: told, type: agent, agent: claude, prompt: 'Listen'}
  - {id: limited, type: agent, agent: claude, prompt: 'Go on', session: first}
  - {id: forgets, type: agent, agent: claude, prompt: 'Go on', session: first}
  - {id: flaky_agent, type: agent, agent: codex, prompt: 'Try', retry: {attempts: 2, backoff: 1s}}
  - {id: last, type: script, command: 'true'}
";

pub const CREW: &str = "
name: Crew
steps:
  - {id: asks_a, type: agent, agent: claude, prompt: 'Ask', needs: []}
  - {id: asks_b, type: agent, agent: codex, prompt: 'Ask', needs: []}
  - {id: each, type: agent, agent: claude, prompt: 'Look at {{ item }}', needs: [], foreach: [x, y], max_parallel: 2}
  - {id: last, type: agent, agent: claude, prompt: 'Sum up', session: asks_a, needs: [asks_a, asks_b, each]}
";

pub const APART: &str = "
name: Apart
worktree: worktree
steps:
  - {id: flaky_each, type: agent, agent: claude, prompt: 'Look at {{ item }}', foreach: [x, y], max_parallel: 2, isolate: true, retry: {attempts: 2, backoff: 1s}}
  - {id: conflicts, type: script, command: 'true', foreach: [x, y], isolate: true, continue_on_error: true}
  - {id: last, type: script, command: 'true'}
";

pub const MONEY: &str = "
name: Money
budget: {tokens: 250}
steps:
  - {id: paused, type: agent, agent: claude, prompt: 'One'}
  - {id: two, type: agent, agent: claude, prompt: 'Two'}
  - {id: three, type: agent, agent: claude, prompt: 'Three'}
  - {id: four, type: script, command: 'true'}
";

pub const ALL: [(&str, &str); 11] = [
    ("sequence", SEQUENCE),
    ("parallel", PARALLEL),
    ("foreach", FOREACH),
    ("approval", APPROVAL),
    ("parent", PARENT),
    ("failing", FAILING),
    ("careful", CAREFUL),
    ("agents", AGENTS),
    ("crew", CREW),
    ("money", MONEY),
    ("apart", APART),
];

pub fn definitions() -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = ALL
        .iter()
        .map(|(k, s)| ((*k).to_owned(), (*s).to_owned()))
        .collect();
    all.insert("child".into(), CHILD.into());
    all
}

/// `flaky…` fails once, `broken…` always, all others succeed.
pub fn script(key: &str, failures_before: u32) -> bool {
    if key.starts_with("flaky") {
        failures_before > 0
    } else {
        !key.starts_with("broken")
    }
}
