//! The stories `subtwin demo --script` plays.

use anyhow::bail;

/// A story: what people do, and what must come of it.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) scenes: &'static [Scene],
    /// What must have happened to the directory at the end, and how often: effect, UPN, times. What
    /// is not listed must not have happened.
    pub(super) effects: &'static [(&'static str, &'static str, u64)],
    /// Entries the tenant's log must show under the twin's name.
    pub(super) entries: &'static [&'static str],
}

/// One part of a story.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) lines: &'static [Line],
}

/// One exchange: what somebody writes to the twin, and what the twin's answer must say.
#[derive(Debug)]
pub(super) struct Line {
    /// UPN of who writes.
    pub(super) who: &'static str,
    pub(super) says: &'static str,
    /// The answer's text must hold each of these, in any case of letters.
    pub(super) hears: &'static [&'static str],
}

pub(super) fn by_name(name: &str) -> anyhow::Result<&'static Story> {
    match STORIES.iter().find(|story| story.name == name) {
        Some(story) => Ok(story),
        None => {
            let names: Vec<&str> = STORIES.iter().map(|story| story.name).collect();
            bail!("there is no story named `{name}`; there is: {}", names.join(", "))
        }
    }
}

const DOUG: &str = "doug@contoso.com";
const SARAH: &str = "sarah.lin@contoso.com";

const STORIES: &[Story] = &[Story {
    name: "helpdesk",
    scenes: &[
        Scene {
            title: "Doug looks somebody up",
            lines: &[Line {
                who: DOUG,
                says: "Who is Sarah Lin?",
                hears: &["sarah.lin@contoso.com"],
            }],
        },
        Scene {
            title: "An E3 could be two products, so the twin asks; a yes by somebody else is no yes",
            lines: &[
                Line {
                    who: DOUG,
                    says: "Please give our new hire Sarah Lin an E3",
                    hears: &["Microsoft 365 E3", "Office 365 E3"],
                },
                Line {
                    who: DOUG,
                    says: "Microsoft 365 E3",
                    hears: &["Sarah Lin", "sarah.lin@contoso.com", "yes"],
                },
                Line { who: SARAH, says: "yes", hears: &[] },
                Line { who: DOUG, says: "yes", hears: &["Done.", "receipt R-"] },
            ],
        },
        Scene {
            title: "Two people share a name; then Doug changes his mind",
            lines: &[
                Line {
                    who: DOUG,
                    says: "Assign Alex Kim a Microsoft 365 E3",
                    hears: &["alex.kim@contoso.com", "alex.kim2@contoso.com"],
                },
                Line {
                    who: DOUG,
                    says: "the one in Marketing",
                    hears: &["alex.kim2@contoso.com", "yes"],
                },
                Line { who: DOUG, says: "no", hears: &["Nothing was changed"] },
            ],
        },
        Scene {
            title: "No seats left",
            lines: &[Line {
                who: DOUG,
                says: "Sarah Lin needs an E5",
                hears: &["Microsoft 365 E5", "all 8 are in use"],
            }],
        },
        Scene {
            title: "Not everybody may ask",
            lines: &[Line { who: SARAH, says: "give me an Office 365 E3", hears: &["helpdesk"] }],
        },
        Scene {
            title: "Outside the catalog",
            lines: &[Line {
                who: DOUG,
                says: "Reset Sarah Lin's password",
                hears: &["Dana Whitfield"],
            }],
        },
    ],
    effects: &[("licenceAssigned", SARAH, 1)],
    entries: &["Change user license", "Update user"],
}];
