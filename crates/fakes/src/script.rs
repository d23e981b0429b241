//! The language in which a prompt tells a fake agent what to do: lines that begin with `@`. All
//! other text is ignored, so directives can stand in any prompt, instruction or answer.

/// One thing a fake agent does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// `@say TEXT`: text of the agent.
    Say(String),
    /// `@think TEXT`.
    Think(String),
    /// `@todo a|b|c`: the list of todos, all pending.
    Todo(Vec<String>),
    /// `@doing N` and `@done N`: todo N (from 1) is in progress, or completed.
    Doing(usize),
    /// See [`Act::Doing`].
    Done(usize),
    /// `@read PATH`.
    Read(String),
    /// `@write PATH TEXT`: asks first when the permission mode says so, then really writes.
    Write(String, String),
    /// `@run COMMAND`: asks first when the permission mode says so, then really runs `sh -c`, in a
    /// session of its own as the real agents do, and waits for it.
    Run(String),
    /// `@choose QUESTION|A|B`: asks the person to choose; the answer is said back as text.
    Choose(String, Vec<String>),
    /// `@plan TEXT`: puts a plan forward for approval.
    Plan(String),
    /// `@wait PATH`: waits until this file exists. While it waits, messages are taken.
    Wait(String),
    /// `@limit SECONDS`: a usage limit that is reset in so many seconds, unless this session has met
    /// it before.
    Limit(u64),
    /// `@retry STATUS`: the service fails with this HTTP status again and again, until stopped.
    Retry(u16),
    /// `@fail KIND`: the turn fails: `login key credit model context turns refused api`.
    Fail(String),
    /// `@crash`: the process ends without a result (exit code 0, as Gemini does).
    Crash,
    /// `@once PATH ACT`: does the act only if the file does not exist, and makes it before.
    Once(String, Box<Act>),
    /// `@garble`: half a JSON line, then the end.
    Garble,
    /// `@big BYTES`: a text of so many bytes in one line.
    Big(usize),
    /// `@flood LINES PER_SECOND`: so many texts at this pace, each `flood NUMBER MILLISECONDS` with
    /// the time it was said at.
    Flood(u32, u32),
    /// `@spend INPUT OUTPUT USD`: tokens and money.
    Spend(u64, u64, f64),
    /// `@subagent TEXT`: a sub-agent says this.
    Subagent(String),
    /// `@mcp TOOL JSON`: calls a tool of the MCP server `baton` that it was given, and says what came
    /// of it.
    Mcp(String, String),
    /// `@answer TEXT`: the final answer; without one it is the last thing said.
    Answer(String),
    /// `@again`: a message with it is the session's task: whoever resumes the session and tells it to
    /// continue with its task has it do all of that message once more.
    Again,
}

/// The directives in a text, in order. What cannot be read is said as text, so that a mistake in a
/// test shows.
pub fn acts(text: &str) -> Vec<Act> {
    let directives = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix('@'));
    directives.map(act).collect()
}

/// What a session does when it is told this, the last of all it `said`: also its task once more, when
/// it is told to continue with that.
pub fn told(said: &[String], text: &str) -> Vec<Act> {
    let mut todo = acts(text);
    if text.to_lowercase().contains("continue with your task") {
        let mut earlier = said.iter().map(|said| acts(said));
        let task = earlier.find(|acts| acts.contains(&Act::Again));
        todo.extend(task.unwrap_or_default());
    }
    todo
}

fn act(line: &str) -> Act {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let bad = || Act::Say(format!("bad directive: @{line}"));
    let parts = || rest.split('|').map(|part| part.trim().to_owned());
    match word {
        "say" => Act::Say(rest.into()),
        "think" => Act::Think(rest.into()),
        "todo" => Act::Todo(parts().collect()),
        "doing" => rest.parse().map_or_else(|_| bad(), Act::Doing),
        "done" => rest.parse().map_or_else(|_| bad(), Act::Done),
        "read" => Act::Read(rest.into()),
        "write" => match rest.split_once(' ') {
            Some((path, text)) => Act::Write(path.into(), text.into()),
            None => Act::Write(rest.into(), String::new()),
        },
        "run" => Act::Run(rest.into()),
        "choose" => {
            let mut parts = parts();
            match parts.next() {
                Some(question) => Act::Choose(question, parts.collect()),
                None => bad(),
            }
        }
        "plan" => Act::Plan(rest.into()),
        "wait" => Act::Wait(rest.into()),
        "limit" => rest.parse().map_or_else(|_| bad(), Act::Limit),
        "retry" => rest.parse().map_or_else(|_| bad(), Act::Retry),
        "fail" => Act::Fail(rest.into()),
        "crash" => Act::Crash,
        "once" => match rest.split_once(' ') {
            Some((path, inner)) => {
                let inner = inner.trim().trim_start_matches('@');
                Act::Once(path.into(), Box::new(act(inner)))
            }
            None => bad(),
        },
        "garble" => Act::Garble,
        "big" => rest.parse().map_or_else(|_| bad(), Act::Big),
        "flood" => match rest
            .split_once(' ')
            .map(|(n, rate)| (n.parse(), rate.parse()))
        {
            Some((Ok(lines), Ok(per_second))) => Act::Flood(lines, per_second),
            _ => bad(),
        },
        "spend" => {
            let mut numbers = rest.split(' ');
            let mut next = || numbers.next().unwrap_or("");
            match (next().parse(), next().parse(), next().parse()) {
                (Ok(input), Ok(output), Ok(usd)) => Act::Spend(input, output, usd),
                _ => bad(),
            }
        }
        "subagent" => Act::Subagent(rest.into()),
        "mcp" => match rest.split_once(' ') {
            Some((tool, arguments)) => Act::Mcp(tool.into(), arguments.trim().into()),
            None => Act::Mcp(rest.into(), "{}".into()),
        },
        "answer" => Act::Answer(rest.into()),
        "again" => Act::Again,
        _ => bad(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_among_other_words() {
        let text = "Please:\n  @say hi there\n@write a/b.txt some text\n@spend 10 20 0.5\n@once m @crash\n@flood 20 100\nbye";
        assert_eq!(
            acts(text),
            [
                Act::Say("hi there".into()),
                Act::Write("a/b.txt".into(), "some text".into()),
                Act::Spend(10, 20, 0.5),
                Act::Once("m".into(), Box::new(Act::Crash)),
                Act::Flood(20, 100),
            ]
        );
        assert_eq!(acts("@jump"), [Act::Say("bad directive: @jump".into())]);
    }

    #[test]
    fn a_task_is_done_again_when_the_session_is_told_to_continue() {
        let task = "Do:\n@again\n@run make".to_owned();
        let said = ["hello".into(), task];
        let again = told(&said, "@say first\nThen continue with your task.");
        let run = Act::Run("make".into());
        assert_eq!(again, [Act::Say("first".into()), Act::Again, run]);
        assert_eq!(told(&said, "well done"), []);
    }
}
