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
    /// The twin's entries that the tenant's log must show, by name, and how many of each.
    pub(super) entries: &'static [(&'static str, usize)],
}

/// One part of a story.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) lines: &'static [Line],
}

/// One exchange: what somebody writes to the twin, if anything, and what the twin's next message to
/// them must say.
#[derive(Debug)]
pub(super) struct Line {
    /// UPN of who writes, or of whom the twin writes to.
    pub(super) who: &'static str,
    pub(super) says: Option<&'static str>,
    /// The answer's text must hold each of these, in any case of letters.
    pub(super) hears: &'static [&'static str],
}

const fn says(who: &'static str, says: &'static str, hears: &'static [&'static str]) -> Line {
    Line { who, says: Some(says), hears }
}

/// The twin writes without being written to.
const fn hears(who: &'static str, hears: &'static [&'static str]) -> Line {
    Line { who, says: None, hears }
}

pub(super) fn by_name(name: &str) -> anyhow::Result<&'static Story> {
    match STORIES.iter().find(|story| story.name == name) {
        Some(story) => Ok(story),
        None => {
            let mut names: Vec<&str> = STORIES.iter().map(|story| story.name).collect();
            names.push(super::identity::NAME);
            bail!("there is no story named `{name}`; there is: {}", names.join(", "))
        }
    }
}

const DOUG: &str = "doug@contoso.com";
const DANA: &str = "dana@contoso.com";
const PAULA: &str = "paula.stone@contoso.com";
const SARAH: &str = "sarah.lin@contoso.com";
const JON: &str = "jon.miller@contoso.com";
const JOHN: &str = "john.miller@contoso.com";
const JOSE: &str = "jose.nunez@contoso.com";
const ZOE: &str = "zoe.mueller@contoso.com";
const VICTOR: &str = "victor.novak@contoso.com";

const DONE: &[&str] = &["Done.", "receipt R-"];

const STORIES: &[Story] = &[Story {
    name: "helpdesk",
    scenes: &[
        Scene {
            title: "Doug looks somebody up, and asks why somebody cannot sign in",
            lines: &[
                says(DOUG, "Who is Sarah Lin?", &["sarah.lin@contoso.com"]),
                says(DOUG, "Why can't Jon Miller sign in?", &["jon.miller@contoso.com", "locked"]),
            ],
        },
        Scene {
            title: "An E3 could be two products, so the twin asks; a yes by somebody else is no yes",
            lines: &[
                says(
                    DOUG,
                    "Please give our new hire Sarah Lin an E3",
                    &["Microsoft 365 E3", "Office 365 E3"],
                ),
                says(DOUG, "Microsoft 365 E3", &["Sarah Lin", "sarah.lin@contoso.com", "yes"]),
                says(SARAH, "yes", &[]),
                says(DOUG, "yes", DONE),
            ],
        },
        Scene {
            title: "Undone through the same gate",
            lines: &[
                says(DOUG, "undo that", &["Take the Microsoft 365 E3 licence away", "yes"]),
                says(DOUG, "yes", DONE),
            ],
        },
        Scene {
            title: "Two people share a name: a yes is not enough; then Doug changes his mind",
            lines: &[
                says(
                    DOUG,
                    "Assign Alex Kim a Microsoft 365 E3",
                    &["alex.kim@contoso.com", "alex.kim2@contoso.com"],
                ),
                says(
                    DOUG,
                    "the one in Marketing",
                    &["alex.kim2@contoso.com", "type the user principal name"],
                ),
                says(DOUG, "yes", &["a yes is not enough"]),
                says(DOUG, "no", &["Nothing was changed"]),
            ],
        },
        Scene {
            title: "Several at once: one plan, one yes, and who is already there is left out",
            lines: &[
                says(
                    DOUG,
                    "Add Sarah Lin, John Miller and Jon Miller to VPN Users",
                    &["2 changes", "Left out", "already in", "yes"],
                ),
                says(DOUG, "yes", &["Done, all of it", "receipt R-"]),
                says(
                    DOUG,
                    "Remove John Miller from VPN Users",
                    &["john.miller@contoso.com", "yes"],
                ),
                says(DOUG, "yes", DONE),
            ],
        },
        Scene {
            title: "What would happen if? Nothing does",
            lines: &[says(
                DOUG,
                "What would happen if I removed the Microsoft 365 E3 from Zoë Müller?",
                &["I am not doing it", "zoe.mueller@contoso.com", "These stop"],
            )],
        },
        Scene {
            title: "A new password needs the yes of somebody else, and is shown once",
            lines: &[
                says(DOUG, "José Núñez forgot his password", &["jose.nunez@contoso.com", "yes"]),
                says(DOUG, "yes", &["somebody else", "Paula Stone"]),
                hears(PAULA, &["Your yes is needed, too", "Doug", "jose.nunez@contoso.com"]),
                says(PAULA, "yes", &["Thank you"]),
                hears(DOUG, &["jose.nunez@contoso.com", "shown once"]),
            ],
        },
        Scene {
            title: "An access pass; the approver says no",
            lines: &[
                says(
                    DOUG,
                    "Give Łukasz Wójcik a temporary access pass for 2 hours",
                    &["lukasz.wojcik@contoso.com", "yes"],
                ),
                says(DOUG, "yes", &["somebody else"]),
                hears(PAULA, &["Your yes is needed, too", "lukasz.wojcik@contoso.com"]),
                says(PAULA, "no", &["will not be done"]),
                hears(DOUG, &["An approver said no"]),
                says(DOUG, "Then reset Łukasz Wójcik's password", &["turned down a moment ago"]),
                says(
                    DOUG,
                    "Give Zoë Müller a temporary access pass",
                    &["zoe.mueller@contoso.com", "yes"],
                ),
                says(DOUG, "yes", &["somebody else"]),
                hears(PAULA, &["Your yes is needed, too", "zoe.mueller@contoso.com"]),
                says(PAULA, "yes", &["Thank you"]),
                hears(DOUG, &["zoe.mueller@contoso.com", "shown once"]),
            ],
        },
        Scene {
            title: "A new phone: what cannot be brought back is typed, not only said",
            lines: &[
                says(DOUG, "Reset Jon Miller's MFA", &["type the user principal name"]),
                says(DOUG, "jon.miller@contoso.com", &["somebody else"]),
                hears(PAULA, &["Your yes is needed, too", "jon.miller@contoso.com"]),
                says(PAULA, "jon.miller@contoso.com", &["Thank you"]),
                hears(DOUG, &["Done", "receipt R-"]),
            ],
        },
        Scene {
            title: "A laptop is stolen: blocked and signed out in one plan, and unblocked again",
            lines: &[
                says(
                    DOUG,
                    "Block John Miller and sign him out everywhere",
                    &["2 changes", "john.miller@contoso.com", "yes"],
                ),
                says(DOUG, "yes", &["Done, all of it", "receipt R-"]),
                says(DOUG, "Unblock John Miller", &["john.miller@contoso.com", "yes"]),
                says(DOUG, "yes", DONE),
            ],
        },
        Scene {
            title: "A profile, and who somebody reports to",
            lines: &[
                says(
                    DOUG,
                    "Change Sarah Lin's job title to Senior Account Executive",
                    &["Account Executive", "Senior Account Executive", "yes"],
                ),
                says(DOUG, "yes", DONE),
                says(DOUG, "Remove the Office 365 E3 from Victor Novak", &["does not have"]),
                says(
                    DOUG,
                    "Remove the Microsoft 365 E3 from Victor Novak",
                    &["victor.novak@contoso.com", "yes"],
                ),
                says(DOUG, "yes", DONE),
            ],
        },
        Scene {
            title: "No seats left; not everybody may ask; and nobody changes an administrator",
            lines: &[
                says(DOUG, "Sarah Lin needs an E5", &["Microsoft 365 E5", "all 8 are in use"]),
                says(SARAH, "give me an Office 365 E3", &["helpdesk"]),
                says(DOUG, "block Ken Adachi", &["may not do that"]),
            ],
        },
        Scene {
            title: "Outside the catalog: handed over to a human",
            lines: &[
                says(DOUG, "Create a mailbox for the summer party", &["Dana Whitfield"]),
                says(DOUG, "hand over", &["passing this to Dana Whitfield"]),
                hears(DANA, &["Doug", "summer party"]),
            ],
        },
    ],
    effects: &[
        ("licenceAssigned", SARAH, 1),
        ("licenceRemoved", SARAH, 1),
        ("licenceRemoved", VICTOR, 1),
        ("memberAdded", SARAH, 1),
        // Once by the twin, once by the rule of a group that takes in whoever is enabled.
        ("memberAdded", JOHN, 2),
        ("memberRemoved", JOHN, 2),
        ("passwordReset", JOSE, 1),
        ("accessPassIssued", ZOE, 1),
        ("methodDeleted", JON, 1),
        ("accountBlocked", JOHN, 1),
        ("accountUnblocked", JOHN, 1),
        ("sessionsRevoked", JOHN, 1),
        ("profileUpdated", SARAH, 1),
    ],
    entries: &[
        ("Add member to group", 2),
        ("Admin deleted security info", 1),
        ("Admin registered security info", 1),
        ("Change user license", 3),
        ("Disable account", 1),
        ("Enable account", 1),
        ("Remove member from group", 1),
        ("Reset user password", 1),
        ("Update StsRefreshTokenValidFrom Timestamp", 1),
        ("Update user", 1),
    ],
}];
