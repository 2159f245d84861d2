use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Action, Tool, Touch};

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
    /// JSON body, or nothing. Where a new password belongs it holds [`Step::NEW_PASSWORD`]; the
    /// password itself is made when the request is sent and stands in no plan.
    pub body: Option<Value>,
}

impl Step {
    /// Stands where a new password goes.
    pub const NEW_PASSWORD: &str = "{new password}";

    /// Whether a new password must be made to send it.
    #[must_use]
    pub fn needs_password(&self) -> bool {
        fn holds(value: &Value) -> bool {
            match value {
                Value::String(text) => text == Step::NEW_PASSWORD,
                Value::Array(values) => values.iter().any(holds),
                Value::Object(fields) => fields.values().any(holds),
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
            }
        }
        self.body.as_ref().is_some_and(holds)
    }
}

/// What the human is shown about one part. Rendered by our code from fresh directory reads.
/// Every field is a sentence or a fact; none holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Shown {
    /// One sentence: verb, target's display name **and** UPN, object and its kind.
    pub headline: String,
    /// The target's display name, UPN and department.
    pub target: String,
    /// The object's name and kind ("Microsoft 365 E3 licence", "security group Finance").
    pub object: Option<String>,
    /// The state now.
    pub before: String,
    /// The state afterwards.
    pub after: String,
    /// What else follows: access, cost, sign-out, data loss, who gets a secret. Each a sentence.
    pub consequences: Vec<String>,
    /// Whether and how it can be undone. A sentence.
    pub undo: String,
}

/// How a part is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inverse {
    /// By this, with the values of before.
    Action(Action),
    /// Not at all; why, as a sentence.
    None(String),
}

/// One change: a single request, and the action whose effect can be looked at afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Part {
    /// What it does.
    pub action: Action,
    /// The request.
    pub step: Step,
    /// What the human reads.
    pub shown: Shown,
    /// How it is taken back.
    pub inverse: Inverse,
    /// Everything it touches, through whatever follows from it, too.
    pub touches: Vec<Touch>,
    /// What must be typed in place of a yes, because the target's name could be somebody else's:
    /// its UPN.
    pub type_back: Option<String>,
}

/// Who must say yes, from least to most.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// The requester.
    Own,
    /// The requester, then one approver who is somebody else.
    Another,
    /// The requester, then two approvers who are neither the requester nor each other.
    Two,
}

impl Approval {
    /// Its name, as in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Another => "another",
            Self::Two => "two",
        }
    }

    /// How many approvers must say yes beside the requester.
    #[must_use]
    pub const fn approvers(self) -> usize {
        match self {
            Self::Own => 0,
            Self::Another => 1,
            Self::Two => 2,
        }
    }
}

/// What a plan was made under. If either changes, a yes to the plan counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rules {
    /// The digest of the catalog.
    pub catalog: Digest,
    /// The digest of the policies.
    pub policy: Digest,
    /// The policies that allowed it, by id.
    pub allowed_by: Vec<String>,
}

/// The exact change: what is shown and what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// What was asked for, as far as it can be done.
    pub asked: Vec<Action>,
    /// The changes, in the order in which they are made. Each stands for itself: one that fails
    /// does not undo the others.
    pub parts: Vec<Part>,
    /// What was asked for and is not in it, and why. Each a sentence.
    pub left_out: Vec<String>,
    /// Whose identity will appear in the tenant's log ("Sam (sam@contoso.com)").
    pub appears_as: String,
    /// Who must say yes.
    pub approval: Approval,
    /// What must be typed in place of a yes.
    pub type_back: Option<String>,
    /// What it was made under.
    pub rules: Rules,
}

impl Plan {
    /// SHA-256 over the plan's JSON with keys in declaration order. The yes is bound to it: any
    /// other request, or any other thing shown, is another plan.
    #[must_use]
    #[expect(clippy::expect_used, reason = "plain data: string keys, no maps, nothing can fail")]
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a plan is plain data"))
    }

    /// What it comes to in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let all: Vec<&str> = self.parts.iter().map(|part| part.shown.headline.as_str()).collect();
        all.join(" ")
    }

    /// The tools it uses, each once, in catalog order.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = self.asked.iter().map(Action::tool).collect();
        tools.sort();
        tools.dedup();
        tools
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

    /// The digest of some bytes.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, data).as_ref());
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first twelve digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
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
