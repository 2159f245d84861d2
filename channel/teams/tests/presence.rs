use std::sync::Arc;

use subtwin_teams::{Presence, Verb};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tenant::Fault;
use crate::world::{World, wait};

/// What was shown so far.
fn shown(world: &World) -> Vec<String> {
    let state = world.tenant.state();
    let bodies = state.requests.iter().filter_map(|request| request.body.as_ref());
    bodies.map(|body| body["availability"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_twin_is_shown_as_available_and_while_it_works_as_busy() {
    let world = World::new();
    let presence = Arc::new(Presence::new(&world.settings, world.tenant.clone()));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (running, stopped) = (Arc::clone(&presence), stop.clone());
    tasks.spawn(async move { running.run(stopped).await });
    tasks.close();
    world.tenant.fail(Verb::Post, "presence", Fault::Refused(403));
    wait(1).await;
    let at_work = presence.busy();
    wait(10).await;
    drop(at_work);
    wait(10).await;
    assert_eq!(shown(&world), ["Available", "Busy", "Available"]);
    wait(20 * 60).await;
    let refreshed = shown(&world).len() - 3;
    assert!((4..=6).contains(&refreshed), "{refreshed} times in twenty minutes");
    stop.cancel();
    tasks.wait().await;
}
