//! What the twin says in this step.

use subtwin_kernel::names::{shown, shown_up_to};
use subtwin_kernel::{Group, GroupKind, Licence, Person, Span, Tool, Words};

use crate::pick::Choice;
use crate::understanding::Contact;

/// Most choices in a list.
pub(crate) const MOST_CHOICES: usize = 5;

/// Longest paragraph of a brain's talk, and most paragraphs of it.
const LONGEST_TALK: usize = 1_000;
const MOST_TALK: usize = 12;

pub(crate) fn which(phrase: &str, choices: &[Choice], more: bool) -> Words {
    let question = match choices {
        [_] => format!("I'm not sure who or what you mean by “{}”. This one?", shown(phrase)),
        _ => format!("Which “{}” do you mean?", shown(phrase)),
    };
    let mut words = Words::plain(question);
    for (at, choice) in choices.iter().enumerate() {
        words = words.line(format!("{}. {}", at + 1, choice.label));
    }
    if more {
        words =
            words.line("There are more. If yours is not here, give me its full name or address.");
    }
    words.line(match choices {
        [_] => "Answer “1” or “yes”, or tell me who or what you mean.",
        _ => "Answer with the number, or with a word that only one of them has.",
    })
}

pub(crate) fn person_label(person: &Person) -> String {
    let mut label = format!("{} ({})", shown(&person.display_name), shown(&person.upn));
    let place = person.department.as_ref().or(person.job_title.as_ref());
    label.push_str(", ");
    label.push_str(&place.map_or_else(|| "no department".to_owned(), |place| shown(place)));
    if person.guest {
        label.push_str(", guest");
    }
    if !person.enabled {
        label.push_str(", sign-in blocked");
    }
    label
}

pub(crate) fn group_label(group: &Group) -> String {
    let kind = match group.kind {
        GroupKind::Security => "security group",
        GroupKind::Microsoft365 => "Microsoft 365 group",
        GroupKind::Dynamic => "dynamic group",
        GroupKind::MailEnabled => "mail-enabled group",
    };
    let about = group.mail.as_ref().or(group.description.as_ref());
    let about = about.map_or_else(|| "no mail address".to_owned(), |about| shown(about));
    format!("{}, {kind}, {about}", shown(&group.display_name))
}

pub(crate) fn licence_label(licence: &Licence) -> String {
    format!(
        "{} ({}), {} of {} free",
        shown(&licence.product),
        shown(&licence.part_number),
        licence.free,
        licence.total
    )
}

pub(crate) fn nobody(phrase: &str) -> Words {
    let hint = if phrase.contains('@') {
        "Please check the address, or give me the full name."
    } else {
        "Could you give me the user principal name? It looks like a mail address."
    };
    Words::plain(format!("I found nobody called “{}”. {hint}", shown(phrase)))
}

pub(crate) fn no_group(phrase: &str) -> Words {
    Words::plain(format!(
        "I found no group called “{}”. Please give me its exact name, in quotes if it has “and” in it.",
        shown(phrase)
    ))
}

pub(crate) fn no_licence(phrase: &str, owned: &[Licence]) -> Words {
    let words = Words::plain(format!("Your company owns no licence called “{}”.", shown(phrase)));
    let names: Vec<_> = owned.iter().take(12).map(|licence| shown(&licence.product)).collect();
    if names.is_empty() { words } else { words.fact("It owns", names.join(", ")) }
}

pub(crate) fn no_manager(label: &str) -> Words {
    Words::plain(format!("The directory names no manager for {label}."))
}

pub(crate) fn who(phrase: &str) -> Words {
    Words::plain(format!(
        "I'm not sure who you mean by “{}”. Please give me a name.",
        shown(phrase)
    ))
}

pub(crate) fn what(phrase: &str) -> Words {
    Words::plain(format!(
        "I'm not sure what you mean by “{}”. Please give me its name.",
        shown(phrase)
    ))
}

pub(crate) fn no_dictation() -> Words {
    Words::plain(
        "Nobody chooses a password here, so I take none from a chat and have forgotten this one. \
         Ask me to reset the password, and I make a new one up.",
    )
}

pub(crate) fn one_manager() -> Words {
    Words::plain("Somebody has one manager. Who is it to be? Please give me a name.")
}

pub(crate) fn no_crowds() -> Words {
    Words::plain("I work for people one by one, by name. Whom do you mean?")
}

pub(crate) fn too_many(most: usize) -> Words {
    Words::plain(format!(
        "That is more than I take on at once. Please ask for at most {most} things in one message."
    ))
}

pub(crate) fn too_long() -> Words {
    Words::plain("That is a long message. Please tell me in a sentence or two what you need.")
}

pub(crate) fn declined(asked: &str, contact: &Contact) -> Words {
    let first = match shown(asked) {
        asked if asked.is_empty() => "I can't do that.".to_owned(),
        asked => format!("I can't do that: “{asked}”. Say “help” to see what I do."),
    };
    Words::plain(first).line(offer(contact))
}

pub(crate) fn not_deployed(tool: Tool, contact: &Contact) -> Words {
    Words::plain(format!("I was not set up to {} here.", ability(tool))).line(offer(contact))
}

fn offer(contact: &Contact) -> String {
    format!("Shall I pass it to {}? Say “hand over” and I will.", contact.label())
}

pub(crate) fn handing_over(contact: &Contact) -> Words {
    Words::plain(format!("I'm passing this to {}, with what you wrote.", contact.label()))
}

pub(crate) fn still_unclear(contact: &Contact) -> Words {
    Words::plain(format!(
        "I still can't tell which one you mean, and I won't guess. I'm passing this to {}, with \
         what you wrote.",
        contact.label()
    ))
}

pub(crate) fn as_you_like() -> Words {
    Words::plain("All right. Is there anything else?")
}

pub(crate) fn help(tools: &[Tool], contact: &Contact) -> Words {
    let mut words = Words::plain("This is what I can do. Just ask in your own words.");
    for tool in Tool::ALL.into_iter().filter(|tool| tools.contains(tool)) {
        let (about, example) = match tool {
            Tool::UserFind => ("Look somebody up", "who is Sarah Lin?"),
            Tool::LicenseAssign => ("Give a licence", "give Sarah Lin an E3"),
            Tool::LicenseRemove => ("Take a licence away", "remove E3 from Sarah Lin"),
            Tool::GroupMemberAdd => ("Add somebody to a group", "put Sarah Lin in Finance"),
            Tool::GroupMemberRemove => {
                ("Take somebody out of a group", "remove Sarah Lin from Finance")
            }
            Tool::SigninExplain => ("Say why a sign-in fails", "why can't Sarah Lin sign in?"),
            Tool::PasswordReset => ("Set a new password", "reset Sarah Lin's password"),
            Tool::TapIssue => ("Issue an access pass", "give Sarah Lin a temporary access pass"),
            Tool::MfaReset => ("Remove sign-in methods", "reset Sarah Lin's MFA"),
            Tool::AccountBlock => ("Block an account", "block Sarah Lin"),
            Tool::AccountUnblock => ("Unblock an account", "unblock Sarah Lin"),
            Tool::UserUpdate => ("Change a profile", "set Sarah Lin's job title to Sales Lead"),
            Tool::SessionRevoke => {
                ("Sign somebody out everywhere", "sign Sarah Lin out everywhere")
            }
        };
        words = words.fact(about, format!("“{example}”"));
    }
    words
        .line("Before I change anything I show you exactly what, and wait for your yes.")
        .line(
            "“what would happen if I gave Sarah Lin an E3?” shows a change and makes none; “undo \
             that” takes back the last one.",
        )
        .line(format!("For anything else, say “hand over” and I pass it to {}.", contact.label()))
}

const fn ability(tool: Tool) -> &'static str {
    match tool {
        Tool::UserFind => "look people up",
        Tool::LicenseAssign => "give licences",
        Tool::LicenseRemove => "take licences away",
        Tool::GroupMemberAdd => "add people to groups",
        Tool::GroupMemberRemove => "take people out of groups",
        Tool::SigninExplain => "say why a sign-in fails",
        Tool::PasswordReset => "set new passwords",
        Tool::TapIssue => "issue access passes",
        Tool::MfaReset => "remove sign-in methods",
        Tool::SessionRevoke => "sign people out",
        Tool::AccountBlock => "block accounts",
        Tool::AccountUnblock => "unblock accounts",
        Tool::UserUpdate => "change profiles",
    }
}

/// A brain's own words, cut to a bearable length and without hidden characters: a brain may be
/// talked into anything.
pub(crate) fn tamed(words: &Words) -> Words {
    let lines = words.paragraphs().iter().take(MOST_TALK).map(|paragraph| {
        let spans = paragraph.iter().map(|span| match span {
            Span::Plain(text) | Span::Strong(text) | Span::Talk(text) => text.as_str(),
            Span::Secret(_) => "",
        });
        shown_up_to(&spans.collect::<String>(), LONGEST_TALK)
    });
    lines.fold(Words::default(), Words::talk)
}
