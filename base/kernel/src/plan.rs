use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Action;

/// The HTTP methods a plan can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 names")]
pub enum Method {
    Post,
    Patch,
    Put,
    Delete,
}

/// One request of a plan, exactly as it will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Step {
    /// Method.
    pub method: Method,
    /// Canonical path from the version on, for example `/v1.0/users/{id}/assignLicense`.
    pub path: String,
    /// JSON body, or nothing.
    pub body: Option<Value>,
}

/// What the human is shown before saying yes. Rendered by our code from fresh directory reads.
/// Every field is a sentence or a fact; none holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// One sentence: verb, target's display name **and** UPN, object and its kind.
    pub headline: String,
    /// The target's display name, UPN, and department where a namesake exists.
    pub target: String,
    /// The object's name and kind ("Microsoft 365 E3 licence", "security group Finance").
    pub object: Option<String>,
    /// The state now.
    pub before: String,
    /// The state afterwards.
    pub after: String,
    /// What else follows: access, cost, sign-out, data loss. Each a sentence.
    pub consequences: Vec<String>,
    /// Whether and how it can be undone. A sentence.
    pub undo: String,
    /// Whose identity will appear in the tenant's log ("Sam (sam@contoso.com)").
    pub appears_as: String,
}

/// The exact change: what is shown and what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// What it does.
    pub action: Action,
    /// The requests, in order.
    pub steps: Vec<Step>,
    /// What the human reads.
    pub summary: Summary,
}

impl Plan {
    /// SHA-256 over the plan's JSON with keys in declaration order. The yes is bound to it: any
    /// other request, or any other thing shown, is another plan.
    #[must_use]
    #[expect(clippy::expect_used, reason = "plain data: string keys, no maps, nothing can fail")]
    pub fn digest(&self) -> Digest {
        let json = serde_json::to_vec(self).expect("a plan is plain data");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &json).as_ref());
        Digest(bytes)
    }
}

/// A SHA-256 value, shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(#[schemars(with = "String")] [u8; 32]);

impl Digest {
    /// Takes the 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hex::encode(digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
