//! One listener, and what answers on it changes while it listens.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tower::ServiceExt as _;

/// Where somebody knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The identity of the twin's own, or the person's while it has none.
    Own,
    /// What is still heard with a person's token: under `/borrowed`.
    Borrowed,
}

/// What answers at each door. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Doors(Arc<RwLock<[Router; 2]>>);

impl Doors {
    /// Lets `router` answer at a door, in place of what did.
    pub(super) fn open(&self, door: Door, router: Router) {
        let mut routers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let [own, borrowed] = &mut *routers;
        match door {
            Door::Own => *own = router,
            Door::Borrowed => *borrowed = Router::new().nest("/borrowed", router),
        }
    }

    /// Lets nobody answer at a door any more.
    pub(super) fn shut(&self, door: Door) {
        self.open(door, Router::new());
    }

    /// The whole, to be served.
    pub(super) fn router(&self) -> Router {
        let doors = self.clone();
        Router::new().fallback(move |request: Request| {
            let doors = doors.clone();
            async move { doors.answer(request).await }
        })
    }

    async fn answer(&self, request: Request) -> Response {
        let router = {
            let routers = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let [own, borrowed] = &*routers;
            if request.uri().path().starts_with("/borrowed/") { borrowed } else { own }.clone()
        };
        router.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
