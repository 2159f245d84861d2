//! The doctor on a twin that was onboarded, with one thing taken away after the other.

use std::sync::Arc;

use serde_json::json;
use subtwin_entra::doctor::{Finding, Patient, Registered, Verdict};
use subtwin_entra::onboard::{OnboardStep, Registration};
use subtwin_entra::{App, Credential, TokenClient};
use subtwin_kernel::{PrincipalKind, SystemClock, SystemEntropy, Tool};

use crate::onboard::{Firm, issued};

async fn registered(firm: &Firm, which: Registration) -> Registered {
    let steps = firm.steps().await;
    let app = steps.object(&OnboardStep::App(which)).unwrap().key.clone().unwrap();
    let app = App {
        tenant: firm.tenant.parse().unwrap(),
        client: app.parse().unwrap(),
        credential: Credential::Public,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
    let client = TokenClient::new(firm.cloud.clone(), app, clock, entropy);
    let scopes = which.scopes(&firm.wish.tools);
    let issued = issued(&client, &scopes, "sam.twin", &firm.http, &firm.running).await.unwrap();
    Registered { name: which.name(), client, refresh: issued.refresh, scopes }
}

async fn patient(firm: &Firm) -> Patient {
    let steps = firm.steps().await;
    Patient {
        cloud: firm.cloud.clone(),
        user: steps.object(&OnboardStep::User).unwrap().id.parse().unwrap(),
        upn: firm.wish.upn.clone(),
        kind: PrincipalKind::MemberUser,
        tools: firm.wish.tools.clone(),
        chat: registered(firm, Registration::Chat).await,
        admin: registered(firm, Registration::Admin).await,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    }
}

async fn missing(patient: &Patient) -> Vec<Finding> {
    let (found, _) = patient.examine().await;
    found.into_iter().filter(|one| one.verdict == Verdict::Missing).collect()
}

#[tokio::test]
async fn a_missing_consent_role_or_licence_is_named_with_its_tools_and_its_remedy() {
    let firm = Firm::new().await;
    firm.apply().await.0.unwrap();
    let patient = patient(&firm).await;
    assert_eq!(missing(&patient).await, [], "what onboarding makes is all there need be");
    let permit = patient.permit(&patient.admin).await;
    assert_eq!(permit.scopes.len(), patient.admin.scopes.len(), "{permit:?}");

    let steps = firm.steps().await;
    let id = |step: &OnboardStep| steps.object(step).unwrap().id.clone();
    let grant = id(&OnboardStep::Consent(Registration::Admin));
    let mut scopes = firm.wish.granted(Registration::Admin);
    scopes.retain(|scope| scope != "LicenseAssignment.ReadWrite.All");
    let path = format!("/v1.0/oauth2PermissionGrants/{grant}");
    firm.graph.patch(&path, &json!({"scope": scopes.join(" ")})).await.unwrap();
    let role = firm.wish.roles().into_iter().find(|role| role.name == "License Administrator");
    let role = id(&OnboardStep::Role(role.unwrap().template));
    let path = format!("/v1.0/roleManagement/directory/roleAssignments/{role}");
    firm.graph.delete(&path).await.unwrap();
    let body = json!({"addLicenses": [], "removeLicenses": [id(&OnboardStep::Licence)]});
    let path = format!("/v1.0/users/{}/assignLicense", patient.user);
    firm.graph.post(&path, Some(&body)).await.unwrap();

    let found = missing(&patient).await;
    let told: Vec<(&str, &[Tool])> =
        found.iter().map(|one| (one.about.as_str(), one.tools.as_slice())).collect();
    let licence: &[Tool] = &[Tool::LicenseAssign];
    assert_eq!(
        told,
        [("admin registration", licence), ("licence", &[]), ("role", licence)],
        "{found:#?}"
    );
    assert!(found[0].says.contains("has no consent for LicenseAssignment.ReadWrite.All"));
    assert!(found.iter().all(|one| one.remedy.is_some()), "{found:#?}");

    // What the doctor names, onboarding makes good.
    firm.apply().await.0.unwrap();
    assert_eq!(missing(&patient).await, []);
}
