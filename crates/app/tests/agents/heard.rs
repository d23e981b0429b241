//! An instruction that nobody confirmed before its agent was gone: the agent's own transcript says
//! whether it was heard, and so whether it is said again.

use serde_json::json;

use super::office::{Office, one, step};
use super::support::processes;
use super::support::until;
use super::support::world::LIMIT;

#[test]
fn an_instruction_is_said_again_unless_the_agents_transcript_has_it() {
    for heard in [true, false] {
        let office = Office::new();
        let begun = office.beside("begun");
        let prompt = format!(
            "@say I begin\n@once {} @wait {}",
            begun.display(),
            office.beside("never").display()
        );
        let run = office.run(
            "one",
            &one("claude", "permission: bypassPermissions", &prompt),
        );
        let running = office.when(&run, "its session", |run| {
            step(run, "work")["agent_session_id"].is_string()
        });
        until("it has begun", LIMIT, || begun.exists().then_some(()));
        // From here on it hears nothing: only what is said again can be done.
        let shepherd = office.shepherd();
        let agents = processes::children(shepherd);
        assert!(!agents.is_empty() && agents.into_iter().all(processes::stop));
        let id = run.rsplit('/').next().unwrap();
        let say =
            json!({"content": "Also:\n@write told.txt so it was", "action_type": "instruction"});
        office.post(&format!("/api/workflows/{id}/messages"), &say);
        let number = until("it is said to the agent", LIMIT, || {
            let attempts = std::fs::read_dir(office.world.data.join("attempts")).ok()?;
            let said = attempts
                .flatten()
                .map(|attempt| attempt.path().join("said.jsonl"));
            let said: String = said
                .filter_map(|path| std::fs::read_to_string(path).ok())
                .collect();
            let (_, rest) = said.split_once("message-")?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            (!digits.is_empty()).then(|| digits.to_owned())
        });
        if heard {
            let session = step(&running, "work")["agent_session_id"].as_str().unwrap();
            let cwd = running["path"].as_str().unwrap();
            let name = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let projects = office.home().join("projects");
            let projects = projects.join(cwd.chars().map(name).collect::<String>());
            std::fs::create_dir_all(&projects).unwrap();
            let text = format!("[message {number}] Also:\n@write told.txt so it was");
            let line = json!({"type": "user", "message": {"role": "user", "content": text}});
            let transcript = projects.join(format!("{session}.jsonl"));
            std::fs::write(transcript, format!("{line}\n")).unwrap();
        }
        assert!(processes::kill(shepherd));
        let done = office.completed(&run);
        assert_eq!(step(&done, "work")["attempts"][1]["cause"], "lost");
        let told = office.world.project.join("told.txt").exists();
        assert_eq!(told, !heard, "said again: {told}");
        let thread = office.thread(&run);
        let acknowledged = thread
            .iter()
            .filter(|line| line.starts_with("agent: Acknowledged"));
        assert_eq!(acknowledged.count(), 1, "{thread:?}");
    }
}
