use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the id it was taken for.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a {kind}")]
pub struct IdError {
    kind: &'static str,
    text: String,
}

macro_rules! guid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[derive(schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(with = "String")] Uuid);

        impl $name {
            /// Names the object with this GUID.
            #[must_use]
            pub const fn new(guid: Uuid) -> Self {
                Self(guid)
            }

            /// The bare GUID, for a wire format.
            #[must_use]
            pub const fn guid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError { kind: stringify!($name), text: text.to_owned() })
            }
        }
    )*};
}

guid_id! {
    /// A customer's directory.
    TenantId;
    /// A person in the customer's directory.
    UserId;
    /// A twin: also a user in the directory, but never a requester.
    TwinId;
    /// A group in the customer's directory.
    GroupId;
    /// A licence product a tenant can own (`skuId`).
    SkuId;
    /// An app registration (`appId`, the OAuth client id).
    AppId;
    /// One request somebody made of the twin, from the message that asked to the last reply.
    /// A version 7 UUID: sorts by time.
    RequestId;
}

impl TwinId {
    /// The twin as the directory sees it.
    #[must_use]
    pub const fn as_user(self) -> UserId {
        UserId(self.0)
    }
}

/// A Teams conversation, as Graph writes it (`19:…@unq.gbl.spaces`). Compared byte for byte.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct ChatId(String);

impl ChatId {
    /// Longest id taken from a network; Graph's own stay below 200 bytes.
    const LONGEST: usize = 512;

    /// Takes the id of a conversation.
    ///
    /// # Errors
    /// When it is empty, very long, or holds anything but printable ASCII.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let good = !text.is_empty()
            && text.len() <= Self::LONGEST
            && text.bytes().all(|b| b.is_ascii_graphic());
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { kind: "ChatId", text: text.chars().take(80).collect() })
        }
    }

    /// The id as Graph writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message in a conversation: Unix milliseconds of its creation, so ids of one chat sort by time.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct MessageId(u64);

impl MessageId {
    /// Names a message by its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse()
            .map(Self)
            .map_err(|_| IdError { kind: "MessageId", text: text.chars().take(40).collect() })
    }
}
