//! The worker as a program of its own, for this crate's tests.

fn main() -> std::io::Result<()> {
    baton_script::run_worker()
}
