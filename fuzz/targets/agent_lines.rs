//! Whatever an agent prints, and whenever it ends: no driver panics, and the same lines give the
//! same outputs.
#![no_main]

use baton_agents::{Driver, Exit, Setup, acp, claude, codex, codex_exec, command, gemini, gemini_stream};
use libfuzzer_sys::fuzz_target;

type Make = fn(&Setup) -> Option<Box<dyn Driver>>;

const MAKERS: [Make; 7] = [
    |setup| claude(setup).ok().map(|(_, driver)| driver),
    |setup| codex(setup).ok().map(|(_, driver)| driver),
    |setup| codex_exec(setup, None).ok().map(|(_, driver)| driver),
    |setup| gemini(setup).ok().map(|(_, driver)| driver),
    |setup| gemini_stream(setup).ok().map(|(_, driver)| driver),
    |setup| acp(setup).ok().map(|(_, driver)| driver),
    |setup| command(setup).ok().map(|(_, driver)| driver),
];

fuzz_target!(|data: &[u8]| {
    let Some((&which, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let setup = Setup {
        program: vec!["agent".into()],
        prompt: "go".into(),
        cwd: "/workspace/project".into(),
        ..Setup::default()
    };
    let hear = || {
        let mut driver = MAKERS[usize::from(which) % MAKERS.len()](&setup)?;
        let mut outputs = driver.begin();
        for line in text.lines() {
            outputs.extend(driver.line(line));
        }
        outputs.extend(driver.ended(&Exit {
            code: Some(i32::from(which) % 3),
            ..Exit::default()
        }));
        Some(outputs)
    };
    assert_eq!(hear(), hear(), "the same lines gave other outputs");
});
