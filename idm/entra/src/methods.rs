//! Sign-in methods as Graph names them (Graph page "authenticationMethod resource type").

use jiff::Timestamp;
use serde::Deserialize;
use subtwin_kernel::{MethodKind, MethodRef, UserId};

use crate::entra::Entra;
use crate::graph::{GraphError, Read, segment};

/// Every kind that can be removed.
pub(crate) const KINDS: [MethodKind; 9] = [
    MethodKind::Phone,
    MethodKind::MicrosoftAuthenticator,
    MethodKind::SoftwareOath,
    MethodKind::Fido2,
    MethodKind::WindowsHelloForBusiness,
    MethodKind::PlatformCredential,
    MethodKind::Email,
    MethodKind::TemporaryAccessPass,
    MethodKind::ExternalAuthentication,
];

/// The id of everybody's password method (Graph page "passwordAuthenticationMethod").
pub(crate) const PASSWORD_METHOD: &str = "28c10230-6103-485e-b985-444c60001490";

/// The collection below `authentication` that holds a kind.
pub(crate) const fn collection(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Phone => "phoneMethods",
        MethodKind::MicrosoftAuthenticator => "microsoftAuthenticatorMethods",
        MethodKind::SoftwareOath => "softwareOathMethods",
        MethodKind::Fido2 => "fido2Methods",
        MethodKind::WindowsHelloForBusiness => "windowsHelloForBusinessMethods",
        MethodKind::PlatformCredential => "platformCredentialMethods",
        MethodKind::Email => "emailMethods",
        MethodKind::TemporaryAccessPass => "temporaryAccessPassMethods",
        MethodKind::ExternalAuthentication => "externalAuthenticationMethods",
    }
}

/// The path of one method.
pub(crate) fn method_path(person: UserId, method: &MethodRef) -> String {
    let (collection, id) = (collection(method.kind), segment(&method.id));
    format!("/v1.0/users/{person}/authentication/{collection}/{id}")
}

/// What one entry of the list of methods is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The password, which is no method to remove.
    Password,
    /// One that can be removed.
    Known(MethodKind),
    /// A kind that is newer than this program, by its name in Graph.
    Unknown(String),
}

/// A sign-in method, with what the kinds have to say about themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Method {
    pub(crate) id: String,
    #[serde(rename = "@odata.type", default)]
    kind: String,
    pub(crate) created_date_time: Option<Timestamp>,
    pub(crate) display_name: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) phone_type: Option<String>,
    pub(crate) email_address: Option<String>,
    is_usable: Option<bool>,
    method_usability_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preferences {
    user_preferred_method_for_secondary_authentication: Option<String>,
}

impl Method {
    pub(crate) fn sort(&self) -> Sort {
        let name = self.kind.strip_prefix("#microsoft.graph.").unwrap_or(&self.kind);
        let kind = match name {
            "passwordAuthenticationMethod" => return Sort::Password,
            "phoneAuthenticationMethod" => MethodKind::Phone,
            "microsoftAuthenticatorAuthenticationMethod" => MethodKind::MicrosoftAuthenticator,
            "softwareOathAuthenticationMethod" => MethodKind::SoftwareOath,
            "fido2AuthenticationMethod" => MethodKind::Fido2,
            "windowsHelloForBusinessAuthenticationMethod" => MethodKind::WindowsHelloForBusiness,
            "platformCredentialAuthenticationMethod" => MethodKind::PlatformCredential,
            "emailAuthenticationMethod" => MethodKind::Email,
            "temporaryAccessPassAuthenticationMethod" => MethodKind::TemporaryAccessPass,
            "externalAuthenticationMethod" => MethodKind::ExternalAuthentication,
            other => return Sort::Unknown(other.to_owned()),
        };
        Sort::Known(kind)
    }

    /// Whether an access pass works now or will: its time and its one use are not over.
    pub(crate) fn pass_lives(&self) -> bool {
        let reason = self.method_usability_reason.as_deref().unwrap_or_default();
        let over = ["expired", "oneTimeUsed"].iter().any(|it| reason.eq_ignore_ascii_case(it));
        match self.is_usable {
            Some(usable) => usable || (!over && !reason.is_empty()),
            None => !over,
        }
    }
}

impl Entra {
    /// Every method of a person, the password among them.
    pub(crate) async fn methods(&self, person: UserId) -> Result<Vec<Method>, GraphError> {
        let path = format!("/v1.0/users/{person}/authentication/methods");
        self.graph().list(&Read::at(path), 5).await
    }

    /// A person's access passes: at most one, unless Graph changes its mind.
    pub(crate) async fn passes(&self, person: UserId) -> Result<Vec<Method>, GraphError> {
        let kind = collection(MethodKind::TemporaryAccessPass);
        let path = format!("/v1.0/users/{person}/authentication/{kind}");
        self.graph().list(&Read::at(path), 2).await
    }

    pub(crate) async fn has_method(
        &self,
        person: UserId,
        method: &MethodRef,
    ) -> Result<bool, GraphError> {
        let read = Read::at(method_path(person, method));
        Ok(self.graph().find::<Method>(&read).await?.is_some())
    }

    /// The kind of somebody's default second factor, by its name in Graph (`push`, `sms`, …). Only
    /// beta tells it, so whatever stands in the way of reading it means that it is not known.
    pub(crate) async fn preferred(&self, person: UserId) -> Result<Option<String>, GraphError> {
        let read = Read::at(format!("/beta/users/{person}/authentication/signInPreferences"));
        match self.graph().get::<Preferences>(&read).await {
            Ok(found) => Ok(found.user_preferred_method_for_secondary_authentication),
            Err(error) if error.refused().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn method(value: Value) -> Method {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_kind_has_a_collection_of_its_own() {
        let mut names: Vec<_> = KINDS.into_iter().map(collection).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn a_kind_is_known_by_its_type_and_a_new_one_is_said_to_be_new() {
        let sort = |kind: &str| method(json!({"id": "1", "@odata.type": kind})).sort();
        assert_eq!(sort("#microsoft.graph.passwordAuthenticationMethod"), Sort::Password);
        assert_eq!(
            sort("#microsoft.graph.fido2AuthenticationMethod"),
            Sort::Known(MethodKind::Fido2)
        );
        assert_eq!(
            sort("#microsoft.graph.qrCodePinAuthenticationMethod"),
            Sort::Unknown("qrCodePinAuthenticationMethod".to_owned())
        );
    }

    #[test]
    fn a_pass_lives_until_its_time_or_its_use_is_over() {
        for (usable, reason, lives) in [
            (true, "enabledByPolicy", true),
            (false, "notYetValid", true),
            (false, "disabledByPolicy", true),
            (false, "expired", false),
            (false, "oneTimeUsed", false),
        ] {
            let pass = json!({"id": "1", "isUsable": usable, "methodUsabilityReason": reason});
            assert_eq!(method(pass).pass_lives(), lives, "{reason}");
        }
    }

    #[test]
    fn an_id_with_odd_characters_stays_in_its_segment() {
        let person = UserId::new(uuid::Uuid::nil());
        let id = "-2_GRUg2/HYz6+1YG4YRAQ2=".to_owned();
        let path = method_path(person, &MethodRef { kind: MethodKind::Fido2, id });
        assert!(path.ends_with("/fido2Methods/-2_GRUg2%2FHYz6%2B1YG4YRAQ2%3D"), "{path}");
    }
}
