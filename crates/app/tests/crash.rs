//! The crash test over the real binary: the host, shepherds or both are killed with SIGKILL at
//! random instants while runs of every kind are in flight, of scripts and of agents; then all of
//! them run to their end and the files that scripts and agents wrote are held against the journal.
//!
//! Clients follow over TCP meanwhile, by WebSocket and SSE: what each saw is held against it as well.
//!
//! `BATON_CRASH_KILLS` is the number of kills over all tests (200), `BATON_CRASH_SEED` the seed;
//! a failure prints it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "crash/check.rs"]
mod check;
#[path = "crash/killer.rs"]
mod killer;
#[path = "crash/sessions.rs"]
mod sessions;
mod support;
#[path = "crash/watchers.rs"]
mod watchers;
#[path = "crash/workflows.rs"]
mod workflows;

use killer::Killer;
use watchers::Watchers;

/// Kills over all tests.
const KILLS: usize = 200;

/// The tests that share them; each has a process and a world of its own.
const PARTS: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One world from its first run to the verdict.
fn part(index: u64, kills: usize) {
    let any = u64::from(std::process::id());
    let seed = number("BATON_CRASH_SEED").unwrap_or(any) + index;
    eprintln!(
        "BATON_CRASH_SEED={} (part {index}), {kills} kills",
        seed - index
    );
    let mut killer = Killer::new(seed);
    killer.rage(kills);
    let story = killer.finish();
    check::all(&story);
}

/// The same over `baton serve`, with clients that come back by `after` whenever it dies.
fn watched_part(index: u64, kills: usize) {
    let any = u64::from(std::process::id());
    let seed = number("BATON_CRASH_SEED").unwrap_or(any) + index;
    eprintln!("BATON_CRASH_SEED={} (watched), {kills} kills", seed - index);
    let mut killer = Killer::serving(seed);
    let followed = killer.begin();
    let watchers = Watchers::start(killer.world(), &followed);
    killer.rage(kills);
    killer.calm();
    watchers.check(killer.world());
    check::all(&killer.finish());
}

fn share() -> usize {
    let all = number("BATON_CRASH_KILLS").and_then(|kills| usize::try_from(kills).ok());
    all.unwrap_or(KILLS).div_ceil(PARTS)
}

#[test]
fn nothing_runs_twice_and_nothing_is_lost_1() {
    part(0, share());
}

#[test]
fn nothing_runs_twice_and_nothing_is_lost_2() {
    part(1, share());
}

#[test]
fn nothing_runs_twice_and_nothing_is_lost_3() {
    part(2, share());
}

#[test]
fn nothing_runs_twice_and_nothing_is_lost_4() {
    part(3, share());
}

#[test]
fn clients_that_come_back_by_after_see_exactly_the_journal() {
    watched_part(5, (share() / 2).max(1));
}

#[test]
#[ignore = "many kills under clients take minutes: make soak"]
fn clients_that_come_back_by_after_see_exactly_the_journal_for_long() {
    watched_part(6, share() * PARTS);
}

#[test]
#[ignore = "five times as many kills in one world take minutes: make soak"]
fn nothing_runs_twice_and_nothing_is_lost_for_long() {
    part(4, share() * PARTS * 5);
}
