use std::fmt;

use url::{Host, Url};

/// The places that the twin's own token may be sent to. A forged `serviceUrl` is how a bot's tokens
/// are stolen.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<Url>);

/// An address that cannot be allowed.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no address of a service: it must be https (http only on this machine), with no user, query or fragment"
)]
pub struct NotAllowed(String);

/// Where a conversation lives: an address that passed the list. The twin's token goes nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl(Url);

impl Allowed {
    /// Microsoft's public cloud, and what is under these origins: another cloud, or a connector on
    /// this machine.
    ///
    /// # Errors
    /// When an address could not be used at all.
    pub fn new(more: impl IntoIterator<Item = Url>) -> Result<Self, NotAllowed> {
        let more: Vec<Url> = more.into_iter().collect();
        match more.iter().find(|url| !is_usable(url)) {
            Some(bad) => Err(NotAllowed(bad.as_str().chars().take(200).collect())),
            None => Ok(Self(more)),
        }
    }

    /// The address, if it is one of those.
    pub(crate) fn check(&self, text: &str) -> Option<ServiceUrl> {
        if text.len() > LONGEST {
            return None;
        }
        let mut url = Url::parse(text).ok().filter(is_usable)?;
        if !is_microsofts(&url) && !self.0.iter().any(|more| more.origin() == url.origin()) {
            return None;
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Some(ServiceUrl(url))
    }

    /// Where to begin with somebody who has not written yet.
    pub(crate) fn first(&self) -> Option<ServiceUrl> {
        let first = self.0.first().map_or(TEAMS, Url::as_str);
        self.check(first)
    }
}

impl ServiceUrl {
    /// The address of a call below it. `path` is encoded already.
    pub(crate) fn join(&self, path: &str) -> Option<Url> {
        let url = Url::parse(&format!("{}{path}", self.0)).ok()?;
        // Nothing in the path may lead elsewhere.
        (url.origin() == self.0.origin() && url.path().starts_with(self.0.path())).then_some(url)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({})", self.0)
    }
}

fn is_usable(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    bare && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

fn is_microsofts(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else { return false };
    url.scheme() == "https"
        && url.port().is_none()
        && (HOSTS.contains(&host) || host.ends_with(".botframework.com"))
}

/// The public cloud's; other clouds are named in the configuration.
const HOSTS: [&str; 2] = ["smba.trafficmanager.net", "teams.microsoft.com"];
const TEAMS: &str = "https://smba.trafficmanager.net/teams/";
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Allowed {
        Allowed::new(["http://127.0.0.1:9/".parse().unwrap()]).unwrap()
    }

    #[test]
    fn a_token_goes_to_microsofts_connectors_and_to_named_origins_only() {
        for (good, same) in [
            ("https://smba.trafficmanager.net/amer/", "https://smba.trafficmanager.net/amer/"),
            ("https://SMBA.trafficmanager.net/emea", "https://smba.trafficmanager.net/emea/"),
            ("https://europe.api.botframework.com", "https://europe.api.botframework.com/"),
            ("http://127.0.0.1:9/_connector", "http://127.0.0.1:9/_connector/"),
        ] {
            assert_eq!(allowed().check(good).unwrap().as_str(), same);
        }
        for bad in [
            "http://smba.trafficmanager.net/amer/",
            "https://smba.trafficmanager.net:8443/amer/",
            "https://smba.trafficmanager.net.evil.example/",
            "https://evil.example/?smba.trafficmanager.net",
            "https://botframework.com.evil.example/",
            "https://evilbotframework.com/",
            "https://u:p@smba.trafficmanager.net/",
            "https://smba.trafficmanager.net/amer/?to=https://evil.example",
            "https://smba.trafficmanager.net/amer/#x",
            "http://127.0.0.1:10/",
            "http://localhost:9/",
            "ftp://smba.trafficmanager.net/",
            "smba.trafficmanager.net",
            "",
        ] {
            assert_eq!(allowed().check(bad), None, "{bad}");
        }
        assert_eq!(
            allowed().check(&format!("https://smba.trafficmanager.net/{}", "a".repeat(600))),
            None
        );
    }

    #[test]
    fn no_path_leads_out_of_the_service() {
        let service = allowed().check("https://smba.trafficmanager.net/amer/").unwrap();
        let url = service.join("v3/conversations/a:1_x/activities").unwrap();
        assert_eq!(
            url.as_str(),
            "https://smba.trafficmanager.net/amer/v3/conversations/a:1_x/activities"
        );
        for bad in ["../../v3", "v3/../../x"] {
            assert_eq!(service.join(bad), None, "{bad}");
        }
    }

    #[test]
    fn plain_http_is_only_for_this_machine() {
        for bad in ["http://connector.contoso.com/", "https://a.example/?q", "ftp://127.0.0.1/"] {
            Allowed::new([bad.parse().unwrap()]).unwrap_err();
        }
    }
}
