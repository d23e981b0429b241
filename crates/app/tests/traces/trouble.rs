//! A collector that is away, or refuses.

use serde_json::json;

use crate::collector::Collector;
use crate::server_support::World;
use crate::tree::{spans_with, world};

const SHORT: &str = "
name: Short
steps:
  - {id: a, type: script, command: 'true'}
";

fn count(world: &World, name: &str) -> u64 {
    let text = world.get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_collector_that_is_away_holds_nothing_up_and_gets_all_when_it_is_back() {
    let collector = Collector::new();
    collector.answer(503);
    let world = world(&collector, &[("short", SHORT)], |_| {});
    for _ in 0..3 {
        let run = world.run("short", &json!({}));
        world.run_until(&run, "completed");
    }
    world.until("it was tried", || collector.requests() > 0);
    assert_eq!(count(&world, "baton_trace_spans_sent_total"), 0);
    collector.answer(200);
    world.until("all spans", || {
        let spans = collector.spans();
        spans.iter().filter(|span| span.name == "run short").count() == 3
    });
    // Attempt, step and run of each.
    assert_eq!(collector.spans().len(), 9, "{:#?}", collector.spans());
    world.until("they are counted", || {
        count(&world, "baton_trace_spans_sent_total") == 9
    });
    assert_eq!(count(&world, "baton_trace_spans_dropped_total"), 0);
}

#[test]
fn what_a_collector_refuses_is_dropped_and_counted() {
    let collector = Collector::new();
    collector.answer(400);
    let world = world(&collector, &[("short", SHORT)], |_| {});
    let run = world.run("short", &json!({}));
    world.run_until(&run, "completed");
    world.until("they are dropped", || {
        count(&world, "baton_trace_spans_dropped_total") == 3
    });
    collector.answer(200);
    let run = world.run("short", &json!({}));
    world.run_until(&run, "completed");
    assert_eq!(spans_with(&world, &collector, "run short").len(), 3);
}

#[test]
fn without_a_collector_nothing_is_sent_or_kept() {
    let world = World::new(&[("short", SHORT)]);
    let run = world.run("short", &json!({}));
    world.run_until(&run, "completed");
    assert!(!world.data_dir().join("traces.json").exists());
    assert_eq!(count(&world, "baton_trace_spans_sent_total"), 0);
}
