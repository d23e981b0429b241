//! A background host leaves when there is nothing to do: no run that is unfinished and not
//! paused, and nobody connected for a while.

use std::sync::Arc;
use std::time::Duration;

use baton_store::views::RunFilter;

use super::Host;

/// How often to look again while runs are unfinished.
const LOOK: Duration = Duration::from_secs(1);

/// Ends the host when it has been idle for that long.
pub async fn watch(host: Arc<Host>, idle_exit: Duration) {
    loop {
        let idle = host.activity.idle_for();
        let left = idle_exit.saturating_sub(idle);
        if left.is_zero() {
            // A run that is accepted from here on would have no host: none is, or this one stays.
            if host.door.close_if_empty() && !has_work(&host).await {
                tracing::info!("nothing to do: the host leaves");
                host.leave();
                return;
            }
            if !*host.leaving().borrow() {
                host.door.open();
            }
            tokio::time::sleep(LOOK).await;
        } else {
            tokio::time::sleep(left.max(Duration::from_millis(10))).await;
        }
    }
}

/// Whether a run is unfinished and not paused. A disk that does not answer counts as work.
async fn has_work(host: &Arc<Host>) -> bool {
    let Some(views) = host.views().await else {
        return true;
    };
    let filter = RunFilter {
        statuses: vec!["pending".into(), "running".into()],
        ..RunFilter::default()
    };
    let asked = tokio::task::spawn_blocking(move || views.runs(&filter, None, 1)).await;
    match asked {
        Ok(Ok(page)) => !page.rows.is_empty(),
        Ok(Err(_)) | Err(_) => true,
    }
}
