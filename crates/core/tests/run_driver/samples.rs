//! The definitions that runs are driven over.

const GRAPH: &str = "
name: Graph
budget: {minutes: 2}
steps:
  - {id: start, type: script, command: 'true', needs: []}
  - {id: left, type: script, command: 'true', needs: [start], retry: {attempts: 3, backoff: 5s, jitter: true}}
  - {id: right, type: script, command: 'true', needs: [start], on_lost: ask}
  - {id: maybe, type: script, command: 'true', needs: [start], if: \"steps.start.result != 'no'\"}
  - {id: never, type: script, command: 'true', needs: [start], if: 'false'}
  - {id: after_never, type: script, command: 'true', needs: [never]}
  - {id: soft, type: script, command: 'true', needs: [left], continue_on_error: true, on_lost: fail}
  - {id: join, type: script, command: 'echo {{ steps.soft.status }}', needs: [right, maybe, soft, after_never]}
  - {id: alone, type: wait, for: 10s, needs: []}
outputs: {left: '{{ steps.left.result }}'}
";

const FOREACH: &str = "
name: Foreach
steps:
  - {id: list, type: wait, for: '0'}
  - {id: each, type: script, command: 'echo {{ item }}', foreach: [a, b, c, d, e], max_parallel: 2, retry: {attempts: 2, backoff: 1s}}
  - {id: soft, type: script, command: 'echo {{ index }}', foreach: [1, 2, 3], max_parallel: 3, continue_on_error: true}
  - {id: none, type: script, command: 'true', foreach: []}
  - {id: matrix, type: wait, for: '0', matrix: {os: [l, m], node: [18, 20]}}
  - {id: children, type: workflow, workflow: child, args: {n: '{{ item }}'}, foreach: [1, 2]}
  - {id: asks, type: approval, message: '{{ item }}?', foreach: [x, y], max_parallel: 2}
  - {id: after, type: script, command: 'true'}
";

const APPROVAL: &str = "
name: Approval
steps:
  - {id: before, type: script, command: 'true'}
  - {id: plain, type: approval, message: 'Go on?'}
  - {id: approves, type: approval, message: 'Go on?', timeout: 60s, on_timeout: approve}
  - {id: rejects, type: approval, message: 'Go on?', timeout: 60s, on_timeout: reject, on_reject: continue}
  - {id: fails, type: approval, message: 'Go on?', timeout: 60s, on_timeout: fail, continue_on_error: true}
  - {id: after, type: script, command: 'true', if: 'steps.plain.approved and not steps.rejects.approved'}
outputs: {ok: '{{ steps.plain.approved }}'}
";

const PARALLEL_APPROVALS: &str = "
name: Parallel approvals
steps:
  - {id: one, type: approval, message: 'One?', needs: []}
  - {id: two, type: approval, message: 'Two?', needs: [], timeout: 30s}
  - {id: work, type: script, command: 'true', needs: []}
  - {id: after_one, type: script, command: 'true', needs: [one]}
  - {id: after_two, type: script, command: 'true', needs: [two, work]}
";

const CHILD: &str = "
name: Child
concurrency: {key: deploy, limit: 1, on_full: queue}
steps:
  - {id: child, type: workflow, workflow: child, args: {}, needs: [], timeout: 60s}
  - {id: again, type: workflow, workflow: child, args: {}, needs: [], retry: {attempts: 2, backoff: 1s}}
  - {id: soft, type: workflow, workflow: child, args: {}, needs: [], continue_on_error: true}
  - {id: work, type: script, command: 'true', needs: []}
  - {id: after, type: script, command: 'echo {{ steps.child.outputs }}', needs: [child, again, soft, work]}
";

const BROKEN: &str = "
name: Broken
steps:
  - {id: a, type: script, command: 'true'}
  - {id: b, type: script, command: 'echo {{ steps.a.data.missing.deep }}', continue_on_error: true}
  - {id: c, type: wait, until: '{{ steps.a.result }}', continue_on_error: true}
  - {id: d, type: script, command: 'true', foreach: '{{ steps.a.result }}', continue_on_error: true}
outputs: {x: '{{ steps.a.data.missing.deep }}'}
";

const EMPTY_WAITS: &str = "
name: Nothing but zero waits
steps:
  - {id: a, type: wait, for: '0'}
  - {id: b, type: wait, for: '0', if: 'false'}
  - {id: c, type: wait, for: 1h}
  - {id: d, type: wait, for: '0'}
";

const AGENTS: &str = "
name: Agents
worktree: worktree
budget: {tokens: 5000}
steps:
  - {id: first, type: agent, agent: claude, prompt: 'Do it', needs: []}
  - {id: beside, type: agent, agent: codex, prompt: 'Do that', needs: [], on_usage_limit: fail, continue_on_error: true}
  - {id: on, type: agent, agent: claude, prompt: 'Go on', session: first, needs: [first], retry: {attempts: 2, backoff: 1s}}
  - {id: each, type: agent, agent: codex, prompt: 'Look at {{ item }}', needs: [first], foreach: [a, b, c], max_parallel: 2}
  - {id: last, type: script, command: 'true', needs: ['on', each, beside]}
";

const APART: &str = "
name: Apart
worktree: worktree
steps:
  - {id: beside, type: script, command: 'true', needs: [], continue_on_error: true}
  - {id: each, type: agent, agent: codex, prompt: 'Look at {{ item }} in {{ run.path }}', needs: [], foreach: [a, b, c], max_parallel: 3, isolate: true, retry: {attempts: 2, backoff: 1s}}
  - {id: soft, type: script, command: 'true', needs: [], foreach: [1, 2, 3], max_parallel: 2, isolate: true, continue_on_error: true, on_lost: ask}
  - {id: last, type: script, command: 'true', needs: [each, soft, beside]}
";

const MONEY: &str = "
name: Money
budget: {usd: 2.5}
steps:
  - {id: one, type: agent, agent: claude, prompt: 'One'}
  - {id: two, type: agent, agent: 'acp:some', prompt: 'Two'}
  - {id: three, type: script, command: 'true'}
";

pub const OF_AGENTS: [&str; 3] = [AGENTS, MONEY, APART];

pub const ALL: [&str; 10] = [
    GRAPH,
    FOREACH,
    APPROVAL,
    PARALLEL_APPROVALS,
    CHILD,
    BROKEN,
    EMPTY_WAITS,
    AGENTS,
    MONEY,
    APART,
];
