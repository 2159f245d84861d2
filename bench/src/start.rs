//! From the start of the process until the twin is subscribed and listens.

use crate::Setup;
use crate::company::Company;
use crate::figures::{Aim, Figures, millis};

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let company = Company::open(setup, 80, 0).await?;
    let twin = company.start_twin().await?;
    let first = twin.age();
    twin.stop().await?;
    let mut later = Vec::new();
    for _ in 0..RESTARTS {
        let twin = company.start_twin().await?;
        later.push(twin.age());
        twin.stop().await?;
    }
    let mut figures = Figures::of("start");
    figures.add("first start, which makes the notification key", millis(first), "ms");
    figures.spread("start to ready", &mut later, Some(Aim::AtMost(100.0)));
    Ok(figures)
}

const RESTARTS: usize = 20;
