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
pub mod onboard;
mod planner;
mod products;
mod profile;
mod session;
mod sign_in;
mod steps;
mod token;
mod trail;
mod wire;

pub use catalog::{capability, catalog};
pub use cloud::{Cloud, CloudError, CloudSettings};
pub use entra::{Entra, Listed, Standing, Twin};
pub use graph::{
    Answer, Graph, GraphError, Read, Refused, literal, search_phrase, segment, user_path,
};
pub use needs::{Needs, needs, scopes};
pub use products::{Product, product};
pub use session::{TokenStore, TokenStoreError, Tokens};
pub use sign_in::{SignInError, sign_in};
pub use steps::{Made, Mark, StepEntry, StepStore, StepStoreError, Steps, StepsError};
pub use token::{
    App, AssertionKey, AuthorizeRequest, BadKey, Credential, DeviceCode, DevicePoll, EntraError,
    Expected, Grant, Identity, Issued, TokenClient, TokenError,
};
