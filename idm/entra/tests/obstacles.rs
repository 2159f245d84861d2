use std::collections::HashMap;

use serde_json::{Value, json};
use subtwin_entra::{Expected, Grant, Obstacle, Reason, TokenError};
use subtwin_kernel::Secret;

use crate::support::{APP, DOUG, Reply, SAM, TENANT, TOKEN, World, ok, token};

fn scopes() -> Vec<String> {
    vec!["User.Read.All".to_owned(), "LicenseAssignment.ReadWrite.All".to_owned()]
}

/// What a person is told when the token service answers this.
async fn told(body: Value) -> (TokenError, Obstacle) {
    let world = World::new().await;
    world.server.on(&format!("POST {TOKEN}"), Reply::Json(400, Vec::new(), body));
    let refresh = Secret::new("kept".to_owned());
    let expected = Expected::User(SAM.parse().unwrap());
    let error =
        world.client.token(Grant::Refresh(&refresh), &scopes(), expected).await.unwrap_err();
    let obstacle = world.client.obstacle(&error, &scopes());
    (error, obstacle)
}

#[tokio::test]
async fn every_refusal_becomes_one_sentence_with_its_remedy() {
    let cases = [
        ("invalid_grant", 65001, Reason::ConsentMissing, "an administrator must grant it"),
        ("access_denied", 90094, Reason::AdminApprovalNeeded, "an administrator must grant it"),
        ("access_denied", 65004, Reason::Declined, "accept"),
        ("interaction_required", 50076, Reason::SecondFactor, "second factor"),
        ("interaction_required", 50079, Reason::SecondFactor, "second factor"),
        ("invalid_grant", 53000, Reason::DeviceNotTrusted, "from such a device"),
        ("invalid_grant", 53003, Reason::ConditionalAccess, "where the policy allows"),
        ("invalid_grant", 53004, Reason::ConditionalAccess, "where the policy allows"),
        ("invalid_request", 90002, Reason::NoSuchTenant, "check `tenant`"),
        ("invalid_request", 50020, Reason::ForeignAccount, "`twin.upn`"),
        ("unauthorized_client", 700_016, Reason::AppUnknown, "check the app ids"),
        ("invalid_grant", 50057, Reason::AccountBlocked, "must enable it"),
        ("invalid_grant", 50053, Reason::AccountLocked, "wait"),
        ("invalid_grant", 50126, Reason::WrongPassword, "right one"),
        ("invalid_grant", 50055, Reason::PasswordExpired, "set a new one"),
        ("invalid_grant", 50173, Reason::SignInLapsed, "run `subtwin sign-in`"),
        ("invalid_client", 7_000_222, Reason::CredentialExpired, "register a new one"),
        ("invalid_client", 7_000_215, Reason::SecretWrong, "not its id"),
        ("invalid_client", 700_027, Reason::CertificateWrong, "register the certificate"),
        ("unauthorized_client", 7_000_112, Reason::AppDisabled, "must enable it"),
        ("expired_token", 70020, Reason::CodeEnded, "start again"),
        ("odd_error", 4_711_000, Reason::Unknown, "AADSTS"),
    ];
    for (error, number, reason, remedy) in cases {
        let (_, obstacle) = told(json!({"error": error, "error_codes": [number]})).await;
        assert_eq!(obstacle.reason, reason, "{number}");
        let sentence = obstacle.to_string();
        assert!(sentence.contains(remedy), "{sentence}");
        assert!(sentence.contains(&format!("AADSTS{number}")), "{sentence}");
        assert!(!sentence.contains('\n') && !sentence.contains(". "), "{sentence}");
    }
}

#[tokio::test]
async fn a_number_that_is_not_known_is_judged_by_the_words_beside_it() {
    let cases = [
        (json!({"error": "invalid_grant", "suberror": "consent_required"}), Reason::ConsentMissing),
        (json!({"error": "consent_required"}), Reason::ConsentMissing),
        (json!({"error": "invalid_grant", "suberror": "bad_token"}), Reason::SignInLapsed),
        (
            json!({"error": "invalid_grant", "suberror": "user_password_expired"}),
            Reason::PasswordExpired,
        ),
        (json!({"error": "authorization_declined"}), Reason::Declined),
        (json!({"error": "expired_token"}), Reason::CodeEnded),
        (json!({"error": "invalid_client"}), Reason::CredentialRefused),
        (json!({"error": "unheard_of", "suberror": "neither"}), Reason::Unknown),
    ];
    for (mut body, reason) in cases {
        body["error_codes"] = json!([4_711_000]);
        let (_, obstacle) = told(body.clone()).await;
        assert_eq!(obstacle.reason, reason, "{body}");
    }
}

#[tokio::test]
async fn what_consent_removes_comes_with_the_administrators_link_and_nothing_else_does() {
    let (_, obstacle) = told(json!({"error": "invalid_grant", "error_codes": [65001]})).await;
    let link = obstacle.admin_consent.clone().unwrap();
    assert_eq!(link.path(), format!("/{TENANT}/v2.0/adminconsent"));
    let query: HashMap<String, String> = link.query_pairs().into_owned().collect();
    assert_eq!(query["client_id"], APP);
    assert_eq!(query["redirect_uri"], "http://localhost");
    assert!(query["scope"].starts_with("User.Read.All LicenseAssignment.ReadWrite.All "));
    assert!(!query["state"].is_empty());
    assert!(obstacle.to_string().contains(link.as_str()), "{obstacle}");

    let (_, obstacle) = told(json!({"error": "invalid_grant", "error_codes": [50057]})).await;
    assert_eq!(obstacle.admin_consent, None);
}

#[tokio::test]
async fn an_echoed_secret_is_in_no_obstacle() {
    let secret = "S3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3t";
    let (_, obstacle) = told(json!({
        "error": format!("invalid_{secret}"), "suberror": secret, "trace_id": secret,
        "error_description": format!("AADSTS65001: no, '{secret}'"),
    }))
    .await;
    assert_eq!(obstacle.reason, Reason::ConsentMissing);
    assert!(!format!("{obstacle} {obstacle:?}").contains("S3cr3t"), "{obstacle:?}");
}

#[tokio::test]
async fn a_service_that_is_away_and_somebody_elses_token_are_obstacles_too() {
    let world = World::new().await;
    let request = format!("POST {TOKEN}");
    let refresh = Secret::new("kept".to_owned());
    let expected = Expected::User(SAM.parse().unwrap());
    let reasons = [
        (Reply::HangUp, Reason::Unavailable, "check the network"),
        (Reply::Json(503, Vec::new(), Value::Null), Reason::Unavailable, "answered 503"),
        (ok(token("t", DOUG)), Reason::WrongPerson, SAM),
        (ok(json!({"token_type": "Bearer"})), Reason::Unreadable, "any proxy"),
    ];
    for (reply, reason, part) in reasons {
        world.server.instead(&request, reply);
        let error =
            world.client.token(Grant::Refresh(&refresh), &scopes(), expected).await.unwrap_err();
        let obstacle = Obstacle::from(&error);
        assert_eq!(obstacle.reason, reason);
        assert!(obstacle.to_string().contains(part), "{obstacle}");
    }
}
