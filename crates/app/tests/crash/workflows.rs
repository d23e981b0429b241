//! The workflows that are crashed, and the script they all run.

use crate::support::world::World;

/// A workflow and the keys of its steps that run a process.
pub struct Kind {
    /// Its definition's key.
    pub key: &'static str,
    /// The keys of the steps that run a process.
    pub scripts: &'static [&'static str],
    /// The keys of the others.
    pub others: &'static [&'static str],
}

/// All of them.
pub const KINDS: [Kind; 5] = [
    Kind {
        key: "sequential",
        scripts: &["a", "b", "c", "d", "e"],
        others: &[],
    },
    Kind {
        key: "parallel",
        scripts: &["a", "b", "c", "d", "e"],
        others: &[],
    },
    Kind {
        key: "each",
        scripts: &[
            "first", "item.0", "item.1", "item.2", "item.3", "item.4", "last",
        ],
        others: &["item"],
    },
    Kind {
        key: "again",
        scripts: &["fine", "flaky", "after"],
        others: &[],
    },
    Kind {
        key: "timer",
        scripts: &["before", "after"],
        others: &["nap", "rest"],
    },
];

/// Says what it does, durably, in one line each; in between it works a moment.
const WORK: &str = r#"#!/bin/sh
say() {
  echo "$BATON_RUN_ID $BATON_STEP $BATON_ATTEMPT $1" |
    dd of="$TRACE" oflag=append conv=notrunc,fsync status=none
}
say start
sleep "0.$(printf %02d $(($$ % 25)))"
if [ "$1" = flaky ] && [ ! -e "$TRACE.$BATON_RUN_ID" ]; then
  : > "$TRACE.$BATON_RUN_ID"
  say end
  exit 3
fi
say end
"#;

/// Writes the script and all definitions.
pub fn define(world: &World) {
    std::fs::write(world.project.join("work"), WORK).unwrap();
    std::fs::write(world.trace(), "").unwrap();
    let step =
        |id: &str, more: &str| format!("  - {{id: {id}, type: script, command: sh work{more}}}\n");
    let mut text = String::from("name: sequential\nsteps:\n");
    for id in ["a", "b", "c", "d", "e"] {
        text.push_str(&step(id, ""));
    }
    world.define("sequential", &text);
    let mut text = String::from("name: parallel\nsteps:\n");
    text.push_str(&step("a", ", needs: []"));
    for id in ["b", "c", "d"] {
        text.push_str(&step(id, ", needs: [a]"));
    }
    text.push_str(&step("e", ", needs: [b, c, d]"));
    world.define("parallel", &text);
    let each = ", foreach: \"{{ args.items }}\", max_parallel: 3";
    let schema =
        "argsSchema: {type: object, properties: {items: {type: array, default: [1, 2, 3, 4, 5]}}}";
    let steps = [step("first", ""), step("item", each), step("last", "")].concat();
    world.define("each", &format!("name: each\n{schema}\nsteps:\n{steps}"));
    let retry = " flaky, retry: {attempts: 3, backoff: 50ms}";
    let steps = [step("fine", ""), step("flaky", retry), step("after", "")].concat();
    world.define("again", &format!("name: again\nsteps:\n{steps}"));
    let nap = "  - {id: nap, type: wait, for: 300ms}\n".to_owned();
    let rest = "  - {id: rest, type: wait, for: 200ms}\n".to_owned();
    let steps = [step("before", ""), nap, rest, step("after", "")].concat();
    world.define("timer", &format!("name: timer\nsteps:\n{steps}"));
}
