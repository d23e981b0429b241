//! What hosts and workers say to each other: any lines as frames of orders, which a worker carries out or
//! gives up over, and as frames of answers, which a host hears or gives up over. What a worker answers,
//! a host understands.
#![no_main]

use baton_script::{Limits, carry_out_here, hear_here};
use libfuzzer_sys::fuzz_target;

/// Each line as a frame, after its length.
fn frames(text: &str) -> Vec<u8> {
    let mut frames = Vec::new();
    for line in text.lines() {
        frames.extend(u32::try_from(line.len()).expect("short").to_le_bytes());
        frames.extend(line.as_bytes());
    }
    frames
}

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        cpu_ms: 200,
        memory: 32 << 20,
        ..Limits::default()
    };
    // As they are, and as lines, so that most of them are frames.
    let _ = carry_out_here(&mut &*data, &limits);
    let _ = hear_here(&mut &*data);
    let frames = frames(&String::from_utf8_lossy(data));
    if let Ok(told) = carry_out_here(&mut &*frames, &limits) {
        hear_here(&mut &*told).expect("what a worker says");
    }
    let _ = hear_here(&mut &*frames);
});
