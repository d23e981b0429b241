//! A thread that follows the journal's head, and can be ended.

use std::thread::JoinHandle;

use baton_engine::ports::Position;
use tokio::sync::watch;

/// Starts a thread that runs `follow`, with new heads from `heads` and an end from `woken`.
pub(crate) fn spawn<F>(
    name: &str,
    mut heads: watch::Receiver<Position>,
    mut woken: watch::Receiver<Position>,
    wake: watch::Sender<Position>,
    follow: impl FnOnce(watch::Receiver<Position>) -> F + Send + 'static,
) -> std::io::Result<JoinHandle<()>>
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let own = wake.subscribe();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let forward = async {
                    loop {
                        tokio::select! {
                            ended = woken.wait_for(|at| *at == Position(u64::MAX)) => {
                                let _ = ended;
                                return;
                            }
                            changed = heads.changed() => {
                                if changed.is_err() {
                                    return;
                                }
                                let head = *heads.borrow_and_update();
                                wake.send_if_modified(|at| {
                                    let is_open = *at != Position(u64::MAX);
                                    if is_open {
                                        *at = head;
                                    }
                                    is_open
                                });
                            }
                        }
                    }
                };
                tokio::select! {
                    () = forward => {}
                    () = follow(own) => {}
                }
            });
        })
}
