use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtwin_kernel::{Entropy, Secret};
use url::Url;

use super::claims::claims_parameter;
use super::client::scope_parameter;
use super::{App, TokenError};

/// One authorization code request: what the browser is sent to, and what proves the answer ours.
pub struct AuthorizeRequest {
    /// Where the browser goes.
    pub url: Url,
    /// What the answer must carry in `state`.
    pub state: Secret,
    /// What the id token must carry in `nonce`.
    pub nonce: Secret,
    /// What redeems the code (RFC 7636).
    pub verifier: Secret,
    /// Where the answer comes.
    pub redirect: String,
}

/// Without the address, which holds `state` and `nonce`.
impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizeRequest({})", self.redirect)
    }
}

impl AuthorizeRequest {
    /// Prepares a request. `hint` is the UPN of the account that should sign in, or empty.
    ///
    /// # Errors
    /// When the token service's address is not one.
    pub fn new(
        login: &str,
        app: &App,
        scopes: &[String],
        redirect: &str,
        hint: &str,
        entropy: &dyn Entropy,
    ) -> Result<Self, TokenError> {
        let verifier = random::<32>(entropy);
        let (state, nonce) = (random::<16>(entropy), random::<16>(entropy));
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()));
        let mut url = Url::parse(&format!("{login}/{}/oauth2/v2.0/authorize", app.tenant))
            .map_err(|_| TokenError::Unreadable { what: "the token service's address" })?;
        url.query_pairs_mut()
            .append_pair("client_id", &app.client.to_string())
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect)
            // The code stays out of the address, so out of the browser's history and of logs.
            .append_pair("response_mode", "form_post")
            .append_pair("scope", &scope_parameter(scopes))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("client_info", "1")
            .append_pair("claims", &claims_parameter(None));
        if hint.is_empty() {
            // Somebody else may be signed in to this browser.
            url.query_pairs_mut().append_pair("prompt", "select_account");
        } else {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        Ok(Self { url, state, nonce, verifier, redirect: redirect.to_owned() })
    }
}

pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use subtwin_kernel::SeededEntropy;

    use super::super::Credential;
    use super::*;

    #[test]
    fn the_browser_gets_the_challenge_and_never_the_verifier() {
        let app = App {
            tenant: "aaaaaaaa-0000-0000-0000-000000000001".parse().unwrap(),
            client: "bbbbbbbb-0000-0000-0000-000000000002".parse().unwrap(),
            credential: Credential::Public,
        };
        let entropy = SeededEntropy::new(7);
        let request = AuthorizeRequest::new(
            "https://login.example",
            &app,
            &["User.Read.All".to_owned()],
            "http://localhost:4711",
            "sam@contoso.com",
            &entropy,
        )
        .unwrap();
        let query: HashMap<_, _> = request.url.query_pairs().into_owned().collect();
        assert_eq!(
            request.url.path(),
            "/aaaaaaaa-0000-0000-0000-000000000001/oauth2/v2.0/authorize"
        );
        assert_eq!(query["scope"], "User.Read.All openid profile offline_access");
        assert_eq!(query["state"], request.state.expose());
        assert_eq!(query["nonce"], request.nonce.expose());
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["login_hint"], "sam@contoso.com");
        assert_eq!(query["response_mode"], "form_post");
        let hash = digest(&SHA256, request.verifier.expose().as_bytes());
        assert_eq!(query["code_challenge"], URL_SAFE_NO_PAD.encode(hash));
        assert!(request.verifier.expose().len() >= 43, "RFC 7636 section 4.1");
        assert!(!request.url.as_str().contains(request.verifier.expose()));
    }
}
