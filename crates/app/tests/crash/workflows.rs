//! The workflows that are crashed, and the script that all their steps and agents run.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::world::World;

/// A workflow and the keys of its steps.
pub struct Kind {
    /// Its definition's key.
    pub key: &'static str,
    /// The keys of the steps that run a process of their own.
    pub scripts: &'static [&'static str],
    /// The keys of the steps that are an agent's.
    pub agents: &'static [&'static str],
    /// The keys of steps that are an agent's of which nobody asks to write what it does.
    pub silent: &'static [&'static str],
    /// The keys of the others.
    pub others: &'static [&'static str],
    /// What its program says in the thread, once.
    pub says: Option<&'static str>,
    /// What its runs are given, as JSON.
    pub args: &'static str,
    /// What people do about its agents.
    pub people: People,
    /// Its runs have a git worktree each.
    pub is_in_git: bool,
}

/// What people do about a run's agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// Nothing.
    Absent,
    /// They answer each agent's question.
    Answer,
    /// They tell each of these steps' agents something while it works.
    Tell(&'static [&'static str]),
}

const SCRIPTS: Kind = Kind {
    key: "",
    scripts: &[],
    agents: &[],
    silent: &[],
    others: &[],
    says: None,
    args: "{}",
    people: People::Absent,
    is_in_git: false,
};

/// All of them.
pub const KINDS: [Kind; 12] = [
    Kind {
        key: "sequential",
        scripts: &["a", "b", "c", "d", "e"],
        ..SCRIPTS
    },
    Kind {
        key: "agents",
        agents: &["a", "b", "c"],
        scripts: &["last"],
        ..SCRIPTS
    },
    Kind {
        key: "code",
        scripts: &["a", "b", "c", "d"],
        others: &["dice", "nap", "add", "add~2", "add~3", "add~4", "rest"],
        says: Some("half way"),
        ..SCRIPTS
    },
    Kind {
        key: "parallel",
        scripts: &["a", "b", "c", "d", "e"],
        ..SCRIPTS
    },
    Kind {
        key: "asks",
        agents: &["a", "b", "c"],
        people: People::Answer,
        ..SCRIPTS
    },
    Kind {
        key: "each",
        scripts: &[
            "first", "item.0", "item.1", "item.2", "item.3", "item.4", "last",
        ],
        others: &["item"],
        ..SCRIPTS
    },
    Kind {
        key: "implement-feature",
        silent: &["research-codebase", "create-spec", "implement"],
        scripts: &["run-tests", "build"],
        says: Some("Feature implementation complete!"),
        args: FEATURE,
        ..SCRIPTS
    },
    Kind {
        key: "told",
        agents: &["a", "b", "c"],
        people: People::Tell(&["a", "b"]),
        ..SCRIPTS
    },
    Kind {
        key: "again",
        scripts: &["fine", "flaky", "after"],
        ..SCRIPTS
    },
    Kind {
        key: "tree",
        agents: &["a", "b", "c"],
        is_in_git: true,
        ..SCRIPTS
    },
    Kind {
        key: "apart",
        agents: &["item.0", "item.1", "item.2"],
        others: &["item"],
        is_in_git: true,
        ..SCRIPTS
    },
    Kind {
        key: "timer",
        scripts: &["before", "after"],
        others: &["nap", "rest"],
        ..SCRIPTS
    },
];

/// A document's example as its readers have it; `pnpm` is a script of ours.
const EXAMPLE: &str = include_str!("../../../script/tests/examples/implement-feature.ts");

/// Its agents take a moment, so that they can be killed while they work.
const FEATURE: &str = r#"{"featureName": "Login\n@again\n@flood 4 40\n", "requirements": "JWT"}"#;

/// All that a program can wait for and compute.
const CODE: &str = r#"import { defineWorkflow } from "baton";
export default defineWorkflow({
  name: "code",
  async execute(ctx) {
    const work = (id: string) => ctx.step(id, { type: "script", command: "sh work" });
    const dice = await ctx.step("dice", { type: "function", fn: () => Math.floor(Math.random() * 1e6) });
    await work("a");
    await Promise.all([work("b"), work("c"), ctx.wait("nap", "150ms")]);
    await ctx.comment("half way");
    let sum = dice.data;
    for (let i = 0; i < 4; i += 1) {
      const { data } = await ctx.step("add", { type: "function", fn: () => sum + i });
      sum = data;
    }
    await ctx.wait("rest", "50ms");
    if (sum !== dice.data + 6) throw new Error(`the sum is ${sum}`);
    await work("d");
    return sum;
  },
});
"#;

/// Says what it does, durably, in one line each; in between it works a moment.
const WORK: &str = r#"#!/bin/sh
say() {
  echo "$BATON_RUN_ID $BATON_STEP $BATON_ATTEMPT $1" |
    dd of="$TRACE" oflag=append conv=notrunc,fsync status=none
}
if [ "$1" = heard ]; then
  say heard
  exit
fi
say start
sleep "0.$(printf %02d $(($$ % 25)))"
if [ "$1" = flaky ] && [ ! -e "$TRACE.$BATON_RUN_ID" ]; then
  : > "$TRACE.$BATON_RUN_ID"
  say end
  exit 3
fi
if [ "$1" = file ]; then
  echo "$BATON_STEP" > "$BATON_STEP.txt"
fi
if [ "$1" = told ]; then
  until [ -e "$TRACE.told.$BATON_RUN_ID.$BATON_STEP" ]; do sleep 0.02; done
fi
say end
"#;

/// Exists once this step of this run was told something: its agent works until then.
pub fn told(world: &World, run: &str, step: &str) -> PathBuf {
    let name = format!("{}.told.{run}.{step}", world.trace().display());
    name.into()
}

/// What an agent is told while it works.
pub fn instruction(world: &World) -> String {
    let work = world.project.join("work");
    format!("Mind the gap:\n@run sh {} heard", work.display())
}

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
    world.define_code("code", CODE);
    world.define_code("implement-feature", EXAMPLE);
    define_agents(world);
}

/// The package manager of the example: it does the work of whichever step calls it.
pub fn install_pnpm(bin: &Path) {
    let pnpm = bin.join("pnpm");
    std::fs::write(&pnpm, "#!/bin/sh\nexec sh \"${TRACE%/*}/work\"\n").unwrap();
    std::fs::set_permissions(&pnpm, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn define_agents(world: &World) {
    let work = world.project.join("work");
    let free = "permission: bypassPermissions";
    let ours = |more: &str, agents: [&str; 3], word: &str| {
        let steps = ["a", "b", "c"].iter().zip(agents);
        let step = |(n, (id, agent)): (usize, (&&str, &str))| {
            // The last one of those that are told something is told nothing.
            let word = if word == "told" && n == 2 { "" } else { word };
            agent_step(id, agent, more, &work, word)
        };
        let steps: String = steps.enumerate().map(step).collect();
        format!("steps:\n{steps}")
    };
    let all = ["claude", "codex", "acp:fake-acp"];
    let last = "  - {id: last, type: script, command: sh work}\n";
    let text = ours(free, all, "");
    world.define("agents", &format!("name: agents\n{text}{last}"));
    let text = ours("", ["acp:fake-acp", "claude", "codex"], "");
    world.define("asks", &format!("name: asks\n{text}"));
    let text = ours(free, ["claude", "codex", "claude"], "told");
    world.define("told", &format!("name: told\n{text}"));
    let text = ours(free, all, "file");
    let tree = "worktree: {mode: worktree, finish: keep}";
    let repository = repository(world);
    let definitions = repository.join(".agent/workflows/definitions");
    std::fs::create_dir_all(&definitions).unwrap();
    let each = format!("{free}\n    foreach: [1, 2, 3]\n    isolate: true\n    max_parallel: 3");
    let item = agent_step("item", "claude", &each, &work, "file");
    for (name, steps) in [("tree", text), ("apart", format!("steps:\n{item}"))] {
        let path = definitions.join(format!("{name}.yaml"));
        std::fs::write(path, format!("name: {name}\n{tree}\n{steps}")).unwrap();
    }
    let git = |words: &[&str]| git(&repository, words).unwrap();
    git(&["init", "--quiet", "--initial-branch", "main"]);
    std::fs::write(repository.join("README.md"), "hello\n").unwrap();
    git(&["add", "README.md"]);
    git(&["commit", "--quiet", "--message", "begin"]);
}

fn agent_step(id: &str, agent: &str, more: &str, work: &Path, word: &str) -> String {
    let more = match more {
        "" => String::new(),
        more => format!("    {more}\n"),
    };
    let work = work.display();
    format!(
        "  - id: {id}\n    type: agent\n    agent: \"{agent}\"\n{more}    prompt: |\n      \
         Do your part.\n      @again\n      @spend 10 5 0.01\n      @run sh {work} {word}\n      \
         @answer Done by {id}.\n"
    )
}

/// The git repository in which the runs of some kinds have a worktree each.
pub fn repository(world: &World) -> PathBuf {
    world.project.with_file_name("repository")
}

/// Runs git; none when it fails.
pub fn git(repository: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(words)
        .current_dir(repository)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| said.trim().to_owned())
}
