//! The adapter to Microsoft Entra: the token service, Microsoft Graph, and the thirteen tools' plans.
//!
//! Talks to no human and decides nothing about a yes. The real cloud and the sandbox differ only
//! in their addresses and their certificate authority.

mod body;
mod catalog;
mod cloud;
mod directory;
pub mod doctor;
mod entra;
mod graph;
mod hands;
mod methods;
mod needs;
mod obstacle;
pub mod onboard;
mod planner;
mod products;
mod profile;
mod progress;
mod provision;
mod session;
mod sign_in;
mod steps;
mod token;
mod trail;
mod wire;

pub use catalog::{capability, catalog};
pub use cloud::{Cloud, CloudError, CloudSettings, NationalCloud};
pub use entra::{Entra, Listed, Standing, Twin};
pub use graph::{
    Answer, Graph, GraphError, Read, Refused, literal, search_phrase, segment, user_path,
};
pub use needs::{Needs, needs, scopes};
pub use obstacle::{Obstacle, Reason};
pub use products::{Product, product};
pub use progress::{ActsAs, Progress, WrongStage};
pub use provision::{
    Agent, Because, Order, PROVISIONER_SCOPES, Pace, Provisioning, Stage, Stuck, Thing, Things,
};
pub use session::{AgentId, TokenStore, TokenStoreError, Tokens};
pub use sign_in::{
    Doorway, SignInError, admin_consent, sign_in, sign_in_by_device_code, sign_in_in_browser,
    wait_for_device,
};
pub use steps::{Made, Mark, StepEntry, StepStore, StepStoreError, Steps, StepsError};
pub use token::{
    App, AssertionKey, AuthorizeRequest, BadKey, ClientKey, Credential, DeviceCode, DevicePoll,
    EntraError, Expected, Facets, Grant, Identity, Issued, TokenClient, TokenError,
};

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
