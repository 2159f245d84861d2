use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use subtwin_kernel::{AppId, Secret, TenantId, UserId};

/// Whom the token service says a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The directory (`tid`).
    pub tenant: TenantId,
    /// The account's object id there (`oid`).
    pub user: UserId,
}

/// Whose token is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This account's and nobody else's: the twin's.
    User(UserId),
    /// Any account's of the app's tenant, when it is not yet known which one it will be.
    Anyone,
    /// Nobody's: the app acts as itself.
    App,
}

/// Reads whose token it is from the two parts of an answer that say so.
///
/// The id token came from the token service itself over TLS, which stands in for its signature
/// (OpenID Connect Core 3.1.3.7, rule 6). The access token is Graph's, and not ours to read.
/// `None` when a part is there and says something else than the other, or cannot be read.
pub(super) fn identity(
    id_token: Option<&str>,
    client_info: Option<&str>,
    app: AppId,
    nonce: Option<&str>,
) -> Option<Identity> {
    let from_id_token = match id_token {
        Some(token) => Some(from_id_token(token, app, nonce)?),
        // A nonce was sent, so something must answer it.
        None if nonce.is_some() => return None,
        None => None,
    };
    let from_client_info = match client_info {
        Some(text) => Some(from_client_info(text)?),
        None => None,
    };
    match (from_id_token, from_client_info) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

#[derive(Deserialize)]
struct IdClaims {
    aud: AppId,
    oid: UserId,
    tid: TenantId,
    nonce: Option<String>,
}

fn from_id_token(token: &str, app: AppId, nonce: Option<&str>) -> Option<Identity> {
    let payload = token.split('.').nth(1)?;
    let claims: IdClaims = serde_json::from_slice(&LENIENT_URL.decode(payload).ok()?).ok()?;
    let answered = nonce.is_none_or(|sent| claims.nonce.as_deref() == Some(sent));
    (claims.aud == app && answered).then_some(Identity { tenant: claims.tid, user: claims.oid })
}

#[derive(Deserialize)]
struct ClientInfo {
    uid: UserId,
    utid: TenantId,
}

fn from_client_info(text: &str) -> Option<Identity> {
    let info: ClientInfo = serde_json::from_slice(&LENIENT_URL.decode(text).ok()?).ok()?;
    Some(Identity { tenant: info.utid, user: info.uid })
}

/// What an access token says about who acts: for checking that a new agent is what it should be.
/// Graph's tokens are Graph's to read; nothing is decided by this but whether to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facets {
    /// `user` or `app`.
    pub kind: String,
    /// The object it speaks for.
    pub object: String,
    /// The client it was issued to.
    pub client: String,
    /// Whether an agent identity acts (`xms_act_fct` holds 11).
    pub by_agent: bool,
    /// Whether it is about an agent user (`xms_sub_fct` holds 13).
    pub about_agent_user: bool,
}

impl Facets {
    /// Reads an access token; `None` when it cannot be read, as it may be.
    #[must_use]
    pub fn read(token: &Secret) -> Option<Self> {
        #[derive(Deserialize)]
        struct Claims {
            idtyp: Option<String>,
            oid: Option<String>,
            appid: Option<String>,
            azp: Option<String>,
            xms_act_fct: Option<String>,
            xms_sub_fct: Option<String>,
        }
        let payload = token.expose().split('.').nth(1)?;
        let claims: Claims = serde_json::from_slice(&LENIENT_URL.decode(payload).ok()?).ok()?;
        // Numbers in any order, separated by spaces.
        let holds = |facets: Option<&str>, one: &str| {
            facets.is_some_and(|facets| facets.split_ascii_whitespace().any(|it| it == one))
        };
        Some(Self {
            kind: claims.idtyp.unwrap_or_default(),
            object: claims.oid.unwrap_or_default(),
            client: claims.appid.or(claims.azp).unwrap_or_default(),
            by_agent: holds(claims.xms_act_fct.as_deref(), "11"),
            about_agent_user: holds(claims.xms_sub_fct.as_deref(), "13"),
        })
    }
}

/// The `claims` parameter: says that we understand claims challenges (`cp1`), and repeats what a
/// challenge demanded.
pub(crate) fn claims_parameter(challenge: Option<&Value>) -> String {
    let mut claims = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    if let Some(demanded) = challenge {
        merge(&mut claims, demanded);
    }
    claims.to_string()
}

fn merge(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (&mut *into, from) {
        for (key, value) in from {
            merge(into.entry(key.clone()).or_insert(Value::Null), value);
        }
    } else {
        *into = from.clone();
    }
}

/// What a `WWW-Authenticate` header demands of the next token: its `claims`, decoded. `None` when
/// it demands nothing we can read.
pub(crate) fn challenge(header: &str) -> Option<Value> {
    let (_, rest) = header.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    if encoded.len() > 4096 {
        return None;
    }
    let bytes = LENIENT_URL.decode(encoded).or_else(|_| LENIENT.decode(encoded)).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const LENIENT_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);
const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const APP: &str = "bbbbbbbb-0000-0000-0000-000000000002";
    const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
    const SAM: &str = "cccccccc-0000-0000-0000-000000000003";
    const DOUG: &str = "dddddddd-0000-0000-0000-000000000004";

    fn id_token(aud: &str, oid: &str, nonce: &str) -> String {
        let claims = json!({"aud": aud, "oid": oid, "tid": TENANT, "nonce": nonce, "exp": 1.5});
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn client_info(uid: &str) -> String {
        URL_SAFE_NO_PAD.encode(json!({"uid": uid, "utid": TENANT}).to_string())
    }

    fn of(id: Option<&str>, info: Option<&str>, nonce: Option<&str>) -> Option<String> {
        identity(id, info, APP.parse().unwrap(), nonce).map(|found| found.user.to_string())
    }

    #[test]
    fn either_part_names_the_account_and_both_must_agree() {
        let (token, info) = (id_token(APP, SAM, "n"), client_info(SAM));
        assert_eq!(of(Some(&token), None, None).unwrap(), SAM);
        assert_eq!(of(None, Some(&info), None).unwrap(), SAM);
        assert_eq!(of(Some(&token), Some(&info), Some("n")).unwrap(), SAM);
        assert_eq!(of(Some(&token), Some(&client_info(DOUG)), None), None);
        assert_eq!(of(None, None, None), None);
    }

    #[test]
    fn an_id_token_for_another_app_or_another_sign_in_names_nobody() {
        assert_eq!(of(Some(&id_token(DOUG, SAM, "n")), None, None), None);
        assert_eq!(of(Some(&id_token(APP, SAM, "old")), None, Some("n")), None);
        assert_eq!(of(None, Some(&client_info(SAM)), Some("n")), None);
        for garbage in ["", ".", "a.b.c", "e30.e30.x", "..."] {
            assert_eq!(of(Some(garbage), None, None), None, "{garbage}");
        }
    }

    #[test]
    fn a_challenge_is_read_in_either_alphabet_and_merged_with_what_we_always_say() {
        let demanded = json!({"access_token": {"nbf": {"essential": true, "value": "17?>~~"}}});
        for encoded in
            [STANDARD.encode(demanded.to_string()), URL_SAFE_NO_PAD.encode(demanded.to_string())]
        {
            let header = format!(
                r#"Bearer realm="", authorization_uri="https://login/authorize", error="insufficient_claims", claims="{encoded}""#
            );
            let read = challenge(&header).unwrap();
            assert_eq!(read, demanded);
            assert_eq!(
                claims_parameter(Some(&read)),
                r#"{"access_token":{"xms_cc":{"values":["cp1"]},"nbf":{"essential":true,"value":"17?>~~"}}}"#
            );
        }
        assert_eq!(challenge(r#"Bearer error="invalid_token""#), None);
        assert_eq!(challenge(r#"Bearer claims="!!!""#), None);
        assert_eq!(challenge(r#"Bearer claims="MQ==""#), None, "a number is no demand");
    }
}
