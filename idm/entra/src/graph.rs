//! Microsoft Graph: requests, answers, errors, pages. Knows no tool.

mod client;
mod error;
mod read;

pub use client::{Answer, Graph};
pub use error::{GraphError, Refused};
pub use read::{Read, literal, search_phrase, segment, user_path};
