//! The browser of this machine, if it has one.

use std::process::{Command, Stdio};

use url::Url;

/// How a browser is started here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browser(&'static str);

impl Browser {
    /// The browser a person at this machine would see; `None` on a server, where no screen is.
    #[expect(
        clippy::disallowed_methods,
        reason = "where the screen is, is said in the environment"
    )]
    #[must_use]
    pub fn find() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return Some(Self("open"));
        }
        let screens = ["DISPLAY", "WAYLAND_DISPLAY"].map(std::env::var_os);
        let there = screens.into_iter().flatten().any(|screen| !screen.is_empty());
        there.then_some(Self("xdg-open"))
    }

    /// Opens an address, which every user of this machine may see on the command line. The browser
    /// does not inherit the variable that `secret` names. Does not wait; says whether something was
    /// started.
    #[must_use]
    pub fn open(self, address: &Url, secret: Option<&str>) -> bool {
        let mut opener = Command::new(self.0);
        opener.arg(address.as_str());
        if let Some(name) = secret {
            opener.env_remove(name);
        }
        opener.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It ends by itself, at the latest with us; nothing is read from it.
        opener.spawn().is_ok()
    }
}
