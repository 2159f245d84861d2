use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, redirect, retry};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Where the token service and Graph are. The default is the public cloud.
#[derive(Clone, Debug)]
pub struct CloudSettings {
    /// Address of the token service.
    pub login: String,
    /// Address of Microsoft Graph.
    pub graph: String,
    /// A file of PEM certificates to trust besides the machine's own: a sandbox's authority, or
    /// that of a proxy which inspects traffic.
    pub extra_ca: Option<PathBuf>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one request may take from its first byte to the last byte of its answer.
    pub answer_timeout: Duration,
}

/// One of Microsoft's clouds, each apart from the others (Graph page "National cloud
/// deployments"). GCC, unlike GCC High, is in the public one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NationalCloud {
    /// The public cloud.
    #[default]
    Public,
    /// Microsoft 365 for the US government, GCC High.
    #[serde(rename = "usgov")]
    UsGov,
    /// Microsoft 365 for the US department of defence.
    #[serde(rename = "usgov-dod")]
    UsGovDod,
    /// The cloud that 21Vianet runs in China.
    China,
}

impl NationalCloud {
    /// Its token service.
    #[must_use]
    pub const fn login(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Its Microsoft Graph.
    #[must_use]
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Public => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}

impl Default for CloudSettings {
    fn default() -> Self {
        Self {
            login: NationalCloud::Public.login().to_owned(),
            graph: NationalCloud::Public.graph().to_owned(),
            extra_ca: None,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
        }
    }
}

/// Why a cloud's settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// An address is not one.
    #[error("`{field}` must be an address like https://host or https://host:port, not `{given}`")]
    Address {
        /// The setting.
        field: &'static str,
        /// What it says.
        given: String,
    },
    /// Tokens would travel in the clear.
    #[error("`{field}` must use https; http is only for this machine (127.0.0.1, ::1, localhost)")]
    Clear {
        /// The setting.
        field: &'static str,
    },
    /// The extra authority cannot be read.
    #[error("reading the certificates in `{}` failed", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTP client cannot be built, for example because the machine has no trusted roots.
    #[error("preparing the HTTP client failed")]
    Client(#[source] reqwest::Error),
}

/// A token service, a Graph, and the one HTTP client that talks to both. Cheap to clone: clones
/// share connections.
#[derive(Clone, Debug)]
pub struct Cloud {
    pub(crate) login: String,
    pub(crate) graph: String,
    pub(crate) http: reqwest::Client,
}

impl Cloud {
    /// Checks the settings and prepares the HTTP client. Opens no connection.
    ///
    /// # Errors
    /// When a setting cannot be used; the error names it.
    pub fn open(settings: &CloudSettings) -> Result<Self, CloudError> {
        Ok(Self {
            login: origin("login", &settings.login)?,
            graph: origin("graph", &settings.graph)?,
            http: http(settings)?,
        })
    }

    /// The address of Graph, without a slash at the end.
    #[must_use]
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// What an app asks a token for Graph with: everything it was granted. A cloud on this machine
    /// plays the public one.
    #[must_use]
    pub fn graph_scope(&self) -> String {
        let here = Url::parse(&self.graph).is_ok_and(|url| is_loopback(&url));
        let resource = if here { "https://graph.microsoft.com" } else { &self.graph };
        format!("{resource}/.default")
    }

    /// The HTTP client: deadlines, no redirects, the extra authority. For requests that carry no
    /// token, such as reading an issuer's keys.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The address of the token service, without a slash at the end.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }
}

fn origin(field: &'static str, given: &str) -> Result<String, CloudError> {
    let wrong = || CloudError::Address { field, given: given.chars().take(200).collect() };
    let url = Url::parse(given).map_err(|_| wrong())?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if url.host().is_none() {
        return Err(wrong());
    }
    match url.scheme() {
        "https" if bare => Ok(url.origin().ascii_serialization()),
        "http" if bare && is_loopback(&url) => Ok(url.origin().ascii_serialization()),
        "http" if bare => Err(CloudError::Clear { field }),
        _ => Err(wrong()),
    }
}

/// Whether an address is one of this machine's own.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the client the rest of the code uses")]
fn http(settings: &CloudSettings) -> Result<reqwest::Client, CloudError> {
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("subtwin/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.answer_timeout)
        .pool_idle_timeout(Duration::from_secs(90))
        // Each costs some 50 KB; what a burst opened beyond these is closed after it.
        .pool_max_idle_per_host(16)
        .tcp_nodelay(true)
        // A bearer token goes to the host it was meant for and nowhere else, and a write is sent
        // as often as we say.
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false);
    if let Some(path) = &settings.extra_ca {
        let unreadable = |cause: Box<dyn std::error::Error + Send + Sync>| CloudError::Ca {
            path: path.clone(),
            cause,
        };
        let pem = std::fs::read(path).map_err(|cause| unreadable(cause.into()))?;
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|cause| unreadable(cause.into()))?;
        if certificates.is_empty() {
            return Err(unreadable("it holds no certificate".into()));
        }
        client = client.tls_certs_merge(certificates);
    }
    client.build().map_err(CloudError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(login: &str) -> Result<Cloud, CloudError> {
        Cloud::open(&CloudSettings { login: login.to_owned(), ..CloudSettings::default() })
    }

    #[test]
    fn the_default_is_the_public_cloud() {
        let cloud = Cloud::open(&CloudSettings::default()).unwrap();
        assert_eq!(cloud.login(), "https://login.microsoftonline.com");
        assert_eq!(cloud.graph(), "https://graph.microsoft.com");
    }

    #[test]
    fn every_national_cloud_has_addresses_that_can_be_used_and_shares_no_graph() {
        let all = [
            NationalCloud::Public,
            NationalCloud::UsGov,
            NationalCloud::UsGovDod,
            NationalCloud::China,
        ];
        let mut graphs: Vec<String> = all
            .into_iter()
            .map(|cloud| {
                let settings = CloudSettings {
                    login: cloud.login().to_owned(),
                    graph: cloud.graph().to_owned(),
                    ..CloudSettings::default()
                };
                Cloud::open(&settings).unwrap().graph().to_owned()
            })
            .collect();
        graphs.dedup();
        assert_eq!(graphs.len(), all.len(), "{graphs:?}");
    }

    #[test]
    fn tokens_travel_in_the_clear_only_inside_this_machine() {
        for good in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9/"] {
            assert!(open(good).is_ok(), "{good}");
        }
        for clear in ["http://login.contoso.com", "http://10.0.0.1", "http://localhost.contoso.com"]
        {
            assert!(matches!(open(clear), Err(CloudError::Clear { field: "login" })), "{clear}");
        }
    }

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for bad in [
            "",
            "contoso.com",
            "ftp://contoso.com",
            "https://a/b",
            "https://a?q=1",
            "https://u:p@a",
        ] {
            assert!(matches!(open(bad), Err(CloudError::Address { field: "login", .. })), "{bad}");
        }
        assert_eq!(open("https://Host:8443/").unwrap().login(), "https://host:8443");
    }

    #[test]
    fn an_authority_file_without_a_certificate_is_an_error_that_names_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let settings =
            CloudSettings { extra_ca: Some(file.path().into()), ..CloudSettings::default() };
        let error = Cloud::open(&settings).unwrap_err();
        assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
    }
}
